// Writes text in the character set that a value of (0008,0005) declares, code extensions included: the way back from
// core/dicom/character-sets.ts, of whose decoder the tables are made. GB18030 and GBK are not written.
import { Buffer } from 'node:buffer';
import { makePlan, multiByteSets, singleByteSets, toG0, toG1 } from '../dicom/character-set-terms.ts';
import { makeTextDecoder } from '../dicom/character-sets.ts';

export const UTF_8 = 'ISO_IR 192';

/** Writes the text of a value field of this VR; undefined if it has characters that are not of the set. */
export type TextEncoder = (text: string, vr: string) => Buffer | undefined;

/** The writer for a value of (0008,0005), '' for ASCII; undefined if there is none or it is not as PS3.3 has it. */
export function textEncoder(specificCharacterSet: string): TextEncoder | undefined {
  const { alone, first, declared, issue } = makePlan(specificCharacterSet);
  if (issue !== undefined) return undefined;
  if (alone !== undefined) return alone === 'utf-8' ? (text) => Buffer.from(text, 'utf8') : undefined;
  return (text, vr) => {
    const bytes = encode(text, vr, first ?? 6, declared);
    // What a reader will make of it decides.
    const isRight = bytes !== undefined && makeTextDecoder(specificCharacterSet).decode(bytes, vr) === text;
    return isRight ? bytes : undefined;
  };
}

/**
 * PS3.5 section 6.1.2.5: G0 is back at value 1 in front of every delimiter and at the end; of G1 the reader itself takes
 * care at a delimiter (6.1.2.5.3), so it is designated anew behind one.
 */
function encode(text: string, vr: string, first: number, declared: ReadonlySet<number>): Buffer | undefined {
  const home = first in singleByteSets || first === 58 || first === 149 ? first : undefined;
  const homeG0 = first === 13 ? 14 : 6;
  const out: number[] = [];
  let g0 = homeG0;
  let g1 = home;
  for (const character of text) {
    if (character < '\x80') {
      if (g0 !== homeG0) designate(out, (g0 = homeG0));
      out.push(character.charCodeAt(0));
      if (isDelimiter(character, vr)) g1 = home;
      continue;
    }
    const sets = [g0, g1, ...declared].filter((set) => set !== undefined);
    const set = sets.find((one) => bytesOf(one).has(character));
    if (set === undefined) return undefined;
    const isG0 = Object.values(toG0).includes(set);
    if (set !== (isG0 ? g0 : g1)) designate(out, set);
    if (isG0) g0 = set;
    else g1 = set;
    out.push(...bytesOf(set).get(character)!);
  }
  if (g0 !== homeG0) designate(out, homeG0);
  return Buffer.from(out);
}

/** Writes the escape sequence of a set (PS3.3 tables C.12-3 and C.12-4). */
function designate(out: number[], set: number): void {
  out.push(0x1b, ...Buffer.from(escapeOf(set), 'latin1'));
}

function escapeOf(set: number): string {
  return [...Object.entries(toG0), ...Object.entries(toG1)].find(([, into]) => into === set)?.[0] ?? '';
}

function isDelimiter(character: string, vr: string): boolean {
  if (character < ' ') return true; // TAB, LF, FF, CR
  if (character === '\\') return vr !== 'ST' && vr !== 'LT' && vr !== 'UT';
  return vr === 'PN' && (character === '^' || character === '=');
}

const tables = new Map<number, ReadonlyMap<string, readonly number[]>>();

/** The bytes of each character of a set beyond ASCII; made when they are first asked for. */
function bytesOf(set: number): ReadonlyMap<string, readonly number[]> {
  let table = tables.get(set);
  if (table === undefined) tables.set(set, (table = readTable(set)));
  return table;
}

function readTable(set: number): ReadonlyMap<string, readonly number[]> {
  const table = new Map<string, readonly number[]>();
  const decoder = makeTextDecoder(`\\ISO 2022 IR ${set}`);
  const prefix = [0x1b, ...Buffer.from(escapeOf(set), 'latin1')];
  const add = (...bytes: number[]) => {
    const character = decoder.decode(Uint8Array.from([...prefix, ...bytes]), 'LO');
    if (character > '\x9f' && character.length === 1 && character !== '\ufffd' && !table.has(character))
      table.set(character, bytes);
  };
  if (set in singleByteSets) for (let byte = 0xa0; byte < 0x100; byte++) add(byte);
  if (set in multiByteSets) {
    const high = Object.values(toG1).includes(set) ? 0x80 : 0;
    for (let a = 0x21; a < 0x7f; a++) for (let b = 0x21; b < 0x7f; b++) add(a | high, b | high);
  }
  return table;
}
