// Cuts a folder into more chunks than its number of files asks for: its record, with the headers of very many series, is
// larger than a message of the cluster may be. Once cut, a folder stays so (core/instance/folder-chunks.ts).
import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';
import { chunkIndex } from '../instance/folder-chunks.ts';
import { decodeFolderRecord } from '../instance/folder-record.ts';
import type { ChunkEvent, ScanJob } from '../jobs/jobs.ts';
import type { ScanLedger } from '../ports/scan-ledger.ts';

/** A part is estimated from the whole: it gets so much of the room that there is. */
const ROOM = 0.75;
const MOST_BITS = 10;

/**
 * Bits by which the folder of a chunk is to be cut so that no part takes more than `most` bytes. Undefined where it cannot
 * be: because of one header that is too large alone, or because the folder is cut already, and all chunks are cut alike.
 */
export function bitsThatFit(job: ScanJob, { record, headers }: ChunkEvent, most: number): number | undefined {
  if (job.job !== 'scan-folder' || job.slice !== undefined || record === undefined) return undefined;
  const { files, kinds, series } = decodeFolderRecord(record);
  // Headers compress better together: what each takes alone is more than it will.
  const sizes = new Map(headers.map(({ SeriesInstanceUID, header }) => [SeriesInstanceUID, packedSize(header)]));
  const ofFile = record.length / files.length;
  for (let bits = 1; bits <= MOST_BITS; bits++) {
    const parts = Array.from({ length: 2 ** bits }, () => ({ bytes: 0, series: new Set<number>() }));
    for (const { name, kind } of files) {
      const part = parts[chunkIndex(name, bits)]!;
      const own = kinds[kind]!.series;
      part.bytes += ofFile;
      if (own < 0 || part.series.has(own)) continue;
      part.series.add(own);
      part.bytes += sizes.get(series[own]!) ?? 0;
    }
    if (parts.every(({ bytes }) => bytes <= most * ROOM)) return bits;
  }
  return undefined;
}

function packedSize(header: string): number {
  return zlib.zstdCompressSync(Buffer.from(header, 'utf8')).length;
}

/** The same ledger, over a folder that is cut into so many chunks at least. */
export function cutFiner(ledger: ScanLedger, bits: number): ScanLedger {
  return {
    subfolders: (folder) => ledger.subfolders(folder),
    chunkBits: () => bits,
    chunk: (folder, chunk) => ledger.chunk(folder, chunk),
  };
}
