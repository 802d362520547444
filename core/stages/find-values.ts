// What the index has of an attribute, as an element of an answer to a C-FIND: text into values, a sequence's JSON into
// items with the keys that were asked for. What cannot be written in its VR is left out: then it has zero length.
import { vrOfTag } from '../dicom/dictionary.ts';
import { matchText } from '../dicom/kept-text.ts';
import { tagDigits } from '../dicom/tag-digits.ts';
import { type NumberFormat, valueRepresentation } from '../dicom/value-representations.ts';
import { matchesIdentifier } from '../dimse/attribute-matching.ts';
import { type Identifier, type IdentifierElement, splitValues } from '../dimse/identifier.ts';

type JsonValue = (JsonItem | number)[];
type JsonItem = { readonly [key: string]: string | JsonValue };

/** The element that `text` is, in the VR and with the nested keys of `asked`. */
export function storedElement(asked: IdentifierElement, text: string): IdentifierElement {
  if ('items' in asked) return { vr: 'SQ', items: storedItems(asked.items, parsed(text)) };
  return { vr: asked.vr, values: storedValues(asked.vr, text) };
}

/** Nothing, in the VR of `asked`. */
export function noValue(asked: IdentifierElement): IdentifierElement {
  return 'items' in asked ? { vr: 'SQ', items: [] } : { vr: asked.vr, values: [] };
}

function parsed(text: string): JsonValue {
  if (!text.startsWith('[')) return [];
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return [];
  }
}

/**
 * The items that match one of those asked for, each with the keys of these; a sequence that is asked for without keys is
 * given with all that is kept of it (PS3.4 C.2.2.2.6).
 */
function storedItems(asked: readonly Identifier[], items: JsonValue): Identifier[] {
  const keys = new Map(asked.flatMap((item) => [...item]));
  // The number of items that were left out may stand at the end.
  const kept = items.filter((item) => typeof item === 'object' && item !== null);
  if (keys.size === 0) return kept.map((item) => wholeItem(item));
  return kept
    .map((item) => chosenItem(keys, item))
    .filter((item) => asked.some((wanted) => matchesIdentifier(wanted, item)));
}

function chosenItem(keys: Identifier, item: JsonItem): Identifier {
  return new Map(Array.from(keys, ([tag, asked]) => [tag, nestedElement(asked, item[tagDigits(tag)] ?? '')]));
}

function wholeItem(item: JsonItem): Identifier {
  const elements = new Map<number, IdentifierElement>();
  for (const [key, value] of Object.entries(item)) {
    // A private key is kept without the block that it stood in.
    if (!/^[\dA-F]{8}$/.test(key)) continue;
    const tag = Number.parseInt(key, 16);
    const vr = typeof value === 'string' ? vrOfTag(tag) : 'SQ';
    elements.set(tag, nestedElement(vr === 'SQ' ? { vr, items: [] } : { vr, values: [] }, value));
  }
  return elements;
}

function nestedElement(asked: IdentifierElement, value: string | JsonValue): IdentifierElement {
  if (!('items' in asked))
    return { vr: asked.vr, values: typeof value === 'string' ? storedValues(asked.vr, matchText(value)) : [] };
  return { vr: 'SQ', items: typeof value === 'string' ? [] : storedItems(asked.items, value) };
}

function storedValues(vr: string, text: string): readonly string[] {
  if (text === '') return NOTHING;
  const row = valueRepresentation(vr);
  if (row === undefined || row.kind === 'bytes' || row.kind === 'sequence') return NOTHING;
  if (row.kind === 'tag') {
    const tags = text.replaceAll(/[(),]/g, '').split('\\');
    return tags.every((tag) => /^[\dA-F]{8}$/i.test(tag)) ? tags : NOTHING;
  }
  // Only these may hold more than ASCII: a character in another's place would be no value of the file.
  if (row.kind !== 'text' && /[^\0-\x7f]/.test(text)) return NOTHING;
  const values = splitValues(text, vr);
  const { format } = row;
  return format === undefined || values.every((value) => isNumber(value, format)) ? values : NOTHING;
}

const NOTHING: readonly string[] = [];

function isNumber(text: string, format: NumberFormat): boolean {
  if (format.startsWith('f')) return text !== '' && (text === 'NaN' || !Number.isNaN(Number(text)));
  if (!/^[+-]?\d+$/.test(text)) return false;
  const bits = Number(format.slice(1));
  const value = BigInt(text);
  return value === (format.startsWith('i') ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
}
