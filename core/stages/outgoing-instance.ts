// One file on its way to a peer: opened, known for the instance that the index says it is, and its data set in pieces.
import { Buffer } from 'node:buffer';
import { Issue } from '../dicom/issues.ts';
import type { TransferSyntax } from '../dicom/transfer-syntaxes.ts';
import { failureCode } from '../ports/archive-files.ts';
import type { InstanceFile, InstanceFiles } from '../ports/instance-files.ts';
import type { SeriesFile } from '../ports/instance-index.ts';
import { giveBackReader, takeReader } from './read-header.ts';

/** Bytes that are read at a time; a file that is not larger is read at once. */
const PIECE = 512 * 1024;
/** One goes out, one waits behind it because it may be the last, one is being read. */
const RING = 3;
/** Buffers are kept for the next large file: made anew each time they would cost more than the reading. */
const idleRings: Buffer[][] = [];
const NOTHING = Buffer.alloc(0);
const ONE_NULL = Buffer.alloc(1);

/** A file that cannot be sent as it is. The message is a reason: no sentence, no value of the file. */
export class Unsendable extends Error {
  readonly outcome: 'missing' | 'failed';

  constructor(outcome: 'missing' | 'failed', reason: string) {
    super(reason);
    this.outcome = outcome;
  }
}

export interface OutgoingInstance {
  readonly file: SeriesFile;
  /** In which the data set really is. */
  readonly transferSyntax: TransferSyntax;
  /** Of the data set. */
  readonly bytes: number;
  /** The file ends before its data set does, as far as headers of elements tell. */
  readonly isCut: boolean;
  /** The data set, without file meta. Throws Unsendable. */
  dataSet(): Iterable<Buffer> | AsyncIterable<Buffer>;
  /** Its data set, if it was sent, has been answered or will not be: its bytes are used for another one. */
  close(): Promise<void>;
}

/** Opens a file. Throws Unsendable. */
export async function openOutgoing(file: SeriesFile, files: InstanceFiles): Promise<OutgoingInstance> {
  const opened = await calling(() => files.open(file.archive, file.path));
  try {
    const first = Buffer.allocUnsafeSlow(Math.min(opened.size, PIECE));
    const held = await readAll(opened, first, 0);
    const { position, transferSyntax, isCut } = await identify(file, opened, first.subarray(0, held));
    const isWhole = opened.size <= held;
    if (isWhole) await closed(opened);
    const start = first.subarray(position, held);
    const bytes = opened.size - position;
    // PS3.5 A.5: only a deflated data set can have an odd length without a fault, and is padded.
    const ring = isWhole ? [] : (idleRings.pop() ?? Array.from({ length: RING }, () => Buffer.allocUnsafeSlow(PIECE)));
    const padding = transferSyntax.deflated && bytes % 2 === 1 ? ONE_NULL : NOTHING;
    return {
      file,
      transferSyntax,
      bytes,
      isCut,
      dataSet: () => (isWhole ? [start, padding] : pieces(opened, start, Math.max(held, position), ring, padding)),
      close: async () => {
        if (isWhole) return;
        idleRings.push(ring);
        await closed(opened);
      },
    };
  } catch (error) {
    await closed(opened);
    throw error;
  }
}

/** What was read was read: that a file cannot be closed, as on a share that has gone, changes nothing. */
async function closed(opened: InstanceFile): Promise<void> {
  await opened.close().catch(() => {});
}

/** What the file is now: it may have changed since it was indexed. */
async function identify(file: SeriesFile, opened: InstanceFile, first: Buffer) {
  const reader = takeReader();
  try {
    let request = reader.begin(opened.size);
    while (request !== undefined) {
      const { position, length } = request;
      const { buffer, bufferOffset } = reader;
      if (position + length <= first.length)
        request = reader.advance(first.copy(buffer, bufferOffset, position, position + length));
      else
        request = reader.advance(await readAll(opened, buffer.subarray(bufferOffset, bufferOffset + length), position));
    }
    if (
      opened.size !== file.size ||
      reader.outcome !== 'instance' ||
      reader.SOPInstanceUID !== file.SOPInstanceUID ||
      reader.SOPClassUID !== file.SOPClassUID
    )
      throw new Unsendable('failed', 'the file has changed since it was indexed');
    if (file.SOPClassUID === '') throw new Unsendable('failed', 'the file has no SOPClassUID');
    const transferSyntax = reader.actualSyntax;
    if (transferSyntax === undefined)
      throw new Unsendable(
        'failed',
        'its data set is in no transfer syntax, or not in the compressed one that it declares',
      );
    const isCut = (reader.issues & Issue.Truncated) !== 0;
    return { position: reader.dataSetPosition, transferSyntax, isCut };
  } finally {
    giveBackReader(reader);
  }
}

/** The next piece is read while the peer takes the one before. A piece holds good until the next but one is asked for. */
async function* pieces(
  opened: InstanceFile,
  start: Buffer,
  from: number,
  ring: readonly Buffer[],
  padding: Buffer,
): AsyncIterable<Buffer> {
  const { size } = opened;
  let reads = 0;
  const read = async (position: number) => {
    const buffer = ring[reads++ % RING]!.subarray(0, Math.min(PIECE, size - position));
    const length = await readAll(opened, buffer, position);
    if (length < buffer.length) throw new Unsendable('failed', 'the file became shorter while it was read');
    return buffer;
  };
  let piece = start;
  let next: Promise<Buffer> | undefined;
  try {
    for (let position = from; position < size; position += piece.length) {
      next = read(position);
      // It is looked at when this piece is taken.
      next.catch(() => {});
      yield piece;
      piece = await next;
    }
    yield piece;
    yield padding;
  } finally {
    // Where nobody takes the rest: what is still being read would come into the buffer when another file has it.
    await next?.catch(() => {});
  }
}

async function readAll(opened: InstanceFile, buffer: Uint8Array, position: number): Promise<number> {
  for (let held = 0; ; ) {
    const rest = held === 0 ? buffer : buffer.subarray(held);
    const length = rest.length === 0 ? 0 : await calling(() => opened.read(rest, rest.length, position + held));
    if (length === 0) return held;
    held += length;
  }
}

async function calling<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const code = failureCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new Unsendable('missing', 'the file is gone');
    throw new Unsendable('failed', `the file cannot be read (${code})`);
  }
}
