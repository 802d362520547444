// Runs DCMTK's dcmdump over files and parses what it prints into elements.
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { type OracleElement, withoutPadding } from './oracle-rows.ts';

/** The version line of the dcmdump that is installed, or undefined. */
export function dcmdumpVersion(): string | undefined {
  const { status, stdout } = spawnSync('dcmdump', ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n', 1)[0] : undefined;
}

/**
 * What dcmdump reads of each file, file meta first; undefined for one that it refuses. Where it does not know the
 * character set the file is dumped as it is: `isRaw`.
 */
export function dump(paths: readonly string[]): Map<string, { elements: OracleElement[]; isRaw: boolean }> {
  const dumped = new Map<string, { elements: OracleElement[]; isRaw: boolean }>();
  const parse = (files: readonly string[], options: readonly string[], isRaw: boolean): void => {
    const args = ['+F', '-q', '-Un', '+L', '+R', '64', '+uc', '+sb', '7fe0,0010', ...options, ...files];
    const { stdout } = spawnSync('dcmdump', args, { maxBuffer: 1 << 28, encoding: 'latin1' });
    for (const part of `\n${stdout}`.split(/\n# dcmdump \(\d+\/\d+\): /).slice(1)) {
      const name = part.slice(0, part.indexOf('\n'));
      const text = isRaw ? part : Buffer.from(part, 'latin1').toString('utf8');
      // Converted text is said to be UTF-8: (0008,0005) is not what the file says.
      const elements = parseDump(text.slice(text.indexOf('\n') + 1)).filter(({ tag }) => isRaw || tag !== '00080005');
      if (elements.length > 0) dumped.set(name, { elements, isRaw });
    }
  };
  parse(paths, ['+U8'], false);
  const refused = paths.filter((path) => !dumped.has(path));
  if (refused.length > 0) parse(refused, [], true);
  return dumped;
}

// (0008,0060) CS [CT]        #   2, 1 Modality
const LINE = /^( *)\(([0-9a-f]{4}),([0-9a-f]{4})\) (\S\S) /;
const END = / +# *(u\/l|\d+), *\d+ [^\n]*$/;

/** An element is an indented line; a text with line breaks goes on below it. */
function parseDump(text: string): OracleElement[] {
  const top: OracleElement[] = [];
  /** By depth: where elements, or the items of a sequence, are added. */
  const elementsAt: OracleElement[][] = [top];
  const itemsAt: OracleElement[][][] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const match = LINE.exec(lines[i]!);
    if (match === null) continue;
    let line = lines[i]!;
    while (!END.test(line) && i + 1 < lines.length) line += `\n${lines[++i]!}`;
    const [start, indent, group, number, vr] = match as unknown as [string, string, string, string, string];
    const tag = (group + number).toUpperCase();
    const depth = indent.length / 2;
    if (tag === 'FFFEE000' && vr === 'na') {
      const item: OracleElement[] = [];
      itemsAt[depth]?.push(item);
      elementsAt[depth + 1] = item;
    } else if (group !== 'fffe') {
      const shown = line.slice(start.length).replace(END, '');
      const list = elementsAt[depth];
      if (list === undefined) continue;
      if (vr === 'SQ') {
        const items: OracleElement[][] = [];
        itemsAt[depth + 1] = items;
        list.push({ tag, vr, text: '', items });
      } else list.push({ tag, vr, text: shownValue(shown, vr, Number(END.exec(line)?.[1])) });
    }
  }
  return top;
}

const TEXT = new Set('AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT'.split(' '));

function shownValue(shown: string, vr: string, length: number): string {
  if (shown === '(no value available)') return '';
  if (TEXT.has(vr) && shown.startsWith('[')) return withoutPadding(shown.slice(1, -1), vr);
  if (vr === 'AT') return shown.toUpperCase();
  if (vr === 'UN') return `hex ${shown.replaceAll('\\', '')}`;
  return /^O[BDFLVW]$/.test(vr) || shown.startsWith('(') ? `bytes ${length}` : shown;
}
