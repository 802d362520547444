// The SQLite adapter passes the contract of InstanceIndex.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { instanceIndexContract } from '../../test/contracts/instance-index.ts';
import { type ScanStep, scannedChunk, scanSteps } from '../../test/contracts/scans.ts';
import { scannedIndex } from './test-index.ts';

const make = (scans: readonly ScanStep[]) => scannedIndex(path.join(temporaryFolder({ after }), 'dicom.db'), scans);

instanceIndexContract('sqlite', make);

test('an archive is named by its path as bytes', async () => {
  const files = [{ name: 'f', SeriesInstanceUID: '1.2', SOPInstanceUID: '1.3' }];
  const index = await make(scanSteps([{ archive: '/Ä', chunks: [scannedChunk('', files)] }]));
  const archives: string[] = [];
  for await (const batch of index.instancesOf(['1.2'])) archives.push(batch[0]!.archive);
  assert.deepEqual(archives, ['/\xc3\x84']);
  await index.close();
});
