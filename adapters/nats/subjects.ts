// The subjects of the cluster. Names of archives and folders may hold anything, subjects may not: a name becomes a
// token, the start of its digest. The name itself stands in the message.
import { createHash } from 'node:crypto';
import type { LogEntry } from '../../core/ports/record-log.ts';
import type { Chunk } from '../../core/ports/scan-ledger.ts';
import type { PacsAddress } from '../../core/ports/work-queue.ts';

/** Characters of a token: 6 bits each, so that no two names of a cluster will share one. */
const ARCHIVE_TOKEN = 12;
const FOLDER_TOKEN = 18;

/** Of all entries of the audit trail. */
export const AUDIT_SUBJECT = 'ditag.audit';

const archiveTokens = new Map<string, string>();
/** Several subjects of one folder are asked for in a row. */
let lastFolder = { archive: '', folder: '', subject: '' };

/** Of an archive's name, or of a path under which a scanner sees one. */
export function archiveToken(name: string): string {
  let found = archiveTokens.get(name);
  if (found === undefined) {
    found = token(name, ARCHIVE_TOKEN);
    archiveTokens.set(name, found);
  }
  return found;
}

function token(name: string, length: number): string {
  return createHash('sha256').update(name, 'latin1').update(name).digest('base64url').slice(0, length);
}

function ofFolder(archive: string, folder: string): string {
  if (lastFolder.subject === '' || lastFolder.folder !== folder || lastFolder.archive !== archive) {
    const subject = `ditag.record.${archiveToken(archive)}.${token(folder, FOLDER_TOKEN)}`;
    lastFolder = { archive, folder, subject };
  }
  return lastFolder.subject;
}

export function chunkSubject(archive: string, folder: string, { bits, index }: Chunk): string {
  return `${ofFolder(archive, folder)}.${bits}.${index}`;
}

export function folderSubject(archive: string, folder: string): string {
  return `${ofFolder(archive, folder)}.folder`;
}

export function archiveSubject(archive: string): string {
  return `ditag.record.${archiveToken(archive)}.archive`;
}

/** The subject that holds the last state of what an entry is about. */
export function entrySubject(entry: LogEntry): string {
  const { name } = entry.archive;
  switch (entry.entry) {
    case 'chunk':
      return chunkSubject(name, entry.folder, entry.chunk);
    case 'folder':
      return folderSubject(name, entry.folder);
    case 'archive':
      return archiveSubject(name);
  }
}

/** Everything that the log holds of an archive. */
export function archiveRecords(archive: string): string {
  return `ditag.record.${archiveToken(archive)}.>`;
}

/** Whether this is the subject of a record of the archive. */
export function isRecordOf(archive: string, subject: string): boolean {
  return subject.startsWith(`ditag.record.${archiveToken(archive)}.`);
}

export function jobSubject(archive: string, scan: string): string {
  return `ditag.job.${archiveToken(archive)}.${scan}`;
}

/** The scan whose work has this subject. */
export function scanOfJob(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1);
}

export function archiveJobs(archive: string): string {
  return `ditag.job.${archiveToken(archive)}.>`;
}

export function tallySubject(scan: string, piece: string): string {
  return `ditag.scan.${scan}.tally.${piece}`;
}

export function heldSubject(scan: string, piece: string, number: number | '*'): string {
  return `ditag.scan.${scan}.held.${piece}.${number}`;
}

export function scanSubjects(scan: string): string {
  return `ditag.scan.${scan}.>`;
}

/** Of a PACS, whoever calls it: they share its limit. Host names are the same in upper and lower case, and with a dot at the end. */
export function pacsToken({ host, port, calledAETitle }: PacsAddress): string {
  return token([host.toLowerCase().replace(/\.$/, ''), port, calledAETitle].join('\0'), ARCHIVE_TOKEN);
}

export function storeSubject(pacs: string, send: string): string {
  return `ditag.store.${pacs}.${send}`;
}

/** All items for a PACS. */
export function pacsStores(pacs: string): string {
  return `ditag.store.${pacs}.>`;
}

/** All items of a send. */
export function storesOfSend(send: string): string {
  return `ditag.store.*.${send}`;
}

export function resultSubject(send: string, item: number, attempt: number, page: number): string {
  return `${itemResults(send, item).slice(0, -1)}${attempt}-${page}`;
}

export function itemResults(send: string, item: number): string {
  return `ditag.result.${send}.${item}.>`;
}

export function sendResults(send: string): string {
  return `ditag.result.${send}.>`;
}

/** Of a project by its name. */
function project(name: string): string {
  return `ditag.project.${token(name, ARCHIVE_TOKEN)}`;
}

export function projectSubject(name: string): string {
  return `${project(name)}.settings`;
}

export function projectLockSubject(name: string): string {
  return `${project(name)}.lock`;
}

export const ALL_PROJECT_LOCKS = 'ditag.project.*.lock';

/** The settings of all projects. */
export const ALL_PROJECTS = 'ditag.project.*.settings';

/** @param accession undefined: all of the project */
export function targetSubject(name: string, accession?: string): string {
  return `${project(name)}.target.${accession === undefined ? '*' : token(accession, FOLDER_TOKEN)}`;
}

export function listedSubject(name: string, SeriesInstanceUID: string): string {
  return `${project(name)}.listed.${token(SeriesInstanceUID, FOLDER_TOKEN)}`;
}

/** @param folder undefined: all downloads of the project */
export function downloadSubject(name: string, folder?: string): string {
  return `${project(name)}.download.${folder === undefined ? '*' : token(folder, ARCHIVE_TOKEN)}`;
}

/** @param SeriesInstanceUID undefined: of all series @param batch undefined: all of the series */
export function receivedSubject(name: string, folder: string, SeriesInstanceUID?: string, batch = '*'): string {
  const series = SeriesInstanceUID === undefined ? '*' : token(SeriesInstanceUID, FOLDER_TOKEN);
  return `${project(name)}.received.${token(folder, ARCHIVE_TOKEN)}.${series}.${batch}`;
}

/** @param path undefined: of all */
export function notAskedForSubject(name: string, folder: string, path?: string): string {
  const file = path === undefined ? '*' : token(path, FOLDER_TOKEN);
  return `${project(name)}.aside.${token(folder, ARCHIVE_TOKEN)}.${file}`;
}
