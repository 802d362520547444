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

/** Is it the start of a text only? */
export function isCut(kept: string): boolean {
  return kept.startsWith('\0cut ');
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

/** Characters kept of a private creator: LO has 64, and each of its elements repeats it. */
const MAX_CREATOR = 64;

/** The name by which the elements of a private block are kept, from its creator's kept text; '' where that is no name. */
export function creatorName(kept: string): string {
  const name = matchText(kept).slice(0, MAX_CREATOR).trim();
  return /[\0-\x1f]/.test(name) ? '' : name;
}
