// How one target of a condition is tested in the rows of a page: by certain values that were looked up, by the outcome of a pattern for
// each distinct value, by SeriesInstanceUID, or by the full headers.
import type { DatabaseSync } from 'node:sqlite';
import type { Condition } from '../../core/query/query.ts';
import type { Target } from '../../core/query/target.ts';
import { HeaderTarget } from './header-target.ts';
import { issuesOfFlags, type PageColumns } from './series-page.ts';
import { codesOf, type FoundSeries, seriesOf } from './value-lookup.ts';
import type { TextsOf, ValueTexts } from './value-texts.ts';

/** So many values are looked for in a page one after the other. */
const FEW_CODES = 8;

/** What a test of a target may look at; each part is read when it is first asked for. */
export interface PageAccess {
  readonly rows: number;
  readonly columns: PageColumns;
  codes(attribute: number): Int32Array;
  /** SeriesInstanceUID of a row. */
  uid(row: number): string;
}

/** Marks in `found` (a byte a row) those of some rows of a page whose target has the pattern. */
export interface TargetTest {
  mark(page: PageAccess, found: Uint8Array, rows: Uint16Array): void;
  /** All rows between two that have it, where they are found faster than by looking at each. */
  rows?(page: PageAccess, from: number, to: number): Uint16Array<ArrayBuffer> | undefined;
  /** Called when all values are to be tested: false when none of them has the pattern. */
  complete(): boolean;
}

/** Does it ask for certain values of things that can be looked up? */
export function isLookup({ targets, pattern, negate }: Condition): boolean {
  const isKept = ({ attribute, isSeriesInstanceUID }: Target) => attribute >= 0 || isSeriesInstanceUID;
  return !negate && pattern.wholeValues !== undefined && targets.length > 0 && targets.every(isKept);
}

/** What a test is made with; `isNarrow`: only few rows will be asked about. */
interface TestWith {
  readonly isNarrow: boolean;
  readonly texts: TextsOf;
}

export function testOf(
  database: DatabaseSync,
  target: Target,
  condition: Condition,
  { isNarrow, texts }: TestWith,
): TargetTest {
  const { pattern } = condition;
  const lookup = isLookup(condition) ? pattern.wholeValues : undefined;
  if (target.isSeriesInstanceUID)
    return lookup === undefined ? new UidTest(condition) : new SeriesTest(database, lookup);
  if (target.isIssues) return new IssuesTest(condition);
  if (target.attribute < 0) return new HeaderTest(database, target, condition, isNarrow);
  if (lookup === undefined) return new AttributeTest(texts(target.attribute), target.attribute, condition);
  return new CodesTest(target.attribute, codesOf(database, target.attribute, lookup));
}

/** One of certain values of an attribute. */
class CodesTest implements TargetTest {
  private readonly attribute: number;
  private readonly codes: ReadonlySet<number>;
  /** A byte for each code up to the greatest wanted one. */
  private readonly verdicts: Uint8Array;

  constructor(attribute: number, codes: readonly number[]) {
    this.attribute = attribute;
    this.codes = new Set(codes);
    this.verdicts = new Uint8Array(codes.reduce((most, code) => Math.max(most, code + 1), 0));
    for (const code of codes) this.verdicts[code] = 1;
  }

  mark(page: PageAccess, found: Uint8Array, rows: Uint16Array): void {
    const codes = page.codes(this.attribute);
    const { verdicts } = this;
    const { length } = verdicts;
    for (let i = 0; i < rows.length; i++) {
      const code = codes[rows[i]!]!;
      if (code < length && verdicts[code] === 1) found[rows[i]!] = 1;
    }
  }

  rows(page: PageAccess, from: number, to: number): Uint16Array<ArrayBuffer> {
    const codes = page.codes(this.attribute);
    if (this.codes.size <= FEW_CODES) return rowsWith(codes, this.codes, from, to);
    const { verdicts } = this;
    const { length } = verdicts;
    const rows: number[] = [];
    for (let row = from; row < to; row++) if (codes[row]! < length && verdicts[codes[row]!] === 1) rows.push(row);
    return Uint16Array.from(rows);
  }

  complete(): boolean {
    return this.codes.size > 0;
  }
}

/** Much faster than a loop over the rows, where there are few codes. */
function rowsWith(codes: Int32Array, wanted: Iterable<number>, from: number, to: number): Uint16Array<ArrayBuffer> {
  const rows: number[] = [];
  for (const code of wanted)
    for (let row = codes.indexOf(code, from); row >= 0 && row < to; row = codes.indexOf(code, row + 1)) rows.push(row);
  return Uint16Array.from(rows.sort((a, b) => a - b));
}

/** One of certain series. */
export class SeriesTest implements TargetTest {
  readonly series: FoundSeries;

  constructor(database: DatabaseSync, uids: Iterable<string>) {
    this.series = seriesOf(database, uids);
  }

  mark({ columns }: PageAccess, found: Uint8Array, rows: Uint16Array): void {
    const { ids } = this.series;
    for (let i = 0; i < rows.length; i++) if (ids.has(columns.series[rows[i]!]!)) found[rows[i]!] = 1;
  }

  complete(): boolean {
    return this.series.ids.size > 0;
  }
}

class UidTest implements TargetTest {
  private readonly condition: Condition;

  constructor(condition: Condition) {
    this.condition = condition;
  }

  mark(page: PageAccess, found: Uint8Array, rows: Uint16Array): void {
    for (const row of rows) if (this.condition.pattern.test(page.uid(row))) found[row] = 1;
  }

  complete(): boolean {
    return true;
  }
}

class IssuesTest implements TargetTest {
  private readonly condition: Condition;
  /** By a row's flags: few differ. */
  private readonly verdicts = new Map<number, boolean>();

  constructor(condition: Condition) {
    this.condition = condition;
  }

  mark({ columns }: PageAccess, found: Uint8Array, rows: Uint16Array): void {
    for (const row of rows) if (this.test(columns.flags[row]!)) found[row] = 1;
  }

  complete(): boolean {
    return true;
  }

  private test(flags: number): boolean {
    let verdict = this.verdicts.get(flags);
    if (verdict === undefined) {
      verdict = this.condition.pattern.test(issuesOfFlags(flags));
      this.verdicts.set(flags, verdict);
    }
    return verdict;
  }
}

const UNKNOWN = 2;

export class AttributeTest implements TargetTest {
  private readonly texts: ValueTexts;
  private readonly attribute: number;
  private readonly condition: Condition;
  private verdicts: Uint8Array;
  private isComplete = false;
  /** The codes that have the pattern, where they are few. */
  private few: readonly number[] | undefined;

  constructor(texts: ValueTexts, attribute: number, condition: Condition) {
    this.attribute = attribute;
    this.texts = texts;
    this.condition = condition;
    this.verdicts = new Uint8Array(0);
  }

  get values(): number {
    return this.texts.count;
  }

  mark(page: PageAccess, found: Uint8Array, rows: Uint16Array): void {
    const codes = page.codes(this.attribute);
    if (!this.isComplete) this.lookAt(codes, rows);
    const { verdicts } = this;
    for (let i = 0; i < rows.length; i++) found[rows[i]!]! |= verdicts[codes[rows[i]!]!]!;
  }

  complete(): boolean {
    this.verdicts = this.texts.test(this.condition.pattern);
    this.isComplete = true;
    this.few = fewCodes(this.verdicts);
    return this.few === undefined || this.few.length > 0;
  }

  rows(page: PageAccess, from: number, to: number): Uint16Array<ArrayBuffer> | undefined {
    return this.few && rowsWith(page.codes(this.attribute), this.few, from, to);
  }

  private lookAt(codes: Int32Array, rows: Uint16Array): void {
    if (this.verdicts.length === 0) this.verdicts = new Uint8Array(this.texts.count).fill(UNKNOWN);
    const { verdicts, texts } = this;
    const { pattern } = this.condition;
    for (const row of rows) {
      const code = codes[row]!;
      if (verdicts[code] === UNKNOWN) verdicts[code] = pattern.test(texts.text(code)) ? 1 : 0;
    }
  }
}

/** The codes whose verdict is 1, if they are few. */
function fewCodes(verdicts: Uint8Array): number[] | undefined {
  const codes: number[] = [];
  for (let code = verdicts.indexOf(1); code >= 0; code = verdicts.indexOf(1, code + 1))
    if (codes.push(code) > FEW_CODES) return undefined;
  return codes;
}

/** A tag outside the table: it is tested as a whole, before the first row, unless few rows are asked about. */
class HeaderTest implements TargetTest {
  private readonly header: HeaderTarget;
  private readonly condition: Condition;
  private readonly verdicts: Uint8Array | undefined;

  constructor(database: DatabaseSync, target: Target, condition: Condition, isNarrow: boolean) {
    this.header = new HeaderTarget(database, target);
    this.condition = condition;
    if (!isNarrow) this.verdicts = this.header.test(condition.pattern);
  }

  mark(page: PageAccess, found: Uint8Array, rows: Uint16Array): void {
    const { slots } = page.columns;
    const { verdicts, header } = this;
    const { pattern } = this.condition;
    for (const row of rows) {
      const slot = slots[row]!;
      found[row]! |= verdicts === undefined ? Number(pattern.test(header.text(slot))) : verdicts[slot]!;
    }
  }

  complete(): boolean {
    return this.verdicts === undefined || this.verdicts.includes(1);
  }
}
