// Which rows of a page a query selects. Patterns are tested against distinct values, each once and only when a row
// with it turns up, so the first rows of an answer do not wait for all values to be looked at.
import type { DatabaseSync } from 'node:sqlite';
import type { Condition, Query } from '../../core/query/query.ts';
import { type Target, targetText } from '../../core/query/target.ts';
import { HeaderBlockReader } from './header-blocks.ts';
import { FLAG_HIDDEN, type PageColumns } from './series-page.ts';
import { ValueTexts } from './value-dictionary.ts';

/** What a test of a target may look at. */
export interface PageAccess {
  readonly columns: PageColumns;
  codes(attribute: number): Int32Array;
  /** SeriesInstanceUID of a row. */
  uid(row: number): string;
}

/** Says of one row whether a target has the pattern. */
type RowTest = (row: number) => boolean;
type TargetTest = (page: PageAccess) => RowTest;

const UNKNOWN = 0;
const NO = 1;
const YES = 2;

/** Selects rows page by page. */
export class RowSelection {
  private readonly query: Query;
  private readonly conditions: readonly { readonly tests: readonly TargetTest[]; readonly negate: boolean }[];

  constructor(database: DatabaseSync, query: Query) {
    this.query = query;
    const headers = new HeaderBlockReader(database);
    this.conditions = query.conditions.map((condition) => ({
      tests: condition.targets.map((target) => testOf(database, headers, target, condition)),
      negate: condition.negate,
    }));
  }

  /** The selected rows of a page, ascending. */
  rows(page: PageAccess): Uint16Array {
    const { columns } = page;
    const selected = new Uint16Array(columns.rows);
    let count = 0;
    const from = this.query.from ?? Number.NEGATIVE_INFINITY;
    const to = this.query.to ?? Number.POSITIVE_INFINITY;
    const dated = this.query.from !== undefined || this.query.to !== undefined;
    for (let row = 0; row < columns.rows; row++) {
      if ((columns.flags[row]! & FLAG_HIDDEN) !== 0) continue;
      if (dated) {
        const date = columns.dates[row]!;
        if (date === 0 || date < from || date > to) continue;
      }
      selected[count++] = row;
    }
    for (const { tests, negate } of this.conditions) {
      if (count === 0) break;
      const rowTests = tests.map((test) => test(page));
      let kept = 0;
      for (let i = 0; i < count; i++) {
        const row = selected[i]!;
        let found = false;
        for (const test of rowTests) {
          if (test(row)) {
            found = true;
            break;
          }
        }
        if (found !== negate) selected[kept++] = row;
      }
      count = kept;
    }
    return selected.subarray(0, count);
  }
}

function testOf(database: DatabaseSync, headers: HeaderBlockReader, target: Target, condition: Condition): TargetTest {
  if (target.isSeriesInstanceUID) return (page) => (row) => condition.pattern.test(page.uid(row));
  if (target.attribute >= 0)
    return attributeTest(new ValueTexts(database, target.attribute), target.attribute, condition);
  return headerTest(headers, target, condition);
}

function attributeTest(texts: ValueTexts, attribute: number, { pattern }: Condition): TargetTest {
  const verdicts = new Uint8Array(texts.count);
  return (page) => {
    const codes = page.codes(attribute);
    return (row) => {
      const code = codes[row]!;
      let verdict = verdicts[code]!;
      if (verdict === UNKNOWN) verdicts[code] = verdict = pattern.test(texts.text(code)) ? YES : NO;
      return verdict === YES;
    };
  };
}

/** A tag outside the table: its column is tested as a whole, before the first row. */
function headerTest(headers: HeaderBlockReader, target: Target, { pattern }: Condition): TargetTest {
  const verdicts = new Uint8Array(headers.slots());
  const key = headers.keyId(target.path[0]!.key);
  // A literal inside a sequence's JSON text may be written with escapes there.
  const literal = target.path.length === 1 ? pattern.requiredLiteral : '';
  if (pattern.test('')) {
    verdicts.fill(1);
    if (key !== undefined) headers.testNot(key, (kept) => pattern.test(targetText(kept, target.path)), verdicts);
  } else if (key !== undefined) {
    headers.test(key, literal, (kept) => pattern.test(targetText(kept, target.path)), verdicts);
  }
  return (page) => {
    const { slots } = page.columns;
    return (row) => verdicts[slots[row]!] === 1;
  };
}
