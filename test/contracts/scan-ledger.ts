// The contract of the port ScanLedger: what every ledger tells of a known archive, wherever its records are kept. An
// adapter's test calls `scanLedgerContract` with a way to make a ledger of an archive that was scanned.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeFolderRecord } from '../../core/instance/folder-record.ts';
import { type ScanLedger, WHOLE_FOLDER } from '../../core/ports/scan-ledger.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { cutFolder, type ScannedChunk, type ScannedFile, scannedChunk } from './scans.ts';

/** A folder as a scan has found it. */
export interface FoundFolder {
  readonly folder: string;
  readonly subfolders: readonly string[];
  /** By so many bits it is cut; 0 also where it has no files. */
  readonly bits: number;
  readonly chunks: readonly ScannedChunk[];
}

/** What the test closes. */
export interface OpenLedger {
  readonly ledger: ScanLedger;
  close(): Promise<void>;
}

const files = (first: number, count: number): ScannedFile[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `f${first + i}`,
    SeriesInstanceUID: `1.2.${Math.floor((first + i) / 5)}`,
    SOPInstanceUID: `1.3.${first + i}`,
  }));

const CUT = 'a/räum \u0001';
const FOLDERS: readonly FoundFolder[] = [
  { folder: '', subfolders: ['a', 'b'], bits: 0, chunks: [] },
  { folder: 'a', subfolders: ['räum \u0001'], bits: 0, chunks: [scannedChunk('a', files(0, 10))] },
  { folder: CUT, subfolders: [], bits: 1, chunks: cutFolder(CUT, files(100, 40), 1) },
  { folder: 'b', subfolders: [], bits: 0, chunks: [scannedChunk('b', files(200, 3))] },
];

/** @param make a ledger of an archive in which these folders were found, and nothing else */
export function scanLedgerContract(name: string, make: (folders: readonly FoundFolder[]) => Promise<OpenLedger>): void {
  const has = (title: string, body: (ledger: ScanLedger) => Promise<void>, folders = FOLDERS) =>
    void test(title, async (t) => {
      const open = await partOrSkip(t, () => make(folders));
      if (open === undefined) return;
      try {
        await body(open.ledger);
      } finally {
        await open.close();
      }
    });

  describe(`ScanLedger: ${name}`, () => {
    has(
      'of an archive of which nothing is known',
      async (ledger) => {
        assert.deepEqual(await ledger.subfolders(''), []);
        assert.equal(await ledger.chunkBits(''), 0);
        assert.equal(await ledger.chunk('', WHOLE_FOLDER), undefined);
      },
      [],
    );

    has('sub-folders, and how a folder is cut', async (ledger) => {
      for (const { folder, subfolders, bits } of FOLDERS) {
        assert.deepEqual([...(await ledger.subfolders(folder))].sort(), subfolders, folder);
        assert.equal(await ledger.chunkBits(folder), bits, folder);
      }
      for (const unknown of ['c', 'a/c', 'a/räum', 'b/f200']) {
        assert.deepEqual(await ledger.subfolders(unknown), []);
        assert.equal(await ledger.chunkBits(unknown), 0);
      }
    });

    has('the record of each chunk as it was found', async (ledger) => {
      for (const { folder, chunks } of FOLDERS) {
        for (const { chunk, record, headers } of chunks) {
          const known = await ledger.chunk(folder, chunk);
          assert.deepEqual(decodeFolderRecord(known!.record), decodeFolderRecord(record), folder);
          assert.deepEqual([known!.bits, known!.index], [chunk.bits, chunk.index]);
          // Where it keeps headers, it has those of all series.
          if (known!.headers !== undefined) assert.deepEqual(known!.headers, headers);
        }
      }
      assert.equal(await ledger.chunk('', WHOLE_FOLDER), undefined);
      assert.equal(await ledger.chunk('c', WHOLE_FOLDER), undefined);
    });

    has('of a chunk that is smaller than what is known, the larger one', async (ledger) => {
      for (const [folder, bits] of [
        ['a', 2],
        [CUT, 3],
      ] as const) {
        for (let index = 0; index < 2 ** bits; index++) {
          const known = await ledger.chunk(folder, { bits, index });
          const own = folder === 'a' ? WHOLE_FOLDER : { bits: 1, index: index >> 2 };
          assert.deepEqual([known!.bits, known!.index], [own.bits, own.index], `${folder} ${index}`);
        }
      }
    });
  });
}
