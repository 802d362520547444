// A full header as the fields `header` and `longKeys` of a series' document, and the text of a target in a full header:
// which of the two ways answers for an element is decided here alone.
import { Buffer } from 'node:buffer';
import { matchText } from '../../core/dicom/kept-text.ts';
import type { FlatHeader } from '../../core/instance/header-codec.ts';
import { type Target, targetText } from '../../core/query/target.ts';

/** Bytes of a key and its value that are searched as one term; Lucene's limit is 32,766. */
const LONGEST_TERM = 32_000;

/** Searchable elements, and the keys of those that have to be looked at in the full header. */
export interface HeaderFields {
  readonly header: Readonly<Record<string, string>>;
  readonly longKeys: readonly string[];
}

export function headerFields(flat: FlatHeader): HeaderFields {
  const header: Record<string, string> = {};
  const longKeys = new Set<string>();
  for (let at = 0; at < flat.length; at += 3) {
    const key = flat[at]!;
    const kept = flat[at + 2]!;
    if (kept === '') continue;
    // The last one speaks where a key comes twice.
    delete header[key];
    longKeys.delete(key);
    if (kept.charCodeAt(0) !== 0) {
      const isShort = (key.length + kept.length) * 3 < LONGEST_TERM || Buffer.byteLength(key + kept) < LONGEST_TERM;
      if (isShort && isSearchableKey(key)) header[key] = kept.toWellFormed();
      else longKeys.add(key);
    } else if (matchText(kept) !== '') longKeys.add(key);
  }
  return { header, longKeys: [...longKeys].map((key) => key.toWellFormed()) };
}

/** Can an element be searched under its key? A private creator may hold anything; a star is a wildcard to a query. */
export function isSearchableKey(key: string): boolean {
  return /^[0-9A-F]{8}$/.test(key) || (!/[\0*.]/.test(key) && key.isWellFormed());
}

/** The text of a target outside the table in a full header: what patterns and columns see. */
export function headerText(flat: FlatHeader, { path }: Target): string {
  const { key, block } = path[0]!;
  const creator = block === undefined ? '' : matchText(keptText(flat, block.creatorKey)).trim();
  const byCreator = creator === '' ? '' : keptText(flat, block!.prefix + creator);
  return targetText(byCreator === '' ? keptText(flat, key) : byCreator, path);
}

function keptText(flat: FlatHeader, key: string): string {
  let kept = '';
  for (let at = 0; at < flat.length; at += 3) if (flat[at] === key && flat[at + 2] !== '') kept = flat[at + 2]!;
  // A text that was cut between the halves of a character has a half of it; searchable fields hold no such halves.
  return kept.toWellFormed();
}
