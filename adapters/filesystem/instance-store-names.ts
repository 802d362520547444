// The name of an instance in the archive: `SOPInstanceUID.dcm` in the folder that it is given, and with a digest of its
// data set where another has that name. Nothing is ever overwritten: a file gets its name by a hard link, which
// fails where the name is taken.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { dataSetStart, LEAST_OF_FILE_META } from '../../core/dimse/file-meta.ts';
import { failureCode } from '../../core/ports/archive-files.ts';
import { type StoredInstance, StoreError } from '../../core/ports/instance-store.ts';
import type { Arrived } from './incoming-file-identity.ts';
import { call, digestFrom, haveSameBytes, type MakeCall, read } from './instance-store-calls.ts';
import type { StoreFolders } from './store-folders.ts';

/** A file that is written and has no name in the archive yet. */
export interface UnnamedFile {
  readonly file: number;
  readonly temporary: string;
  readonly dataSetStart: number;
  readonly bytes: number;
}

interface Name extends Pick<StoredInstance, 'path' | 'outcome' | 'isOther'> {
  /** The folder of its series. */
  readonly folder: string;
}

/** The folder of an instance, relative to the archive; its parts are harmless as names. */
export type Place = (arrived: Arrived) => string | Promise<string>;

/** `StudyInstanceUID/SeriesInstanceUID`; `no-study`, `no-series` where there is none. */
export function placeByUids({ identity: { StudyInstanceUID, SeriesInstanceUID } }: Pick<Arrived, 'identity'>): string {
  const study = StudyInstanceUID === '' ? 'no-study' : fileNameOf(StudyInstanceUID);
  return `${study}/${SeriesInstanceUID === '' ? 'no-series' : fileNameOf(SeriesInstanceUID)}`;
}

/**
 * Links the file to the first of its names that is free: `UID.dcm`, and `UID.other-DIGITS.dcm` where that has other bytes. In
 * path order the one that came first is the first one: it speaks for the instance, and goes where it is sent.
 */
export async function nameInstance(
  folders: StoreFolders,
  unnamed: UnnamedFile,
  SOPInstanceUID: string,
  folder: string,
  make: MakeCall,
): Promise<Name> {
  let digest = '';
  for (const digits of [0, 8, 16, 64]) {
    if (digits > 0 && digest === '') digest = await digestFrom(unnamed.file, unnamed.dataSetStart, unnamed.bytes);
    const suffix = digits === 0 ? '' : `.other-${digest.slice(0, digits)}`;
    const path = `${folder}/${fileNameOf(SOPInstanceUID)}${suffix}.dcm`;
    if (await link(folders, unnamed, folder, path, make))
      return { folder, path, outcome: digits === 0 ? 'stored' : 'differs', isOther: digits > 0 };
    if (await isSame(unnamed, `${folders.archive}/${path}`)) {
      // Whoever wrote it may not have synced its name yet, or that of its folder.
      await folders.make(folder);
      return { folder, path, outcome: 'already-there', isOther: digits > 0 };
    }
  }
  throw new StoreError('failed', `All names for ${SOPInstanceUID} are taken in ${folder}.`);
}

/** False: the name is taken. */
async function link(
  folders: StoreFolders,
  { temporary }: UnnamedFile,
  folder: string,
  path: string,
  make: MakeCall,
): Promise<boolean> {
  const name = `${folders.archive}/${path}`;
  for (let tries = 0; ; tries++) {
    await folders.make(folder);
    try {
      await make<void>(
        () => fs.linkSync(temporary, name),
        (done) => fs.link(temporary, name, done),
      );
      return true;
    } catch (error) {
      const code = failureCode(error);
      if (code === 'EEXIST') return false;
      if (code !== 'ENOENT' || tries > 0) throw error;
      // Someone removed the folder.
      folders.forget(folder);
    }
  }
}

/** Does the file at `path` hold the same data set? */
async function isSame(unnamed: UnnamedFile, path: string): Promise<boolean> {
  const flags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;
  const other = await call<number>((done) => fs.open(path, flags, done));
  try {
    const status = await call<fs.Stats>((done) => fs.fstat(other, done));
    if (!status.isFile()) return false;
    const start = Buffer.allocUnsafe(LEAST_OF_FILE_META);
    const held = await read(other, start, 0, start.length, 0);
    const from = dataSetStart(start.subarray(0, held));
    const length = unnamed.bytes - unnamed.dataSetStart;
    if (from === undefined || status.size - from !== length) return false;
    return await haveSameBytes(unnamed.file, unnamed.dataSetStart, other, from, length);
  } finally {
    await call((done) => fs.close(other, done));
  }
}

/** A UID as the name of a file or folder. What a peer sends instead of one gets a name that is harmless anywhere. */
function fileNameOf(uid: string): string {
  if (/^[0-9.]{1,64}$/.test(uid) && uid !== '.' && uid !== '..') return uid;
  return `uid-${createHash('sha256').update(uid, 'latin1').digest('hex').slice(0, 32)}`;
}
