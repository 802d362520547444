// Binary numbers and attribute tags as decimal text (PS3.5 section 6.2: US SS UL SL UV SV FL FD AT).
import { tagAt } from './element-table.ts';
import { tagDigits } from './tag-digits.ts';
import type { NumberFormat } from './value-representations.ts';

type NumberReader = (view: DataView, at: number, littleEndian: boolean) => string;

const READERS: Record<NumberFormat, NumberReader> = {
  u16: (view, at, little) => String(view.getUint16(at, little)),
  i16: (view, at, little) => String(view.getInt16(at, little)),
  u32: (view, at, little) => String(view.getUint32(at, little)),
  i32: (view, at, little) => String(view.getInt32(at, little)),
  u64: (view, at, little) => String(view.getBigUint64(at, little)),
  i64: (view, at, little) => String(view.getBigInt64(at, little)),
  f32: (view, at, little) => shortestFloat32(view.getFloat32(at, little)),
  f64: (view, at, little) => decimal(view.getFloat64(at, little)),
};

/** The numbers of `unit` bytes each between `start` and `end`, joined by `\`; bytes behind the last whole one are left. */
export function numberText(
  view: DataView,
  start: number,
  end: number,
  littleEndian: boolean,
  format: NumberFormat,
  unit: number,
): string {
  const read = READERS[format];
  if (end - start === unit) return read(view, start, littleEndian);
  let out = '';
  for (let at = start; at + unit <= end; at += unit) out += (at === start ? '' : '\\') + read(view, at, littleEndian);
  return out;
}

/** Attribute tags as `(gggg,eeee)`, joined by `\`. */
export function attributeTagText(view: DataView, start: number, end: number, littleEndian: boolean): string {
  const out: string[] = [];
  for (let at = start; at + 4 <= end; at += 4) {
    const hex = tagDigits(tagAt(view, at, littleEndian));
    out.push(`(${hex.slice(0, 4)},${hex.slice(4)})`);
  }
  return out.join('\\');
}

/** The shortest decimal that reads back as the same number, of zero also its sign. */
function decimal(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** Of 32 bit floats: smaller ones have fewer digits. */
const SMALLEST_NORMAL = 2 ** -126;

/** The shortest decimal that reads back as the same 32 bit float. */
function shortestFloat32(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || (size < 2 ** 24 && Number.isInteger(value))) return decimal(value);
  // Six digits are always kept, and fewer are six with zeros behind them; of the smallest, and of large whole ones, not so.
  for (let digits = size < SMALLEST_NORMAL || size >= 2 ** 24 ? 1 : 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}
