// One form for what ditag, pydicom, dcmdump and dcmjs read of a file, so that they can be compared: a map from the path
// of an element (keys of ditag's full header joined by /, with item numbers) to its text.
import { Buffer } from 'node:buffer';
import type { HeaderElement } from '../../../core/dicom/header-element.ts';

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

/** An element as another reader sees it. */
export interface OracleElement {
  /** GGGGEEEE. */
  readonly tag: string;
  readonly vr: string;
  readonly text: string;
  readonly items?: readonly (readonly OracleElement[])[];
}

const PIXEL_DATA = new Set(['7FE00010', '7FE00008', '7FE00009']);
const KEPT_ITEMS = 256;

/** Another reader's elements under the paths that ditag gives them; without group lengths and pixel data. */
export function rowsOfTree(elements: readonly OracleElement[], path = '', rows: Rows = new Map()): Rows {
  const creators = new Map<string, string>();
  for (const { tag, vr, text, items } of elements) {
    if (tag.endsWith('0000') || PIXEL_DATA.has(tag)) continue;
    const isPrivate = Number.parseInt(tag[3]!, 16) % 2 === 1;
    const creator = isPrivate && tag[4] !== '0' ? creators.get(tag.slice(0, 6)) : undefined;
    const key = path + (creator ? `${tag.slice(0, 4)}xx${tag.slice(6)}:${creator}` : tag);
    if (items === undefined) {
      if (isPrivate && tag.startsWith('00', 4)) creators.set(tag.slice(0, 4) + tag.slice(6), fromHex(text).trim());
      if (!rows.has(key)) rows.set(key, { vr, text });
      continue;
    }
    rows.set(key, { vr: 'SQ', text: `items ${items.length}` });
    items.slice(0, KEPT_ITEMS).forEach((item, i) => {
      rowsOfTree(item, `${key}/${i}/`, rows);
    });
  }
  return rows;
}

/** Bytes written as "hex ..." as text, which they are in a private creator of VR UN. */
export function fromHex(text: string): string {
  return text.startsWith('hex ') ? Buffer.from(text.slice(4), 'hex').toString('latin1') : text;
}

const LEADING = new Set(['AE', 'AS', 'CS', 'DA', 'DS', 'DT', 'IS', 'TM', 'UI']);
const SINGLE = new Set(['LT', 'ST', 'UT', 'UR']);

/** Without the padding of each value, as PS3.5 section 6.2 has it. */
export function withoutPadding(text: string, vr: string): string {
  const values = SINGLE.has(vr) ? [text] : text.split('\\');
  return values
    .map((value) => value.replace(/[ \0]+$/, '').replace(LEADING.has(vr) ? /^[ \0]+/ : /^\0+/, ''))
    .join('\\');
}

/** The length that a note of ditag's about a value states; -1 for a value. */
export function notedLength(text: string): number {
  return text.startsWith('\0bytes ') ? Number(text.slice(7)) : -1;
}

/** The part of a text that ditag keeps. */
export function keptStart(text: string): { start: string; isCut: boolean } {
  const isCut = text.startsWith('\0cut ');
  return { start: isCut ? text.slice(text.indexOf(':') + 1) : text, isCut };
}
