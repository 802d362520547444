// Everything that starts with a parenthesis: groups, look-arounds, conditionals, named references, comments, flags.

import { isIdentifier, type ParseState, quote } from './parse-state.ts';
import type { FlagChange, RawItem } from './raw.ts';
import { codeLength } from './tokenizer.ts';

const FLAG_LETTERS = 'iLmsxatu';
const TYPE_FLAGS = 'aLu';
const MAX_GROUPS = 1_073_741_823;
const NO_CHANGE: FlagChange = { on: '', off: '' };

/** The item after a `(` that has been taken, or what else it was. `first`: global flags are allowed here. */
export function parseGroup(
  state: ParseState,
  verbose: boolean,
  nested: number,
  first: boolean,
): RawItem | 'comment' | 'flags' {
  const { tokens } = state;
  const start = tokens.position - 1;
  if (!tokens.match('?')) return capture(state, verbose, nested, start, undefined);
  const char = taken(state);
  switch (char) {
    case 'P':
      return pythonExtension(state, verbose, nested, start);
    case ':':
      return { type: 'group', index: undefined, flags: NO_CHANGE, body: body(state, verbose, nested, start) };
    case '#':
      return comment(state, start);
    case '=':
    case '!':
    case '<':
      return look(state, verbose, nested, start, char);
    case '(':
      return conditional(state, verbose, nested, start);
    case '>':
      return { type: 'atomic', body: body(state, verbose, nested, start) };
    default:
  }
  if (!isFlag(char) && char !== '-') throw tokens.error(`unknown extension ?${char}`, codeLength(char) + 1);
  const flags = parseFlags(state, char);
  if (flags === undefined) {
    if (!first) throw tokens.errorAt('global flags not at the start of the expression', start);
    return 'flags';
  }
  const inner = (verbose || flags.on.includes('x')) && !flags.off.includes('x');
  return { type: 'group', index: undefined, flags, body: body(state, inner, nested, start) };
}

function taken(state: ParseState): string {
  const token = state.tokens.get();
  if (token === undefined) throw state.tokens.error('unexpected end of pattern');
  return token;
}

function body(state: ParseState, verbose: boolean, nested: number, start: number) {
  const sequence = state.inner.alternation(state, verbose, nested + 1);
  close(state, start);
  return sequence;
}

function close(state: ParseState, start: number): void {
  if (!state.tokens.match(')')) throw state.tokens.errorAt('missing ), unterminated subpattern', start);
}

function capture(
  state: ParseState,
  verbose: boolean,
  nested: number,
  start: number,
  name: string | undefined,
): RawItem {
  const index = state.openGroup(name);
  const sequence = body(state, verbose, nested, start);
  state.closeGroup(index, sequence);
  return { type: 'group', index, flags: NO_CHANGE, body: sequence };
}

function pythonExtension(state: ParseState, verbose: boolean, nested: number, start: number): RawItem {
  const { tokens } = state;
  if (tokens.match('<')) {
    const name = tokens.getUntil('>', 'group name');
    state.checkName(name, 1);
    return capture(state, verbose, nested, start, name);
  }
  if (tokens.match('=')) {
    const name = tokens.getUntil(')', 'group name');
    state.checkName(name, 1);
    const group = state.named(name);
    if (!state.isClosed(group)) throw tokens.error('cannot refer to an open group', codeLength(name) + 1);
    state.checkLookBehind(group);
    return { type: 'reference', group };
  }
  const char = taken(state);
  throw tokens.error(`unknown extension ?P${char}`, codeLength(char) + 2);
}

function comment(state: ParseState, start: number): 'comment' {
  for (;;) {
    const token = state.tokens.get();
    if (token === undefined) throw state.tokens.errorAt('missing ), unterminated comment', start);
    if (token === ')') return 'comment';
  }
}

function look(state: ParseState, verbose: boolean, nested: number, start: number, char: string): RawItem {
  let sign = char;
  const behind = char === '<';
  const outer = state.lookBehindGroups;
  if (behind) {
    sign = taken(state);
    if (sign !== '=' && sign !== '!') throw state.tokens.error(`unknown extension ?<${sign}`, codeLength(sign) + 2);
    state.lookBehindGroups ??= state.groups;
  }
  const sequence = state.inner.alternation(state, verbose, nested + 1);
  if (behind) state.lookBehindGroups = outer;
  close(state, start);
  return { type: 'look', behind, negated: sign === '!', body: sequence };
}

function conditional(state: ParseState, verbose: boolean, nested: number, start: number): RawItem {
  const { tokens } = state;
  const name = tokens.getUntil(')', 'group name');
  const group = isIdentifier(name) ? state.named(name) : conditionNumber(state, name);
  state.checkLookBehind(group);
  state.checkNesting(nested);
  const yes = state.inner.sequence(state, verbose, nested + 1);
  let no: typeof yes | undefined;
  if (tokens.match('|')) {
    no = state.inner.sequence(state, verbose, nested + 1);
    if (tokens.next === '|') throw tokens.error('conditional backref with more than two branches');
  }
  close(state, start);
  return { type: 'conditional', group, yes, no };
}

/** The number of a conditional's group, as Python's int() reads it. */
function conditionNumber(state: ParseState, name: string): number {
  const { tokens } = state;
  const length = codeLength(name);
  const match = /^[\s\x1c-\x1f\x85]*([+-]?)(\p{Nd}+(?:_\p{Nd}+)*)[\s\x1c-\x1f\x85]*$/u.exec(name);
  const digits = match === null ? '' : Array.from(match[2]!.replaceAll('_', ''), decimalDigit).join('');
  const group = match === null ? Number.NaN : Number(digits);
  if (match === null || (match[1] === '-' && group !== 0)) {
    throw tokens.error(`bad character in group name ${quote(name)}`, length + 1);
  }
  if (group === 0) throw tokens.error('bad group number', length + 1);
  if (group >= MAX_GROUPS) throw tokens.error(`invalid group reference ${BigInt(digits)}`, length + 1);
  if (!state.conditions.has(group)) state.conditions.set(group, tokens.position - length - 1);
  return group;
}

/** Decimal digits of every script stand in runs of ten that start with the zero. */
function decimalDigit(char: string): string {
  const code = char.codePointAt(0)!;
  let zero = code;
  while (code - zero < 9 && /^\p{Nd}$/u.test(String.fromCodePoint(zero - 1))) zero--;
  return String(code - zero);
}

/** Flags from their first letter (taken) on; undefined when they are global ones. */
function parseFlags(state: ParseState, letter: string): FlagChange | undefined {
  const { tokens } = state;
  let char: string | undefined = letter;
  let on = '';
  if (char !== '-') {
    for (;;) {
      if (char === 'L') throw tokens.error("bad inline flags: cannot use 'L' flag with a str pattern");
      on += char;
      if (isType(char) && [...on].some((other) => isType(other) && other !== char)) {
        throw tokens.error("bad inline flags: flags 'a', 'u' and 'L' are incompatible");
      }
      char = tokens.get();
      if (char === undefined) throw tokens.error('missing -, : or )');
      if (char === ')' || char === '-' || char === ':') break;
      if (!isFlag(char)) throw notFlag(state, char, 'missing -, : or )');
    }
  }
  if (char === ')') {
    state.flags += on;
    return undefined;
  }
  if (on.includes('t')) throw tokens.error('bad inline flags: cannot turn on global flag', 1);
  const off = char === '-' ? parseFlagsOff(state) : '';
  if (off.includes('t')) throw tokens.error('bad inline flags: cannot turn off global flag', 1);
  if ([...on].some((flag) => off.includes(flag))) {
    throw tokens.error('bad inline flags: flag turned on and off', 1);
  }
  return { on, off };
}

function parseFlagsOff(state: ParseState): string {
  const { tokens } = state;
  let off = '';
  let char = tokens.get();
  if (char === undefined) throw tokens.error('missing flag');
  if (!isFlag(char)) throw notFlag(state, char, 'missing flag');
  for (;;) {
    if (isType(char)) throw tokens.error("bad inline flags: cannot turn off flags 'a', 'u' and 'L'");
    off += char;
    char = tokens.get();
    if (char === undefined) throw tokens.error('missing :');
    if (char === ':') return off;
    if (!isFlag(char)) throw notFlag(state, char, 'missing :');
  }
}

function notFlag(state: ParseState, char: string, otherwise: string) {
  return state.tokens.error(/^\p{L}+$/u.test(char) ? 'unknown flag' : otherwise, codeLength(char));
}

function isFlag(char: string): boolean {
  return char.length === 1 && FLAG_LETTERS.includes(char);
}

function isType(char: string): boolean {
  return TYPE_FLAGS.includes(char);
}
