// Counts rows of the index by the values of an attribute: for statistics and for facets.
import type { DatabaseSync } from 'node:sqlite';
import { attributeIndex } from '../../core/instance/attributes.ts';
import type { CountedValue } from '../../core/ports/instance-index.ts';
import { compareCodePoints } from '../../core/query/code-points.ts';
import { freshTexts, type TextsOf, type ValueTexts } from './value-texts.ts';

/** Counts rows by the value code of an attribute. */
export class CodeCounts {
  readonly attribute: number;
  private readonly texts: ValueTexts;
  private readonly series: Uint32Array;
  private readonly instances: Float64Array;

  constructor(database: DatabaseSync, keyword: string, texts: TextsOf = freshTexts(database)) {
    this.attribute = attributeIndex(keyword);
    this.texts = texts(this.attribute);
    this.series = new Uint32Array(this.texts.count);
    this.instances = new Float64Array(this.texts.count);
  }

  add(code: number, instances: number): void {
    this.series[code]!++;
    this.instances[code]! += instances;
  }

  /** Adds rows of a page. @param codes of all its rows @param instances the same */
  addRows(codes: Int32Array, instances: Int32Array, rows: Uint16Array): void {
    const { series: ofSeries, instances: ofInstances } = this;
    // Counted loop: it goes through millions of rows.
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const code = codes[row]!;
      ofSeries[code]!++;
      ofInstances[code]! += instances[row]!;
    }
  }

  /** Adds rows of a page without their instances. */
  addSeries(codes: Int32Array, rows: Uint16Array): void {
    const { series } = this;
    for (let i = 0; i < rows.length; i++) series[codes[rows[i]!]!]!++;
  }

  /** Values in use; a missing value is not counted as one. */
  distinct(): number {
    let n = 0;
    for (let code = 1; code < this.series.length; code++) if (this.series[code]! > 0) n++;
    return n;
  }

  /** Most frequent first, then by value; so many of them at most. */
  counted(most = Number.POSITIVE_INFINITY): CountedValue[] {
    const least = this.leastOf(most);
    const out: CountedValue[] = [];
    this.series.forEach((series, code) => {
      if (series >= least) out.push({ value: this.texts.text(code), series, instances: this.instances[code]! });
    });
    out.sort((a, b) => b.series - a.series || compareCodePoints(a.value, b.value));
    return out.slice(0, most);
  }

  /** How many series a value has at least that is among so many of the most frequent: only those are read. */
  private leastOf(most: number): number {
    const counts = this.series.filter((series) => series > 0).sort();
    return most < counts.length ? counts[counts.length - most]! : 1;
  }
}
