// What the tests of the pages need of Markdown: the pages themselves, their fenced blocks, their text without them.
import fs from 'node:fs';
import path from 'node:path';

export const PROJECT = path.resolve(import.meta.dirname, '..', '..');

/** Every page that people write or scripts print. */
export function pages(): string[] {
  const docs = fs.readdirSync(path.join(PROJECT, 'docs')).filter((name) => name.endsWith('.md'));
  const all = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'bench/README.md',
    'deploy/README.md',
    ...docs.map((name) => `docs/${name}`),
  ];
  return all.filter((name) => fs.existsSync(path.join(PROJECT, name)));
}

/** @param page relative to the project */
export function readPage(page: string): string {
  return fs.readFileSync(path.join(PROJECT, page), 'utf8');
}

/** A fenced block: what stands behind its opening fence, and its lines. */
export interface Block {
  readonly info: string;
  readonly text: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** Only blank lines stand between this block and the one before it. */
  readonly follows: boolean;
}

export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { info: string; line: number; lines: string[]; follows: boolean } | undefined;
  let follows = false;
  markdown.split('\n').forEach((line, i) => {
    if (line.startsWith('```')) {
      if (open === undefined) open = { info: line.slice(3).trim(), line: i + 1, lines: [], follows };
      else {
        blocks.push({ ...open, text: open.lines.map((text) => `${text}\n`).join('') });
        open = undefined;
        follows = true;
      }
    } else if (open !== undefined) open.lines.push(line);
    else if (line.trim() !== '') follows = false;
  });
  if (open !== undefined) throw new Error(`the block that starts at line ${open.line} has no end`);
  return blocks;
}

/** The page without its fenced blocks. */
export function proseOf(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```.*$/gm, '');
}

/** Inline code of a text, without the backticks. */
export function codeSpans(prose: string): string[] {
  return Array.from(prose.matchAll(/`([^`\n]+)`/g), (match) => match[1]!);
}
