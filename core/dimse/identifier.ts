// The data sets that C-FIND, C-MOVE and C-GET exchange ("identifiers", PS3.4 C.4.1.1.3) as values, by keyword or tag.
// Their bytes are in identifier-decoding.ts and identifier-encoding.ts, what a key matches in attribute-matching.ts.
import { trimPadding } from '../dicom/character-sets.ts';
import { tagOfKeyword, vrOfTag } from '../dicom/dictionary.ts';
import { valueRepresentation } from '../dicom/value-representations.ts';

/**
 * An attribute that is no sequence. Numbers are decimal text, an AT is eight hexadecimal digits. No values: it has zero
 * length, or is bulk (OB, OW, UN ...), which is never a key.
 */
export interface IdentifierValues {
  readonly vr: string;
  readonly values: readonly string[];
}

export interface IdentifierSequence {
  readonly vr: 'SQ';
  readonly items: readonly Identifier[];
}

export type IdentifierElement = IdentifierValues | IdentifierSequence;

/** By tag: group * 65536 + element. */
export type Identifier = ReadonlyMap<number, IdentifierElement>;

/** Bytes that are no identifier, or values that cannot be written as one. The message holds no value of it. */
export class IdentifierError extends Error {}

export const SPECIFIC_CHARACTER_SET = 0x00080005;
/** Sequences in sequences, at most. */
export const MOST_DEPTH = 16;

/** An identifier by keyword: a text holds several values if they are separated by backslashes. */
export interface IdentifierText {
  readonly [keyword: string]: string | readonly string[] | readonly IdentifierText[];
}

/** `identifierOf({ PatientName: 'Doe*', StudyDate: '' })`. Throws IdentifierError for what PS3.6 does not have. */
export function identifierOf(text: IdentifierText): Identifier {
  const identifier = new Map<number, IdentifierElement>();
  for (const [keyword, value] of Object.entries(text)) {
    const tag = tagOfKeyword(keyword);
    if (tag === undefined) throw new IdentifierError(`there is no attribute ${keyword}`);
    identifier.set(tag, elementOf(keyword, vrOfTag(tag), value));
  }
  return identifier;
}

function elementOf(keyword: string, vr: string, value: IdentifierText[string]): IdentifierElement {
  if (typeof value === 'string' && vr !== 'SQ') return { vr, values: splitValues(value, vr) };
  const values: string[] = [];
  const items: Identifier[] = [];
  for (const one of value) {
    if (typeof one === 'string') values.push(one);
    else items.push(identifierOf(one));
  }
  if (vr === 'SQ' ? values.length > 0 : items.length > 0)
    throw new IdentifierError(`${keyword} has ${vr === 'SQ' ? 'items' : 'values'}, nothing else`);
  return vr === 'SQ' ? { vr, items } : { vr, values };
}

/** The values of an attribute; none if it is absent, has zero length or is a sequence. */
export function values(identifier: Identifier, keyword: string): readonly string[] {
  const element = identifier.get(tagOfKeyword(keyword) ?? -1);
  return element === undefined || 'items' in element ? [] : element.values;
}

/** The first value of an attribute, or ''. */
export function text(identifier: Identifier, keyword: string): string {
  return values(identifier, keyword)[0] ?? '';
}

/** The text of a value field as values: without padding, split where the VR has several. */
export function splitValues(field: string, vr: string): string[] {
  const parts = valueRepresentation(vr)?.multiValued === false ? [field] : field.split('\\');
  const trimmed = parts.map((part) => trimValue(part, vr));
  return trimmed.length === 1 && trimmed[0] === '' ? [] : trimmed;
}

/** Without what PS3.5 section 6.2 has as padding: blanks and NULs at the end, and blanks in front in most VRs. */
export function trimValue(value: string, vr: string): string {
  const trimmed = trimPadding(value);
  if (valueRepresentation(vr)?.leadingSpacesCount !== false) return trimmed;
  let start = 0;
  while (trimmed.charCodeAt(start) === 0x20) start++;
  return trimmed.slice(start);
}
