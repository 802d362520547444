// Which rows of a page a query selects. Patterns are tested against distinct values, not against rows. Where an
// attribute has many values, the first pages are answered by looking only at theirs, some rows at a time, so that the
// first rows do not wait for all; then all are tested, and a condition that no value meets ends the search. A condition
// that asks for certain whole values comes first: they are looked up, and the others look only at rows that have them.
import type { DatabaseSync } from 'node:sqlite';
import type { Condition, Query } from '../../core/query/query.ts';
import type { Target } from '../../core/query/target.ts';
import { HeaderTarget } from './header-target.ts';
import { FLAG_HIDDEN, type PageColumns } from './series-page.ts';
import { codesOf, type FoundSeries, seriesOf } from './value-lookup.ts';
import type { TextsOf, ValueTexts } from './value-texts.ts';

/** What a test of a target may look at; each part is read when it is first asked for. */
export interface PageAccess {
  readonly rows: number;
  readonly columns: PageColumns;
  codes(attribute: number): Int32Array;
  /** SeriesInstanceUID of a row. */
  uid(row: number): string;
}

/** Up to this many values, all are tested before the first row; so are more, where a literal leads to the right ones. */
const FEW_VALUES = 8192;
/** A literal of so many characters is rare enough to lead to few values. */
const RARE_LITERAL = 4;
/** Pages that are answered value by value before all values are tested, so many rows at a time. */
const FIRST_PAGES = 2;
const FIRST_ROWS = 512;
/** So many values are looked for in a page one after the other. */
const FEW_CODES = 8;

/** Marks in `found` (a byte a row) those of some rows of a page whose target has the pattern. */
interface TargetTest {
  mark(page: PageAccess, found: Uint8Array, rows: Uint16Array): void;
  /** All rows between two that have it, where they are found faster than by looking at each. */
  rows?(page: PageAccess, from: number, to: number): Uint16Array<ArrayBuffer> | undefined;
  /** Called when all values are to be tested: false when none of them has the pattern. */
  complete(): boolean;
}

interface ConditionTest {
  readonly tests: readonly TargetTest[];
  readonly negate: boolean;
}

/** Selects rows page by page. */
export class RowSelection {
  private readonly query: Query;
  private readonly conditions: readonly ConditionTest[];
  private pages = 0;
  private found = new Uint8Array(0);
  /** Pages that are answered value by value. */
  private readonly firstPages: number;
  /** Dates between which all rows lie that can match. */
  readonly from: number;
  readonly to: number;
  /** True once it is certain that no row of any page can match. */
  isOver = false;

  constructor(database: DatabaseSync, query: Query, texts: TextsOf) {
    this.query = query;
    let values = 0;
    let isNarrow = false;
    let { from = -1, to = Number.MAX_SAFE_INTEGER } = query;
    const conditions: ConditionTest[] = [];
    for (const condition of [...query.conditions].sort((a, b) => Number(isLookup(b)) - Number(isLookup(a)))) {
      const tests = condition.targets.map((target) => testOf(database, target, condition, { isNarrow, texts }));
      conditions.push({ tests, negate: condition.negate });
      if (isLookup(condition)) {
        isNarrow = true;
        if (!tests.some((test) => test.complete())) this.isOver = true;
        const [first] = tests;
        if (first instanceof SeriesTest && tests.length === 1) {
          from = Math.max(from, first.series.from);
          to = Math.min(to, first.series.to);
        }
      } else if (condition.pattern.requiredLiteral.length < RARE_LITERAL) {
        for (const test of tests) if (test instanceof AttributeTest) values += test.values;
      }
    }
    this.conditions = conditions;
    this.from = from;
    this.to = to;
    this.firstPages = isNarrow ? Number.POSITIVE_INFINITY : values <= FEW_VALUES ? 0 : FIRST_PAGES;
  }

  /** The selected rows of a page, ascending, in one or several parts; none of them is empty. */
  *rows(page: PageAccess): Iterable<Uint16Array> {
    if (this.pages === this.firstPages) this.completeTests();
    const isByValue = this.pages++ < this.firstPages && Number.isFinite(this.firstPages);
    const atATime = isByValue ? FIRST_ROWS : page.rows;
    for (let from = 0; from < page.rows && !this.isOver; from += atATime) {
      const rows = this.rowsBetween(page, from, Math.min(from + atATime, page.rows));
      if (rows.length > 0) yield rows;
    }
  }

  private rowsBetween(page: PageAccess, from: number, to: number): Uint16Array {
    const [first] = this.conditions;
    const own = first?.tests.length === 1 && !first.negate ? first.tests[0]!.rows?.(page, from, to) : undefined;
    const selected = own ?? rowNumbers(from, to);
    let rows = selected;
    for (const { tests, negate } of own === undefined ? this.conditions : this.conditions.slice(1)) {
      if (rows.length === 0) return rows;
      const found = this.marks(page.rows);
      for (const test of tests) test.mark(page, found, rows);
      rows = keepRows(rows, found, negate ? 0 : 1);
    }
    if (rows.length === 0) return rows;
    return this.shown(page, selected, rows.length);
  }

  /** A byte a row, all 0. */
  private marks(rows: number): Uint8Array {
    if (this.found.length < rows) this.found = new Uint8Array(rows);
    else this.found.fill(0);
    return this.found;
  }

  /** Of the selected rows, those that are not hidden and lie within the dates. */
  private shown({ columns }: PageAccess, selected: Uint16Array, count: number): Uint16Array {
    const { from, to } = this.query;
    const first = from ?? Number.NEGATIVE_INFINITY;
    const last = to ?? Number.POSITIVE_INFINITY;
    const isDated = from !== undefined || to !== undefined;
    const { flags, dates } = columns;
    let kept = 0;
    for (let n = 0; n < count; n++) {
      const row = selected[n]!;
      if ((flags[row]! & FLAG_HIDDEN) !== 0) continue;
      const date = dates[row]!;
      if (isDated && (date === 0 || date < first || date > last)) continue;
      selected[kept++] = row;
    }
    return selected.subarray(0, kept);
  }

  private completeTests(): void {
    for (const { tests, negate } of this.conditions) {
      let any = false;
      for (const test of tests) if (test.complete()) any = true;
      if (!any && !negate) this.isOver = true;
    }
  }
}

function rowNumbers(from: number, to: number): Uint16Array<ArrayBuffer> {
  const rows = new Uint16Array(to - from);
  for (let row = from; row < to; row++) rows[row - from] = row;
  return rows;
}

/** Brings those of the rows whose mark is `wanted` to the front, and gives that part. */
function keepRows(rows: Uint16Array, found: Uint8Array, wanted: number): Uint16Array<ArrayBuffer> {
  let kept = 0;
  for (let i = 0; i < rows.length; i++) if (found[rows[i]!] === wanted) rows[kept++] = rows[i]!;
  return rows.subarray(0, kept) as Uint16Array<ArrayBuffer>;
}

/** Does it ask for certain values of things that can be looked up? */
function isLookup({ targets, pattern, negate }: Condition): boolean {
  const isKept = ({ attribute, isSeriesInstanceUID }: Target) => attribute >= 0 || isSeriesInstanceUID;
  return !negate && pattern.wholeValues !== undefined && targets.length > 0 && targets.every(isKept);
}

/** What a test is made with; `isNarrow`: only few rows will be asked about. */
interface TestWith {
  readonly isNarrow: boolean;
  readonly texts: TextsOf;
}

function testOf(
  database: DatabaseSync,
  target: Target,
  condition: Condition,
  { isNarrow, texts }: TestWith,
): TargetTest {
  const { pattern } = condition;
  const lookup = isLookup(condition) ? pattern.wholeValues : undefined;
  if (target.isSeriesInstanceUID)
    return lookup === undefined ? new UidTest(condition) : new SeriesTest(database, lookup);
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
class SeriesTest implements TargetTest {
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

const UNKNOWN = 2;

class AttributeTest implements TargetTest {
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
