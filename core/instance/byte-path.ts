// Paths inside an archive. A file system's names are bytes, not text: here each byte is one character (latin1), so
// that a name which is not UTF-8 survives, and comparing strings compares bytes. Only what is shown to a person is
// turned into text (`shownPath`). A path is relative to the archive's root, components joined by `/`; '' is the root.
import { Buffer } from 'node:buffer';

/** Joins a folder's path and a name. */
export function joinPath(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

/** Order of paths: byte by byte, component by component (so that `a/z` comes before `a-b`). */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return (x === 0x2f ? -1 : x) - (y === 0x2f ? -1 : y);
  }
  return a.length - b.length;
}

/** The path as a person reads it: UTF-8 where it is UTF-8, else every other byte as `\xNN`. */
export function shownPath(path: string): string {
  if (/^[\x20-\x7e]*$/.test(path)) return path;
  const bytes = Buffer.from(path, 'latin1');
  const text = bytes.toString('utf8');
  const faithful = Buffer.from(text, 'utf8').equals(bytes);
  if (!faithful) return path.replace(/[^\x20-\x7e]/g, hexadecimal);
  return text.replace(NOT_SHOWN, (character) =>
    Buffer.from(character, 'utf8').toString('latin1').replace(/./gs, hexadecimal),
  );
}

/** Control characters, line ends, and what changes the direction of text. */
const NOT_SHOWN = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

function hexadecimal(byte: string): string {
  return `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** The opposite way: text that a person typed, as bytes. */
export function typedPath(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
