// Which instances lie in several files, in any series and archive. The index is read once for as many instances as can be
// held as numbers, and once more for as many files as can be held whole: memory does not grow with the index.
import { comparePaths, joinPath } from '../instance/byte-path.ts';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';

export interface RepeatedInstancesOptions {
  /** Files of the index that were read, of how many there are to read as far as is known. */
  readonly onProgress: (files: number, all: number) => void;
  readonly signal: AbortSignal;
  /** Instances whose numbers are held at once, 8 bytes each. Default 32 million. */
  readonly mostNumbers?: number;
  /** Files that are held at once. Default 300,000. */
  readonly mostFiles?: number;
}

/** Files between two turns of others, and two reports of progress. */
const TURN = 10_000;

/**
 * The files of every instance that lies in more than one, in the order of archive and path. What is read of one archive
 * under another's name (a folder and one above it) is one file. Ends early where it is aborted.
 */
export async function* repeatedInstances(
  index: Pick<InstanceIndex, 'everyFile' | 'statistics'>,
  { onProgress, signal, mostNumbers = 32_000_000, mostFiles = 300_000 }: RepeatedInstancesOptions,
): AsyncIterable<readonly SeriesFile[]> {
  const { archives } = await index.statistics();
  const instances = archives.reduce((sum, archive) => sum + archive.instances, 0);
  const parts = Math.max(1, Math.ceil(instances / mostNumbers));
  let read = 0;
  let left = parts * instances;
  /** Every file of the index, once. */
  async function* files(): AsyncIterable<readonly SeriesFile[]> {
    let here = 0;
    let turn = 0;
    for await (const batch of index.everyFile()) {
      here += batch.length;
      if (here >= turn) {
        turn = here + TURN;
        onProgress(read + here, read + Math.max(left, here));
        await new Promise(setImmediate);
        if (signal.aborted) return;
      }
      yield batch;
    }
    read += here;
    left -= instances;
  }
  for (let part = 0; part < parts; part++) {
    const numbers = new Numbers(Math.ceil((instances / parts) * 1.1) + 1000);
    for await (const batch of files()) {
      for (const { SOPInstanceUID } of batch) {
        const number = numberOf(SOPInstanceUID);
        if (number % parts === part) numbers.add(number);
      }
    }
    const sorted = numbers.sorted();
    for (const _ of groupsOf(sorted, mostFiles)) left += instances;
    for (const wanted of groupsOf(sorted, mostFiles)) {
      if (signal.aborted) return;
      const found = new Map<string, SeriesFile[]>();
      for await (const batch of files()) {
        for (const file of batch) {
          if (!wanted.has(numberOf(file.SOPInstanceUID))) continue;
          const others = found.get(file.SOPInstanceUID);
          if (others === undefined) found.set(file.SOPInstanceUID, [file]);
          else others.push(file);
        }
      }
      if (signal.aborted) return;
      const repeated = [...found.values()].map(apart).filter((one) => one.length > 1);
      yield* repeated.sort(([a], [b]) => inOrder(a!, b!));
    }
  }
}

/** Numbers that grow in memory of their own. */
class Numbers {
  private held: Float64Array;
  private length = 0;

  constructor(room: number) {
    this.held = new Float64Array(room);
  }

  add(number: number): void {
    if (this.length === this.held.length) {
      const more = new Float64Array(this.held.length * 2);
      more.set(this.held);
      this.held = more;
    }
    this.held[this.length++] = number;
  }

  sorted(): Float64Array {
    return this.held.subarray(0, this.length).sort();
  }
}

/** Those that occur more than once, as many together as belong to so many files. */
function* groupsOf(sorted: Float64Array, mostFiles: number): Iterable<ReadonlySet<number>> {
  let group = new Set<number>();
  let files = 0;
  for (let at = 0; at < sorted.length; ) {
    let end = at + 1;
    while (sorted[end] === sorted[at]) end++;
    if (end - at > 1) {
      if (group.size > 0 && files + end - at > mostFiles) {
        yield group;
        group = new Set();
        files = 0;
      }
      group.add(sorted[at]!);
      files += end - at;
    }
    at = end;
  }
  if (group.size > 0) yield group;
}

/** 52 bits: instances with one number are nearly always one, and are told apart by their UIDs all the same. */
function numberOf(uid: string): number {
  let low = 0x811c9dc5;
  let high = 0x9dc5811c;
  for (let i = 0; i < uid.length; i++) {
    const code = uid.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
    high ^= high >>> 13;
  }
  low ^= low >>> 15;
  low = Math.imul(low, 0x2c1b3c6d);
  return ((high >>> 12) & 0xfffff) * 2 ** 32 + ((low ^ (low >>> 13)) >>> 0);
}

/** In order, without those that are the same file. */
function apart(files: SeriesFile[]): SeriesFile[] {
  const seen = new Set<string>();
  return files.sort(inOrder).filter(({ archive, path }) => {
    const whole = joinPath(archive, path);
    return !seen.has(whole) && seen.add(whole);
  });
}

function inOrder(a: SeriesFile, b: SeriesFile): number {
  return a.archive === b.archive ? comparePaths(a.path, b.path) : a.archive < b.archive ? -1 : 1;
}
