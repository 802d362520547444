// Escapes outside and inside of bracketed sets, and the bracketed sets themselves.

import type { ClassName, SetMember } from './characters.ts';
import { PatternError } from './errors.ts';
import type { ParseState } from './parse-state.ts';
import type { RawItem } from './raw.ts';
import { codeLength, isOneOf, type Tokenizer } from './tokenizer.ts';

const OCTAL = '01234567';
const DIGITS = '0123456789';
const HEX = '0123456789abcdefABCDEF';
const LAST_OCTAL = 0o377;

const CONTROL: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
  '\\': 0x5c,
};

/** Number of hexadecimal digits after \x, \u and \U. */
const HEX_LENGTH: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** The item for an escape outside of a set; `token` is the token just taken. */
export function parseEscape(state: ParseState, token: string): RawItem {
  const { tokens } = state;
  const letter = token.slice(1);
  if (letter === 'A' || letter === 'Z' || letter === 'b' || letter === 'B') return { type: 'at', escape: letter };
  if (isClass(letter)) return { type: 'set', negated: false, members: [{ type: 'class', name: letter }] };
  const simple = simpleEscape(tokens, token, letter);
  if (simple !== undefined) return literal(simple);
  if (letter === '0') return literal(Number.parseInt(letter + tokens.getWhile(2, OCTAL), 8));
  if (DIGITS.includes(letter)) return numberEscape(state, letter);
  throw tokens.error(`bad escape ${token}`, codeLength(token));
}

/** Three octal digits are a character; anything else is the number of a group. */
function numberEscape(state: ParseState, first: string): RawItem {
  const { tokens } = state;
  let digits = first;
  if (isOneOf(tokens.next, DIGITS)) {
    digits += tokens.get();
    if (OCTAL.includes(digits[0]!) && OCTAL.includes(digits[1]!) && isOneOf(tokens.next, OCTAL)) {
      digits += tokens.get();
      return literal(octal(tokens, digits));
    }
  }
  const group = Number(digits);
  if (group >= state.groups) throw tokens.error(`invalid group reference ${group}`, digits.length);
  if (!state.isClosed(group)) throw tokens.error('cannot refer to an open group', digits.length + 1);
  state.checkLookBehind(group);
  return { type: 'reference', group };
}

function octal(tokens: Tokenizer, digits: string): number {
  const code = Number.parseInt(digits, 8);
  if (code > LAST_OCTAL) {
    throw tokens.error(`octal escape value \\${digits} outside of range 0-0o377`, digits.length + 1);
  }
  return code;
}

/** Escapes that mean the same inside and outside of a set; undefined for those with digits. */
function simpleEscape(tokens: Tokenizer, token: string, letter: string): number | undefined {
  const control = CONTROL[letter];
  if (control !== undefined) return control;
  const length = HEX_LENGTH[letter];
  if (length !== undefined) return hexadecimal(tokens, token, length);
  if (letter === 'N') {
    throw new PatternError(
      `The pattern is not supported: \\N{...} (a character by its name) at position ${tokens.position - 2}; ` +
        'write the character itself or its \\u escape.',
      tokens.position - 2,
    );
  }
  if (DIGITS.includes(letter)) return undefined;
  if (/^[a-zA-Z]$/.test(letter)) throw tokens.error(`bad escape ${token}`, 2);
  return letter.codePointAt(0)!;
}

function hexadecimal(tokens: Tokenizer, token: string, length: number): number {
  const digits = tokens.getWhile(length, HEX);
  const text = token + digits;
  if (digits.length !== length) throw tokens.error(`incomplete escape ${text}`, text.length);
  const code = Number.parseInt(digits, 16);
  if (code > 0x10ffff) throw tokens.error(`bad escape ${text}`, text.length);
  return code;
}

/** A bracketed set; the `[` has been taken. */
export function parseSet(tokens: Tokenizer): RawItem {
  const here = tokens.position - 1;
  const unterminated = () => tokens.errorAt('unterminated character set', here);
  const members: SetMember[] = [];
  const negated = tokens.match('^');
  for (;;) {
    const token = tokens.get();
    if (token === undefined) throw unterminated();
    if (token === ']' && members.length > 0) break;
    const member = setMember(tokens, token);
    if (!tokens.match('-')) {
      members.push(member);
      continue;
    }
    const end = tokens.get();
    if (end === undefined) throw unterminated();
    if (end === ']') {
      members.push(member, { type: 'literal', code: 0x2d });
      break;
    }
    const last = setMember(tokens, end);
    if (member.type !== 'literal' || last.type !== 'literal' || last.code < member.code) {
      throw tokens.error(`bad character range ${token}-${end}`, codeLength(token) + 1 + codeLength(end));
    }
    members.push({ type: 'range', first: member.code, last: last.code });
  }
  const unique = uniqueMembers(members);
  const [only] = unique;
  if (unique.length === 1 && only!.type === 'literal') return { type: 'literal', code: only!.code, negated };
  return { type: 'set', negated, members: unique };
}

function setMember(tokens: Tokenizer, token: string): SetMember {
  if (token[0] !== '\\') return { type: 'literal', code: token.codePointAt(0)! };
  const letter = token.slice(1);
  if (isClass(letter)) return { type: 'class', name: letter };
  const simple = simpleEscape(tokens, token, letter);
  if (simple !== undefined) return { type: 'literal', code: simple };
  if (!OCTAL.includes(letter)) throw tokens.error(`bad escape ${token}`, codeLength(token));
  return { type: 'literal', code: octal(tokens, letter + tokens.getWhile(2, OCTAL)) };
}

/** The members without repetitions. */
export function uniqueMembers(members: readonly SetMember[]): SetMember[] {
  return [...new Map(members.map((member) => [JSON.stringify(member), member])).values()];
}

function isClass(letter: string): letter is ClassName {
  return letter.length === 1 && 'dDsSwW'.includes(letter);
}

function literal(code: number): RawItem {
  return { type: 'literal', code, negated: false };
}
