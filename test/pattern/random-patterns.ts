// Random patterns in Python's syntax, mostly valid, and random values that such patterns often match. The same seed
// gives the same sequence.
import { Random } from '../random.ts';

const LITERALS =
  'aaaabbbbccAB12 _-.sSkKiI\u017f\u212a\u0131\u0130\u00df\u1e9e\u00b5\u03bc\u03c3\u03c2\u00e9\u00c9脳\u{1F600}\u{10400}\u{10428}';
const VALUE_CHARACTERS = `${LITERALS}aaabbbcc\n\n\t\u00a0\u2028\u0660\u3000\u001c^$`;
const CLASSES = ['\\w', '\\W', '\\d', '\\D', '\\s', '\\S'];
const RANGES = [
  'a-c',
  'A-z',
  '0-9',
  'a-z',
  'A-Z',
  '\\x00-\\x7f',
  'α-ω',
  '\\u0100-\\U00010410',
  '\\U00010400-\\U00010410',
  ' -~',
];
const ESCAPES = [
  '\\n',
  '\\t',
  '\\x61',
  '\\u0062',
  '\\U00010400',
  '\\101',
  '\\07',
  '\\-',
  '\\.',
  '\\\\',
  '\\[',
  '\\0',
  '\\/',
];
const POSITIONS = ['^', '$', '\\b', '\\B', '\\A', '\\Z'];
const COUNTS = ['*', '+', '?', '{2}', '{0,2}', '{1,}', '{,3}', '{1,3}', '{0}', '{1}', '{2,}'];
const NOISE = [
  '{',
  '}',
  ')',
  '(',
  '[',
  ']',
  '*',
  '+',
  '?',
  '\\',
  '|',
  '{2,1}',
  '(?',
  '(?P',
  '(?<',
  '\\q',
  '\\8',
  '{,}',
  'x{',
  '(?#c)',
  '#',
  '[^',
  '[]',
  '-]',
  '(?i)',
  '(?P<',
  '(?(',
  '\\x1',
  '&&',
  '[[',
  '(?L)',
  '(?au:',
  '(?-i',
  '(?t)',
  '(?P=x)',
  '(?<n>',
  '\\u12',
  '{a}',
  '**',
  '\\777',
  '(?i',
  '(?P<1>',
  '(?(0)',
  '(?(9)a)',
  '\\99',
];
const FLAGS = ['i', 'm', 's', 'x', 'a', 'u', 'im', 'si', 'ia'];
const SCOPED = ['i', 'm', 's', 'x', 'a', 'u', '-i', '-m', '-s', '-x', 'i-m', 'a-i', 'ms-ix'];

export class RandomPatterns {
  readonly #random: Random;
  /** names and number of the groups opened so far in the pattern being made */
  #groups = 0;
  #names: string[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  pattern(): string {
    this.#groups = 0;
    this.#names = [];
    const flags = this.#chance(0.3) ? `(?${this.#pick(FLAGS)})` : '';
    let text = flags + this.#alternation(3);
    if (this.#chance(0.15)) {
      const at = this.#below(text.length + 1);
      text = text.slice(0, at) + this.#pick(NOISE) + text.slice(at);
    }
    return this.#chance(0.03) ? text.slice(0, this.#below(text.length + 1)) : text;
  }

  value(): string {
    const characters = Array.from(this.#chance(0.4) ? 'aabbc1 ' : this.#chance(0.5) ? VALUE_CHARACTERS : 'abAB\n');
    return Array.from({ length: this.#below(this.#chance(0.1) ? 40 : 9) }, () => this.#pick(characters)).join('');
  }

  #alternation(depth: number): string {
    const branches = this.#chance(0.25) ? 2 + this.#below(2) : 1;
    return Array.from({ length: branches }, () => this.#sequence(depth)).join('|');
  }

  #sequence(depth: number): string {
    const length = this.#chance(0.06) ? 0 : 1 + this.#below(depth > 1 ? 4 : 3);
    let text = '';
    for (let i = 0; i < length; i++) text += this.#item(depth);
    return text;
  }

  #item(depth: number): string {
    const atom = this.#atom(depth);
    if (!this.#chance(0.35) || (POSITIONS.includes(atom) && this.#chance(0.97))) return atom;
    return atom + this.#pick(COUNTS) + this.#pick(['', '', '', '?', '+']);
  }

  #atom(depth: number): string {
    const roll = this.#below(100);
    if (roll < 40 || depth === 0) return this.#pick(Array.from('aaabbbc1AB')).trim() || 'a';
    if (roll < 46) return this.#pick(Array.from(LITERALS)).replace(/[-.]/, '\\$&');
    if (roll < 50) return '.';
    if (roll < 55) return this.#pick(CLASSES);
    if (roll < 63) return this.#set();
    if (roll < 66) return this.#pick(ESCAPES);
    if (roll < 72) return this.#pick(POSITIONS);
    if (roll < 77 && this.#groups > 0) return this.#reference(depth);
    return this.#group(depth - 1);
  }

  #set(): string {
    let text = this.#chance(0.3) ? '[^' : '[';
    const size = 1 + this.#below(3);
    for (let i = 0; i < size; i++) {
      const roll = this.#below(10);
      if (roll < 5) text += this.#pick(Array.from(LITERALS)).replace('-', '\\-');
      else if (roll < 8) text += this.#pick(RANGES);
      else text += this.#pick(CLASSES);
    }
    return `${text}]`;
  }

  #reference(depth: number): string {
    const group = 1 + this.#below(this.#groups);
    const roll = this.#below(10);
    if (roll < 5) return `(?:\\${group})`;
    if (roll < 7 && this.#names.length > 0) return `(?P=${this.#pick(this.#names)})`;
    const yes = this.#sequence(depth - 1);
    return this.#chance(0.5) ? `(?(${group})${yes})` : `(?(${group})${yes}|${this.#sequence(depth - 1)})`;
  }

  #group(depth: number): string {
    const roll = this.#below(100);
    if (roll < 30) {
      this.#groups++;
      return `(${this.#alternation(depth)})`;
    }
    if (roll < 36) {
      this.#groups++;
      const name = `n${this.#groups}`;
      const body = this.#alternation(depth);
      this.#names.push(name);
      return `(?P<${name}>${body})`;
    }
    if (roll < 56) return `(?:${this.#alternation(depth)})`;
    if (roll < 65) return `(?>${this.#alternation(depth)})`;
    if (roll < 73) return `(?=${this.#alternation(depth)})`;
    if (roll < 81) return `(?!${this.#alternation(depth)})`;
    if (roll < 89)
      return `(?<${this.#pick(['=', '!'])}${this.#chance(0.7) ? this.#fixed() : this.#alternation(depth)})`;
    if (roll < 98) return `(?${this.#pick(SCOPED)}:${this.#alternation(depth)})`;
    return '(?#note)';
  }

  /** A body of fixed width, for look-behinds. */
  #fixed(): string {
    const one = () => this.#pick(['a', 'b', '.', '\\w', '[ab]', '^', '\\b', 'c', '(?=a)']);
    const width = 1 + this.#below(2);
    return Array.from({ length: width }, one).join('') + (this.#chance(0.2) ? `|${one()}` : '');
  }

  #chance(probability: number): boolean {
    return this.#random.fraction() < probability;
  }

  #below(limit: number): number {
    return Math.floor(this.#random.fraction() * limit);
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)]!;
  }
}
