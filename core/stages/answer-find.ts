// Answers a C-FIND from the index (PS3.4 annex C), row by row as the answers are taken. A row of the index is a series:
// at STUDY and PATIENT level the first one that matches answers for its study or patient, and the keys of what was
// answered are all that is held; at IMAGE level a series' files are answered, one series after the other.
// Of an attribute below the level that is asked about nothing is answered, unless it was matched.
import { matchesIdentifier } from '../dimse/attribute-matching.ts';
import type { Identifier, IdentifierElement } from '../dimse/identifier.ts';
import { STATUS } from '../dimse/statuses.ts';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';
import { type FindAnswer, FindError, type InformationModel } from '../ports/scp.ts';
import { COUNTED, isBelow, levelOf, TAG } from './find-attributes.ts';
import { type Belonging, countRelated, patientKey } from './find-counts.ts';
import { type FindRequest, isCreator, readFindRequest } from './find-request.ts';
import { noValue, storedElement } from './find-values.ts';

/** Rows that are looked at together: few at first, so that the first answer comes soon; what is counted, is for all. */
const FIRST_ROWS = 4;
const MOST_ROWS = 256;

export interface FindOptions {
  readonly retrieveAETitle: string;
  /** After so many answers it ends with FindError A700. */
  readonly most: number;
  readonly signal?: AbortSignal;
  /** InstanceNumber of a file: '' where it has none, undefined where that is not to be known now. Without it, it never is. */
  readonly instanceNumber?: (file: SeriesFile) => Promise<string | undefined>;
  /** Called between rows, so that others get their turn. */
  readonly rest?: () => Promise<void> | undefined;
}

/** Throws FindError, and what the index throws. */
export async function* answerFind(
  identifier: Identifier,
  model: InformationModel,
  index: InstanceIndex,
  options: FindOptions,
): AsyncIterable<FindAnswer> {
  const { most, signal, rest } = options;
  const request = await readFindRequest(identifier, model);
  const finding = new Finding(request, index, options);
  const isOver = () => signal?.aborted === true;
  let answers = 0;
  for await (const rows of finding.rows()) {
    await rest?.();
    if (isOver()) return;
    for await (const answer of finding.answers(rows)) {
      if (isOver()) return;
      if (answers === most)
        throw new FindError(STATUS.outOfResources, `There are more than the ${most} answers that are given`);
      answers++;
      yield { identifier: answer, isFull: request.isFull && !finding.lacksNumber };
      const pause = rest?.();
      if (pause !== undefined) await pause;
    }
  }
}

/** A series of the index: the values of the columns. */
type Row = readonly string[];

class Finding {
  private readonly request: FindRequest;
  private readonly index: InstanceIndex;
  /** What was answered, at STUDY and PATIENT level. */
  private readonly seen = new Set<string>();
  private readonly same: Identifier;
  /** The attributes that rows have, with what is asked of each and whether it is answered. */
  private readonly fields: readonly { tag: number; column: number; asked: IdentifierElement; isShown: boolean }[];

  private readonly instanceNumber: FindOptions['instanceNumber'];
  /** The InstanceNumber that is asked for is not known of the last answer. */
  lacksNumber = false;

  constructor(request: FindRequest, index: InstanceIndex, { retrieveAETitle, instanceNumber }: FindOptions) {
    this.request = request;
    this.index = index;
    this.instanceNumber = instanceNumber;
    const { level, asked, keys, columns } = request;
    const same = new Map<number, IdentifierElement>();
    for (const [tag, element] of asked) if (!columns.has(tag) && !COUNTED.has(tag)) same.set(tag, noValue(element));
    same.delete(TAG.SpecificCharacterSet);
    same.set(TAG.QueryRetrieveLevel, { vr: 'CS', values: [level] });
    same.set(TAG.RetrieveAETitle, { vr: 'AE', values: [retrieveAETitle] });
    if (asked.has(TAG.InstanceAvailability)) same.set(TAG.InstanceAvailability, { vr: 'CS', values: ['ONLINE'] });
    this.same = same;
    this.fields = Array.from(columns)
      .filter(([tag]) => asked.has(tag))
      .map(([tag, column]) => {
        const isShown = keys.has(tag) || !isBelow(levelOf(tag), level);
        return { tag, column, asked: asked.get(tag)!, isShown };
      });
  }

  /** Rows of the index, a growing number at a time. */
  async *rows(): AsyncIterable<readonly Row[]> {
    let most = FIRST_ROWS;
    for await (const { more = [] } of this.index.search(this.request.query)) {
      for (let at = 0; at < more.length; ) {
        const rows = more.slice(at, at + most);
        yield rows;
        at += rows.length;
        most = Math.min(most * 2, MOST_ROWS);
      }
    }
  }

  async *answers(rows: readonly Row[]): AsyncIterable<Identifier> {
    const { level, counted, keys } = this.request;
    const found = rows
      .map((row) => ({ row, belongs: this.belonging(row) }))
      .filter(({ belongs }) => !this.isSeen(belongs));
    if (found.length === 0) return;
    const related =
      counted.size === 0
        ? undefined
        : await countRelated(
            this.index,
            counted,
            found.map(({ belongs }) => belongs),
          );
    for (const { row, belongs } of found) {
      if (this.isSeen(belongs)) continue;
      const { stored, answer } = this.fromRow(row);
      for (const [tag, element] of related?.(belongs) ?? []) {
        stored.set(tag, element);
        if (this.request.asked.has(tag)) answer.set(tag, isBelow(levelOf(tag), level) ? noValue(element) : element);
      }
      if (level === 'IMAGE') yield* this.images(belongs.SeriesInstanceUID, stored, answer);
      else if (matchesIdentifier(keys, stored)) {
        this.remember(belongs);
        yield answer;
      }
    }
  }

  private belonging(row: Row): Belonging {
    const { columns } = this.request;
    const of = (tag: number) => row[columns.get(tag) ?? -1] ?? '';
    return {
      PatientID: of(TAG.PatientID),
      PatientName: of(TAG.PatientName),
      StudyInstanceUID: of(TAG.StudyInstanceUID),
      SeriesInstanceUID: of(TAG.SeriesInstanceUID),
    };
  }

  /** A study without a UID cannot be answered: that is what it is asked for by. */
  private isSeen(belongs: Belonging): boolean {
    const { level } = this.request;
    if (level === 'PATIENT') return this.seen.has(patientKey(belongs));
    return level === 'STUDY' && (belongs.StudyInstanceUID === '' || this.seen.has(belongs.StudyInstanceUID));
  }

  private remember(belongs: Belonging): void {
    const { level } = this.request;
    if (level === 'PATIENT') this.seen.add(patientKey(belongs));
    if (level === 'STUDY') this.seen.add(belongs.StudyInstanceUID);
  }

  /** What is matched of a row, and what is answered of it. */
  private fromRow(row: Row): { stored: Map<number, IdentifierElement>; answer: Map<number, IdentifierElement> } {
    const stored = new Map<number, IdentifierElement>();
    const answer = new Map(this.same);
    const { keys } = this.request;
    for (const { tag, column, asked, isShown } of this.fields) {
      const element = storedElement(asked, row[column]!);
      if (keys.has(tag)) stored.set(tag, element);
      // What is found under a creator is found by its name, in whichever block of the file.
      const shown = isCreator(tag) && 'values' in asked && asked.values.join('') !== '' ? asked : element;
      answer.set(tag, isShown ? shown : noValue(asked));
    }
    return { stored, answer };
  }

  /** The instances of a series, each once. */
  private async *images(
    series: string,
    stored: Map<number, IdentifierElement>,
    answer: ReadonlyMap<number, IdentifierElement>,
  ): AsyncIterable<Identifier> {
    const seen = new Set<string>();
    const { asked, keys } = this.request;
    const ofIndex = new Map(keys);
    ofIndex.delete(TAG.InstanceNumber);
    for await (const files of this.index.instancesOf([series])) {
      for (const file of files) {
        const { SOPInstanceUID, SOPClassUID } = file;
        if (seen.has(SOPInstanceUID)) continue;
        seen.add(SOPInstanceUID);
        const own = new Map<number, IdentifierElement>([
          [TAG.SOPClassUID, { vr: 'UI', values: [SOPClassUID] }],
          [TAG.SOPInstanceUID, { vr: 'UI', values: [SOPInstanceUID] }],
        ]);
        if (!matchesIdentifier(ofIndex, new Map([...stored, ...own]))) continue;
        if (asked.has(TAG.InstanceNumber)) {
          const number = await this.instanceNumber?.(file);
          this.lacksNumber = number === undefined;
          own.set(TAG.InstanceNumber, { vr: 'IS', values: number === undefined || number === '' ? [] : [number] });
          // What is not known keeps nothing out: as with any key that is not supported.
          if (!this.lacksNumber && !matchesIdentifier(keys, new Map([...stored, ...own]))) continue;
        }
        yield new Map([...answer, ...[...own].filter(([tag]) => tag === TAG.SOPInstanceUID || asked.has(tag))]);
      }
    }
  }
}
