// A tag as its digits: how elements are named in headers that are kept, and in the text of the dictionary.

/** `GGGGEEEE`, upper case. @param tag group * 65536 + element */
export function tagDigits(tag: number): string {
  return tag.toString(16).toUpperCase().padStart(8, '0');
}
