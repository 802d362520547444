// Instances that lie in several files of a series: how far these are the same. An archive that was copied into itself has
// many, and so has one whose files were changed beside the originals.
import { HeaderReader } from '../dicom/header-reader.ts';
import { headerElements } from '../dicom/header-values.ts';
import { comparedTags } from '../instance/compared-tags.ts';
import type { InstanceFile, InstanceFiles } from '../ports/instance-files.ts';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';
import { makeQuery } from '../query/query.ts';

/**
 * `other-size` and `other-header` are different files under one name; `same` has the same size and header (pixels are not
 * compared); `not-compared` has the same size, and its header could not be read from here.
 */
export const COPY_KINDS = ['same', 'other-size', 'other-header', 'not-compared'] as const;
export type CopyKind = (typeof COPY_KINDS)[number];

/** A file with an instance that another file, the first in the order of paths, has too. */
export interface Copy {
  readonly kind: CopyKind;
  readonly first: SeriesFile;
  readonly file: SeriesFile;
}

export interface FindCopiesOptions {
  /** How files are read; undefined: they cannot be from here, and only sizes are compared. */
  readonly files: InstanceFiles | undefined;
  /** Series that were looked at, of how many. */
  readonly onProgress: (series: number, all: number) => void;
  readonly signal: AbortSignal;
}

/** Series asked for together. */
const TOGETHER = 500;

/** Looks at the files of every series. Of a series in several archives only the one that speaks is looked at. */
export async function* findCopies(
  index: InstanceIndex,
  { files, onProgress, signal }: FindCopiesOptions,
): AsyncIterable<Copy> {
  const query = await makeQuery({ columns: 'SeriesInstanceUID' });
  const all = await index.count(query);
  const headers = new HeaderComparer(files);
  let done = 0;
  for await (const { more } of index.search(query)) {
    const uids = (more ?? []).map(([uid]) => uid!);
    for (let at = 0; at < uids.length; at += TOGETHER) {
      if (signal.aborted) return;
      for await (const copies of copiesOf(index, uids.slice(at, at + TOGETHER)))
        for (const { first, file } of copies) {
          if (signal.aborted) return;
          const kind = first.size !== file.size ? 'other-size' : await headers.compare(first, file);
          yield { kind, first, file };
        }
      done += Math.min(TOGETHER, uids.length - at);
      onProgress(done, all);
    }
  }
}

/** Pairs of files of the same instance, series by series. */
async function* copiesOf(index: InstanceIndex, series: readonly string[]) {
  let current = '';
  let firsts = new Map<string, SeriesFile>();
  for await (const files of index.instancesOf(series)) {
    const pairs: { first: SeriesFile; file: SeriesFile }[] = [];
    for (const file of files) {
      // A large series comes in several batches.
      if (file.SeriesInstanceUID !== current) [current, firsts] = [file.SeriesInstanceUID, new Map()];
      const first = firsts.get(file.SOPInstanceUID);
      if (first === undefined) firsts.set(file.SOPInstanceUID, file);
      else pairs.push({ first, file });
    }
    if (pairs.length > 0) yield pairs;
  }
}

class HeaderComparer {
  private readonly files: InstanceFiles | undefined;
  private readonly reader = new HeaderReader(comparedTags());
  private last: { readonly file: SeriesFile; readonly header: string | undefined } | undefined;

  constructor(files: InstanceFiles | undefined) {
    this.files = files;
  }

  async compare(first: SeriesFile, file: SeriesFile): Promise<CopyKind> {
    if (this.files === undefined) return 'not-compared';
    // Copies of one file come one after the other.
    if (this.last?.file !== first) this.last = { file: first, header: await this.header(first) };
    const [one, other] = [this.last.header, await this.header(file)];
    if (one === undefined || other === undefined) return 'not-compared';
    return one === other ? 'same' : 'other-header';
  }

  /** Undefined where it cannot be read now. */
  private async header({ archive, path }: SeriesFile): Promise<string | undefined> {
    try {
      const file = await this.files!.open(archive, path);
      try {
        return await readWhole(this.reader, file);
      } finally {
        await file.close();
      }
    } catch {
      return undefined;
    }
  }
}

/** The full header as text; undefined where the file is none. */
async function readWhole(reader: HeaderReader, file: InstanceFile): Promise<string | undefined> {
  let request = reader.begin(file.size);
  for (let isFull = false; ; isFull = true) {
    while (request !== undefined) {
      const { length, position } = request;
      request = reader.advance(await file.read(reader.buffer.subarray(reader.bufferOffset), length, position));
    }
    if (isFull || reader.outcome !== 'instance') break;
    request = reader.beginFull();
  }
  return reader.outcome === 'instance' ? JSON.stringify(headerElements(reader)) : undefined;
}
