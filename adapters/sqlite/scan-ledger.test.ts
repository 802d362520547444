// The SQLite adapter passes the contract of ScanLedger.
import path from 'node:path';
import { after } from 'node:test';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { scanLedgerContract } from '../../test/contracts/scan-ledger.ts';
import { SqliteScanLedger } from './scan-ledger.ts';
import { openWriter, putArchive } from './test-index.ts';

scanLedgerContract('sqlite', async (folders) => {
  const database = path.join(temporaryFolder({ after }), 'dicom.db');
  await putArchive(database, { archive: '/known', chunks: folders.flatMap(({ chunks }) => chunks) });
  // As in a scan: the writer is there before.
  const writer = await openWriter(database, '/known', true);
  const ledger = new SqliteScanLedger(database, '/known');
  return {
    ledger,
    close: async () => {
      ledger.close();
      await writer.close();
    },
  };
});
