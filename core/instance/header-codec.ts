// A full header as text: how it travels from the reader to the index, and waits there to be published. It is not
// compressed here: headers compress far better, and more cheaply, many together.
import type { HeaderElement } from '../dicom/header-element.ts';

/** A header as a flat list: key, VR and text of each element in turn. */
export type FlatHeader = readonly string[];

export function flatHeader(elements: readonly HeaderElement[]): FlatHeader {
  const flat: string[] = [];
  for (const { key, vr, text } of elements) flat.push(key, vr, text);
  return flat;
}

/** Encodes the elements of a header as JSON of its flat form, which holds no line end. */
export function encodeHeader(elements: readonly HeaderElement[]): string {
  return JSON.stringify(flatHeader(elements));
}

/** Decodes what `encodeHeader` made. */
export function decodeHeader(encoded: string): FlatHeader {
  return JSON.parse(encoded) as FlatHeader;
}

/** The elements of a flat header. */
export function headerElements(flat: FlatHeader): HeaderElement[] {
  return Array.from({ length: flat.length / 3 }, (_, i) => ({
    key: flat[3 * i]!,
    vr: flat[3 * i + 1]!,
    text: flat[3 * i + 2]!,
  }));
}
