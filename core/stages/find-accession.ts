// The stage that finds out what a PACS has for one accession number: its studies, their series, and every instance, level by
// level (PS3.4 C.4.1, Study Root). Nothing is believed that does not add up: an answer that is shorter than the level
// above announces, or as long as a limit would be, is asked for again in parts.
import { type Identifier, type IdentifierText, identifierOf, values } from '../dimse/identifier.ts';
import { isTemporary, statusText } from '../dimse/reasons.ts';
import type { AccessionAnswer, Attributes, ExpectedInstance, FoundSeries, FoundStudy } from '../projects/expected.ts';

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

/** Throws what `ask` throws; what the PACS refuses is an outcome. */
export async function findAccession(accession: string, ask: Ask): Promise<AccessionAnswer> {
  try {
    return await new Finding(accession, ask).run();
  } catch (error) {
    if (!(error instanceof QueryRefused)) throw error;
    return { accession, outcome: 'failed', reason: error.message, studies: [] };
  }
}

class Finding {
  private readonly accession: string;
  private readonly ask: Ask;
  /** Why there may be more than what was found; and what else does not add up. */
  private readonly shortfalls: string[] = [];
  private readonly notes: string[] = [];

  constructor(accession: string, ask: Ask) {
    this.accession = accession;
    this.ask = ask;
  }

  async run(): Promise<AccessionAnswer> {
    const { accession } = this;
    const keys = { QueryRetrieveLevel: 'STUDY', AccessionNumber: accession, ...empty(STUDY_KEYS) };
    const { answers: all, isCut } = await this.answers(keys);
    // One that does not understand the key answers with whatever it has.
    const own = all.filter((answer) => isSame(one(answer, 'AccessionNumber'), accession));
    const byUid = distinct(own, 'StudyInstanceUID');
    if (byUid.size === 0 && isCut) {
      const reason = `the PACS broke off after ${all.length} studies of other accession numbers`;
      return { accession, outcome: 'failed', reason, studies: [] };
    }
    if (byUid.size === 0) {
      const reason = all.length === 0 ? '' : `the PACS answered with ${all.length} studies of other accession numbers`;
      return { accession, outcome: 'not-found', reason, studies: [] };
    }
    if (isCut) this.shortfalls.push(`the PACS broke off after ${all.length} studies`);
    else if (mayBeLimit(all.length))
      this.shortfalls.push(`the PACS gives ${all.length} studies, as many as a limit of answers would leave`);
    const studies: FoundStudy[] = [];
    for (const [StudyInstanceUID, answer] of byUid) studies.push(await this.study(StudyInstanceUID, answer));
    const outcome = this.shortfalls.length === 0 ? 'found' : 'incomplete';
    return { accession, outcome, reason: [...this.shortfalls, ...this.notes].join('; '), studies };
  }

  private async study(StudyInstanceUID: string, answer: Identifier): Promise<FoundStudy> {
    const attributes = { ...attributesOf(answer, STUDY_KEYS), AccessionNumber: this.accession };
    const announced = count(answer, 'NumberOfStudyRelatedSeries');
    const keys = { QueryRetrieveLevel: 'SERIES', StudyInstanceUID, ...empty(SERIES_KEYS) };
    const inStudy = (found: Identifier) => isUidOrNone(one(found, 'StudyInstanceUID'), StudyInstanceUID);
    const found = await this.whole(keys, 'SeriesInstanceUID', 'SeriesNumber', announced, inStudy);
    if (found.size === 0) this.shortfalls.push('the PACS lists no series of a study');
    else if (announced !== undefined && found.size < announced)
      this.shortfalls.push(`of ${announced} series of a study the PACS lists ${found.size}`);
    const series: FoundSeries[] = [];
    for (const [uid, each] of found) series.push(await this.series(StudyInstanceUID, uid, each));
    const instances = count(answer, 'NumberOfStudyRelatedInstances');
    const known = series.reduce((sum, each) => sum + Math.max(each.listed, each.announced ?? 0), 0);
    if (instances !== undefined && known < instances)
      this.shortfalls.push(`of ${instances} instances of a study the PACS lists ${known}`);
    return { StudyInstanceUID, attributes, series };
  }

  private async series(StudyInstanceUID: string, uid: string, answer: Identifier): Promise<FoundSeries> {
    const SeriesInstanceUID = uid;
    // A series without instances is none: then it is not counted.
    const announced = count(answer, 'NumberOfSeriesRelatedInstances') || undefined;
    const keys = { QueryRetrieveLevel: 'IMAGE', StudyInstanceUID, SeriesInstanceUID, ...empty(IMAGE_KEYS) };
    const inSeries = (found: Identifier) => isUidOrNone(one(found, 'SeriesInstanceUID'), SeriesInstanceUID);
    let found: ReadonlyMap<string, Identifier>;
    try {
      found = await this.whole(keys, 'SOPInstanceUID', 'InstanceNumber', announced, inSeries);
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
    keys: IdentifierText,
    uid: 'SeriesInstanceUID' | 'SOPInstanceUID',
    number: 'SeriesNumber' | 'InstanceNumber',
    announced: number | undefined,
    belongs: (answer: Identifier) => boolean,
  ): Promise<Map<string, Identifier>> {
    const { answers: all, isCut } = await this.answers(keys);
    const found = distinct(all.filter(belongs), uid);
    const isShort = isCut || (announced === undefined ? mayBeLimit(all.length) : found.size < announced);
    if (!isShort || found.size === 0) return found;
    let isSplit = true;
    let highest = 0;
    for (const answer of found.values()) highest = Math.max(highest, count(answer, number) ?? 0);
    for (let n = 0; n <= Math.min(highest + NUMBERS_BEYOND, MOST_NUMBERS); n++) {
      const { answers: some, isCut: isSomeCut } = await this.answers({ ...keys, [number]: String(n) });
      // One that does not match by number would give the same again and again.
      isSplit &&= !isSomeCut && some.every((answer) => count(answer, number) === n);
      if (some.some((answer) => count(answer, number) !== n)) break;
      for (const [key, answer] of distinct(some.filter(belongs), uid)) {
        if (!found.has(key)) highest = Math.max(highest, n);
        found.set(key, answer);
      }
      if (announced !== undefined && found.size >= announced) break;
    }
    // Those without a number cannot be asked for.
    const isSettled = isSplit && [...found.values()].every((answer) => count(answer, number) !== undefined);
    if (!isSettled && announced === undefined)
      this.shortfalls.push('the PACS seems to cut its answers off, and gives no other part of them');
    return found;
  }

  /** Throws QueryRefused where there are none because of it. */
  private async answers(keys: IdentifierText): Promise<{ answers: readonly Identifier[]; isCut: boolean }> {
    const { answers, status } = await this.ask(identifierOf(keys));
    if (status !== 0 && answers.length === 0) throw new QueryRefused(status);
    // Some end with another status what goes beyond their limit: Orthanc with FE00.
    return { answers, isCut: status !== 0 };
  }
}

/** Numbers at which queries are cut off: round ones, and powers of two. */
function mayBeLimit(answers: number): boolean {
  return answers >= 16 && (answers % 50 === 0 || (answers & (answers - 1)) === 0 || answers === 255);
}

function empty(keywords: readonly string[]): Record<string, string> {
  return Object.fromEntries(keywords.map((keyword) => [keyword, '']));
}

/** The first value without the padding that some leave in it. */
function one(answer: Identifier, keyword: string): string {
  return (values(answer, keyword)[0] ?? '').replace(/^[ \0]+|[ \0]+$/g, '');
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
