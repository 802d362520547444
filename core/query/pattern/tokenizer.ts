// Reads a pattern token by token, as CPython does: a token is one code point, or a backslash with the one after it,
// and the next token is always read ahead (so that a lone backslash at the end is found before anything else).
// Positions are indexes of code points.

import { invalidPattern, type PatternError } from './errors.ts';

export class Tokenizer {
  /** The token ahead; undefined at the end. */
  next: string | undefined;
  readonly #source: string;
  readonly #codes: readonly string[];
  #index = 0;

  constructor(source: string) {
    this.#source = source;
    this.#codes = Array.from(source);
    this.#advance();
  }

  /** Where the token ahead starts. */
  get position(): number {
    return this.#index - (this.next === undefined ? 0 : codeLength(this.next));
  }

  /** Takes the token ahead if it is the given one. */
  match(token: string): boolean {
    if (token !== this.next) return false;
    this.#advance();
    return true;
  }

  get(): string | undefined {
    const token = this.next;
    this.#advance();
    return token;
  }

  /** Takes up to `count` tokens out of the given characters. */
  getWhile(count: number, characters: string): string {
    let text = '';
    for (let i = 0; i < count && this.next !== undefined && isOneOf(this.next, characters); i++) text += this.get();
    return text;
  }

  /** Takes everything up to a terminator, and that. `name` says what is read, for messages. */
  getUntil(terminator: string, name: string): string {
    let text = '';
    for (;;) {
      const token = this.get();
      if (token === undefined) {
        if (text === '') throw this.error(`missing ${name}`);
        throw this.error(`missing ${terminator}, unterminated name`, codeLength(text));
      }
      if (token === terminator) {
        if (text === '') throw this.error(`missing ${name}`, 1);
        return text;
      }
      text += token;
    }
  }

  /** Goes back (or forward) to a position. */
  seek(position: number): void {
    this.#index = position;
    this.#advance();
  }

  /** An error `offset` code points before the token ahead. */
  error(reason: string, offset = 0): PatternError {
    return this.errorAt(reason, this.position - offset);
  }

  errorAt(reason: string, position: number): PatternError {
    return invalidPattern(this.#source, reason, position);
  }

  #advance(): void {
    const first = this.#codes[this.#index];
    if (first === undefined) {
      this.next = undefined;
      return;
    }
    if (first !== '\\') {
      this.#index++;
      this.next = first;
      return;
    }
    const second = this.#codes[this.#index + 1];
    if (second === undefined) throw this.errorAt('bad escape (end of pattern)', this.#codes.length - 1);
    this.#index += 2;
    this.next = first + second;
  }
}

/** Whether a token is one of the characters of a string (an escape never is). */
export function isOneOf(token: string | undefined, characters: string): boolean {
  return token !== undefined && token.length === 1 && characters.includes(token);
}

/** Length in code points. */
export function codeLength(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}
