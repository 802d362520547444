// The value being searched, as code points, and the zero-width positions in it. One subject is used again for every
// value, so that a search allocates nothing.

import type { PositionNode } from './ast.ts';
import { classSet } from './characters.ts';
import { CodeSetTest } from './code-set.ts';

/** Numbers that stand for positions in programs. */
export const POSITION_CODES = {
  start: 0,
  lineStart: 1,
  end: 2,
  lineEnd: 3,
  stringEnd: 4,
  boundary: 5,
  notBoundary: 6,
} as const;

/** Added to the number of a boundary between ASCII words. */
const ASCII_BOUNDARY = 2;

const LINE_FEED = 0x0a;
const unicodeWord = new CodeSetTest(classSet('w', 'unicode'));
const asciiWord = new CodeSetTest(classSet('w', 'ascii'));

/** The number of a position node in a program. */
export function positionCode(node: PositionNode): number {
  const boundary = node.at === 'boundary' || node.at === 'notBoundary';
  return POSITION_CODES[node.at] + (boundary && node.ascii ? ASCII_BOUNDARY : 0);
}

/** The code points of the current value. */
export class Subject {
  codes = new Int32Array(256);
  length = 0;

  set(value: string): void {
    if (this.codes.length < value.length) this.codes = new Int32Array(value.length * 2);
    const { codes } = this;
    let length = 0;
    for (let i = 0; i < value.length; i++) {
      let code = value.charCodeAt(i);
      if (code >= 0xd800 && code < 0xdc00) {
        code = value.codePointAt(i)!;
        if (code > 0xffff) i++;
      }
      codes[length++] = code;
    }
    this.length = length;
  }

  /** Whether a position (by its number) holds before the code point at an index. */
  holds(position: number, at: number): boolean {
    const { codes, length } = this;
    switch (position) {
      case 0:
        return at === 0;
      case 1:
        return at === 0 || codes[at - 1] === LINE_FEED;
      case 2:
        return at === length || (at === length - 1 && codes[at] === LINE_FEED);
      case 3:
        return at === length || codes[at] === LINE_FEED;
      case 4:
        return at === length;
      case 5:
        return this.#isBoundary(unicodeWord, at);
      case 6:
        return length > 0 && !this.#isBoundary(unicodeWord, at);
      case 7:
        return this.#isBoundary(asciiWord, at);
      default:
        return length > 0 && !this.#isBoundary(asciiWord, at);
    }
  }

  #isBoundary(word: CodeSetTest, at: number): boolean {
    const before = at > 0 && word.has(this.codes[at - 1]!);
    const after = at < this.length && word.has(this.codes[at]!);
    return before !== after;
  }
}
