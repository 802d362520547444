// Which rows of a page a query selects. Patterns are tested against distinct values, not against rows. Where an
// attribute has many values, the first pages are answered by looking only at theirs, some rows at a time, so that the
// first rows do not wait for all; then all are tested, and a condition that no value meets ends the search.
import type { DatabaseSync } from 'node:sqlite';
import type { Condition, Query } from '../../core/query/query.ts';
import type { Target } from '../../core/query/target.ts';
import { HeaderTarget } from './header-target.ts';
import { FLAG_HIDDEN, type PageColumns } from './series-page.ts';
import { ValueTexts } from './value-texts.ts';

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

/** Marks in `found` (a byte a row) those of a page's rows `from` to `to` whose target has the pattern. */
interface TargetTest {
  mark(page: PageAccess, found: Uint8Array, from: number, to: number): void;
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
  private readonly hasFewValues: boolean;
  /** True once it is certain that no row of any page can match. */
  isOver = false;

  constructor(database: DatabaseSync, query: Query) {
    this.query = query;
    let values = 0;
    this.conditions = query.conditions.map((condition) => ({
      tests: condition.targets.map((target) => {
        const test = testOf(database, target, condition);
        values +=
          test instanceof AttributeTest && condition.pattern.requiredLiteral.length < RARE_LITERAL ? test.values : 0;
        return test;
      }),
      negate: condition.negate,
    }));
    this.hasFewValues = values <= FEW_VALUES;
  }

  /** The selected rows of a page, ascending, in one or several parts; none of them is empty. */
  *rows(page: PageAccess): Iterable<Uint16Array> {
    const firstPages = this.hasFewValues ? 0 : FIRST_PAGES;
    if (this.pages === firstPages) this.completeTests();
    const atATime = this.pages++ < firstPages ? FIRST_ROWS : page.rows;
    for (let from = 0; from < page.rows && !this.isOver; from += atATime) {
      const rows = this.rowsBetween(page, from, Math.min(from + atATime, page.rows));
      if (rows.length > 0) yield rows;
    }
  }

  private rowsBetween(page: PageAccess, from: number, to: number): Uint16Array {
    const selected = new Uint16Array(to - from);
    let count = -1;
    for (const { tests, negate } of this.conditions) {
      const found = this.marks(page.rows);
      for (const test of tests) test.mark(page, found, from, to);
      const wanted = negate ? 0 : 1;
      count = count < 0 ? firstRows(found, wanted, from, to, selected) : fewerRows(found, wanted, selected, count);
      if (count === 0) return NO_ROWS;
    }
    if (count < 0) for (count = 0; count < to - from; count++) selected[count] = from + count;
    return this.shown(page, selected, count);
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

const NO_ROWS = new Uint16Array(0);

/** Puts the rows from `from` to `to` whose mark is `wanted` into `selected`. Returns their number. */
function firstRows(found: Uint8Array, wanted: number, from: number, to: number, selected: Uint16Array): number {
  let count = 0;
  for (let row = from; row < to; row++) if (found[row] === wanted) selected[count++] = row;
  return count;
}

/** Keeps of the first `count` rows of `selected` those whose mark is `wanted`. Returns their number. */
function fewerRows(found: Uint8Array, wanted: number, selected: Uint16Array, count: number): number {
  let kept = 0;
  for (let i = 0; i < count; i++) if (found[selected[i]!] === wanted) selected[kept++] = selected[i]!;
  return kept;
}

function testOf(database: DatabaseSync, target: Target, condition: Condition): TargetTest {
  if (target.isSeriesInstanceUID) return new UidTest(condition);
  if (target.attribute >= 0) return new AttributeTest(database, target.attribute, condition);
  return new HeaderTest(database, target, condition);
}

class UidTest implements TargetTest {
  private readonly condition: Condition;

  constructor(condition: Condition) {
    this.condition = condition;
  }

  mark(page: PageAccess, found: Uint8Array, from: number, to: number): void {
    for (let row = from; row < to; row++) if (this.condition.pattern.test(page.uid(row))) found[row] = 1;
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

  constructor(database: DatabaseSync, attribute: number, condition: Condition) {
    this.attribute = attribute;
    this.texts = new ValueTexts(database, attribute);
    this.condition = condition;
    this.verdicts = new Uint8Array(0);
  }

  get values(): number {
    return this.texts.count;
  }

  mark(page: PageAccess, found: Uint8Array, from: number, to: number): void {
    const codes = page.codes(this.attribute);
    if (!this.isComplete) this.lookAt(codes.subarray(from, to));
    const { verdicts } = this;
    for (let row = from; row < to; row++) found[row]! |= verdicts[codes[row]!]!;
  }

  complete(): boolean {
    this.verdicts = this.texts.test(this.condition.pattern);
    this.isComplete = true;
    return this.verdicts.includes(1);
  }

  private lookAt(codes: Int32Array): void {
    if (this.verdicts.length === 0) this.verdicts = new Uint8Array(this.texts.count).fill(UNKNOWN);
    const { verdicts, texts } = this;
    const { pattern } = this.condition;
    for (const code of codes) {
      if (verdicts[code] === UNKNOWN) verdicts[code] = pattern.test(texts.text(code)) ? 1 : 0;
    }
  }
}

/** A tag outside the table: it is tested as a whole, before the first row. */
class HeaderTest implements TargetTest {
  private readonly verdicts: Uint8Array;

  constructor(database: DatabaseSync, target: Target, { pattern }: Condition) {
    this.verdicts = new HeaderTarget(database, target).test(pattern);
  }

  mark(page: PageAccess, found: Uint8Array, from: number, to: number): void {
    const { slots } = page.columns;
    const { verdicts } = this;
    for (let row = from; row < to; row++) found[row]! |= verdicts[slots[row]!]!;
  }

  complete(): boolean {
    return this.verdicts.includes(1);
  }
}
