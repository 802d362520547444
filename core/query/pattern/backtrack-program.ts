// Programs for the backtracking matcher: repeats are counted, groups are recorded, and the order of attempts and the
// treatment of empty turns are CPython's, since with references to groups these decide what matches.

import type { Fold, Node, RepeatNode } from './ast.ts';
import { type CodeSet, CodeSetTest } from './code-set.ts';
import { PatternError } from './errors.ts';
import { MAX_INSTRUCTIONS } from './linear-program.ts';
import { positionCode } from './subject.ts';

/** Instructions; each has four arguments a, b, c, d. "Endless" maxima are ENDLESS. */
export const MATCH = 0;
/** one character out of set a */
export const SET = 1;
/** try a, then b */
export const SPLIT = 2;
export const JUMP = 3;
/** zero-width position a */
export const AT = 4;
/** body at a; b: 1 when negated; c: 1 + the width of a look-behind, or 0 */
export const LOOK = 5;
/** body at a */
export const ATOMIC = 6;
/** set a, b to c times, mode d */
export const RUN = 7;
/** body at a, b to c times, each turn for good */
export const POSSESSIVE = 8;
/** note the position in register a */
export const MARK = 9;
/** start counting in registers a (turns) and a + 1 (where the last turn started); jump to b */
export const REPEAT = 10;
/** after a turn of the repeat with registers a: body at b; the REPEAT instruction's bounds are c to d */
export const UNTIL_GREEDY = 11;
export const UNTIL_LAZY = 12;
/** what group a took, compared by fold b */
export const REFERENCE = 13;
/** go on when group a has taken something, else at b */
export const CONDITION = 14;

export const WIDTH = 5;
export const ENDLESS = 0x7fffffff;
export const MODES = { greedy: 0, lazy: 1, possessive: 2 } as const;
export const FOLDS: Readonly<Record<Fold, number>> = { none: 0, ascii: 1, unicode: 2 };

export interface BacktrackProgram {
  readonly code: Int32Array;
  readonly sets: readonly CodeSetTest[];
  /** Registers: first two for each group (start, end), then two for each repeat. */
  readonly registers: number;
}

/** The program of a tree with so many groups. Throws PatternError when it would be too large. */
export function compileBacktrack(root: Node, groups: number): BacktrackProgram {
  if (writtenOut(root) > MAX_INSTRUCTIONS) {
    throw new PatternError(
      `The pattern is too large: with its repeats written out it needs more than ${MAX_INSTRUCTIONS} steps.`,
    );
  }
  return new Compiler(groups).compile(root);
}

/** Size of a tree with all repeats written out, so that a pattern is too large by one rule whichever way it runs. */
function writtenOut(node: Node): number {
  switch (node.type) {
    case 'sequence':
      return node.items.reduce((sum, item) => sum + writtenOut(item), 0);
    case 'alternation':
      return node.branches.reduce((sum, branch) => sum + writtenOut(branch) + 2, 0);
    case 'repeat': {
      const times = node.max === Infinity ? Math.max(node.min, 1) : node.max;
      return times * (writtenOut(node.body) + 1);
    }
    case 'group':
      return writtenOut(node.body);
    case 'atomic':
    case 'look':
      return writtenOut(node.body) + 2;
    case 'conditional':
      return writtenOut(node.yes) + writtenOut(node.no) + 2;
    default:
      return 1;
  }
}

class Compiler {
  readonly #code: number[] = [];
  readonly #sets: CodeSetTest[] = [];
  readonly #setNumbers = new Map<CodeSet, number>();
  readonly #pending: { readonly user: number; readonly body: Node }[] = [];
  #registers: number;

  constructor(groups: number) {
    this.#registers = groups * 2;
  }

  compile(root: Node): BacktrackProgram {
    this.#write(root);
    this.#emit(MATCH);
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      this.#code[next.user + 1] = this.#here;
      this.#write(next.body);
      this.#emit(MATCH);
    }
    return { code: Int32Array.from(this.#code), sets: this.#sets, registers: this.#registers };
  }

  get #here(): number {
    return this.#code.length;
  }

  #emit(instruction: number, a = 0, b = 0, c = 0, d = 0): number {
    return this.#code.push(instruction, a, b, c, d) - WIDTH;
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
        this.#writeRepeat(node);
        return;
      case 'group':
        this.#emit(MARK, (node.index - 1) * 2);
        this.#write(node.body);
        this.#emit(MARK, (node.index - 1) * 2 + 1);
        return;
      case 'atomic':
        this.#pending.push({ user: this.#emit(ATOMIC), body: node.body });
        return;
      case 'look': {
        const behind = node.behind === undefined ? 0 : node.behind + 1;
        this.#pending.push({ user: this.#emit(LOOK, 0, node.negated ? 1 : 0, behind), body: node.body });
        return;
      }
      case 'position':
        this.#emit(AT, positionCode(node));
        return;
      case 'backreference':
        this.#emit(REFERENCE, node.group - 1, FOLDS[node.fold]);
        return;
      case 'conditional': {
        const condition = this.#emit(CONDITION, node.group - 1);
        this.#write(node.yes);
        const jump = this.#emit(JUMP);
        this.#code[condition + 2] = this.#here;
        this.#write(node.no);
        this.#code[jump + 1] = this.#here;
      }
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
      const last = index === branches.length - 1;
      const split = last ? undefined : this.#emit(SPLIT, this.#here + WIDTH);
      this.#write(branch);
      if (split === undefined) return;
      jumps.push(this.#emit(JUMP));
      this.#code[split + 2] = this.#here;
    });
    for (const jump of jumps) this.#code[jump + 1] = this.#here;
  }

  #writeRepeat({ min, max, mode, body }: RepeatNode): void {
    const most = Math.min(max, ENDLESS);
    if (body.type === 'set') {
      this.#emit(RUN, this.#setNumber(body.set), min, most, MODES[mode]);
      return;
    }
    if (mode === 'possessive') {
      this.#pending.push({ user: this.#emit(POSSESSIVE, 0, min, most), body });
      return;
    }
    const register = this.#registers;
    this.#registers += 2;
    const repeat = this.#emit(REPEAT, register);
    const start = this.#here;
    this.#write(body);
    this.#code[repeat + 2] = this.#here;
    this.#emit(mode === 'lazy' ? UNTIL_LAZY : UNTIL_GREEDY, register, start, min, most);
  }
}
