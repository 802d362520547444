// Attribute matching (PS3.4 C.2.2.2): does what is stored match the keys of a C-FIND? Pure functions of text. Not
// offered is what has to be negotiated: fuzzy matching of names, combined date and time matching, empty value matching.
// Each key is matched by itself: a StudyDate and a StudyTime range are two conditions, not one period.
import { type Identifier, type IdentifierElement, SPECIFIC_CHARACTER_SET, trimValue } from './identifier.ts';
import { isInRange, momentRange } from './identifier-moments.ts';
import { fits } from './identifier-wildcards.ts';

/** Kinds of matching: PS3.4 C.2.2.2.1 to C.2.2.2.5. Of sequences, see `matchesIdentifier`. */
export type MatchingKind = 'single' | 'list' | 'universal' | 'wildcard' | 'range';

export interface Key {
  readonly vr: string;
  readonly values: readonly string[];
}

/** PS3.4 C.2.2.2.4 excludes dates, times, UIDs, and all kinds of numbers. */
const WITH_WILDCARDS = new Set(['AE', 'CS', 'LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UR', 'UT']);
const WITH_RANGES = new Set(['DA', 'TM', 'DT']);

/** They say how the others are meant, or what is searched; they are never matched (PS3.4 C.2.2.2, C.4.1.1.3). */
const NO_KEYS = new Set([
  SPECIFIC_CHARACTER_SET,
  0x00080052, // QueryRetrieveLevel
  0x00080201, // TimezoneOffsetFromUTC
]);

/**
 * What a key asks for. The standard has lists for UIDs only; many clients send them for other attributes, such as
 * ModalitiesInStudy, and mean the same: one of these. A lone `*` is universal in every VR.
 */
export function matchingKind({ vr, values }: Key): MatchingKind {
  const wanted = values.filter((value) => value !== '');
  if (wanted.length === 0 || wanted.some((value) => /^\*+$/.test(value))) return 'universal';
  if (wanted.length > 1) return 'list';
  if (WITH_WILDCARDS.has(vr) && /[*?]/.test(wanted[0]!)) return 'wildcard';
  const range = WITH_RANGES.has(vr) ? momentRange(trimValue(wanted[0]!, vr), vr) : undefined;
  return range !== undefined && range.from !== range.to ? 'range' : 'single';
}

/** Does one of the stored values match the key? Without any, only universal matching does. */
export function matches(key: Key, stored: readonly string[]): boolean {
  if (matchingKind(key) === 'universal') return true;
  const { vr } = key;
  const present = stored.map((value) => trimValue(value, vr)).filter((value) => value !== '');
  return key.values.some((value) => value !== '' && present.some((one) => matchesOne(trimValue(value, vr), one, vr)));
}

/**
 * IS and DS are compared as they are written. A time or date-time key of less than full precision matches all that it
 * holds: `10` is from 10:00:00 to 10:59:59.999999.
 */
function matchesOne(key: string, stored: string, vr: string): boolean {
  if (WITH_WILDCARDS.has(vr)) return fits(key, stored, vr);
  const range = WITH_RANGES.has(vr) ? momentRange(key, vr) : undefined;
  return range === undefined ? key === stored : isInRange(stored, vr, range);
}

/** Do the attributes of a data set match every key? */
export function matchesIdentifier(keys: Identifier, stored: Identifier): boolean {
  return [...keys].every(([tag, key]) => NO_KEYS.has(tag) || matchesElement(key, stored.get(tag)));
}

/**
 * Sequence matching (PS3.4 C.2.2.2.6): one stored item matches all keys of the key's item. A sequence without items, or
 * whose item has no keys that ask for something, matches everything, also where nothing is stored.
 */
function matchesElement(key: IdentifierElement, stored: IdentifierElement | undefined): boolean {
  if (!('items' in key)) return matches(key, stored !== undefined && 'values' in stored ? stored.values : []);
  const items = stored !== undefined && 'items' in stored ? stored.items : [];
  const wanted = key.items.filter((item) => !matchesIdentifier(item, new Map()));
  if (wanted.length < key.items.length || wanted.length === 0) return true;
  return wanted.some((item) => items.some((one) => matchesIdentifier(item, one)));
}
