// What the files of a series in all its folder chunks add up to. A pure fold: neither the order of reading nor the
// number of scanners shows in it, and nothing is counted by increments. The file that is first in path order speaks
// for the series.
import { comparePaths, joinPath } from './byte-path.ts';
import type { FileEntry, FolderRecord } from './folder-record.ts';

/** One series as one folder chunk has it. */
export interface SeriesPart {
  readonly SeriesInstanceUID: string;
  readonly instances: number;
  readonly bytes: number;
  /** The least name of the chunk's files of the series. */
  readonly first: FileEntry;
  /** Digest of the first file, and whether another one differs. */
  readonly digest: number;
  readonly mixed: boolean;
  /** Bits of `Issue`, of all files together. */
  readonly issues: number;
}

/** What a fold needs to know of a part's first file. */
interface Named {
  readonly name: string;
}

/** A part and the folder it is in. */
export interface PlacedPart<First extends Named = FileEntry> {
  readonly folder: string;
  readonly part: Omit<SeriesPart, 'SeriesInstanceUID' | 'first'> & { readonly first: First };
}

/** A whole series. */
export interface SeriesFold<First extends Named = FileEntry> {
  readonly instances: number;
  readonly bytes: number;
  readonly issues: number;
  /** True when files disagree in an indexed attribute. */
  readonly mixed: boolean;
  readonly speaker: { readonly folder: string; readonly file: First };
}

/** The parts of all series of a record. */
export function partsOfRecord(record: FolderRecord): SeriesPart[] {
  const { kinds, series, files } = record;
  const parts: (Mutable<SeriesPart> | undefined)[] = new Array(series.length);
  for (const file of files) {
    const kind = kinds[file.kind]!;
    if (kind.series < 0) continue;
    const part = parts[kind.series];
    if (part === undefined) {
      parts[kind.series] = {
        SeriesInstanceUID: series[kind.series]!,
        instances: 1,
        bytes: file.size,
        first: file,
        digest: kind.digest,
        mixed: false,
        issues: kind.issues,
      };
    } else {
      part.instances++;
      part.bytes += file.size;
      part.issues |= kind.issues;
      if (kind.digest !== part.digest) part.mixed = true;
    }
  }
  return parts.filter((part) => part !== undefined);
}

/** Folds the parts of one series; undefined where there are none. */
export function foldSeries<First extends Named>(parts: Iterable<PlacedPart<First>>): SeriesFold<First> | undefined {
  let fold: Mutable<SeriesFold<First>> | undefined;
  let path = '';
  let digest = 0;
  for (const { folder, part } of parts) {
    const here = joinPath(folder, part.first.name);
    if (fold === undefined) {
      fold = {
        instances: part.instances,
        bytes: part.bytes,
        issues: part.issues,
        mixed: part.mixed,
        speaker: { folder, file: part.first },
      };
      path = here;
      digest = part.digest;
      continue;
    }
    fold.instances += part.instances;
    fold.bytes += part.bytes;
    fold.issues |= part.issues;
    if (part.mixed || part.digest !== digest) fold.mixed = true;
    if (comparePaths(here, path) < 0) {
      fold.speaker = { folder, file: part.first };
      path = here;
    }
  }
  return fold;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
