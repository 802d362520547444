// The backtracking matcher, for patterns that refer to what a group took. It tries what CPython tries, in the same
// order, with an explicit stack; a number of steps for each value bounds the time, and a value that needs more is
// refused, never answered.

import * as op from './backtrack-program.ts';
import { lowerCase } from './characters.ts';
import { type CodeSet, CodeSetTest } from './code-set.ts';
import { type PatternBudget, PatternTooExpensive } from './errors.ts';
import type { Subject } from './subject.ts';

/** Most steps for one value (about 0.15 s). */
export const MAX_STEPS = 5_000_000;

const FAILED = -1;
/** Register of a group that took nothing, and of a repeat before its first turn. */
const UNSET = -1;

/** An entry of the stack: address, position, what is left to give back or take (see #retry), length of the trail. */
const ENTRY = 4;
/** Third field of an ordinary entry; greedy runs keep their least position there, lazy ones LAZY - what they may take. */
const PLAIN = -1;
const LAZY = -2;

/** Runs one backtracking program on subjects. */
export class BacktrackMatcher {
  readonly #program: op.BacktrackProgram;
  readonly #first: CodeSetTest | undefined;
  readonly #registers: Int32Array;
  #subject!: Subject;
  /** Steps left for the current value. */
  #left = 0;
  #stack = new Int32Array(256);
  #top = 0;
  /** Registers changed and their former content, to be put back on the way back. */
  #trail = new Int32Array(256);
  #trailTop = 0;
  // The state of the machine, while #run has it.
  #address = 0;
  #at = 0;

  /** `first`: the characters a match can start with, or undefined when it can be empty. */
  constructor(program: op.BacktrackProgram, first: CodeSet | undefined) {
    this.#program = program;
    this.#registers = new Int32Array(program.registers);
    this.#first = first === undefined ? undefined : new CodeSetTest(first);
  }

  /** Whether the program matches anywhere. Throws PatternTooExpensive past MAX_STEPS. */
  test(subject: Subject, budget: PatternBudget): boolean {
    this.#subject = subject;
    this.#left = MAX_STEPS;
    const first = this.#first;
    let found = false;
    for (let start = 0; start <= subject.length && !found; start++) {
      if (first !== undefined && (start === subject.length || !first.has(subject.codes[start]!))) continue;
      this.#registers.fill(UNSET);
      this.#top = 0;
      this.#trailTop = 0;
      found = this.#run(0, start) !== FAILED;
    }
    budget.spend(MAX_STEPS - this.#left + subject.length);
    return found;
  }

  /** Where the program or body at an address ends; what it recorded stays. FAILED, with everything put back. */
  #run(address: number, at: number): number {
    const { code, sets } = this.#program;
    const { codes, length } = this.#subject;
    const base = this.#top;
    const trailBase = this.#trailTop;
    this.#address = address;
    this.#at = at;
    for (;;) {
      if (--this.#left < 0) this.#refuse();
      const here = this.#address;
      let alive = true;
      switch (code[here]) {
        case op.MATCH:
          this.#top = base;
          return this.#at;
        case op.SET:
          alive = this.#at < length && sets[code[here + 1]!]!.has(codes[this.#at]!);
          this.#at++;
          this.#address = here + op.WIDTH;
          break;
        case op.SPLIT:
          this.#push(code[here + 2]!, this.#at, PLAIN);
          this.#address = code[here + 1]!;
          break;
        case op.JUMP:
          this.#address = code[here + 1]!;
          break;
        case op.AT:
          alive = this.#subject.holds(code[here + 1]!, this.#at);
          this.#address = here + op.WIDTH;
          break;
        case op.LOOK:
          alive = this.#look(here, this.#at);
          break;
        case op.ATOMIC: {
          const end = this.#run(code[here + 1]!, this.#at);
          alive = end !== FAILED;
          this.#at = end;
          this.#address = here + op.WIDTH;
          break;
        }
        case op.RUN:
          alive = this.#runSet(here);
          break;
        case op.POSSESSIVE:
          alive = this.#possessive(here, this.#at);
          break;
        case op.MARK:
          this.#write(code[here + 1]!, this.#at);
          this.#address = here + op.WIDTH;
          break;
        case op.REPEAT:
          this.#write(code[here + 1]!, UNSET);
          this.#write(code[here + 1]! + 1, UNSET);
          this.#address = code[here + 2]!;
          break;
        case op.UNTIL_GREEDY:
        case op.UNTIL_LAZY:
          alive = this.#until(here);
          break;
        case op.REFERENCE:
          alive = this.#reference(here);
          break;
        case op.CONDITION: {
          const register = code[here + 1]! * 2;
          const taken = this.#hasTaken(register);
          this.#address = taken ? here + op.WIDTH : code[here + 2]!;
          break;
        }
        default:
      }
      if (!alive && !this.#retry(base)) {
        this.#undo(trailBase);
        return FAILED;
      }
    }
  }

  /** Goes back to the last entry of the stack above `base`; false if there is none. */
  #retry(base: number): boolean {
    if (this.#top === base) return false;
    const stack = this.#stack;
    const entry = this.#top - ENTRY;
    this.#undo(stack[entry + 3]!);
    this.#address = stack[entry]!;
    this.#at = stack[entry + 1]!;
    const kind = stack[entry + 2]!;
    if (kind === PLAIN) {
      this.#top = entry;
      return true;
    }
    if (kind >= 0) {
      // A greedy run gives back one character.
      this.#at--;
      if (this.#at === kind) this.#top = entry;
      else stack[entry + 1] = this.#at;
      return true;
    }
    return this.#takeOneMore(entry, LAZY - kind, base);
  }

  /** A lazy run that may still take `left` characters takes one. */
  #takeOneMore(entry: number, left: number, base: number): boolean {
    const { code, sets } = this.#program;
    const { codes, length } = this.#subject;
    const set = sets[code[this.#address - op.WIDTH + 1]!]!;
    if (this.#at >= length || !set.has(codes[this.#at]!)) {
      this.#top = entry;
      return this.#retry(base);
    }
    this.#at++;
    if (left === 1) this.#top = entry;
    else {
      this.#stack[entry + 1] = this.#at;
      this.#stack[entry + 2] = LAZY - (left - 1);
    }
    return true;
  }

  #look(here: number, at: number): boolean {
    const { code } = this.#program;
    const negated = code[here + 2] === 1;
    const behind = code[here + 3]!;
    const from = behind === 0 ? at : at - (behind - 1);
    const before = this.#trailTop;
    const found = from >= 0 && this.#run(code[here + 1]!, from) !== FAILED;
    if (negated) this.#undo(before);
    this.#address = here + op.WIDTH;
    this.#at = at;
    return found !== negated;
  }

  /** A repeat of one set: takes as much or as little as its mode says. */
  #runSet(here: number): boolean {
    const { code, sets } = this.#program;
    const { codes, length } = this.#subject;
    const set = sets[code[here + 1]!]!;
    const min = code[here + 2]!;
    const max = code[here + 3]!;
    const mode = code[here + 4]!;
    const start = this.#at;
    const wanted = mode === op.MODES.lazy ? min : max;
    const limit = wanted > length - start ? length : start + wanted;
    let at = start;
    while (at < limit && set.has(codes[at]!)) at++;
    this.#left -= at - start;
    if (at - start < min) return false;
    this.#at = at;
    this.#address = here + op.WIDTH;
    if (mode === op.MODES.greedy && at > start + min) this.#push(this.#address, at, start + min);
    if (mode === op.MODES.lazy && max > min) this.#push(this.#address, at, LAZY - Math.min(max - min, length + 1));
    return true;
  }

  /** Each turn is run for good; an empty turn past the least number is the last. */
  #possessive(here: number, start: number): boolean {
    const { code } = this.#program;
    const min = code[here + 2]!;
    const max = code[here + 3]!;
    let at = start;
    let count = 0;
    for (; count < min; count++) {
      at = this.#run(code[here + 1]!, at);
      if (at === FAILED) return false;
    }
    for (let before = UNSET; at !== before && (max === op.ENDLESS || count < max); count++) {
      before = at;
      const end = this.#run(code[here + 1]!, at);
      if (end === FAILED) break;
      at = end;
    }
    this.#at = at;
    this.#address = here + op.WIDTH;
    return true;
  }

  /** After each turn of a repeat (and before the first): another turn, or on with what follows. */
  #until(here: number): boolean {
    const { code } = this.#program;
    const register = code[here + 1]!;
    const min = code[here + 3]!;
    const max = code[here + 4]!;
    const at = this.#at;
    const count = this.#registers[register]! + 1;
    this.#write(register, count);
    if (count < min) {
      this.#address = code[here + 2]!;
      return true;
    }
    const more = (max === op.ENDLESS || count < max) && this.#registers[register + 1] !== at;
    if (!more) {
      this.#address = here + op.WIDTH;
      return true;
    }
    if (code[here] === op.UNTIL_GREEDY) {
      this.#push(here + op.WIDTH, at, PLAIN);
      this.#write(register + 1, at);
      this.#address = code[here + 2]!;
    } else {
      // The turn to come back to must find the register as it would be set now; nothing else uses it until then.
      const before = this.#registers[register + 1]!;
      this.#write(register + 1, at);
      this.#push(code[here + 2]!, at, PLAIN);
      this.#write(register + 1, before);
      this.#address = here + op.WIDTH;
    }
    return true;
  }

  #hasTaken(register: number): boolean {
    const from = this.#registers[register]!;
    const to = this.#registers[register + 1]!;
    return from !== UNSET && to !== UNSET && to >= from;
  }

  #reference(here: number): boolean {
    const { code } = this.#program;
    const { codes, length } = this.#subject;
    const register = code[here + 1]! * 2;
    if (!this.#hasTaken(register)) return false;
    const from = this.#registers[register]!;
    const size = this.#registers[register + 1]! - from;
    const at = this.#at;
    if (at + size > length) return false;
    const fold = code[here + 2]!;
    for (let i = 0; i < size; i++) {
      const a = codes[from + i]!;
      const b = codes[at + i]!;
      if (a === b) continue;
      if (fold === op.FOLDS.none) return false;
      const alphabet = fold === op.FOLDS.ascii ? 'ascii' : 'unicode';
      if (lowerCase(a, alphabet) !== lowerCase(b, alphabet)) return false;
    }
    this.#left -= size;
    this.#at = at + size;
    this.#address = here + op.WIDTH;
    return true;
  }

  #push(address: number, at: number, kind: number): void {
    if (this.#top + ENTRY > this.#stack.length) this.#stack = doubled(this.#stack);
    const stack = this.#stack;
    stack[this.#top] = address;
    stack[this.#top + 1] = at;
    stack[this.#top + 2] = kind;
    stack[this.#top + 3] = this.#trailTop;
    this.#top += ENTRY;
  }

  #write(register: number, content: number): void {
    if (this.#trailTop + 2 > this.#trail.length) this.#trail = doubled(this.#trail);
    this.#trail[this.#trailTop++] = register;
    this.#trail[this.#trailTop++] = this.#registers[register]!;
    this.#registers[register] = content;
  }

  #undo(length: number): void {
    while (this.#trailTop > length) {
      const before = this.#trail[--this.#trailTop]!;
      this.#registers[this.#trail[--this.#trailTop]!] = before;
    }
  }

  #refuse(): never {
    this.#stack = new Int32Array(256);
    this.#trail = new Int32Array(256);
    throw new PatternTooExpensive(
      `The pattern needs more than ${MAX_STEPS} steps for one value; use a pattern with fewer repeats inside each ` +
        'other, or without a back-reference, an atomic group or a possessive repeat.',
    );
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
