// Every message between the parts of a cluster, as schemas: what is sent is of these shapes, and what comes is checked
// against them before anything looks at it. Folder and file names are byte paths (core/instance/byte-path.ts). Printed
// as docs/wire.md.
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { ditagError } from '../errors/errors.ts';
import type { ScanJob } from '../jobs/jobs.ts';
import type { ScanTally } from '../jobs/scan-tally.ts';
import type { EntryType } from '../ports/archive-files.ts';
import type { LogEntry } from '../ports/record-log.ts';
import type { ScanWork } from '../ports/scan-queue.ts';
import type { HeldChange } from '../ports/scan-registry.ts';
import { decodeFrame, encodeFrame } from './frame.ts';

const count = Type.Integer({ minimum: 0 });
const Archive = Type.Object({ name: Type.String(), number: Type.Integer({ minimum: 1 }) });
const Chunk = Type.Object({ bits: Type.Integer({ minimum: 0, maximum: 32 }), index: count });

const Header = Type.Object({
  SeriesInstanceUID: Type.String(),
  name: Type.String(),
  issues: count,
  header: Type.String(),
});

/** An entry of the record log; the record of a chunk follows as bytes, unless the chunk is gone. */
export const LogEntryMessage = Type.Union([
  Type.Object({
    entry: Type.Literal('chunk'),
    archive: Archive,
    folder: Type.String(),
    chunk: Chunk,
    gone: Type.Optional(Type.Literal(true)),
    headers: Type.Array(Header),
  }),
  Type.Object({
    entry: Type.Literal('folder'),
    archive: Archive,
    folder: Type.String(),
    subfolders: Type.Array(Type.String()),
    bits: Type.Integer({ minimum: 0, maximum: 32 }),
  }),
  Type.Object({ entry: Type.Literal('archive'), archive: Archive, indexedAt: Type.Optional(Type.String()) }),
]);

const Job = Type.Union([
  Type.Object({
    job: Type.Literal('scan-folder'),
    folder: Type.String(),
    slice: Type.Optional(Type.Object({ bits: count, index: count, chunkBits: count })),
  }),
  Type.Object({
    job: Type.Literal('read-files'),
    folder: Type.String(),
    chunk: Chunk,
    names: Type.Array(Type.String()),
    types: Type.Array(Type.Tuple([Type.String(), Type.String()])),
    listedAt: Type.Number(),
  }),
]);

/** Jobs of a scan. */
export const ScanWorkMessage = Type.Object({
  scan: Type.String(),
  archive: Archive,
  acceptDeletions: Type.Boolean(),
  isNew: Type.Boolean(),
  jobs: Type.Array(Job),
});

/** What a piece of work found. */
export const ScanTallyMessage = Type.Object({
  files: count,
  instances: count,
  opened: count,
  unchanged: count,
  unread: count,
  unreadWork: Type.Optional(count),
  refusedRecords: Type.Optional(count),
  vanished: count,
  appeared: count,
  changedChunks: count,
  kept: Type.Array(
    Type.Object({
      folder: Type.String(),
      reason: Type.Union([Type.Literal('unreadable'), Type.Literal('lists-empty')]),
      isNew: Type.Optional(Type.Literal(true)),
      detail: Type.String(),
    }),
  ),
  unreadFiles: Type.Optional(Type.Array(Type.String())),
});

/** A change that waits for the end of its scan; an entry as in the log, its record as bytes. */
export const HeldChangeMessage = Type.Union([
  Type.Object({ held: Type.Literal('entry'), entry: LogEntryMessage, expected: count, lost: count }),
  Type.Object({ held: Type.Literal('folder-gone'), folder: Type.String() }),
]);

const checks = {
  entry: Compile(LogEntryMessage),
  work: Compile(ScanWorkMessage),
  tally: Compile(ScanTallyMessage),
  held: Compile(HeldChangeMessage),
};

function checked<Shape>(check: { Check(value: unknown): boolean }, value: unknown): Shape {
  if (!check.Check(value))
    throw ditagError('damaged-message', { reason: 'it is not of the shape that it should have' });
  return value as Shape;
}

export function encodeEntry(entry: LogEntry): Uint8Array {
  return encodeFrame(entryDescription(entry), recordOf(entry));
}

export function decodeEntry(frame: Uint8Array): LogEntry {
  const { description, bytes } = decodeFrame(frame);
  return entryOf(checked(checks.entry, description), bytes);
}

function recordOf(entry: LogEntry): Uint8Array | undefined {
  return entry.entry === 'chunk' ? entry.record : undefined;
}

function entryDescription(entry: LogEntry): Static<typeof LogEntryMessage> {
  switch (entry.entry) {
    case 'chunk': {
      const { record, archive, folder, chunk, headers } = entry;
      const gone = record === undefined ? ({ gone: true } as const) : {};
      return { entry: 'chunk', archive, folder, chunk, ...gone, headers: [...headers] };
    }
    case 'folder':
      return { ...entry, subfolders: [...entry.subfolders] };
    case 'archive': {
      const { archive, indexedAt } = entry;
      return { entry: 'archive', archive, ...(indexedAt === undefined ? {} : { indexedAt }) };
    }
  }
}

function entryOf(message: Static<typeof LogEntryMessage>, bytes: Uint8Array): LogEntry {
  switch (message.entry) {
    case 'chunk': {
      const { archive, folder, chunk, headers, gone } = message;
      return { entry: 'chunk', archive, folder, chunk, record: gone === true ? undefined : bytes, headers };
    }
    case 'folder':
      return message;
    case 'archive':
      return { entry: 'archive', archive: message.archive, indexedAt: message.indexedAt };
  }
}

export function encodeWork({ jobs, ...work }: ScanWork): Uint8Array {
  return encodeFrame({ ...work, jobs: jobs.map(jobDescription) });
}

export function decodeWork(frame: Uint8Array): ScanWork {
  const message = checked<Static<typeof ScanWorkMessage>>(checks.work, decodeFrame(frame).description);
  return { ...message, jobs: message.jobs.map(jobOf) };
}

function jobDescription(job: ScanJob): unknown {
  return job.job === 'read-files' ? { ...job, types: [...job.types] } : job;
}

function jobOf(job: Static<typeof Job>): ScanJob {
  if (job.job === 'read-files') return { ...job, types: new Map(job.types as [string, EntryType][]) };
  const { slice, folder } = job;
  return slice === undefined ? { job: 'scan-folder', folder } : { job: 'scan-folder', folder, slice };
}

export function encodeTally(tally: ScanTally): Uint8Array {
  return encodeFrame(tally);
}

export function decodeTally(frame: Uint8Array): ScanTally {
  const message = checked<Static<typeof ScanTallyMessage>>(checks.tally, decodeFrame(frame).description);
  return { unreadWork: 0, refusedRecords: 0, unreadFiles: [], ...message };
}

export function encodeHeld(change: HeldChange): Uint8Array {
  if (change.held === 'folder-gone') return encodeFrame(change);
  return encodeFrame({ ...change, entry: entryDescription(change.entry) }, recordOf(change.entry));
}

export function decodeHeld(frame: Uint8Array): HeldChange {
  const { description, bytes } = decodeFrame(frame);
  const message = checked<Static<typeof HeldChangeMessage>>(checks.held, description);
  return message.held === 'folder-gone' ? message : { ...message, entry: entryOf(message.entry, bytes) };
}
