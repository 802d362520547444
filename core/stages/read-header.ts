// Reads one file's header as a task: opens it, feeds the reader with what it asks for, closes it.

import type { HeaderElement } from '../dicom/header-element.ts';
import { HeaderReader } from '../dicom/header-reader.ts';
import { headerElements } from '../dicom/header-values.ts';
import { comparedTags } from '../instance/compared-tags.ts';
import type { FileStatus, FileTask } from '../ports/archive-files.ts';

/** Readers are kept for the next file: each owns buffers. */
const idleReaders: HeaderReader[] = [];
let tags: number[] | undefined;
/** A reader for one file; `giveBackReader` lets the next file have it. */
export function takeReader(): HeaderReader {
  tags ??= comparedTags();
  return idleReaders.pop() ?? new HeaderReader(tags);
}

export function giveBackReader(reader: HeaderReader): void {
  idleReaders.push(reader);
}

/** A full header, and the bits of `Issue` that reading it showed. */
export interface FullHeader {
  readonly elements: readonly HeaderElement[];
  readonly issues: number;
}

/** Reads the full header of one file, for a series whose speaker's header is not at hand. */
export function* readHeader(path: string): FileTask<FullHeader | undefined> {
  const reader = takeReader();
  try {
    const status = yield* readOne(path, reader, () => true);
    if (status === undefined || reader.outcome !== 'instance') return undefined;
    const elements = headerElements(reader);
    return { elements, issues: reader.issues };
  } finally {
    giveBackReader(reader);
  }
}

/** Opens a file and feeds it to the reader. Returns its status, or undefined where it is no plain file. */
export function* readOne(
  path: string,
  reader: HeaderReader,
  wantsFull: (reader: HeaderReader) => boolean,
): FileTask<FileStatus | undefined> {
  const file = (yield { call: 'open', path }) as number;
  try {
    const status = (yield { call: 'fstat', file }) as FileStatus;
    if (status.type !== 'file') return undefined;
    let request = reader.begin(status.size);
    let full = false;
    for (;;) {
      while (request !== undefined) {
        const { buffer, bufferOffset: offset } = reader;
        const { length, position } = request;
        request = reader.advance((yield { call: 'read', file, buffer, offset, length, position }) as number);
      }
      if (full || reader.outcome !== 'instance' || !wantsFull(reader)) return status;
      full = true;
      request = reader.beginFull();
    }
  } finally {
    yield { call: 'close', file };
  }
}
