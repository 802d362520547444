// Archives for the contract of InstanceIndex, as scans find them: each scan with every folder chunk as it is then.
import type { HeaderElement } from '../../core/dicom/header-element.ts';
import { chunkIndex } from '../../core/instance/folder-chunks.ts';
import { encodeFolderRecord, type FileKind } from '../../core/instance/folder-record.ts';
import { encodeHeader } from '../../core/instance/header-codec.ts';
import type { SeriesHeader } from '../../core/jobs/jobs.ts';
import { type Chunk, WHOLE_FOLDER } from '../../core/ports/scan-ledger.ts';

/** A file; one without SeriesInstanceUID is skipped. */
export interface ScannedFile {
  readonly name: string;
  readonly SeriesInstanceUID?: string;
  readonly SOPInstanceUID?: string;
  readonly SOPClassUID?: string;
  readonly size?: number;
  readonly mtime?: number;
  /** Of its indexed attributes. */
  readonly digest?: number;
  /** Bits of `Issue`. */
  readonly issues?: number;
}

/** A folder chunk. */
export interface ScannedChunk {
  readonly folder: string;
  readonly chunk: Chunk;
  readonly files: readonly Required<ScannedFile>[];
  readonly record: Uint8Array;
  readonly headers: readonly SeriesHeader[];
}

/** All that an archive holds at a time. */
export interface Scan {
  readonly archive: string;
  /** Other archives stay. */
  readonly append?: boolean;
  readonly chunks: readonly ScannedChunk[];
}

/** A series that is known by its header. */
export interface HeaderOfSeries {
  readonly SeriesInstanceUID: string;
  readonly elements: readonly HeaderElement[];
  /** Bits of `Issue` that the header shows. */
  readonly issues?: number;
}

/** A folder chunk with these files. */
export function scannedChunk(
  folder: string,
  some: readonly ScannedFile[],
  chunk: Chunk = WHOLE_FOLDER,
  known: readonly HeaderOfSeries[] = [],
): ScannedChunk {
  const files = some
    .map((file) => ({
      SeriesInstanceUID: '',
      SOPInstanceUID: '',
      SOPClassUID: '',
      size: 1000,
      mtime: 1,
      digest: 1,
      issues: 0,
      ...file,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const series = [...new Set(files.map((file) => file.SeriesInstanceUID))].filter((uid) => uid !== '');
  const kindNames = files.map((file) => `${file.SeriesInstanceUID} ${file.SOPClassUID} ${file.digest} ${file.issues}`);
  const distinct = [...new Set(kindNames)];
  const kinds = distinct.map((one) => {
    const file = files[kindNames.indexOf(one)]!;
    return kindOf(series.indexOf(file.SeriesInstanceUID), file);
  });
  const numbers = new Map(distinct.map((one, i) => [one, i]));
  const entries = files.map(({ name, size, mtime, SOPInstanceUID }, i) => {
    return { name, size, mtime, SOPInstanceUID, kind: numbers.get(kindNames[i]!)! };
  });
  const headers = series.map((SeriesInstanceUID) => {
    const { name } = files.find((file) => file.SeriesInstanceUID === SeriesInstanceUID)!;
    const { elements = [], issues = 0 } = known.find((one) => one.SeriesInstanceUID === SeriesInstanceUID) ?? {};
    return { SeriesInstanceUID, name, issues, header: encodeHeader(elements) };
  });
  return { folder, chunk, files, record: encodeFolderRecord({ kinds, series, files: entries }), headers };
}

function kindOf(series: number, { SOPClassUID, digest, issues }: Required<ScannedFile>): FileKind {
  const skipped = series < 0 ? 'not-dicom' : '';
  return { series, SOPClassUID, TransferSyntaxUID: '1.2', issues, digest: series < 0 ? 0 : digest, skipped };
}

/** The same files in a folder that is cut. */
export function cutFolder(folder: string, files: readonly ScannedFile[], bits: number): ScannedChunk[] {
  return Array.from({ length: 2 ** bits }, (_, index) => {
    const own = files.filter(({ name }) => chunkIndex(name, bits) === index);
    return scannedChunk(folder, own, { bits, index });
  });
}

/** A scan, and what earlier ones found that is no more. */
export interface ScanStep extends Scan {
  /** Chunks of its own archive, and of archives that it does not keep. */
  readonly gone: readonly { readonly archive: string; readonly chunk: ScannedChunk }[];
  /** Folders of its own archive. */
  readonly vanished: readonly string[];
}

export function scanSteps(scans: readonly Scan[]): ScanStep[] {
  return scans.map((scan, i) => {
    const { archive, append = false, chunks } = scan;
    const known = archivesAfter(scans.slice(0, i));
    const here = new Set(chunks.map(keyOf));
    const gone = [...known].flatMap(([name, before]) =>
      before
        .filter((chunk) => (name === archive ? !here.has(keyOf(chunk)) : !append))
        .map((chunk) => ({ archive: name, chunk })),
    );
    const folders = new Set(chunks.map(({ folder }) => folder));
    const before = new Set(known.get(archive)?.map(({ folder }) => folder));
    return { ...scan, gone, vanished: [...before].filter((folder) => !folders.has(folder) && folder !== '') };
  });
}

function keyOf({ folder, chunk }: ScannedChunk): string {
  return JSON.stringify([folder, chunk]);
}

/** What there is after some scans, by archive in the order of their first scans. */
export function archivesAfter(scans: readonly Scan[]): Map<string, readonly ScannedChunk[]> {
  const archives = new Map<string, readonly ScannedChunk[]>();
  for (const { archive, append = false, chunks } of scans) {
    if (!append) for (const name of archives.keys()) if (name !== archive) archives.delete(name);
    archives.set(archive, chunks);
  }
  return archives;
}
