// A full header as fields of a series' document, and back; and the text of a target in a full header. An element is kept
// once: by the field that is named like it, or as a value of `header`, `KEY=VR text`, or in `headerRest` where it cannot
// be searched; the keys of those of the rest that have a text are in `longKeys`.
import { Buffer } from 'node:buffer';
import { tagOfKeyword, vrOfTag } from '../../core/dicom/dictionary.ts';
import { creatorName, matchText } from '../../core/dicom/kept-text.ts';
import { tagDigits } from '../../core/dicom/tag-digits.ts';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { decodeHeader, type FlatHeader } from '../../core/instance/header-codec.ts';
import { type Target, targetText } from '../../core/query/target.ts';
import { packedText, unpackedText } from './packed-text.ts';

/** Bytes of a key and its value that are searched as one term; Lucene's limit is 32,766. */
const LONGEST_TERM = 32_000;

/** Attributes with a field of their own, which holds their text. */
const OWN_FIELDS = ['SeriesInstanceUID', ...INDEXED_ATTRIBUTES] as const;
type OwnField = (typeof OWN_FIELDS)[number];
/** The texts of a document's own fields. */
export type OwnTexts = Readonly<Record<OwnField, string>>;

/** The fields of all elements of a header but those of OWN_FIELDS. */
export const HEADER_FIELDS = ['header', 'headerRest'] as const;
/** The fields of which a whole header is made. */
export const WHOLE_HEADER_FIELDS = [...HEADER_FIELDS, ...OWN_FIELDS] as const;

/** Own fields by the key of their element. */
const OWN_BY_KEY: ReadonlyMap<string, { readonly field: OwnField; readonly vr: string }> = new Map(
  OWN_FIELDS.map((field) => {
    const tag = tagOfKeyword(field)!;
    return [tagDigits(tag), { field, vr: vrOfTag(tag) }];
  }),
);

export interface HeaderFields {
  readonly header: readonly string[];
  readonly longKeys: readonly string[];
  readonly headerRest: string | undefined;
}

/** The fields of a header. Halves of characters, which a cut text may end in, are not kept. */
export function headerFields(flat: FlatHeader, own: OwnTexts): HeaderFields {
  const { speaks, repeated } = speakingElements(flat);
  const header: string[] = [];
  const longKeys: string[] = [];
  const rest: string[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    const key = flat[at]!;
    const vr = flat[at + 1]!;
    const text = flat[at + 2]!;
    const named = OWN_BY_KEY.get(key);
    const isNamed = named?.vr === vr && own[named.field] === text.toWellFormed() && text !== '';
    if (isNamed && !repeated.has(key)) continue;
    const isSpeaking = speaks.get(key) === at;
    if (isSpeaking && isSearchable(key, vr, text)) {
      header.push(`${key}=${vr} ${text.toWellFormed()}`);
      continue;
    }
    rest.push(key, vr, text);
    if (isSpeaking && matchText(text) !== '') longKeys.push(key.toWellFormed());
  }
  return { header, longKeys, headerRest: rest.length === 0 ? undefined : packedText(JSON.stringify(rest)) };
}

/** Where a key comes twice, its last element with a value speaks. */
function speakingElements(flat: FlatHeader): { speaks: Map<string, number>; repeated: Set<string> } {
  const speaks = new Map<string, number>();
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (let at = 0; at < flat.length; at += 3) {
    const key = flat[at]!;
    if (flat[at + 2] !== '') speaks.set(key, at);
    if (seen.has(key)) repeated.add(key);
    seen.add(key);
  }
  return { speaks, repeated };
}

function isSearchable(key: string, vr: string, text: string): boolean {
  if (vr.length !== VR_LENGTH || !isSearchableKey(key) || text.charCodeAt(0) === 0) return false;
  return (key.length + text.length) * 3 < LONGEST_TERM || Buffer.byteLength(key + text) < LONGEST_TERM;
}

const VR_LENGTH = 2;

/** Can an element be searched under its key? A private creator may hold anything. */
export function isSearchableKey(key: string): boolean {
  return !/[\0=]/.test(key) && key.isWellFormed();
}

/** What all values of `header` that are elements of this key begin with. */
export function termPrefix(key: string): string {
  return `${key}=`;
}

/** The text of an element in a value of `header`; `key` is the element's. */
export function textOfTerm(term: string, key: string): string {
  return term.slice(key.length + 1 + VR_LENGTH + 1);
}

/** Values of fields of a document, as a search gives them. */
type FieldValues = { readonly [field in (typeof WHOLE_HEADER_FIELDS)[number]]?: readonly string[] };

/**
 * The full header of a document, in the order of keys: the whole one if `fields` holds the values of
 * WHOLE_HEADER_FIELDS; without those of OWN_FIELDS if it holds the values of HEADER_FIELDS. SeriesInstanceUID is among
 * a whole one's elements in any case.
 */
export function fullHeader(fields: FieldValues): string[] {
  const rest: FlatHeader = fields.headerRest === undefined ? [] : decodeHeader(unpackedText(fields.headerRest[0]!));
  const elements: [key: string, vr: string, text: string][] = [];
  for (let at = 0; at < rest.length; at += 3) elements.push([rest[at]!, rest[at + 1]!, rest[at + 2]!]);
  // Behind the rest: of two with the same key the one that can be searched speaks.
  for (const term of fields.header ?? []) {
    const end = term.indexOf('=');
    const key = term.slice(0, end);
    elements.push([key, term.slice(end + 1, end + 1 + VR_LENGTH), textOfTerm(term, key)]);
  }
  const present = new Set(elements.map(([key]) => key));
  for (const [key, { field, vr }] of OWN_BY_KEY) {
    const text = fields[field]?.[0] ?? '';
    if (text !== '' && !present.has(key)) elements.push([key, vr, text]);
  }
  return elements.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).flat();
}

/** The text of a target outside the table in a full header: what patterns and columns see. */
export function headerText(flat: FlatHeader, { path }: Target): string {
  const { key, block } = path[0]!;
  const creator = block === undefined ? '' : creatorName(keptText(flat, block.creatorKey));
  const byCreator = creator === '' ? '' : keptText(flat, block!.prefix + creator);
  return targetText(byCreator === '' ? keptText(flat, key) : byCreator, path);
}

export function keptText(flat: FlatHeader, key: string): string {
  let kept = '';
  for (let at = 0; at < flat.length; at += 3) if (flat[at] === key && flat[at + 2] !== '') kept = flat[at + 2]!;
  // A text that was cut between the halves of a character has a half of it; searchable fields hold no such halves.
  return kept.toWellFormed();
}
