// Counts rows of the index by the values of an attribute: for statistics and for facets.
import { Buffer } from 'node:buffer';
import type { DatabaseSync } from 'node:sqlite';
import { attributeIndex } from '../../core/instance/attributes.ts';
import type { CountedValue } from '../../core/ports/instance-index.ts';
import { ValueTexts } from './value-texts.ts';

/** Counts rows by the value code of an attribute. */
export class CodeCounts {
  readonly attribute: number;
  private readonly texts: ValueTexts;
  private readonly series: Uint32Array;
  private readonly instances: Float64Array;

  constructor(database: DatabaseSync, keyword: string) {
    this.attribute = attributeIndex(keyword);
    this.texts = new ValueTexts(database, this.attribute);
    this.series = new Uint32Array(this.texts.count);
    this.instances = new Float64Array(this.texts.count);
  }

  add(code: number, instances: number): void {
    this.series[code]!++;
    this.instances[code]! += instances;
  }

  /** Values in use; a missing value is not counted as one. */
  distinct(): number {
    let n = 0;
    for (let code = 1; code < this.series.length; code++) if (this.series[code]! > 0) n++;
    return n;
  }

  /** Most frequent first, then by value. */
  counted(): CountedValue[] {
    const out: CountedValue[] = [];
    this.series.forEach((series, code) => {
      if (series > 0) out.push({ value: this.texts.text(code), series, instances: this.instances[code]! });
    });
    return out.sort((a, b) => b.series - a.series || compareCodePoints(a.value, b.value));
  }
}

/** As Elasticsearch orders: bytes of UTF-8 stand in the order of code points, which units of UTF-16 do not. */
function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}
