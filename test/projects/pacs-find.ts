// C-FIND as a scripted PACS answers it (PS3.4 C.4.1, Study Root), and what of its content a retrieval names.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Association } from '../../adapters/dimse/association.ts';
import type { Asked, FinalAnswer } from '../../adapters/dimse/identifier-requests.ts';
import { tagOfKeyword, vrOfTag } from '../../core/dicom/dictionary.ts';
import { matchesIdentifier } from '../../core/dimse/attribute-matching.ts';
import { responseTo, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { type Identifier, type IdentifierElement, text, values } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { FindError } from '../../core/ports/scp.ts';
import type { PacsContent, PacsInstance } from './pacs-content.ts';
import { happens, type Level, type PacsFaults } from './pacs-faults.ts';

/** Statuses of PS3.4 C.4.1.1.4. */
const SUCCESS = 0x0000;
const CANCELLED = 0xfe00;
const PENDING = 0xff00;
const IDENTIFIER_DOES_NOT_MATCH = 0xa900;

/** Levels and their unique keys (PS3.4 C.6.2.1). */
const UNIQUE_KEYS: Readonly<Record<Level, string>> = {
  STUDY: 'StudyInstanceUID',
  SERIES: 'SeriesInstanceUID',
  IMAGE: 'SOPInstanceUID',
};

const ACCESSION_NUMBER = tagOfKeyword('AccessionNumber')!;
const PATIENT_ID = tagOfKeyword('PatientID')!;

/** The level of a request. Throws FindError. */
export function levelOf(identifier: Identifier): Level {
  const [level = ''] = values(identifier, 'QueryRetrieveLevel');
  if (Object.hasOwn(UNIQUE_KEYS, level)) return level as Level;
  throw new FindError(IDENTIFIER_DOES_NOT_MATCH, 'QueryRetrieveLevel is not STUDY, SERIES or IMAGE');
}

/** The instances that a C-MOVE or C-GET names. Throws FindError. */
export function namedInstances(content: PacsContent, identifier: Identifier): PacsInstance[] {
  const level = levelOf(identifier);
  if (values(identifier, UNIQUE_KEYS[level]).length === 0)
    throw new FindError(IDENTIFIER_DOES_NOT_MATCH, `${UNIQUE_KEYS[level]} has no value`);
  const isNamed = among(identifier);
  return content.studies
    .filter((study) => isNamed('StudyInstanceUID', study.StudyInstanceUID))
    .flatMap((study) => study.series)
    .filter((series) => level === 'STUDY' || isNamed('SeriesInstanceUID', series.SeriesInstanceUID))
    .flatMap((series) => series.instances)
    .filter((instance) => level !== 'IMAGE' || isNamed('SOPInstanceUID', instance.SOPInstanceUID));
}

/** Answers a C-FIND. Rejects with FindError. */
export async function answerFind(
  { command, context, syntax, identifier: keys, signal }: Asked,
  association: Association,
  { content, faults }: { readonly content: PacsContent; readonly faults: PacsFaults },
): Promise<FinalAnswer> {
  const level = levelOf(keys);
  const { findFails, noImageLevel, slow, capsAnswers = {} } = faults;
  if (findFails !== undefined && (faults.findFailsTimes === undefined || happens(faults, 'findFailsTimes')))
    throw new FindError(findFails, 'The scripted PACS fails');
  if (level === 'IMAGE' && noImageLevel !== undefined) {
    if (noImageLevel === 'empty') return { command: { Status: SUCCESS } };
    throw new FindError(IDENTIFIER_DOES_NOT_MATCH, 'There is no IMAGE level here');
  }
  const pending = { ...responseTo(command), CommandDataSetType: WITH_DATA_SET, Status: PENDING };
  const most = (typeof capsAnswers === 'number' ? capsAnswers : capsAnswers[level]) ?? Number.POSITIVE_INFINITY;
  let answers = 0;
  for (const row of rows(content, level, keys, faults)) {
    if (signal.aborted || answers >= most) break;
    if (slow !== undefined) await sleep(slow);
    else if (answers > 0) association.gather();
    answers++;
    const answer = encodeIdentifier(asAsked(row, keys, faults), syntax);
    const isDamaged = faults.damages !== undefined && matches(text(row, 'AccessionNumber'), faults.damages);
    await association.send(context.id, pending, [isDamaged ? answer.subarray(0, -4) : answer]);
  }
  return { command: { Status: signal.aborted ? CANCELLED : SUCCESS } };
}

/** What is there of a level and matches. */
function* rows(content: PacsContent, level: Level, keys: Identifier, faults: PacsFaults): Generator<Identifier> {
  const { ignoresKeys = false, withoutNumbers = false, padsAndCase = false } = faults;
  const wanted = padsAndCase ? inUpperCase(keys) : keys;
  const isNamed = ignoresKeys ? () => true : among(keys);
  const merged = (parts: readonly { readonly attributes: Identifier; readonly counts?: Identifier }[]) =>
    new Map(parts.flatMap(({ attributes, counts }) => [...attributes, ...(withoutNumbers ? [] : (counts ?? []))]));
  const fits = (row: Identifier) => ignoresKeys || matchesIdentifier(wanted, padsAndCase ? inUpperCase(row) : row);
  for (const study of content.studies) {
    if (!isNamed('StudyInstanceUID', study.StudyInstanceUID)) continue;
    if (level === 'STUDY') {
      const row = merged([study]);
      if (fits(row)) yield row;
      continue;
    }
    for (const series of study.series) {
      if (!isNamed('SeriesInstanceUID', series.SeriesInstanceUID)) continue;
      const above = level === 'SERIES' ? [[study, series]] : series.instances.map((one) => [study, series, one]);
      for (const parts of above) {
        const row = merged(parts);
        if (fits(row)) yield row;
      }
    }
  }
}

/** Whether a UID is among those of its key, where that has any. */
function among(identifier: Identifier): (keyword: string, uid: string) => boolean {
  const lists = new Map(Object.values(UNIQUE_KEYS).map((keyword) => [keyword, new Set(values(identifier, keyword))]));
  return (keyword, uid) => {
    const list = lists.get(keyword)!;
    return list.size === 0 || list.has('*') || list.has(uid);
  };
}

/** The attributes that were asked for, those that are not there without a value. */
function asAsked(row: Identifier, keys: Identifier, { padsAndCase = false }: PacsFaults): Identifier {
  const level = keys.get(tagOfKeyword('QueryRetrieveLevel')!)!;
  const all = new Map([...row, [tagOfKeyword('QueryRetrieveLevel')!, level]]);
  return new Map(
    [...keys].map(([tag, key]) => {
      const found = all.get(tag) ?? ('items' in key ? { vr: 'SQ' as const, items: [] } : { vr: key.vr, values: [] });
      return [tag, padsAndCase ? padded(tag, found) : found];
    }),
  );
}

function padded(tag: number, element: IdentifierElement): IdentifierElement {
  if ('items' in element) return element;
  if (tag === ACCESSION_NUMBER) return changed(element, (value) => `${inOtherCase(value)}  `);
  if (tag === PATIENT_ID) return changed(element, (value) => `${value}   `);
  return vrOfTag(tag) === 'UI' ? changed(element, (value) => `${value}\0\0`) : element;
}

function changed(element: IdentifierElement, change: (value: string) => string): IdentifierElement {
  return 'items' in element ? element : { vr: element.vr, values: element.values.map(change) };
}

function inOtherCase(value: string): string {
  return [...value].map((one) => (one === one.toUpperCase() ? one.toLowerCase() : one.toUpperCase())).join('');
}

/** With an AccessionNumber to which case is nothing. */
function inUpperCase(identifier: Identifier): Identifier {
  const accession = identifier.get(ACCESSION_NUMBER);
  if (accession === undefined) return identifier;
  return new Map([...identifier, [ACCESSION_NUMBER, changed(accession, (value) => value.toUpperCase())]]);
}

function matches(value: string, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? value === wanted : wanted.test(value);
}
