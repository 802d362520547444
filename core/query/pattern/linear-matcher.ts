// The memoised matcher: says whether a program reaches its end anywhere in a value, trying each pair of instruction
// and position once. Time is linear in program x value. The main run needs one bit per pair (seen: leads nowhere);
// bodies of look-arounds and atomic groups keep where they end, since they are asked again from other places.

import { type CodeSet, CodeSetTest } from './code-set.ts';
import { type PatternBudget, PatternTooExpensive } from './errors.ts';
import { AT, ATOMIC, JUMP, type LinearProgram, LOOK, MATCH, SET, SPLIT } from './linear-program.ts';
import type { Subject } from './subject.ts';

/** Most pairs of instruction and position: of the main program, and of all bodies. */
const MAX_CELLS = 64_000_000;
const MAX_BODY_CELLS = 16_000_000;

/** Scratch arrays larger than this are given back after use (elements). */
const KEPT_LENGTH = 1 << 20;

/** What a cell of a body knows: nothing, leads nowhere, being tried; from ENDS on: where it ends. */
const UNKNOWN = 0;
const NOWHERE = 1;
const TRYING = 2;
const ENDS = 3;

const FAILED = -1;

// Scratch space shared by all matchers: a search never yields, so only one is running at a time.
let seen = new Int32Array(1 << 10);
let cells = new Int32Array(1 << 10);
let stack = new Int32Array(1 << 10);
let trail = new Int32Array(1 << 10);

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(length, array.length * 2));
  larger.set(array);
  return larger;
}

/** Runs one linear program on subjects. */
export class LinearMatcher {
  readonly #program: LinearProgram;
  readonly #first: CodeSetTest | undefined;
  #subject!: Subject;
  #width = 0;
  #steps = 0;
  #stackTop = 0;
  #trailTop = 0;
  #cellsReady = false;

  /** `first`: the characters a match can start with, or undefined when it can be empty. */
  constructor(program: LinearProgram, first: CodeSet | undefined) {
    this.#program = program;
    this.#first = first === undefined ? undefined : new CodeSetTest(first);
  }

  /** Whether the program matches anywhere. Throws PatternTooExpensive when the value is too long for the program. */
  test(subject: Subject, budget: PatternBudget): boolean {
    const { bodies, code } = this.#program;
    this.#subject = subject;
    this.#width = subject.length + 1;
    const mainCells = bodies * this.#width;
    const bodyCells = (code.length / 3 - bodies) * this.#width;
    if (mainCells > MAX_CELLS || bodyCells > MAX_BODY_CELLS) {
      throw new PatternTooExpensive(
        `The pattern is too expensive for a value of ${subject.length} characters; use a simpler pattern.`,
      );
    }
    const words = (mainCells >> 5) + 1;
    if (seen.length < words) seen = new Int32Array(words);
    else seen.fill(0, 0, words);
    this.#steps = words >> 4;
    this.#stackTop = 0;
    this.#trailTop = 0;
    this.#cellsReady = false;
    const found = this.#search();
    if (seen.length > KEPT_LENGTH) seen = new Int32Array(1 << 10);
    if (cells.length > KEPT_LENGTH) cells = new Int32Array(1 << 10);
    if (stack.length > KEPT_LENGTH) stack = new Int32Array(1 << 10);
    if (trail.length > KEPT_LENGTH) trail = new Int32Array(1 << 10);
    budget.spend(this.#steps);
    return found;
  }

  #search(): boolean {
    const { codes, length } = this.#subject;
    const first = this.#first;
    if (first === undefined) {
      for (let start = 0; start <= length; start++) if (this.#reaches(start)) return true;
      return false;
    }
    for (let start = 0; start < length; start++) {
      if (first.has(codes[start]!) && this.#reaches(start)) return true;
    }
    this.#steps += length;
    return false;
  }

  /** Whether the main program reaches its end from a position. */
  #reaches(start: number): boolean {
    const { code, sets, remembered } = this.#program;
    const { codes, length } = this.#subject;
    const width = this.#width;
    let address = 0;
    let at = start;
    let top = 0;
    let steps = 0;
    for (;;) {
      steps++;
      let alive = true;
      if (remembered[address] === 1) {
        const cell = address * width + at;
        const bit = 1 << (cell & 31);
        if ((seen[cell >> 5]! & bit) !== 0) alive = false;
        else seen[cell >> 5]! |= bit;
      }
      if (alive) {
        const base = address * 3;
        switch (code[base]) {
          case MATCH:
            this.#steps += steps;
            return true;
          case SET:
            alive = at < length && sets[code[base + 1]!]!.has(codes[at]!);
            at++;
            address++;
            break;
          case SPLIT:
            if (top + 2 > stack.length) stack = grown(stack, top + 2);
            stack[top++] = code[base + 2]!;
            stack[top++] = at;
            address = code[base + 1]!;
            break;
          case JUMP:
            address = code[base + 1]!;
            break;
          case AT:
            alive = this.#subject.holds(code[base + 1]!, at);
            address++;
            break;
          case LOOK:
            this.#stackTop = top;
            alive = this.#look(code[base + 1]!, code[base + 2]!, at);
            address++;
            break;
          case ATOMIC:
            this.#stackTop = top;
            at = this.#run(code[base + 1]!, at);
            alive = at !== FAILED;
            address++;
            break;
          default:
        }
      }
      if (!alive) {
        if (top === 0) break;
        at = stack[--top]!;
        address = stack[--top]!;
      }
    }
    this.#steps += steps;
    return false;
  }

  #look(body: number, argument: number, at: number): boolean {
    const behind = argument >> 1;
    const from = behind === 0 ? at : at - (behind - 1);
    const found = from >= 0 && this.#run(body, from) !== FAILED;
    return found !== ((argument & 1) === 1);
  }

  /** Where the body at an address ends when it starts at a position, the first way first; FAILED if it does not. */
  #run(body: number, start: number): number {
    this.#readyCells();
    const { code, sets, remembered, bodies } = this.#program;
    const { codes, length } = this.#subject;
    const width = this.#width;
    const stackBase = this.#stackTop;
    const trailBase = this.#trailTop;
    let address = body;
    let at = start;
    let top = stackBase;
    let suspects: number[] | undefined;
    let steps = 0;
    let end = FAILED;
    search: for (;;) {
      steps++;
      let alive = true;
      if (remembered[address] === 1) {
        const cell = (address - bodies) * width + at;
        const known = cells[cell]!;
        if (known === UNKNOWN) {
          cells[cell] = TRYING;
          if (this.#trailTop === trail.length) trail = grown(trail, this.#trailTop + 1);
          trail[this.#trailTop++] = cell;
        } else if (known >= ENDS) {
          end = known - ENDS;
          break;
        } else {
          // Back at a state that is still being tried: what fails because of it may yet succeed another time.
          if (known === TRYING) suspects ??= [];
          alive = false;
        }
      }
      if (alive) {
        const base = address * 3;
        switch (code[base]) {
          case MATCH:
            end = at;
            break search;
          case SET:
            alive = at < length && sets[code[base + 1]!]!.has(codes[at]!);
            at++;
            address++;
            break;
          case SPLIT:
            if (top + 3 > stack.length) stack = grown(stack, top + 3);
            stack[top++] = code[base + 2]!;
            stack[top++] = at;
            stack[top++] = this.#trailTop;
            address = code[base + 1]!;
            break;
          case JUMP:
            address = code[base + 1]!;
            break;
          case AT:
            alive = this.#subject.holds(code[base + 1]!, at);
            address++;
            break;
          case LOOK:
            this.#stackTop = top;
            alive = this.#look(code[base + 1]!, code[base + 2]!, at);
            address++;
            break;
          case ATOMIC:
            this.#stackTop = top;
            at = this.#run(code[base + 1]!, at);
            alive = at !== FAILED;
            address++;
            break;
          default:
        }
      }
      if (!alive) {
        const keep = top === stackBase ? trailBase : stack[top - 1]!;
        while (this.#trailTop > keep) {
          const cell = trail[--this.#trailTop]!;
          cells[cell] = NOWHERE;
          suspects?.push(cell);
        }
        if (top === stackBase) break;
        top--;
        at = stack[--top]!;
        address = stack[--top]!;
      }
    }
    this.#steps += steps;
    this.#stackTop = stackBase;
    if (end !== FAILED) {
      while (this.#trailTop > trailBase) cells[trail[--this.#trailTop]!] = end + ENDS;
      for (const cell of suspects ?? []) cells[cell] = UNKNOWN;
    }
    return end;
  }

  #readyCells(): void {
    if (this.#cellsReady) return;
    const { bodies, code } = this.#program;
    const needed = (code.length / 3 - bodies) * this.#width;
    if (cells.length < needed) cells = new Int32Array(needed);
    else cells.fill(UNKNOWN, 0, needed);
    this.#steps += needed >> 4;
    this.#cellsReady = true;
  }
}
