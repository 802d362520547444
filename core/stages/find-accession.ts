// The stage that finds out what a PACS has for one accession number: its studies, their series, and every instance, level by
// level (PS3.4 C.4.1, Study Root). Nothing is believed that does not add up: an answer that is shorter than the level
// above announces, or as long as a limit would be, is asked for again in parts.
import { type Identifier, type IdentifierText, identifierOf, values } from '../dimse/identifier.ts';
import { statusText } from '../dimse/reasons.ts';
import { isTemporary } from '../dimse/statuses.ts';
import type { AccessionAnswer, Attributes, ExpectedInstance, FoundSeries, FoundStudy } from '../projects/expected.ts';

import type { AnswerCounts, QueryLevel } from './answer-counts.ts';

/** What the studies and series of a project are known by; each is asked for as a return key. */
export const STUDY_KEYS = [
  'StudyInstanceUID',
  'PatientID',
  'PatientName',
  'PatientSex',
  'StudyDate',
  'StudyDescription',
  'InstitutionName',
  'NumberOfStudyRelatedSeries',
  'NumberOfStudyRelatedInstances',
] as const;
export const SERIES_KEYS = [
  'SeriesInstanceUID',
  'SeriesNumber',
  'SeriesDescription',
  'Modality',
  'Manufacturer',
  'StationName',
  'BodyPartExamined',
  'ProtocolName',
  'NumberOfSeriesRelatedInstances',
] as const;
export const IMAGE_KEYS = ['SOPInstanceUID', 'SOPClassUID', 'InstanceNumber'] as const;

/** What answers of a level are known by, and what splits them. */
const NAMED_BY = {
  SERIES: { uid: 'SeriesInstanceUID', number: 'SeriesNumber' },
  IMAGE: { uid: 'SOPInstanceUID', number: 'InstanceNumber' },
} as const;
/** Asking part by part: so many numbers beyond the highest that was seen, and in all. */
const NUMBERS_BEYOND = 20;
const MOST_NUMBERS = 20_000;

/** All answers to one query, and its final status (PS3.4 C.4.1.1.4). */
export interface Answered {
  readonly answers: readonly Identifier[];
  readonly status: number;
}

/** Asks the PACS. Throws where it cannot be asked at all. */
export type Ask = (keys: Identifier) => Promise<Answered>;

/** The PACS ended a query with a status that is not Success. */
class QueryRefused extends Error {
  readonly mayPass: boolean;

  constructor(status: number) {
    super(`the PACS answered ${statusText(status)}`);
    this.mayPass = isTemporary(status);
  }
}

/** @param counts of the same PACS. Throws what `ask` throws; what the PACS refuses is an outcome. */
export async function findAccession(accession: string, ask: Ask, counts: AnswerCounts): Promise<AccessionAnswer> {
  try {
    return await new Finding(accession, ask, counts).run();
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    return { accession, outcome: 'failed', reason: error.message, studies: [] };
  }
}

class Finding {
  private readonly accession: string;
  private readonly ask: Ask;
  private readonly counts: AnswerCounts;
  /** Why there may be more than what was found; and what else does not add up. */
  private readonly shortfalls: string[] = [];
  private readonly notes: string[] = [];
  /** Answers of the study that is being asked for that may be cut off. */
  private readonly cut: { readonly level: QueryLevel; readonly answers: number; readonly isSaid: boolean }[] = [];

  constructor(accession: string, ask: Ask, counts: AnswerCounts) {
    this.accession = accession;
    this.ask = ask;
    this.counts = counts;
  }

  async run(): Promise<AccessionAnswer> {
    const { accession } = this;
    const keys = { AccessionNumber: accession, ...empty(STUDY_KEYS) };
    const { answers: all, isCut } = await this.answers('STUDY', keys);
    // One that does not understand the key answers with whatever it has.
    const alike = all.filter((answer) => isSame(one(answer, 'AccessionNumber'), accession));
    // Some fold case, whoever has other studies of the same letters.
    const exact = alike.filter((answer) => one(answer, 'AccessionNumber') === accession);
    const own = exact.length > 0 ? exact : alike;
    const spellings = [...new Set(own.map((answer) => one(answer, 'AccessionNumber')))];
    if (spellings.length > 1) {
      const reason = `the PACS has it as ${spellings.join(' and ')}: write the one that is meant`;
      return { accession, outcome: 'incomplete', reason, studies: [] };
    }
    if (exact.length === 0 && alike.length > 0) this.notes.push(`the PACS has it as ${spellings[0]}`);
    const byUid = distinct(own, 'StudyInstanceUID');
    if (byUid.size === 0) return this.noStudy(all, own, isCut);
    const nameless = own.filter((answer) => one(answer, 'StudyInstanceUID') === '').length;
    if (nameless > 0) this.shortfalls.push(`the PACS gives ${nameless} studies without StudyInstanceUID`);
    if (isCut) this.shortfalls.push(`the PACS broke off after ${all.length} studies`);
    else if (this.counts.mayBeLimit('STUDY', all.length)) {
      this.counts.doubt(accession, 'STUDY', all.length);
      this.shortfalls.push(`the PACS gives ${all.length} studies, as many as a limit of answers would leave`);
    }
    const studies: FoundStudy[] = [];
    for (const [StudyInstanceUID, answer] of byUid) {
      if (await this.isOfOnePatient(StudyInstanceUID, own)) studies.push(await this.study(StudyInstanceUID, answer));
      else
        this.shortfalls.push(
          `the PACS has the StudyInstanceUID ${StudyInstanceUID} for several patients, so that their series cannot be told apart: none is expected`,
        );
    }
    const outcome = this.shortfalls.length === 0 ? 'found' : 'incomplete';
    return { accession, outcome, reason: [...this.shortfalls, ...this.notes].join('; '), studies };
  }

  /** Not found is only what the PACS can be believed not to have. @param own those of the accession number, without a UID */
  private noStudy(all: readonly Identifier[], own: readonly Identifier[], isCut: boolean): AccessionAnswer {
    const { accession } = this;
    const failed = (reason: string): AccessionAnswer => ({ accession, outcome: 'failed', reason, studies: [] });
    const unnamed = all.filter((answer) => one(answer, 'AccessionNumber') === '').length;
    if (own.length > 0) return failed(`the PACS has ${own.length} studies of it, and gives no StudyInstanceUID`);
    if (unnamed > 0) return failed(`the PACS answered with ${unnamed} studies without an accession number`);
    if (isCut) return failed(`the PACS broke off after ${all.length} studies of other accession numbers`);
    if (this.counts.mayBeLimit('STUDY', all.length))
      return failed(
        `the PACS answered with ${all.length} studies of other accession numbers, as many as a limit of answers would leave`,
      );
    const reason = all.length === 0 ? '' : `the PACS answered with ${all.length} studies of other accession numbers`;
    return { accession, outcome: 'not-found', reason, studies: [] };
  }

  /**
   * Whether the PACS has nobody else's study with this UID: series are asked for by it. What cannot be asked like this is
   * believed. @param known answers to the query for the accession number
   */
  private async isOfOnePatient(StudyInstanceUID: string, known: readonly Identifier[]): Promise<boolean> {
    const keys = { StudyInstanceUID, PatientID: '', PatientName: '' };
    const { answers, status } = await this.ask(identifierOf({ QueryRetrieveLevel: 'STUDY', ...keys }));
    if (isTemporary(status)) throw new QueryRefused(status);
    const own = [...known, ...answers].filter((answer) => one(answer, 'StudyInstanceUID') === StudyInstanceUID);
    // Who has no PatientID is told apart by name.
    const [named, nameless] = [true, false].map((hasId) =>
      own.filter((answer) => (one(answer, 'PatientID') !== '') === hasId),
    ) as [Identifier[], Identifier[]];
    const ids = new Set(named.map((answer) => one(answer, 'PatientID')));
    const names = new Set(named.map(nameOf).filter((name) => name !== ''));
    const others = new Set(nameless.map(nameOf).filter((name) => name !== '' && !names.has(name)));
    return ids.size <= 1 && others.size <= (names.size === 0 ? 1 : 0);
  }

  private async study(StudyInstanceUID: string, answer: Identifier): Promise<FoundStudy> {
    const attributes = { ...attributesOf(answer, STUDY_KEYS), AccessionNumber: this.accession };
    const announced = count(answer, 'NumberOfStudyRelatedSeries');
    const keys = { StudyInstanceUID, ...empty(SERIES_KEYS) };
    const inStudy = (found: Identifier) => isUidOrNone(one(found, 'StudyInstanceUID'), StudyInstanceUID);
    const found = await this.whole('SERIES', keys, announced, inStudy);
    if (found.size === 0) this.shortfalls.push('the PACS lists no series of a study');
    else if (announced !== undefined && found.size < announced)
      this.shortfalls.push(`of ${announced} series of a study the PACS lists ${found.size}`);
    const series: FoundSeries[] = [];
    for (const [uid, each] of found) series.push(await this.series(StudyInstanceUID, uid, each));
    const instances = count(answer, 'NumberOfStudyRelatedInstances');
    const known = series.reduce((sum, each) => sum + Math.max(each.listed, each.announced ?? 0), 0);
    if (instances !== undefined && known < instances)
      this.shortfalls.push(`of ${instances} instances of a study the PACS lists ${known}`);
    // What adds up to what the study has was not cut off.
    const cut = this.cut.splice(0);
    if (instances === undefined || known < instances) for (const one of cut) this.doubt(one);
    return { StudyInstanceUID, attributes, series };
  }

  private async series(StudyInstanceUID: string, uid: string, answer: Identifier): Promise<FoundSeries> {
    const SeriesInstanceUID = uid;
    // A series without instances is none: then it is not counted.
    const announced = count(answer, 'NumberOfSeriesRelatedInstances') || undefined;
    const keys = { StudyInstanceUID, SeriesInstanceUID, ...empty(IMAGE_KEYS) };
    const inSeries = (found: Identifier) => isUidOrNone(one(found, 'SeriesInstanceUID'), SeriesInstanceUID);
    let found: ReadonlyMap<string, Identifier>;
    try {
      found = await this.whole('IMAGE', keys, announced, inSeries);
    } catch (error) {
      // Not every PACS knows this level.
      if (!(error instanceof QueryRefused) || error.mayPass) throw error;
      found = new Map();
    }
    const instances: ExpectedInstance[] = [...found].map(([SOPInstanceUID, each]) => ({
      SOPInstanceUID,
      SOPClassUID: one(each, 'SOPClassUID'),
    }));
    const isListed = instances.length > 0 && instances.length >= (announced ?? 0);
    if (!isListed && instances.length > 0)
      this.notes.push(`of ${announced} instances of a series the PACS lists ${instances.length}`);
    if (!isListed && announced === undefined)
      this.shortfalls.push('the PACS neither lists nor counts the instances of a series');
    const attributes = attributesOf(answer, SERIES_KEYS);
    const listed = instances.length;
    return { StudyInstanceUID, SeriesInstanceUID, attributes, announced, listed, isListed, instances };
  }

  /** All answers to a query, by UID. Where some may be missing, it is asked for them number by number. */
  private async whole(
    level: keyof typeof NAMED_BY,
    keys: IdentifierText,
    announced: number | undefined,
    belongs: (answer: Identifier) => boolean,
  ): Promise<Map<string, Identifier>> {
    const { uid, number } = NAMED_BY[level];
    const { answers: all, isCut } = await this.answers(level, keys);
    const found = distinct(all.filter(belongs), uid);
    const nameless = all.filter((answer) => belongs(answer) && one(answer, uid) === '').length;
    // Where it is said how many there are it is seen by that whether one is missing.
    if (nameless > 0 && announced === undefined)
      this.shortfalls.push(`the PACS gives ${nameless} answers at ${level} level without ${uid}`);
    const mayBeLimit = this.counts.mayBeLimit(level, all.length);
    const isShort = isCut || (announced === undefined ? mayBeLimit : found.size < announced);
    if (!isShort || found.size === 0) return found;
    let isSplit = true;
    let highest = 0;
    for (const answer of found.values()) highest = Math.max(highest, count(answer, number) ?? 0);
    for (let n = 0; n <= Math.min(highest + NUMBERS_BEYOND, MOST_NUMBERS); n++) {
      const { answers: some, isCut: isSomeCut } = await this.answers(level, { ...keys, [number]: String(n) });
      // One that does not match by number would give the same again and again.
      isSplit &&= !isSomeCut && some.every((answer) => count(answer, number) === n);
      if (some.some((answer) => count(answer, number) !== n)) break;
      for (const [key, answer] of distinct(some.filter(belongs), uid)) {
        if (!found.has(key)) highest = Math.max(highest, n);
        found.set(key, answer);
      }
      if (announced !== undefined && found.size >= announced) break;
    }
    if (announced !== undefined) return found;
    const numbers = [...found.values()].map((answer) => count(answer, number));
    // Those without a number cannot be asked for. Instances are numbered one after the other; series by whoever has made
    // them, 101, 201, 1001, and which is the last cannot be found out by asking.
    if (isSplit && level === 'IMAGE' && isWithoutGap(numbers)) return found;
    this.cut.push({ level, answers: all.length, isSaid: isCut });
    return found;
  }

  private doubt({ level, answers, isSaid }: (typeof this.cut)[number]): void {
    // What the PACS itself calls cut off nothing makes good.
    if (!isSaid) this.counts.doubt(this.accession, level, answers);
    const limit = isSaid ? 'and breaks off' : 'as many as a limit would leave';
    this.shortfalls.push(
      `the PACS gives ${answers} answers at ${level} level, ${limit}, and does not say how many there are`,
    );
  }

  /** Throws QueryRefused where there are none because of it. */
  private async answers(
    level: QueryLevel,
    keys: IdentifierText,
  ): Promise<{ answers: readonly Identifier[]; isCut: boolean }> {
    const { answers, status } = await this.ask(identifierOf({ QueryRetrieveLevel: level, ...keys }));
    this.counts.saw(level, answers.length);
    if (status !== 0 && answers.length === 0) throw new QueryRefused(status);
    // Some end with another status what goes beyond their limit: Orthanc with FE00.
    return { answers, isCut: status !== 0 };
  }
}

/** Whether all have a number, and each number from the least to the highest is there. */
function isWithoutGap(numbers: readonly (number | undefined)[]): boolean {
  const all = new Set<number>();
  for (const number of numbers) {
    if (number === undefined) return false;
    all.add(number);
  }
  const sorted = [...all].sort((a, b) => a - b);
  return sorted.at(-1)! - sorted[0]! === sorted.length - 1;
}

function empty(keywords: readonly string[]): Record<string, string> {
  return Object.fromEntries(keywords.map((keyword) => [keyword, '']));
}

/** The first value without the padding that some leave in it. */
function one(answer: Identifier, keyword: string): string {
  return (values(answer, keyword)[0] ?? '').replace(/^[ \0]+|[ \0]+$/g, '');
}

/** To compare: without what writers differ in, and without the ideographic and phonetic groups, which not all have. */
function nameOf(answer: Identifier): string {
  const [alphabetic = ''] = one(answer, 'PatientName').split('=');
  return alphabetic
    .replace(/[\s^]+/g, ' ')
    .trim()
    .toUpperCase();
}

function attributesOf(answer: Identifier, keywords: readonly string[]): Attributes {
  const all: Record<string, string> = {};
  for (const keyword of keywords) {
    const text = values(answer, keyword)
      .map((value) => value.replace(/[ \0]+$/, ''))
      .join('\\');
    if (text !== '') all[keyword] = text;
  }
  return all;
}

function count(answer: Identifier, keyword: string): number | undefined {
  const text = one(answer, keyword);
  return /^[0-9]+$/.test(text) ? Number(text) : undefined;
}

function distinct(answers: readonly Identifier[], keyword: string): Map<string, Identifier> {
  const all = new Map<string, Identifier>();
  for (const answer of answers) {
    const uid = one(answer, keyword);
    if (uid !== '' && !all.has(uid)) all.set(uid, answer);
  }
  return all;
}

function isSame(answered: string, asked: string): boolean {
  return answered.toUpperCase() === asked.toUpperCase();
}

function isUidOrNone(answered: string, asked: string): boolean {
  return answered === '' || answered === asked;
}
