// The stage that reads the files of one folder chunk: what is unchanged (size and mtime) is not opened, the rest is
// read for its identity, and the first file of each series for its full header. Its outcome is the chunk's new record.

import { headerElements } from '../dicom/header-values.ts';
import { joinPath } from '../instance/byte-path.ts';
import {
  type FileFinding,
  knownFinding,
  READ_AGAIN,
  recordOfFindings,
  skippedFinding,
} from '../instance/file-finding.ts';
import { isInChunk } from '../instance/folder-chunks.ts';
import {
  decodeFolderRecord,
  encodeFolderRecord,
  type FileEntry,
  type FolderRecord,
} from '../instance/folder-record.ts';
import { encodeHeader } from '../instance/header-codec.ts';
import { partsOfRecord } from '../instance/series-fold.ts';
import type { SkipReason } from '../instance/skipped.ts';
import type { ChunkEvent, ReadFilesJob, SeriesHeader } from '../jobs/jobs.ts';
import {
  type ArchiveFiles,
  type EntryType,
  type FileStatus,
  type FileTask,
  failureCode,
  isCallFailure,
} from '../ports/archive-files.ts';
import type { ScanLedger } from '../ports/scan-ledger.ts';
import { giveBackReader, readHeader, readOne, takeReader } from './read-header.ts';

/** A file written less than this before its folder was listed may change again without showing (microseconds). */
const RACY = 2_000_000;
/** Of a link of which there is a listing. */
const LEADS_NOWHERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);
/** A clock that is ahead by more than this is wrong rather than fresh. */
const FAR_AHEAD = 86_400_000_000;

export interface ReadFilesPorts {
  readonly files: ArchiveFiles;
  readonly ledger: ScanLedger;
}

export interface ReadFilesOptions {
  /** A known link that leads nowhere any more is gone: else what it led to may only be away. */
  readonly acceptDeletions: boolean;
}

/** Compares the chunk of `job` with its known record and reads what changed. */
export async function readFiles(
  job: ReadFilesJob,
  ports: ReadFilesPorts,
  options: ReadFilesOptions,
): Promise<ChunkEvent> {
  return new ChunkReading(job, ports, options).run();
}

class ChunkReading {
  private readonly job: ReadFilesJob;
  private readonly ports: ReadFilesPorts;
  private readonly findings: FileFinding[] = [];
  /** Per series, the header of the least name read so far. */
  private readonly headers = new Map<string, SeriesHeader>();
  private knownRecord: FolderRecord | undefined;
  /** Headers that the ledger keeps; undefined where the index has them. */
  private knownHeaders: readonly SeriesHeader[] | undefined;
  private readonly known = new Map<string, FileEntry>();
  private opened = 0;
  private unchanged = 0;
  private readonly unread: string[] = [];
  private changed = false;

  private readonly options: ReadFilesOptions;

  constructor(job: ReadFilesJob, ports: ReadFilesPorts, options: ReadFilesOptions) {
    this.job = job;
    this.ports = ports;
    this.options = options;
  }

  async run(): Promise<ChunkEvent> {
    const { job, ports } = this;
    const { folder, chunk } = job;
    const known = await ports.ledger.chunk(folder, chunk);
    if (known !== undefined) {
      this.knownRecord = decodeFolderRecord(known.record);
      this.knownHeaders = known.headers;
      const split = known.bits !== chunk.bits;
      if (split) this.changed = true;
      for (const file of this.knownRecord.files) {
        if (!split || isInChunk(file.name, chunk)) this.known.set(file.name, file);
      }
    }
    // A name that is listed twice, as network file systems do now and then, is one file.
    const names = [...new Set(job.names)].sort();
    await ports.files.runAll(this.tasks(names));
    let stillKnown = 0;
    for (const name of names) if (this.known.has(name)) stillKnown++;
    const vanished = this.known.size - stillKnown;
    const appeared = names.length - stillKnown;
    if (vanished > 0 || appeared > 0) this.changed = true;
    this.findings.sort((a, b) => (a.name < b.name ? -1 : 1));
    const skipped: Partial<Record<SkipReason, number>> = {};
    let instances = 0;
    for (const { skipped: reason, SOPInstanceUID } of this.findings) {
      if (reason !== '') skipped[reason] = (skipped[reason] ?? 0) + 1;
      if (SOPInstanceUID !== '') instances++;
    }
    const tally = () => ({
      files: names.length,
      instances,
      skipped,
      opened: this.opened,
      unchanged: this.unchanged,
      vanished,
      appeared,
      unread: this.unread.length,
      lost: this.changed ? this.lost() : 0,
    });
    if (!this.changed) {
      return {
        event: 'chunk',
        folder,
        chunk,
        record: undefined,
        staged: known?.staged ?? false,
        parts: [],
        headers: [],
        tally: tally(),
        ...this.unreadNames(),
      };
    }
    await this.completeHeaders();
    const record = recordOfFindings(this.findings);
    return {
      event: 'chunk',
      folder,
      chunk,
      record: encodeFolderRecord(record),
      staged: false,
      parts: partsOfRecord(record),
      headers: [...this.headers.values()],
      tally: tally(),
      ...this.unreadNames(),
    };
  }

  private unreadNames(): Pick<ChunkEvent, 'unreadNames'> {
    return this.unread.length === 0 ? {} : { unreadNames: this.unread };
  }

  private *tasks(names: readonly string[]): Iterable<FileTask<void>> {
    for (const name of names) yield this.task(name);
  }

  private *task(name: string): FileTask<void> {
    const { job } = this;
    const type = job.types.get(name) ?? 'file';
    const known = this.known.get(name);
    if (type === 'other') {
      this.skip(name, 'not-a-file', 0, 0);
      return;
    }
    const path = joinPath(job.folder, name);
    try {
      if (known !== undefined || type !== 'file') {
        const status = (yield { call: 'stat', path }) as FileStatus;
        const wrong = reasonOfType(type, status.type);
        if (wrong !== undefined) {
          this.skip(name, wrong, 0, 0);
          return;
        }
        if (known !== undefined && known.size === status.size && known.mtime === status.mtime) {
          this.unchanged++;
          this.keep(known);
          return;
        }
      }
      yield* this.open(name, path);
    } catch (error) {
      if (!isCallFailure(error)) throw error;
      const isGone = type === 'link' && LEADS_NOWHERE.has(failureCode(error)) && this.options.acceptDeletions;
      if (isGone) this.skip(name, 'unreadable', 0, READ_AGAIN);
      else this.unreadable(name, known);
    }
  }

  private *open(name: string, path: string): FileTask<void> {
    const reader = takeReader();
    this.changed = true;
    try {
      const status = yield* readOne(path, reader, (at) => this.wantsHeader(at.SeriesInstanceUID, name));
      if (status === undefined) {
        this.skip(name, 'not-a-file', 0, 0);
        return;
      }
      this.opened++;
      const mtime = this.isRacy(status.mtime) ? READ_AGAIN : status.mtime;
      if (reader.outcome !== 'instance') {
        this.skip(name, reader.outcome, status.size, mtime);
        return;
      }
      const { SeriesInstanceUID } = reader;
      if (this.wantsHeader(SeriesInstanceUID, name)) {
        const header = encodeHeader(headerElements(reader));
        this.headers.set(SeriesInstanceUID, { SeriesInstanceUID, name, issues: reader.issues, header });
      }
      this.findings.push({
        name,
        size: status.size,
        mtime,
        SOPInstanceUID: reader.SOPInstanceUID,
        SeriesInstanceUID,
        SOPClassUID: reader.SOPClassUID,
        TransferSyntaxUID: reader.TransferSyntaxUID,
        issues: reader.identityIssues,
        digest: reader.digest,
        fresh: true,
        skipped: '',
      });
    } finally {
      giveBackReader(reader);
    }
  }

  private wantsHeader(SeriesInstanceUID: string, name: string): boolean {
    const best = this.headers.get(SeriesInstanceUID);
    return best === undefined || name < best.name;
  }

  private isRacy(mtime: number): boolean {
    const listedAt = this.job.listedAt * 1000;
    return mtime > listedAt - RACY && mtime < listedAt + FAR_AHEAD;
  }

  private keep(known: FileEntry): void {
    this.findings.push(knownFinding(this.knownRecord!, known));
  }

  private skip(name: string, skipped: SkipReason, size: number, mtime: number): void {
    const known = this.known.get(name);
    if (known === undefined || this.knownRecord!.kinds[known.kind]!.skipped !== skipped) this.changed = true;
    this.findings.push(skippedFinding(name, skipped, size, mtime));
  }

  /** What was an instance when it could be read stays one; it is read again next time. */
  private unreadable(name: string, known: FileEntry | undefined): void {
    if (known !== undefined && known.SOPInstanceUID !== '') {
      this.unread.push(name);
      this.keep({ ...known, mtime: READ_AGAIN });
    } else this.skip(name, 'unreadable', 0, READ_AGAIN);
  }

  /**
   * Every series with a changed file needs the header of its least name, which may be a file that was not opened
   * now, or was read after a later one. Such a file is read once more. Where the ledger keeps headers, every series
   * of the record needs one.
   */
  private async completeHeaders(): Promise<void> {
    const least = new Map<string, FileFinding>();
    for (const finding of this.findings) {
      if (finding.SeriesInstanceUID !== '' && !least.has(finding.SeriesInstanceUID)) {
        least.set(finding.SeriesInstanceUID, finding);
      }
    }
    const tasks: FileTask<void>[] = [];
    for (const [uid, finding] of least) {
      const header = this.headers.get(uid);
      if (header?.name === finding.name) continue;
      if (this.knownHeaders !== undefined) {
        const known = finding.fresh ? undefined : this.knownHeader(uid, finding.name);
        if (known === undefined) tasks.push(this.readAgain(finding));
        else this.headers.set(uid, known);
      } else if (header !== undefined) {
        // A first file that was not opened now is unchanged: its header is in the index already.
        this.headers.delete(uid);
        if (finding.fresh) tasks.push(this.readAgain(finding));
      }
    }
    await this.ports.files.runAll(tasks);
  }

  private knownHeader(uid: string, name: string): SeriesHeader | undefined {
    return this.knownHeaders!.find((header) => header.SeriesInstanceUID === uid && header.name === name);
  }

  /** Number of known instances that no file of the chunk holds any more. */
  private lost(): number {
    const held = new Set(this.findings.map((finding) => finding.SOPInstanceUID));
    let lost = 0;
    for (const { SOPInstanceUID } of this.known.values())
      if (SOPInstanceUID !== '' && !held.has(SOPInstanceUID)) lost++;
    return lost;
  }

  private *readAgain(finding: FileFinding): FileTask<void> {
    const { SeriesInstanceUID, name } = finding;
    try {
      const full = yield* readHeader(joinPath(this.job.folder, name));
      if (full === undefined) return;
      const header = encodeHeader(full.elements);
      this.headers.set(SeriesInstanceUID, { SeriesInstanceUID, name, issues: full.issues, header });
    } catch (error) {
      if (!isCallFailure(error)) throw error;
      // An index on this machine asks for a header that it misses; a ledger that keeps headers gets it next time.
      finding.mtime = READ_AGAIN;
      this.unread.push(name);
    }
  }
}

function reasonOfType(listed: EntryType, found: EntryType): SkipReason | undefined {
  if (found === 'file') return undefined;
  if (found === 'folder') return listed === 'link' ? 'linked-folder' : 'not-a-file';
  return 'not-a-file';
}
