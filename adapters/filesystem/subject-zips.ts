// The zips of the subjects of a download, kept open for those who look for one entry after the other.
import type { Entry } from 'yauzl';
import { failureCode } from '../../core/ports/archive-files.ts';
import { type OpenZip, openZip, undefinedIfMissing, ZipFailed } from './zip-files.ts';

/** Zips that stay open for the next entry, and the entries that are known of them. */
const MOST_ZIPS = 32;
const MOST_ZIP_ENTRIES = 200_000;

interface SubjectEntries {
  readonly zip: OpenZip;
  readonly entries: ReadonlyMap<string, Entry>;
}

interface KeptZip {
  readonly opened: Promise<SubjectEntries | undefined>;
  users: number;
  entries: number;
}

/** The zips of subjects, opened when they are needed. Those used last stay open. */
export class SubjectZips {
  private readonly folder: string;
  private readonly kept = new Map<string, KeptZip>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** `work` gets undefined where there is no zip. */
  async use(subject: string, work: (subject: SubjectEntries | undefined) => Promise<void>): Promise<void> {
    const zip = this.kept.get(subject) ?? { opened: this.open(subject), users: 0, entries: 0 };
    this.kept.delete(subject);
    this.kept.set(subject, zip);
    zip.users++;
    try {
      const opened = await zip.opened;
      zip.entries = opened?.entries.size ?? 0;
      await work(opened);
    } finally {
      zip.users--;
      this.closeSome();
    }
  }

  close(): void {
    for (const subject of this.kept.keys()) this.drop(subject);
  }

  private async open(subject: string): Promise<SubjectEntries | undefined> {
    const path = `${this.folder}/${subject}.zip`;
    const zip = subject === '' ? undefined : await openZip(path).catch(undefinedIfMissing);
    if (zip === undefined) return undefined;
    const entries = new Map<string, Entry>();
    try {
      for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
      return { zip, entries };
    } catch (error) {
      zip.close();
      throw new ZipFailed(`${path} cannot be read: ${failureCode(error)}`, { cause: error });
    }
  }

  private closeSome(): void {
    let entries = 0;
    for (const zip of this.kept.values()) entries += zip.entries;
    for (const [subject, zip] of this.kept) {
      // The one used last stays, however big.
      if ((this.kept.size <= MOST_ZIPS && entries <= MOST_ZIP_ENTRIES) || this.kept.size === 1) return;
      if (zip.users > 0) continue;
      entries -= zip.entries;
      this.drop(subject);
    }
  }

  private drop(subject: string): void {
    const zip = this.kept.get(subject);
    this.kept.delete(subject);
    zip?.opened.then((opened) => opened?.zip.close()).catch(() => {});
  }
}
