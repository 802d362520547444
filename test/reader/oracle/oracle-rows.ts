// One form for what ditag, pydicom, dcmdump and dcmjs read of a file, so that they can be compared: a map from the path
// of an element (keys of ditag's full header joined by /, with item numbers) to its text.
import type { HeaderElement } from '../../../core/dicom/header-values.ts';

export interface Row {
  readonly vr: string;
  readonly text: string;
}
export type Rows = Map<string, Row>;

type Items = readonly (number | Readonly<Record<string, string | Items>>)[];

/** ditag's full header, flattened; nested elements have no VR there. */
export function rowsOfHeader(elements: readonly HeaderElement[]): Rows {
  const rows: Rows = new Map();
  for (const { key, vr, text } of elements) {
    if (vr === 'SQ' && text.startsWith('[')) flatten(key, JSON.parse(text) as Items, rows);
    else rows.set(key, { vr, text });
  }
  return rows;
}

function flatten(path: string, items: Items, rows: Rows): void {
  const more = items.at(-1);
  const left = typeof more === 'number' ? more : 0;
  const objects = items.filter((item) => typeof item !== 'number');
  rows.set(path, { vr: 'SQ', text: `items ${objects.length + left}` });
  objects.forEach((item, i) => {
    for (const [key, value] of Object.entries(item)) {
      if (typeof value === 'string') rows.set(`${path}/${i}/${key}`, { vr: '', text: value });
      else flatten(`${path}/${i}/${key}`, value, rows);
    }
  });
}

/** Numbers as numbers where both are, at the precision of `vr`. */
export function sameNumbers(a: string, b: string, vr: string): boolean {
  const left = a.split('\\');
  const right = b.split('\\');
  const round = vr === 'FL' ? Math.fround : (value: number) => value;
  const isSame = (x: string, y: string): boolean =>
    x === y || (x !== '' && y !== '' && Object.is(round(Number(x)) + 0, round(Number(y)) + 0)) || same64(x, y);
  return left.length === right.length && left.every((text, i) => isSame(text, right[i]!));
}

function same64(x: string, y: string): boolean {
  return /^-?\d+$/.test(x) && /^-?\d+$/.test(y) && BigInt(x) === BigInt(y);
}
