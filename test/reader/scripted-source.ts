// Reads a byte array as a file would be read, and keeps a record of what was asked for. Every request is checked:
// within the file, making progress, and nothing twice while identity is read.
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import type { HeaderElement } from '../../core/dicom/header-element.ts';
import { HeaderReader, type ReadRequest } from '../../core/dicom/header-reader.ts';
import { headerElements } from '../../core/dicom/header-values.ts';
import { type IssueName, issueNames } from '../../core/dicom/issues.ts';
import { comparedTags } from '../../core/instance/compared-tags.ts';

export interface Reading {
  readonly outcome: string;
  readonly issues: readonly IssueName[];
  readonly SOPInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SOPClassUID: string;
  readonly TransferSyntaxUID: string;
  readonly digest: number;
  /** Requests for identity, then those for the full header. */
  readonly identityReads: readonly ReadRequest[];
  readonly fullReads: readonly ReadRequest[];
  /** Undefined where the file is no instance, or only identity was asked for. */
  readonly elements: readonly HeaderElement[] | undefined;
}

export interface SourceOptions {
  /** Identity only. */
  readonly identityOnly?: boolean;
  /** Each read gives at most so many bytes. */
  readonly atMost?: number;
  /** The file is thought to have this size. */
  readonly listedSize?: number;
  /** The reader to use; else a new one. */
  readonly reader?: HeaderReader;
}

let tags: number[] | undefined;

export function newReader(): HeaderReader {
  return new HeaderReader((tags ??= comparedTags()));
}

/** Reads `file` and returns what came of it. */
export function readBytes(file: Buffer, options: SourceOptions = {}): Reading {
  const reader = options.reader ?? newReader();
  const size = options.listedSize ?? file.length;
  const feed = (first: ReadRequest | undefined, isIdentity: boolean): ReadRequest[] => {
    const requests: ReadRequest[] = [];
    let end = 0;
    for (let request = first; request !== undefined; ) {
      const { position, length } = request;
      assert.ok(length > 0, 'a request for nothing');
      assert.ok(position >= 0 && position + length <= size, 'a request outside of the file');
      if (isIdentity) assert.ok(position >= end, `bytes at ${position} are asked for twice`);
      assert.ok(requests.push(request) < 5000, 'no end of requests');
      const given = Math.max(0, Math.min(length, options.atMost ?? length, file.length - position));
      end = position + given;
      assert.ok(reader.bufferOffset + length <= reader.buffer.length, 'a buffer that is too small');
      file.copy(reader.buffer, reader.bufferOffset, position, position + given);
      request = reader.advance(given);
    }
    return requests;
  };
  const identityReads = feed(reader.begin(size), true);
  const { outcome, SOPInstanceUID, SeriesInstanceUID, SOPClassUID, TransferSyntaxUID, digest } = reader;
  let fullReads: ReadRequest[] = [];
  let elements: HeaderElement[] | undefined;
  if (outcome === 'instance' && options.identityOnly !== true) {
    fullReads = feed(reader.beginFull(), false);
    elements = headerElements(reader);
    assert.deepEqual(
      [reader.SOPInstanceUID, reader.SeriesInstanceUID, reader.digest],
      [SOPInstanceUID, SeriesInstanceUID, digest],
      'identity changes while the full header is read',
    );
  }
  const issues = issueNames(reader.issues);
  return {
    ...{ outcome, issues, SOPInstanceUID, SeriesInstanceUID, SOPClassUID, TransferSyntaxUID, digest },
    ...{ identityReads, fullReads, elements },
  };
}

/** Elements as an object from key to text; sequences as their items. */
export function asObject({ elements }: Reading): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const { key, vr, text } of elements ?? []) {
    object[key] = vr === 'SQ' && text.startsWith('[') ? JSON.parse(text) : text;
  }
  return object;
}
