// Cuts what is to be sent from one archive into items that gateways take one at a time: large enough that an association is worth it,
// small enough that several gateways have something to do, and that little is done again where one dies.
import type { SeriesFile } from '../ports/instance-index.ts';

/** Instances of an item. A series with fewer shares an item with others. */
const ENOUGH = 100;
const MOST = 500;
/** Bytes of its files. */
const MOST_BYTES = 256 * 1024 * 1024;
/** Characters of its paths: they have to fit into a message, also where they do not compress. */
const MOST_TEXT = 400_000;
/** UIDs and numbers of a file in the message. */
const TEXT_OF_FILE = 200;

export class ItemCutter {
  private files: SeriesFile[] = [];
  private instances = 0;
  private bytes = 0;
  private text = 0;

  /** Adds an instance with all its files. Returns what has to go out before. */
  add(copies: readonly SeriesFile[]): readonly SeriesFile[] | undefined {
    const [first] = copies as readonly [SeriesFile];
    const text = copies.reduce((sum, { path }) => sum + path.length + TEXT_OF_FILE, 0);
    const last = this.files.at(-1);
    const isOther = last !== undefined && last.SeriesInstanceUID !== first.SeriesInstanceUID;
    const isFull =
      this.instances >= MOST ||
      (isOther && this.instances >= ENOUGH) ||
      this.bytes + first.size > MOST_BYTES ||
      this.text + text > MOST_TEXT;
    const before = isFull ? this.take() : undefined;
    this.files.push(...copies);
    this.instances++;
    this.bytes += first.size;
    this.text += text;
    return before;
  }

  /** What was not given out yet; undefined where that is nothing. */
  take(): readonly SeriesFile[] | undefined {
    const { files } = this;
    this.files = [];
    this.instances = this.bytes = this.text = 0;
    return files.length === 0 ? undefined : files;
  }
}
