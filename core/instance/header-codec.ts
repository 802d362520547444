// A full header as text: how it travels from the reader to the index, and waits there to be published. It is not
// compressed here: headers compress far better, and more cheaply, many together.
import type { HeaderElement } from '../dicom/header-values.ts';

/** Encodes the elements of a header: a flat JSON array of key, VR and text in turn. */
export function encodeHeader(elements: readonly HeaderElement[]): string {
  const flat: string[] = [];
  for (const { key, vr, text } of elements) flat.push(key, vr, text);
  return JSON.stringify(flat);
}

/** Decodes what `encodeHeader` made. */
export function decodeHeader(encoded: string): HeaderElement[] {
  const flat = JSON.parse(encoded) as string[];
  const elements: HeaderElement[] = [];
  for (let i = 0; i < flat.length; i += 3) elements.push({ key: flat[i]!, vr: flat[i + 1]!, text: flat[i + 2]! });
  return elements;
}
