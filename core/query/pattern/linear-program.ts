// Programs for the linear matcher: repeats are written out, so that a state is an instruction and a position and
// nothing else. Bodies of look-arounds and atomic groups stand after the main program and end with MATCH of their own.

import { isNullable } from './analysis.ts';
import type { Node, RepeatNode } from './ast.ts';
import { type CodeSet, CodeSetTest } from './code-set.ts';
import { PatternError } from './errors.ts';
import { positionCode } from './subject.ts';

/** Most instructions of a program. */
export const MAX_INSTRUCTIONS = 20_000;

/** Instructions; each has two arguments. */
export const MATCH = 0;
/** one character out of set a */
export const SET = 1;
/** try a, then b */
export const SPLIT = 2;
export const JUMP = 3;
/** zero-width position a */
export const AT = 4;
/** body at a; b: bit 0 negated, the rest is 1 + the width of a look-behind, or 0 */
export const LOOK = 5;
/** body at a */
export const ATOMIC = 6;

export interface LinearProgram {
  /** instruction, a, b for each address */
  readonly code: Int32Array;
  readonly sets: readonly CodeSetTest[];
  /** address from which on the bodies of look-arounds and atomic groups stand */
  readonly bodies: number;
  /** 1 where two ways can meet, so that the state is worth remembering */
  readonly remembered: Uint8Array;
}

/**
 * Whether the linear matcher gives the same answer as backtracking. Not so for references to groups, and for repeats
 * whose body can be empty inside of atomic groups (which way comes first matters there, and empty turns are special).
 */
export function isLinear(node: Node, inAtomic = false): boolean {
  switch (node.type) {
    case 'backreference':
    case 'conditional':
      return false;
    case 'repeat': {
      const possessive = node.mode === 'possessive';
      if ((possessive || (inAtomic && node.max > 1 && node.max > node.min)) && isNullable(node.body)) return false;
      return isLinear(node.body, inAtomic || possessive);
    }
    case 'atomic':
      return isLinear(node.body, true);
    case 'look':
      return isLinear(node.body, false);
    case 'group':
      return isLinear(node.body, inAtomic);
    case 'sequence':
      return node.items.every((item) => isLinear(item, inAtomic));
    case 'alternation':
      return node.branches.every((branch) => isLinear(branch, inAtomic));
    default:
      return true;
  }
}

/** The program of a tree. Throws PatternError when it would be too large. */
export function compileLinear(root: Node): LinearProgram {
  return new Compiler().compile(root);
}

class Compiler {
  readonly #code: number[] = [];
  readonly #sets: CodeSetTest[] = [];
  readonly #setNumbers = new Map<CodeSet, number>();
  /** bodies still to be written, with the address of the instruction that uses each */
  readonly #pending: { readonly user: number; readonly body: Node }[] = [];

  compile(root: Node): LinearProgram {
    this.#write(root);
    this.#emit(MATCH);
    const bodies = this.#here;
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      this.#code[next.user * 3 + 1] = this.#here;
      this.#write(next.body);
      this.#emit(MATCH);
    }
    const code = Int32Array.from(this.#code);
    return { code, sets: this.#sets, bodies, remembered: remembered(code) };
  }

  get #here(): number {
    return this.#code.length / 3;
  }

  #emit(instruction: number, a = 0, b = 0): number {
    const address = this.#here;
    if (address >= MAX_INSTRUCTIONS) {
      throw new PatternError(
        `The pattern is too large: with its repeats written out it needs more than ${MAX_INSTRUCTIONS} steps.`,
      );
    }
    this.#code.push(instruction, a, b);
    return address;
  }

  #write(node: Node): void {
    switch (node.type) {
      case 'set':
        this.#emit(SET, this.#setNumber(node.set));
        return;
      case 'sequence':
        for (const item of node.items) this.#write(item);
        return;
      case 'alternation':
        this.#writeAlternation(node.branches);
        return;
      case 'repeat':
        if (node.mode === 'possessive') this.#writePossessive(node);
        else this.#writeRepeat(node);
        return;
      case 'group':
        this.#write(node.body);
        return;
      case 'atomic':
        this.#pending.push({ user: this.#emit(ATOMIC), body: node.body });
        return;
      case 'look': {
        const behind = node.behind === undefined ? 0 : node.behind + 1;
        this.#pending.push({ user: this.#emit(LOOK, 0, behind * 2 + (node.negated ? 1 : 0)), body: node.body });
        return;
      }
      case 'position':
        this.#emit(AT, positionCode(node));
        return;
      default:
        throw new Error(`a ${node.type} has no linear program`);
    }
  }

  #setNumber(set: CodeSet): number {
    let number = this.#setNumbers.get(set);
    if (number === undefined) {
      number = this.#sets.push(new CodeSetTest(set)) - 1;
      this.#setNumbers.set(set, number);
    }
    return number;
  }

  #writeAlternation(branches: readonly Node[]): void {
    const jumps: number[] = [];
    branches.forEach((branch, index) => {
      if (index === branches.length - 1) {
        this.#write(branch);
        return;
      }
      const split = this.#emit(SPLIT);
      this.#code[split * 3 + 1] = this.#here;
      this.#write(branch);
      jumps.push(this.#emit(JUMP));
      this.#code[split * 3 + 2] = this.#here;
    });
    for (const jump of jumps) this.#code[jump * 3 + 1] = this.#here;
  }

  #writeRepeat({ min, max, mode, body }: RepeatNode): void {
    const endless = max === Infinity;
    for (let i = 0; i < (endless ? min - 1 : min); i++) this.#write(body);
    if (endless && min > 0) {
      const start = this.#here;
      this.#write(body);
      const split = this.#emit(SPLIT);
      this.#branch(split, start, split + 1, mode === 'lazy');
      return;
    }
    const splits: number[] = [];
    for (let i = min; i < (endless ? min + 1 : max); i++) {
      splits.push(this.#emit(SPLIT));
      this.#write(body);
    }
    if (endless) this.#emit(JUMP, splits[0]);
    for (const split of splits) this.#branch(split, split + 1, this.#here, mode === 'lazy');
  }

  #branch(split: number, more: number, out: number, lazy: boolean): void {
    this.#code[split * 3 + 1] = lazy ? out : more;
    this.#code[split * 3 + 2] = lazy ? more : out;
  }

  /** Every turn is atomic, and so is the whole. */
  #writePossessive(node: RepeatNode): void {
    const turn: Node = node.body.type === 'set' ? node.body : { type: 'atomic', body: node.body };
    if (node.min === node.max) {
      this.#writeRepeat({ ...node, body: turn, mode: 'greedy' });
      return;
    }
    this.#write({ type: 'atomic', body: { ...node, body: turn, mode: 'greedy' } });
  }
}

/** Marks splits, targets of jumps, and everything that runs a body. */
function remembered(code: Int32Array): Uint8Array {
  const marks = new Uint8Array(code.length / 3);
  for (let address = 0; address < marks.length; address++) {
    const instruction = code[address * 3]!;
    if (instruction === SPLIT || instruction === LOOK || instruction === ATOMIC) marks[address] = 1;
    if (instruction === JUMP) marks[code[address * 3 + 1]!] = 1;
    if (instruction === SPLIT || instruction === LOOK || instruction === ATOMIC) marks[code[address * 3 + 1]!] = 1;
    if (instruction === SPLIT) marks[code[address * 3 + 2]!] = 1;
  }
  return marks;
}
