// What the parser has to remember across a whole pattern: the groups opened and closed so far, the references to be
// checked at the end, whether it is inside a look-behind, and the global flags.

import { PatternError } from './errors.ts';
import type { RawSequence } from './raw.ts';
import { widthOf } from './raw.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Deepest nesting of groups that is accepted. */
export const MAX_NESTING = 200;

/** Reads what stands inside a group: groups and their contents contain each other, their files do not. */
export interface InnerParsers {
  alternation(state: ParseState, verbose: boolean, nested: number): RawSequence;
  sequence(state: ParseState, verbose: boolean, nested: number): RawSequence;
}

export class ParseState {
  readonly tokens: Tokenizer;
  readonly inner: InnerParsers;
  /** Letters of the global flags in force. */
  flags = '';
  /** Width of each closed group by number; undefined while a group is open. Index 0 is not used. */
  readonly groupWidths: (readonly [number, number] | undefined)[] = [undefined];
  /** Number of the first group opened inside the outermost look-behind being read. */
  lookBehindGroups: number | undefined;
  /** Group numbers that conditionals ask for, with where they do. */
  readonly conditions = new Map<number, number>();
  readonly #names = new Map<string, number>();

  constructor(tokens: Tokenizer, inner: InnerParsers) {
    this.tokens = tokens;
    this.inner = inner;
  }

  get groups(): number {
    return this.groupWidths.length;
  }

  openGroup(name: string | undefined): number {
    const index = this.groups;
    this.groupWidths.push(undefined);
    if (name === undefined) return index;
    const earlier = this.#names.get(name);
    if (earlier !== undefined) {
      throw this.tokens.error(
        `redefinition of group name ${quote(name)} as group ${index}; was group ${earlier}`,
        Array.from(name).length + 1,
      );
    }
    this.#names.set(name, index);
    return index;
  }

  closeGroup(index: number, body: RawSequence): void {
    this.groupWidths[index] = widthOf(body, this.groupWidths);
  }

  isClosed(index: number): boolean {
    return this.groupWidths[index] !== undefined;
  }

  named(name: string): number {
    const index = this.#names.get(name);
    if (index === undefined) {
      throw this.tokens.error(`unknown group name ${quote(name)}`, Array.from(name).length + 1);
    }
    return index;
  }

  /** A look-behind may only refer to groups that were complete before it. */
  checkLookBehind(index: number): void {
    if (this.lookBehindGroups === undefined) return;
    if (!this.isClosed(index)) throw this.tokens.error('cannot refer to an open group');
    if (index >= this.lookBehindGroups) {
      throw this.tokens.error('cannot refer to group defined in the same lookbehind subpattern');
    }
  }

  checkName(name: string, offset: number): void {
    if (!isIdentifier(name)) {
      throw this.tokens.error(`bad character in group name ${quote(name)}`, Array.from(name).length + offset);
    }
  }

  checkNesting(nested: number): void {
    if (nested > 2 * MAX_NESTING) {
      throw new PatternError(`The pattern is not supported: groups are nested deeper than ${MAX_NESTING}.`);
    }
  }
}

/** Whether a text is a Python identifier. */
export function isIdentifier(name: string): boolean {
  return /^[\p{XID_Start}_]\p{XID_Continue}*$/u.test(name);
}

/** A text as Python's repr shows it (common cases). */
export function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replace(/\\/g, '\\\\')
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')
    .replace(/\t/g, '\\t')
    .replace(/[\x00-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return mark + (mark === "'" ? escaped.replace(/'/g, "\\'") : escaped) + mark;
}
