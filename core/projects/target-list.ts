// Lists of accession numbers as people write them: one a line, with blank lines, comments and repetitions. Each raw line is
// counted as one thing; nothing in a list stops the rest of it. Reading the file is elsewhere.
import type { Target } from './expected.ts';

/** SH allows 16 characters (PS3.5 6.2), but PACSs hold longer ones. */
const MAX_LENGTH = 64;
/** Also invisible ones, which come with what is copied from web pages. */
const BLANKS = /[\s\u200b-\u200d\u2060\ufeff]/;

const ODD = /[,;"]|\s#/;

/** A line that holds no accession number that could be asked for. */
export interface RefusedLine {
  readonly line: number;
  /** What stands there; of a very long line the beginning. */
  readonly text: string;
  readonly reason: string;
}

/** `lines` is the sum of all the others. */
export interface TargetList {
  /** Each accession number once, with its first line. */
  readonly targets: readonly Target[];
  readonly refused: readonly RefusedLine[];
  readonly blank: number;
  readonly comments: number;
  /** Lines that repeat an accession number, or what was refused. */
  readonly duplicates: number;
  /** The last line of each accession number. */
  readonly lastLines: ReadonlyMap<string, number>;
  /** Accession numbers that look like parts of a table or like several: with a comma, semicolon, quotation mark, or a comment behind. */
  readonly odd: number;
  readonly lines: number;
}

/** Reads a list. Bytes that are not UTF-8 are expected as U+FFFD, as every decoder leaves them. */
export function readTargetList(text: string): TargetList {
  const lines = text.split(/\r\n|\n|\r/);
  // What follows the last line end is a line only where something stands there.
  if (lines.at(-1) === '') lines.pop();
  const targets = new Map<string, Target>();
  const refused = new Map<string, RefusedLine>();
  const lastLines = new Map<string, number>();
  const texts = new Set<string>();
  let blank = 0;
  let comments = 0;
  let duplicates = 0;
  for (const [i, raw] of lines.entries()) {
    const line = i + 1;
    const accession = withoutBlanks(raw);
    const reason = reasonAgainst(accession);
    if (accession === '') blank++;
    else if (accession.startsWith('#')) comments++;
    else if (targets.has(accession) || refused.has(accession)) duplicates++;
    else if (reason === undefined) targets.set(accession, { accession, line });
    else {
      const start = startOf(accession);
      // Two that differ only in what is not shown are two.
      const text = texts.has(start) ? `${start} (line ${line})` : start;
      texts.add(text);
      refused.set(accession, { line, text, reason });
    }
    if (targets.has(accession)) lastLines.set(accession, line);
  }
  const odd = [...targets.keys()].filter((accession) => ODD.test(accession)).length;
  const counts = { odd, blank, comments, duplicates, lines: lines.length };
  return { targets: [...targets.values()], refused: [...refused.values()], lastLines, ...counts };
}

/**
 * The line from which on to ask, by its number or by an accession number of the list; 1 without either. Undefined: the list
 * has no such line or accession number.
 */
export function startLine(
  list: TargetList,
  start: { readonly line?: number | undefined; readonly accession?: string | undefined },
): number | undefined {
  if (start.accession !== undefined) {
    const wanted = withoutBlanks(start.accession);
    return list.targets.find(({ accession }) => accession === wanted)?.line;
  }
  if (start.line === undefined) return 1;
  return Number.isInteger(start.line) && start.line >= 1 && start.line <= list.lines ? start.line : undefined;
}

function reasonAgainst(accession: string): string | undefined {
  if (/[*?]/.test(accession)) return 'it has a wildcard character, * or ?';
  if (accession.includes('\\')) return 'it has a backslash, which separates values';
  if (/\p{Cc}/u.test(accession)) return 'it has a control character';
  if (/[\ufffd\p{Cs}]/u.test(accession)) return 'it has bytes that are not UTF-8';
  if ([...accession.slice(0, 2 * MAX_LENGTH + 1)].length > MAX_LENGTH)
    return `it is longer than ${MAX_LENGTH} characters`;
  return undefined;
}

function startOf(text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH).toWellFormed()}…`;
}

/** By hand: a regular expression for the end of a line would take quadratic time. */
function withoutBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && BLANKS.test(text[start]!)) start++;
  while (end > start && BLANKS.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}
