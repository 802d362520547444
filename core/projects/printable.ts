// Text of a PACS as it is shown to people.

/** Values of a PACS can hold what would move the cursor of a terminal, begin a line, or turn one around. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, ' ');
}
