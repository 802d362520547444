// How a full header notes what it does not keep: a text that starts with NUL is a note about a value, not the value.
// No DICOM text starts so: leading NULs are cut when a value is read.

/** Stands for a binary or bulk value of that many bytes. */
export function binaryNote(length: number): string {
  return `\0bytes ${length}`;
}

/** Stands for a text of `length` bytes of which only the start is kept. */
export function cutNote(length: number, start: string): string {
  return `\0cut ${length}:${start}`;
}

/** What a note says, for a person; undefined for a value that is kept whole. */
export function noteText(kept: string): string | undefined {
  const [, binary] = /^\0bytes (\d+)$/.exec(kept) ?? [];
  if (binary !== undefined) return `${binary} bytes, which are not kept`;
  const [, whole] = /^\0cut (\d+):/.exec(kept) ?? [];
  return whole === undefined ? undefined : `the beginning of ${whole} bytes`;
}

/** The text that patterns and columns see of a kept value: '' for a binary one, the start of one that was cut. */
export function matchText(kept: string): string {
  if (kept.charCodeAt(0) !== 0) return kept;
  return kept.startsWith('\0cut ') ? kept.slice(kept.indexOf(':') + 1) : '';
}
