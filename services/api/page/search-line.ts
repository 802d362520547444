// The search line of the page: the options of `ditag query` as they are typed in a shell, or a text without options, which
// is a pattern for the descriptions.
import type { FacetsBody } from '../schemas.ts';

/** What a search line asks for. */
export type SearchedFor = Omit<FacetsBody, 'attributes' | 'mostValues' | 'dates'>;

/** Of a text without options. */
export const PLAIN_TARGETS = 'StudyDescription,SeriesDescription';

const SINGLE = {
  '--sdate': 'sdate',
  '--edate': 'edate',
  '--date': 'date',
  '--targets': 'targets',
  '--pattern': 'pattern',
} as const;
const REPEATED = { '--where': 'where', '--where-not': 'whereNot' } as const;
const KNOWN = [...Object.keys(SINGLE), ...Object.keys(REPEATED)];

/** What is wrong with a line: one sentence for who types it. */
export class BadLine extends Error {}

/** Throws BadLine. Dates, tags and patterns are judged by the API. */
export function parseSearchLine(line: string): SearchedFor {
  const text = line.trim().replace(/^ditag\s+query\b\s*/, '');
  if (text === '') return {};
  if (!/(?:^|\s)--[a-z]/.test(text)) return { targets: PLAIN_TARGETS, pattern: text };
  const words = shellWords(text);
  const found: SearchedFor = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const [, option = word, given] = /^(--[a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (!KNOWN.includes(option))
      throw new BadLine(`"${option}" is none of ${KNOWN.join(', ')}. A value with blanks needs quotes.`);
    const value = given ?? words[++i];
    if (value === undefined) throw new BadLine(`${option} needs a value.`);
    if (option in REPEATED) (found[REPEATED[option as keyof typeof REPEATED]] ??= []).push(value);
    else found[SINGLE[option as keyof typeof SINGLE]] = value;
  }
  return found;
}

/** Words as a shell takes them apart: quotes of both kinds, and `\` outside of single ones. */
function shellWords(text: string): string[] {
  const words: string[] = [];
  const piece = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|(\s+)|(['"])|([^\s'"\\]+|\\)/gs;
  let word: string | undefined;
  for (const [, single, double, escaped, blank, open, plain] of text.matchAll(piece)) {
    if (open !== undefined) throw new BadLine(`A quote ${open} is not closed.`);
    if (blank !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + (single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '');
  }
  if (word !== undefined) words.push(word);
  return words;
}
