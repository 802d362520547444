/**
 * Decodes text by the Specific Character Set (0008,0005): the defined terms of PS3.3 C.12.1.1.2 and the code extensions
 * of PS3.5 section 6.1.2.5 (ISO 2022 escape sequences), on top of TextDecoder.
 * A wrong declaration or wrong bytes never throw: text stays legible as far as possible, and the decoder notes the issue.
 * Values are split at the backslash by the caller, in the decoded text: in the bytes 0x5C may be half of a character.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { makePlan, multiByteSets, type Plan, singleByteSets, toG0, toG1 } from './character-set-terms.ts';

/** One data set's text decoder; make one per data set (cheap), because it collects what was wrong in its text. */
export interface DicomTextDecoder {
  /** (0008,0005) as given to `makeTextDecoder`. */
  readonly specificCharacterSet: string;
  /** `misspelt`: not a defined term, but its meaning is evident and was taken; `unknown`: it was guessed from the bytes. */
  readonly declaredIssue: 'misspelt' | 'unknown' | undefined;
  /**
   * Set by `decode`, never reset by it: `outside` if text had bytes that are not of the declared character set,
   * `malformed` if some of it could not be decoded (U+FFFD stands there) or has an escape sequence unknown to DICOM.
   */
  textIssue: 'outside' | 'malformed' | false;
  /**
   * The text of a whole value field, padding included (`trimPadding`). The VR decides which delimiters end the reach of
   * an escape sequence: `^` and `=` in PN, the backslash in all but ST, LT and UT.
   */
  decode(bytes: Uint8Array, vr: string): string;
}

const plans = new Map<string, Plan>();

/**
 * The decoder for the raw value of (0008,0005): defined terms separated by backslashes, '' if it is absent or empty.
 * What is made from the declaration is kept, so only the first call with a given value costs more than an object.
 */
export function makeTextDecoder(specificCharacterSet: string): DicomTextDecoder {
  let plan = plans.get(specificCharacterSet);
  if (!plan) {
    if (plans.size > 1000) plans.clear(); // an archive has a dozen; broken files could bring any number
    plans.set(specificCharacterSet, (plan = makePlan(specificCharacterSet)));
  }
  return new Iso2022Decoder(specificCharacterSet, plan);
}

/** Text without the blanks and NULs at its end: padding to an even length, and never significant (PS3.5 section 6.2). */
export function trimPadding(text: string): string {
  let end = text.length;
  while (end > 0 && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0)) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

const decoders = new Map<string, InstanceType<typeof TextDecoder>>();

function cachedDecoder(label: string, fatal: boolean): InstanceType<typeof TextDecoder> {
  const key = fatal ? `${label}!` : label;
  let decoder = decoders.get(key);
  if (!decoder) decoders.set(key, (decoder = new TextDecoder(label, { fatal, ignoreBOM: true })));
  return decoder;
}

function decodeStrictly(label: string, bytes: Uint8Array): string | undefined {
  try {
    return cachedDecoder(label, true).decode(bytes);
  } catch {
    return undefined;
  }
}

/** UTF-8, else the first guess that fits every byte; undefined if none does. */
function guessStrictly(bytes: Uint8Array, guesses: readonly string[]): string | undefined {
  if (isUtf8(bytes)) return cachedDecoder('utf-8', false).decode(bytes);
  for (const label of guesses) {
    const text = decodeStrictly(label, bytes);
    if (text !== undefined) return text;
  }
  return undefined;
}

/**
 * Text of unknown encoding: UTF-8, the first guess that fits, UTF-8 with damage (such as a value cut off in the middle of
 * a character), or windows-1252, which contains ISO 8859-1 and always fits.
 */
function guessText(bytes: Uint8Array, guesses: readonly string[]): string {
  const fitting = guessStrictly(bytes, guesses);
  if (fitting !== undefined) return fitting;
  const damaged = cachedDecoder('utf-8', false).decode(bytes);
  const bad = damaged.split('\ufffd').length - 1;
  const good = damaged.replaceAll(/[\x00-\x7f\ufffd]/g, '').length;
  return good >= bad && good > 0 ? damaged : cachedDecoder('windows-1252', false).decode(bytes);
}

const upperHalves = new Map<number, string>();

/**
 * The 128 characters of a single-byte set from 0x80 on, U+FFFD where it has none. TextDecoder takes ISO 8859-1, 8859-9
 * and TIS 620 for their Windows supersets and Shift JIS has more than JIS X 0201, so 0x80-0x9F are put back to C1 controls.
 */
function upperHalf(set: number): string {
  let characters = upperHalves.get(set);
  if (characters === undefined) {
    const decoder = cachedDecoder(singleByteSets[set]!, false);
    characters = '';
    for (let byte = 0x80; byte < 0x100; byte++) {
      const katakana = byte > 0xa0 && byte < 0xe0;
      if (byte < 0xa0) characters += String.fromCharCode(byte);
      else characters += set === 13 && !katakana ? '\ufffd' : decoder.decode(Uint8Array.of(byte));
    }
    upperHalves.set(set, characters);
  }
  return characters;
}

/** Bytes from 0x80 on (ASCII among them stays ASCII) in a single-byte set. */
function decodeSingleBytes(set: number, bytes: Uint8Array, start: number, end: number): string {
  const characters = upperHalf(set);
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    text += byte < 0x80 ? String.fromCharCode(byte) : characters[byte - 0x80]!;
  }
  return text;
}

/**
 * Where TextDecoder's tables differ from the sets themselves (and from other DICOM software), by the pair of 7-bit bytes:
 * Windows' readings of JIS X 0208 and 0212, and two characters that KS X 1001 got in 1998.
 */
const corrections: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  87: { 8513: '\u301c', 8514: '\u2016', 8541: '\u2212', 8561: '\u00a2', 8562: '\u00a3', 8780: '\u00ac' },
  149: { 8806: '\u20ac', 8807: '\u00ae' },
  159: { 8759: '~' },
};

const rows = new Map<number, string>();

/** The 94 characters of a multi-byte set whose first 7-bit byte is this one, U+FFFD where it has none. */
function rowOf(set: number, first: number): string {
  const key = (set << 8) | first;
  let row = rows.get(key);
  if (row === undefined) {
    row = '';
    const decoder = cachedDecoder(multiByteSets[set]!, false);
    const prefix = set === 159 ? [0x8f] : []; // how EUC-JP marks JIS X 0212
    for (let second = 0x21; second < 0x7f; second++) {
      const character = decoder.decode(Uint8Array.from([...prefix, first | 0x80, second | 0x80]));
      row += corrections[set]?.[(first << 8) | second] ?? (character.length === 1 ? character : '\ufffd');
    }
    rows.set(key, row);
  }
  return row;
}

/** Characters of two bytes each in a multi-byte set with 94 x 94 places; the high bits (G1 or G0) don't matter. */
function decodePairs(set: number, bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 2) {
    const first = bytes[at]! & 0x7f;
    const second = at + 1 < end ? bytes[at + 1]! & 0x7f : 0;
    text += isGraphic(first) && isGraphic(second) ? rowOf(set, first)[second - 0x21]! : '\ufffd';
  }
  return text;
}

const latin1Slice = (Buffer.prototype as unknown as { latin1Slice(start: number, end: number): string }).latin1Slice;

/** Bytes as ISO 8859-1; Buffer's own method works on any Uint8Array and spares wrapping it. */
const latin1 = (bytes: Uint8Array): string => latin1Slice.call(bytes as Buffer, 0, bytes.length);

const ESC = 0x1b;
const isC1 = /[\x80-\x9f]/;

class Iso2022Decoder implements DicomTextDecoder {
  readonly specificCharacterSet: string;
  readonly declaredIssue: Plan['issue'];
  textIssue: DicomTextDecoder['textIssue'] = false;
  private readonly plan: Plan;

  constructor(specificCharacterSet: string, plan: Plan) {
    this.specificCharacterSet = specificCharacterSet;
    this.declaredIssue = plan.issue;
    this.plan = plan;
  }

  decode(bytes: Uint8Array, vr: string): string {
    // Nearly all text is ASCII without escapes, which every declaration means alike.
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte >= 0x80 || byte === ESC) return this.decodeOther(bytes, vr);
    }
    return latin1(bytes);
  }

  private decodeOther(bytes: Uint8Array, vr: string): string {
    const { alone, first, guesses } = this.plan;
    let escapes = false;
    let high = false;
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at] === ESC) escapes = true;
      else if (bytes[at]! >= 0x80) high = true;
    }
    if (escapes && !(alone !== undefined && high)) return this.decodeIso2022(bytes, vr);
    if (alone !== undefined) return this.decodeAlone(alone, bytes);
    if (first === undefined) return guessText(bytes, guesses);
    if (first === 58 || first === 149) return this.orOutside(this.decodeIso2022(bytes, vr), bytes);
    if (!(first in singleByteSets)) return this.decodeOutside(bytes);
    const text = first === 100 ? latin1(bytes) : decodeSingleBytes(first, bytes, 0, bytes.length);
    // Shift JIS under the name of its katakana half is common; what is not, keeps the declared reading.
    if (first === 13 && (text.includes('\ufffd') || isC1.test(text))) return this.decodeOutside(bytes);
    if (!isC1.test(text)) return this.checked(text);
    // Controls of C1 are in no text: UTF-8 under the name of a single-byte set mostly shows by them.
    if (isUtf8(bytes)) return this.decodeOutside(bytes);
    this.note('outside');
    return this.checked(text);
  }

  /** Keeps the worse of two issues. */
  private note(issue: 'outside' | 'malformed'): void {
    if (this.textIssue !== 'malformed') this.textIssue = issue;
  }

  private checked(text: string): string {
    if (text.includes('\ufffd')) this.note('malformed');
    return text;
  }

  private decodeOutside(bytes: Uint8Array): string {
    this.note('outside');
    return this.checked(guessText(bytes, this.plan.guesses));
  }

  private decodeAlone(label: string, bytes: Uint8Array): string {
    if (label === 'utf-8' && !isUtf8(bytes)) return this.decodeOutside(bytes);
    const text = cachedDecoder(label, false).decode(bytes);
    return label === 'utf-8' ? text : this.orOutside(text, bytes);
  }

  /** `text` by the declaration if that fits every byte, or if nothing else does. */
  private orOutside(text: string, bytes: Uint8Array): string {
    if (!text.includes('\ufffd')) return text;
    const other = guessStrictly(bytes, this.plan.guesses);
    if (other === undefined) return this.checked(text);
    this.textIssue ||= 'outside';
    return other;
  }

  /**
   * PS3.5 section 6.1.2.5: G0 holds what bytes below 0x80 mean, G1 those above; escape sequences change one of them, and
   * both fall back to value 1 at every delimiter (6.1.2.5.3). In a two-byte G0 no delimiter is looked for, only controls.
   */
  private decodeIso2022(bytes: Uint8Array, vr: string): string {
    const first = this.plan.first ?? 6;
    const initialG1 = first in singleByteSets || first === 58 || first === 149 ? first : undefined;
    let g0 = 6;
    let g1 = initialG1;
    let lastG1 = initialG1; // for writers that do not repeat the escape sequence behind a delimiter
    let text = '';
    let at = 0;
    while (at < bytes.length) {
      const byte = bytes[at]!;
      const start = at;
      if (byte === ESC) {
        at = endOfEscape(bytes, at);
        let sequence = '';
        for (let next = start + 1; next < at; next++) sequence += String.fromCharCode(bytes[next]!);
        const [intoG0, intoG1] = [toG0[sequence], toG1[sequence]];
        const set = intoG0 ?? intoG1;
        if (set === undefined) this.note('malformed');
        else if (set !== 6 && set !== 14 && !this.plan.declared.has(set)) this.note('outside');
        if (intoG0 !== undefined) g0 = intoG0;
        if (intoG1 !== undefined) g1 = lastG1 = intoG1;
      } else if (byte >= 0x80) {
        while (at < bytes.length && bytes[at]! >= 0x80) at += 1;
        if (g1 === undefined) this.note('outside');
        text += this.decodeHigh(g1 ?? lastG1, bytes, start, at);
      } else if (g0 in multiByteSets && isGraphic(byte) && isGraphic(bytes[at + 1])) {
        while (isGraphic(bytes[at]) && isGraphic(bytes[at + 1])) at += 2;
        text += this.checked(decodePairs(g0, bytes, start, at));
      } else {
        at += 1;
        text += String.fromCharCode(byte);
        if (g0 in multiByteSets && isGraphic(byte)) this.note('malformed'); // half a character
        if (isDelimiter(byte, vr)) {
          g0 = 6;
          g1 = initialG1;
        }
      }
    }
    return text;
  }

  private decodeHigh(set: number | undefined, bytes: Uint8Array, start: number, end: number): string {
    if (set === undefined) return this.decodeOutside(bytes.subarray(start, end));
    return this.checked((set in singleByteSets ? decodeSingleBytes : decodePairs)(set, bytes, start, end));
  }
}

/** A byte of a 94-character set, that is not a blank, a control or above. */
const isGraphic = (byte: number | undefined): boolean => byte !== undefined && byte > 0x20 && byte < 0x7f;

function isDelimiter(byte: number, vr: string): boolean {
  if (byte < 0x20) return true; // TAB, LF, FF, CR
  if (byte === 0x5c) return vr !== 'ST' && vr !== 'LT' && vr !== 'UT';
  return vr === 'PN' && (byte === 0x5e || byte === 0x3d);
}

/** Where the escape sequence at `start` ends (ISO 2022): intermediate bytes 0x20-0x2F, one final byte. */
function endOfEscape(bytes: Uint8Array, start: number): number {
  let end = start + 1;
  while (end < bytes.length && bytes[end]! >= 0x20 && bytes[end]! < 0x30) end += 1;
  return end > start + 1 && isGraphic(bytes[end]) ? end + 1 : end;
}
