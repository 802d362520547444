// The AE title as settings write it (PS3.5 table 6.2-1, PS3.8 table 9-11): what a peer that is configured with another one
// could never call itself is refused.

/** Of an expression for the whole text: spaces around a title do not count, and it is not of spaces alone. */
export const AE_TITLE_PATTERN = '^(?! *$)[\\x20-\\x5b\\x5d-\\x7e]{1,16}$';
export const AE_TITLE_RULE = 'an AE title has 1 to 16 ASCII characters, no backslash';

const AE_TITLE = new RegExp(AE_TITLE_PATTERN);

export function isAETitle(text: string): boolean {
  return AE_TITLE.test(text);
}
