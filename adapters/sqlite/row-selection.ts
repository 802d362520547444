// Which rows of a page a query selects. Patterns are tested against distinct values, not against rows. Where an
// attribute has many values, the first pages are answered by looking only at theirs, some rows at a time, so that the
// first rows do not wait for all; then all are tested, and a condition that no value meets ends the search. A condition
// that asks for certain whole values comes first: they are looked up, and the others look only at rows that have them.
import type { DatabaseSync } from 'node:sqlite';
import type { Query } from '../../core/query/query.ts';
import { FLAG_HIDDEN } from './series-page.ts';
import { AttributeTest, isLookup, type PageAccess, SeriesTest, type TargetTest, testOf } from './target-tests.ts';
import type { TextsOf } from './value-texts.ts';

/** Up to this many values, all are tested before the first row; so are more, where a literal leads to the right ones. */
const FEW_VALUES = 8192;
/** A literal of so many characters is rare enough to lead to few values. */
const RARE_LITERAL = 4;
/** Pages that are answered value by value before all values are tested, so many rows at a time. */
const FIRST_PAGES = 2;
const FIRST_ROWS = 512;

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
