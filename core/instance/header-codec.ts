// A full header as bytes: how it travels from the reader to the index, and waits there to be published.
import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';
import type { HeaderElement } from '../dicom/header-values.ts';

const QUICK = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };

/** Encodes the elements of a header. */
export function encodeHeader(elements: readonly HeaderElement[]): Uint8Array {
  const flat: string[] = [];
  for (const { key, vr, text } of elements) flat.push(key, vr, text);
  // A copy that owns its memory, so that it can be handed from thread to thread.
  return Uint8Array.from(zlib.zstdCompressSync(Buffer.from(JSON.stringify(flat), 'utf8'), QUICK));
}

/** Decodes what `encodeHeader` made. */
export function decodeHeader(bytes: Uint8Array): HeaderElement[] {
  const flat = JSON.parse(zlib.zstdDecompressSync(bytes).toString('utf8')) as string[];
  const elements: HeaderElement[] = [];
  for (let i = 0; i < flat.length; i += 3) elements.push({ key: flat[i]!, vr: flat[i + 1]!, text: flat[i + 2]! });
  return elements;
}
