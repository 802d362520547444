// An element of a header as it is kept.

/**
 * One element of a full header. `key` is the tag as `GGGGEEEE`, or for a private element with a known creator
 * `GGGGxxEE:CREATOR`, so that it is the same whatever block was reserved (PS3.5 section 7.8.1). `text` is the value;
 * a sequence is a JSON array of its items, each an object from key to text or array; its VR is SQ, also where the file
 * says UN. Text that starts with NUL is not a value but a note about one, see `kept-text.ts`.
 */
export interface HeaderElement {
  readonly key: string;
  readonly vr: string;
  readonly text: string;
}
