// What a C-FIND asks for (PS3.4 C.4.1): checks its level, and makes a query of the index of its keys. The index may find
// more than fits (a wild card in a name, a range of times): attribute matching decides, in answer-find.ts.
// Beyond the standard's hierarchical search the unique keys of higher levels may be missing, be lists or have wild
// cards, and keys of lower levels may be given, since the index can tell: as relational queries are (C.4.1.3.2.1), but
// without their negotiation, which few clients do. Only IMAGE level needs a study or a series, whose files it names.
import { entryOfTag, isAmbiguous, isPrivate, vrOfTag } from '../dicom/dictionary.ts';
import { tagDigits } from '../dicom/tag-digits.ts';
import { type Key, matchingKind } from '../dimse/attribute-matching.ts';
import { type Identifier, type IdentifierElement, splitValues, text } from '../dimse/identifier.ts';
import { rangeOf } from '../dimse/identifier-moments.ts';
import { wildcardPattern } from '../dimse/identifier-wildcards.ts';
import { STATUS } from '../dimse/statuses.ts';
import { FindError, type InformationModel } from '../ports/scp.ts';
import { valuesPattern } from '../query/pattern/literals.ts';
import type { Pattern } from '../query/pattern/pattern.ts';
import { type Condition, conditionsCompiler, type Query } from '../query/query.ts';
import { parseTarget, privateTarget, type Target } from '../query/target.ts';
import {
  COUNTED,
  type FindLevel,
  isBelow,
  isOfSpeakerOnly,
  LEVELS,
  levelOf,
  OF_NO_FILE,
  TAG,
} from './find-attributes.ts';

export interface FindRequest {
  readonly level: FindLevel;
  /** What is asked for, in the VRs of the dictionary. */
  readonly asked: Identifier;
  /** Those of the keys that can be matched. */
  readonly keys: Identifier;
  /** Counted attributes that are asked for or matched. */
  readonly counted: ReadonlySet<number>;
  /** False where a key can be neither known nor matched. */
  readonly isFull: boolean;
  readonly query: Query;
  /** The place of an attribute in a row's further columns. */
  readonly columns: ReadonlyMap<number, number>;
}

/** Throws FindError. */
export async function readFindRequest(identifier: Identifier, model: InformationModel): Promise<FindRequest> {
  const level = levelAsked(identifier, model);
  const asked = new Map(Array.from(identifier, ([tag, element]) => [tag, inRightVr(tag, element)]));
  const targets = new Map<number, Target>();
  const keys = new Map<number, IdentifierElement>();
  const counted = new Set<number>();
  let isFull = true;
  for (const [tag, element] of asked) {
    if (NO_ATTRIBUTES.has(tag)) {
      if (UNMATCHED.has(tag) && asksFor(element)) isFull = false;
      continue;
    }
    const isCounted = COUNTED.has(tag);
    if (isCounted) counted.add(tag);
    else if (level !== 'IMAGE' || !OF_FILES.has(tag)) {
      const isUnknown = levelOf(tag) === 'IMAGE' || isOfSpeakerOnly(tag, level) || OF_NO_FILE.has(tag);
      if (isUnknown || !isKnownVr(element) || hasPrivateKeys(element)) {
        isFull = false;
        continue;
      }
      targets.set(tag, await targetOf(tag, asked));
    }
    if (isCreator(tag) || tag === TAG.TimezoneOffsetFromUTC || !asksFor(element)) continue;
    if (isCounted && tag !== TAG.ModalitiesInStudy) isFull = false;
    else keys.set(tag, element);
  }
  if (level === 'IMAGE' && !keys.has(TAG.StudyInstanceUID) && !keys.has(TAG.SeriesInstanceUID))
    throw new FindError(STATUS.doesNotMatchSOPClass, 'At IMAGE level a study or a series has to be named by UID');
  const query = await queryOf(level, keys, targets);
  const columns = new Map(targets);
  for (const keyword of belongings(level, counted))
    if (!columns.has(TAG[keyword])) columns.set(TAG[keyword], await parseTarget(keyword));
  return {
    level,
    asked,
    keys,
    counted,
    isFull,
    query: { ...query, columns: [...columns.values()] },
    columns: new Map(Array.from(columns.keys(), (tag, i) => [tag, i])),
  };
}

/** They say how the others are meant, or are the same in every answer. */
const NO_ATTRIBUTES: ReadonlySet<number> = new Set([
  TAG.QueryRetrieveLevel,
  TAG.SpecificCharacterSet,
  TAG.RetrieveAETitle,
  TAG.InstanceAvailability,
]);
/** Of these, attributes that a client may take for keys. */
const UNMATCHED: ReadonlySet<number> = new Set([TAG.RetrieveAETitle, TAG.InstanceAvailability]);
/** Known of each file. */
const OF_FILES: ReadonlySet<number> = new Set([TAG.SOPClassUID, TAG.SOPInstanceUID, TAG.InstanceNumber]);

function levelAsked(identifier: Identifier, model: InformationModel): FindLevel {
  const typed = text(identifier, 'QueryRetrieveLevel');
  const level = LEVELS.find((one) => one === typed);
  if (level === undefined)
    throw new FindError(STATUS.doesNotMatchSOPClass, 'QueryRetrieveLevel is not PATIENT, STUDY, SERIES or IMAGE');
  if (level === 'PATIENT' && model === 'study-root')
    throw new FindError(STATUS.doesNotMatchSOPClass, 'The Study Root model has no PATIENT level');
  return level;
}

/** Some clients write a VR of their own fancy; a sequence stays one. */
function inRightVr(tag: number, element: IdentifierElement): IdentifierElement {
  if ('items' in element) {
    const items = element.items.map((item) => new Map(Array.from(item, ([own, one]) => [own, inRightVr(own, one)])));
    return { vr: 'SQ', items };
  }
  const vr = isPrivate(tag) || isAmbiguous(tag) ? element.vr : vrOfTag(tag);
  if (vr === element.vr || vr === 'UN') return element;
  if (vr === 'SQ') return { vr, items: [] };
  return { vr, values: splitValues(element.values.join('\\'), vr) };
}

/** What has to be known of each series: what it is counted by, and what tells whether it was answered. */
function belongings(level: FindLevel, counted: ReadonlySet<number>) {
  const of = new Set(Array.from(counted, (tag) => COUNTED.get(tag)));
  return [
    'SeriesInstanceUID' as const,
    ...(level === 'STUDY' || of.has('STUDY') ? ['StudyInstanceUID' as const] : []),
    ...(level === 'PATIENT' || of.has('PATIENT') ? ['PatientID' as const, 'PatientName' as const] : []),
  ];
}

function isKnownVr({ vr }: IdentifierElement): boolean {
  return !/^(UN|O[BDFLVW])$/.test(vr);
}

/** In the items of a sequence private elements are kept without their block: they are neither matched nor answered. */
function hasPrivateKeys(element: IdentifierElement): boolean {
  if (!('items' in element)) return false;
  return element.items.some((item) => [...item].some(([tag, one]) => isPrivate(tag) || hasPrivateKeys(one)));
}

export function isCreator(tag: number): boolean {
  return isPrivate(tag) && (tag & 0xffff) < 0x1000;
}

function asksFor(element: IdentifierElement): boolean {
  if ('items' in element)
    return element.items.length > 0 && element.items.every((item) => [...item.values()].some(asksFor));
  return matchingKind(element) !== 'universal';
}

async function targetOf(tag: number, asked: Identifier): Promise<Target> {
  const key = tagDigits(tag);
  const creator = asked.get(creatorOf(tag));
  if (isPrivate(tag) && !isCreator(tag) && creator !== undefined && 'values' in creator) {
    const [name = ''] = creator.values;
    if (name !== '') return privateTarget(tag, name);
  }
  return parseTarget(`(${key.slice(0, 4)},${key.slice(4)})`);
}

/** Where the creator of a private tag's block stands (PS3.5 section 7.8.1). */
function creatorOf(tag: number): number {
  return ((tag & 0xffff0000) | ((tag >>> 8) & 0xff)) >>> 0;
}

/** Keys beside which the modality of a series tells whether its study may match: nothing else would be left of the search. */
const WHOLE_STUDY: ReadonlySet<number> = new Set([TAG.ModalitiesInStudy, TAG.StudyDate]);

/** The query without its columns: a superset of what matches. */
async function queryOf(level: FindLevel, keys: Identifier, targets: ReadonlyMap<number, Target>): Promise<Query> {
  const compileAny = await conditionsCompiler(true);
  // What is longer than a pattern may be is found by attribute matching alone.
  const compile = (source: string) => (source.length > MOST_SOURCE ? undefined : compileAny(source));
  let from: number | undefined;
  let to: number | undefined;
  const conditions: Condition[] = [];
  const add = (target: Target, pattern: Pattern | undefined) => {
    if (pattern !== undefined) conditions.push({ targets: [target], pattern, negate: false });
  };
  // Of a study that has several modalities other keys may be met by another series than that of the modality.
  const isByModality = [...keys.keys()].every((tag) => WHOLE_STUDY.has(tag));
  for (const [tag, key] of keys) {
    const target = targets.get(tag);
    if (tag === TAG.StudyDate && 'values' in key) ({ from, to } = dates(key.values));
    else if (tag === TAG.ModalitiesInStudy) {
      if ('values' in key && isByModality && !isBelow(level, 'STUDY'))
        add(await parseTarget('Modality'), textPattern(key, compile));
    } else if (target === undefined) continue;
    else if ('values' in key) add(target, isOneUid(tag, key) ? uidPattern(key) : textPattern(key, compile));
    else
      for (const [path, leaf] of leaves(target.name, key.items))
        add(await parseTarget(path), textPattern(leaf, compile));
  }
  return { from, to, conditions, columns: [] };
}

/** The days that a key of StudyDate asks for, at least. */
function dates(values: readonly string[]): { from: number | undefined; to: number | undefined } {
  const ranges = values.filter((value) => value !== '').map(rangeOf);
  const ends = (end: 'from' | 'to') => ranges.map((range) => range?.[end]);
  const bound = (all: readonly (number | undefined)[], of: (...numbers: number[]) => number) =>
    all.every((one) => one !== undefined) ? of(...(all as number[])) : undefined;
  return { from: bound(ends('from'), Math.min), to: bound(ends('to'), Math.max) };
}

/** The nested keys that ask for something; none where several items are given, any of which may match. */
function* leaves(path: string, items: readonly Identifier[]): Iterable<[path: string, key: Key]> {
  if (items.length !== 1) return;
  for (const [tag, key] of items[0]!) {
    if (isPrivate(tag)) continue;
    const inside = `${path}.(${tagDigits(tag).slice(0, 4)},${tagDigits(tag).slice(4)})`;
    if ('items' in key) yield* leaves(inside, key.items);
    else if (asksFor(key) && !/^(ST|LT|UT|UR)$/.test(key.vr)) yield [inside, key];
  }
}

const MOST_SOURCE = 2000;
const WITH_WILDCARDS = /^(AE|CS|LO|LT|PN|SH|ST|UC|UR|UT)$/;
const WITH_ONE_FORM = /^(UI|IS|DS|AS|S[HLSV]|U[LSV])$/;

function isOneUid(tag: number, { vr }: Key): boolean {
  return vr === 'UI' && entryOfTag(tag)?.vm === '1';
}

function uidPattern({ values }: Key): Pattern {
  return valuesPattern(values.filter((value) => value !== ''));
}

/** A pattern that every text has in which a value matches the key; undefined where only attribute matching can tell. */
function textPattern({ vr, values }: Key, compile: (source: string) => Pattern | undefined): Pattern | undefined {
  const wanted = values.filter((value) => value !== '');
  if (WITH_WILDCARDS.test(vr)) return compile(anyOf(wanted.map((value) => wildcardPattern(value, vr))));
  const digits = wanted.map((value) => /^(\d{4})\.?(\d{2})\.?(\d{2})$/.exec(value));
  if (vr === 'DA' && digits.every((one) => one !== null))
    return compile(whole(digits.map(([, year, month, day]) => `${year}\\.?${month}\\.?${day}`)));
  if (!WITH_ONE_FORM.test(vr)) return undefined;
  return compile(whole(wanted.map((value) => value.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))));
}

function whole(sources: readonly string[]): string {
  return `(?:\\A|\\\\) *${anyOf(sources)} *(?:\\\\|\\Z)`;
}

function anyOf(sources: readonly string[]): string {
  return sources.length === 1 ? sources[0]! : `(?:${sources.join('|')})`;
}
