// Instances that lie in several files: how far these are the same. An archive that was copied into itself or into another
// has many, and so has one whose files were changed beside the originals.
import { HeaderReader } from '../dicom/header-reader.ts';
import { headerElements } from '../dicom/header-values.ts';
import { comparedTags } from '../instance/compared-tags.ts';
import type { InstanceFile, InstanceFiles } from '../ports/instance-files.ts';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';
import { type RepeatedInstancesOptions, repeatedInstances } from './repeated-instances.ts';

/**
 * `other-series`, `other-size` and `other-header` are different files under one name; `same` has the same size and header
 * (pixels are not compared); `not-compared` has the same size, and its header could not be read from here.
 */
export const COPY_KINDS = ['same', 'other-series', 'other-size', 'other-header', 'not-compared'] as const;
export type CopyKind = (typeof COPY_KINDS)[number];

/** A file with an instance that another file, the first in the order of archives and paths, has too. */
export interface Copy {
  readonly kind: CopyKind;
  readonly first: SeriesFile;
  readonly file: SeriesFile;
}

export interface FindCopiesOptions extends RepeatedInstancesOptions {
  /** How files are read; undefined: they cannot be from here, and only sizes are compared. */
  readonly files: InstanceFiles | undefined;
}

/** Instances whose files are compared at once: most of the time is spent waiting for a mount. */
const TOGETHER = 8;

/** Compares the files of every instance that lies in several, in any series and archive. */
export async function* findCopies(
  index: Pick<InstanceIndex, 'everyFile' | 'statistics'>,
  { files, ...options }: FindCopiesOptions,
): AsyncIterable<Copy> {
  const comparers = Array.from({ length: TOGETHER }, () => new HeaderComparer(files));
  const begun: Promise<readonly Copy[]>[] = [];
  let n = 0;
  for await (const [first, ...others] of repeatedInstances(index, options)) {
    const comparer = comparers[n++ % TOGETHER]!;
    if (begun.length === TOGETHER) yield* await begun.shift()!;
    if (options.signal.aborted) return;
    begun.push(comparer.copies(first!, others));
  }
  for (const copies of begun) yield* await copies;
}

class HeaderComparer {
  private readonly files: InstanceFiles | undefined;
  private readonly reader = new HeaderReader(comparedTags());
  private last: { readonly file: SeriesFile; readonly header: string | undefined } | undefined;

  constructor(files: InstanceFiles | undefined) {
    this.files = files;
  }

  async copies(first: SeriesFile, others: readonly SeriesFile[]): Promise<readonly Copy[]> {
    const copies: Copy[] = [];
    for (const file of others) copies.push({ kind: await this.compare(first, file), first, file });
    return copies;
  }

  private async compare(first: SeriesFile, file: SeriesFile): Promise<CopyKind> {
    if (first.SeriesInstanceUID !== file.SeriesInstanceUID) return 'other-series';
    if (first.size !== file.size) return 'other-size';
    if (this.files === undefined) return 'not-compared';
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
