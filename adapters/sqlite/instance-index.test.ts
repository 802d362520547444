// The SQLite adapter passes the contract of InstanceIndex.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { encodeFolderRecord } from '../../core/instance/folder-record.ts';
import { encodeHeader } from '../../core/instance/header-codec.ts';
import { WHOLE_FOLDER } from '../../core/ports/scan-ledger.ts';
import { type ContractSeries, instanceIndexContract } from '../../test/contracts/instance-index.ts';
import { SqliteIndexWriter } from './index-writer.ts';
import { SqliteInstanceIndex } from './instance-index.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true });
});

/** The chunk event of a folder that holds one series. */
function folderEvent({ SeriesInstanceUID, elements, instances }: ContractSeries, number: number) {
  const files = Array.from({ length: instances }, (_, i) => ({
    name: `f${i}`,
    size: 1000,
    mtime: 1,
    SOPInstanceUID: `${SeriesInstanceUID}.${i}`,
    kind: 0,
  }));
  const part = {
    SeriesInstanceUID,
    instances,
    bytes: instances * 1000,
    first: files[0]!,
    digest: 1,
    mixed: false,
    issues: 0,
  };
  const kind = { series: 0, SOPClassUID: '1.2', TransferSyntaxUID: '1.2', issues: 0, digest: 1, skipped: '' } as const;
  return {
    event: 'chunk',
    folder: `s${number}`,
    chunk: WHOLE_FOLDER,
    record: encodeFolderRecord({ kinds: [kind], series: [SeriesInstanceUID], files }),
    staged: false,
    parts: [part],
    headers: [{ SeriesInstanceUID, name: 'f0', issues: 0, header: encodeHeader(elements) }],
    tally: {
      files: instances,
      instances,
      skipped: {},
      opened: instances,
      unchanged: 0,
      vanished: 0,
      appeared: instances,
      unread: 0,
      lost: 0,
    },
  } as const;
}

instanceIndexContract('sqlite', async (series) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-contract-'));
  folders.push(folder);
  const database = path.join(folder, 'dicom.db');
  const ports = { readHeader: () => undefined, progress: () => undefined };
  const writer = new SqliteIndexWriter(database, '/archive', { append: false, config: 'config.ini', ports });
  await writer.stage(series.map(folderEvent));
  await writer.publish({ append: false, acceptDeletions: false });
  await writer.close();
  return new SqliteInstanceIndex(database, 'config.ini');
});
