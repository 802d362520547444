// Carries out the calls of file tasks on the local file system: at once (`callNow`), which is the quickest on a local
// disk, or through the thread pool (`callLater`), which lets many wait for a slow mount at the same time. Names come
// and go as bytes (latin1 strings), see core/instance/byte-path.ts.
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import type { EntryType, FileAnswer, FileCall, FileStatus } from '../../core/ports/archive-files.ts';

// O_NONBLOCK: opening a named pipe that someone put into the archive must not wait for a writer.
const READ_ONLY = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;
/**
 * Times are kept as differences in whole numbers, from 1970 on for so long (until 2096, in microseconds). Those of broken
 * clocks are brought into that by whole spans: all that is wanted of them is that another time is another one.
 */
const SPAN = 4e15;
/** A folder whose own size says that it has many entries is listed in batches, so that they never fill the memory (bytes). */
const BIG_FOLDER = 262_144;
/** Entries in such a batch. */
const LIST_BATCH = 1024;

/** Turns byte paths relative to `root` into what node:fs takes: a string where the bytes are ASCII, else a Buffer. */
export class Paths {
  private readonly root: string;
  private readonly ascii: boolean;

  /** @param root byte path of the archive's root */
  constructor(root: string) {
    this.root = root.endsWith('/') ? root : `${root}/`;
    this.ascii = isAscii(root);
  }

  of(path: string): string | Buffer {
    const whole = this.root + path;
    return this.ascii && isAscii(path) ? whole : Buffer.from(whole, 'latin1');
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Carries out a call and returns its answer. Throws the error of node:fs. */
export function callNow(paths: Paths, call: FileCall): FileAnswer {
  switch (call.call) {
    case 'stat':
      return status(fs.statSync(paths.of(call.path)));
    case 'open':
      return fs.openSync(paths.of(call.path), READ_ONLY);
    case 'fstat':
      return status(fs.fstatSync(call.file));
    case 'read':
      return fs.readSync(call.file, call.buffer, call.offset, call.length, call.position);
    case 'close':
      fs.closeSync(call.file);
      return undefined;
    case 'list':
      listNow(paths.of(call.path), call.entry);
      return undefined;
  }
}

type OnEntry = (name: string, type: EntryType) => void;

function listNow(path: string | Buffer, onEntry: OnEntry): void {
  if (fs.statSync(path).size < BIG_FOLDER) {
    for (const entry of fs.readdirSync(path, LIST_WHOLE)) onEntry(entry.name, typeOf(entry));
    return;
  }
  const dir = fs.opendirSync(path as string, LIST_OPTIONS);
  try {
    for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) onEntry(entry.name, typeOf(entry));
  } finally {
    dir.closeSync();
  }
}

/** Carries out a call in the thread pool; `done` gets its error or its answer. */
export function callLater(paths: Paths, call: FileCall, done: (error: Error | null, answer: FileAnswer) => void): void {
  switch (call.call) {
    case 'stat':
      fs.stat(paths.of(call.path), (error, stats) => done(error, error ? undefined : status(stats)));
      return;
    case 'open':
      fs.open(paths.of(call.path), READ_ONLY, done);
      return;
    case 'fstat':
      fs.fstat(call.file, (error, stats) => done(error, error ? undefined : status(stats)));
      return;
    case 'read':
      fs.read(call.file, call.buffer, call.offset, call.length, call.position, done);
      return;
    case 'close':
      fs.close(call.file, (error) => done(error ?? null, undefined));
      return;
    case 'list':
      // All at once, unlike `callNow`: each part of a listing would wait for the mount again.
      fs.readdir(paths.of(call.path), LIST_WHOLE, (error, entries) => {
        if (error === null) for (const entry of entries) call.entry(entry.name, typeOf(entry));
        done(error, undefined);
      });
      return;
  }
}

// `encoding: latin1` is what keeps names that are not UTF-8 whole; the types do not know that it is allowed.
const LIST_OPTIONS = { encoding: 'latin1' as BufferEncoding, bufferSize: LIST_BATCH };

const LIST_WHOLE = { encoding: 'latin1' as BufferEncoding, withFileTypes: true as const };

function typeOf(entry: fs.Dirent): EntryType {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  if (entry.isSymbolicLink()) return 'link';
  return entry.isFIFO() || entry.isSocket() || entry.isBlockDevice() || entry.isCharacterDevice() ? 'other' : 'unknown';
}

function status(stats: fs.Stats): FileStatus {
  const type = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
  const time = Math.round(stats.mtimeMs * 1000) % SPAN;
  return { type, size: stats.size, mtime: time < 0 ? time + SPAN : time };
}
