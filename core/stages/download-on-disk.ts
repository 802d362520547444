// What is on disk of a download, compared with what is noted of it: what a process that died had stored and not noted is
// noted, what has gone or changed is forgotten, and the manifest is to name everything that is there.
import { joinPath } from '../instance/byte-path.ts';
import type { DownloadFiles, SeriesIdentity } from '../ports/download-files.ts';
import type { DownloadStore } from '../ports/project-store.ts';
import { NOT_ASKED_FOR } from '../projects/download-folders.ts';
import type { ReceivedInstance } from '../projects/received.ts';

const EXTENSION = '.dcm';
/** What came with a SOPInstanceUID and other bytes than what has its name: with some digits of its SHA-256. */
const OTHER_BYTES = /^([0-9.]+)\.other-([0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{64})$/;

/** A series whose folder is looked at. */
export interface SeriesOnDisk {
  readonly SeriesInstanceUID: string;
  readonly folder: string;
  /** Expected instances of which nothing but the number is known. */
  readonly unlisted: number;
}

/** What is known of it. */
export interface KnownOfSeries {
  readonly noted: readonly ReceivedInstance[];
  /** Sizes by name. */
  readonly onDisk: ReadonlyMap<string, number>;
  /** SOPInstanceUIDs that are expected by name. */
  readonly listed: ReadonlySet<string>;
}

export class DownloadOnDisk {
  private readonly download: DownloadStore;
  private readonly files: DownloadFiles;
  private readonly isOfItsStudy: (identity: SeriesIdentity) => boolean;
  /** Paths of what was put aside in a folder of the project. */
  private readonly aside = new Set<string>();

  /** @param isOfItsStudy whether a file is of the study that its series has in the project */
  constructor(
    { download, files }: { readonly download: DownloadStore; readonly files: DownloadFiles },
    isOfItsStudy: (identity: SeriesIdentity) => boolean,
  ) {
    this.download = download;
    this.files = files;
    this.isOfItsStudy = isOfItsStudy;
  }

  /** To be called first: what was put aside, also what a process that died had not noted. */
  async readAside(): Promise<void> {
    const { download, files } = this;
    const noted = new Set<string>();
    for await (const { path } of download.notAskedFor())
      if (path.startsWith(`${NOT_ASKED_FOR}/`)) noted.add(path);
      else this.aside.add(path);
    for await (const path of files.notAskedFor()) {
      if (noted.has(path)) continue;
      const [SeriesInstanceUID = '', name = ''] = path.split('/').slice(-2);
      const [SOPInstanceUID = ''] = /^[0-9.]*[0-9]/.exec(name) ?? [];
      await download.addNotAskedFor(SeriesInstanceUID, { SOPInstanceUID, path, ...(await files.digest(path)) });
    }
  }

  /** The instances of a series that are there and count, and their bytes. */
  async compare(
    series: SeriesOnDisk,
    known: KnownOfSeries,
  ): Promise<{ readonly instances: readonly { readonly SOPInstanceUID: string }[]; readonly bytes: number }> {
    const { download } = this;
    const { SeriesInstanceUID, folder, unlisted } = series;
    const { noted, onDisk, listed } = known;
    const isExpected = (uid: string) => listed.has(uid) || unlisted > 0;
    const instances: { readonly SOPInstanceUID: string }[] = [];
    let bytes = 0;
    const count = (SOPInstanceUID: string, size: number) => {
      instances.push({ SOPInstanceUID });
      bytes += size;
    };
    const paths = new Set<string>();
    const isMoved = await this.isOfOtherStudy(series, known);
    for (const { SOPInstanceUID, path, size } of noted) {
      paths.add(path);
      const name = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : '';
      if (onDisk.get(name) !== size || isMoved) {
        // Before it is forgotten: a file that nobody has noted may count.
        if (onDisk.has(name)) await this.setAside(SeriesInstanceUID, SOPInstanceUID, path);
        await download.remove(SeriesInstanceUID, SOPInstanceUID);
      } else if (isExpected(SOPInstanceUID)) count(SOPInstanceUID, size);
    }
    for (const name of onDisk.keys()) {
      const path = joinPath(folder, name);
      if (paths.has(path) || this.aside.has(path)) continue;
      const received = await this.unnoted(series, known, name);
      if (received === undefined) continue;
      await download.add(SeriesInstanceUID, received);
      count(received.SOPInstanceUID, received.size);
    }
    return { instances, bytes };
  }

  /** A file that nobody has noted; undefined where it does not count. */
  private async unnoted(
    { SeriesInstanceUID, folder, unlisted }: SeriesOnDisk,
    { onDisk, listed }: KnownOfSeries,
    name: string,
  ): Promise<ReceivedInstance | undefined> {
    const { files } = this;
    const path = joinPath(folder, name);
    const SOPInstanceUID = name.endsWith(EXTENSION) ? name.slice(0, -EXTENSION.length) : '';
    const other = OTHER_BYTES.exec(SOPInstanceUID);
    // A process died before it had noted what came a second time.
    if (other !== null && onDisk.has(`${other[1]}${EXTENSION}`)) {
      await this.putAside(SeriesInstanceUID, other[1]!, path);
      return undefined;
    }
    // Without a list, a name is a UID or it is something else.
    const isExpected = listed.has(SOPInstanceUID) || unlisted > 0;
    if (!/^[0-9.]+$/.test(SOPInstanceUID) || !isExpected) return undefined;
    // Files get their names when they are whole; a folder may have been that of another series, and all may be damaged.
    const found = await files.seriesOf(path, SOPInstanceUID);
    if (found?.SeriesInstanceUID !== SeriesInstanceUID || !this.isOfItsStudy(found)) {
      if (listed.has(SOPInstanceUID)) await this.setAside(SeriesInstanceUID, SOPInstanceUID, path);
      return undefined;
    }
    return { SOPInstanceUID, path, ...(await files.digest(path)) };
  }

  /** The PACS has given the series to another study since: what is on disk says so, as the first file that can be asked shows. */
  private async isOfOtherStudy(
    { SeriesInstanceUID, folder }: SeriesOnDisk,
    { noted, onDisk }: KnownOfSeries,
  ): Promise<boolean> {
    const first = noted.find(({ path }) => path.startsWith(`${folder}/`) && onDisk.has(path.slice(folder.length + 1)));
    const found = first && (await this.files.seriesOf(first.path, first.SOPInstanceUID));
    return found !== undefined && !this.isOfItsStudy({ ...found, SeriesInstanceUID });
  }

  /** Else the right one, when it comes, would not get its name. */
  private async setAside(SeriesInstanceUID: string, SOPInstanceUID: string, path: string): Promise<void> {
    const { download, files } = this;
    const aside = await files.setAside(path);
    if (aside === undefined) return;
    await download.addNotAskedFor(SeriesInstanceUID, { SOPInstanceUID, path: aside, ...(await files.digest(aside)) });
  }

  private async putAside(SeriesInstanceUID: string, SOPInstanceUID: string, path: string): Promise<void> {
    const { download, files } = this;
    await download.addNotAskedFor(SeriesInstanceUID, { SOPInstanceUID, path, ...(await files.digest(path)) });
    this.aside.add(path);
  }
}
