// Text values: decoded, without padding, cut where they are long (PS3.5 section 6.2).
import type { Buffer } from 'node:buffer';
import type { DicomTextDecoder } from './character-sets.ts';
import { cutNote } from './kept-text.ts';

/** A text longer than this many characters is kept up to there and marked. */
const MAX_TEXT = 4096;

/** VRs whose leading spaces are padding too. */
const LEADING_SPACES_ARE_PADDING = new Set(['AE', 'CS', 'DS', 'IS', 'UI', 'DA', 'TM', 'DT', 'AS']);
/** VRs of one value, in which `\` is a character like any other. */
const SINGLE_VALUED = new Set(['LT', 'ST', 'UT', 'UR']);

/** The text between `start` and `end`; `decoder` where it is in the Specific Character Set, undefined for ASCII. */
export function textValue(
  bytes: Buffer,
  start: number,
  end: number,
  vr: string,
  decoder: DicomTextDecoder | undefined,
): string {
  const isPlain = decoder === undefined || isAscii(bytes, start, end);
  const raw = isPlain ? bytes.toString('latin1', start, end) : decoder.decode(bytes.subarray(start, end), vr);
  const text = trimValues(raw, vr);
  return text.length > MAX_TEXT ? cutNote(end - start, startOf(text)) : text;
}

/** The first MAX_TEXT characters, without half of a surrogate pair at the end. */
function startOf(text: string): string {
  const last = text.charCodeAt(MAX_TEXT - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? MAX_TEXT - 1 : MAX_TEXT);
}

/** So many bytes that are UTF-8 beyond ASCII are hardly ever numbers. */
const EVIDENT_UTF8 = 4;

/**
 * Bytes of unknown meaning as text, where they evidently are that: private elements often are. Undefined: binary.
 * Beyond ASCII they must fit the character set and be the lesser part, for most numbers would fit some set too; but hardly
 * UTF-8, so text of any script is taken where that is declared.
 */
export function evidentText(bytes: Buffer, start: number, end: number, decoder: DicomTextDecoder): string | undefined {
  let high = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x80) high++;
    else if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x1b) {
      // NUL is padding, but only at the end.
      if (byte !== 0 || i !== end - 1 || i === start) return undefined;
    } else if (byte === 0x7f) return undefined;
  }
  if (end === start) return undefined;
  const isUtf8 = decoder.specificCharacterSet.includes('ISO_IR 192') && end - start >= EVIDENT_UTF8;
  if (high * 2 > end - start && !isUtf8) return undefined;
  const before = decoder.textIssue;
  decoder.textIssue = false;
  const text = textValue(bytes, start, end, 'LO', decoder);
  const fits = !decoder.textIssue;
  decoder.textIssue = before;
  return fits || high === 0 ? text : undefined;
}

function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! >= 0x80 || bytes[i] === 0x1b) return false;
  return true;
}

/** Cuts the padding from each value: trailing spaces and NULs, leading ones where the VR says so. */
function trimValues(text: string, vr: string): string {
  if (SINGLE_VALUED.has(vr) || !text.includes('\\')) return trimOne(text, vr);
  return text
    .split('\\')
    .map((value) => trimOne(value, vr))
    .join('\\');
}

/** A leading NUL is never kept: it would make a note of the text, see `kept-text.ts`. */
function trimOne(value: string, vr: string): string {
  let end = value.length;
  while (end > 0 && isPadding(value.charCodeAt(end - 1))) end--;
  let start = 0;
  const first = value.charCodeAt(0);
  if (first === 0 || first === 0x20) {
    const spaces = LEADING_SPACES_ARE_PADDING.has(vr);
    while (start < end && (value.charCodeAt(start) === 0 || (spaces && value.charCodeAt(start) === 0x20))) start++;
  }
  return start === 0 && end === value.length ? value : value.slice(start, end);
}

function isPadding(code: number): boolean {
  return code === 0x20 || code === 0;
}
