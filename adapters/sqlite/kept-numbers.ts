// The numbers of pages that were read, kept for the next questions about the same state of the index: reading them again is
// a third of the time of one. As many as fit are kept, and none of them goes for another: a question goes through
// all pages, so those would always be the wrong ones.
import type { PageColumns } from './series-page.ts';

/** A million series have 60 MB. */
const MOST_BYTES = 96_000_000;

export class KeptNumbers {
  private readonly columns = new Map<number, PageColumns>();
  private readonly codes = new Map<number, Int32Array>();
  private readonly most: number;
  private bytes = 0;

  constructor(most: number = MOST_BYTES) {
    this.most = most;
  }

  /** @param page its id @param read what is done where they are not kept */
  columnsOf(page: number, read: () => PageColumns): PageColumns {
    const known = this.columns.get(page);
    if (known !== undefined) return known;
    const columns = read();
    // All of them lie in one buffer.
    if (this.hasRoom(columns.dates.buffer.byteLength)) this.columns.set(page, columns);
    return columns;
  }

  /** @param key of a page's attribute in the index */
  codesOf(key: number, read: () => Int32Array): Int32Array {
    const known = this.codes.get(key);
    if (known !== undefined) return known;
    const codes = read();
    if (this.hasRoom(codes.byteLength)) this.codes.set(key, codes);
    return codes;
  }

  private hasRoom(bytes: number): boolean {
    if (this.bytes + bytes > this.most) return false;
    this.bytes += bytes;
    return true;
  }
}

/** Keeps nothing: for who asks once. */
export const NOTHING_KEPT = new KeptNumbers(0);
