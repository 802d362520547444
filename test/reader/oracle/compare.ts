// Compares ditag's full header of a file with another reader's, element by element.
import { Buffer } from 'node:buffer';
import { keptStart, notedLength, type Row, type Rows, sameNumbers, withoutPadding } from './oracle-rows.ts';

export interface Difference {
  readonly path: string;
  /** `VR text`, or undefined where the element is missing. */
  readonly theirs: string | undefined;
  readonly ours: string | undefined;
}

export interface Comparison {
  readonly agreements: number;
  readonly differences: readonly Difference[];
}

/** `ignore`: paths that are not compared, by their last key. */
export function compareRows(ours: Rows, theirs: Rows, ignore: ReadonlySet<string> = new Set()): Comparison {
  const differences: Difference[] = [];
  let agreements = 0;
  for (const path of new Set([...theirs.keys(), ...ours.keys()])) {
    if (ignore.has(path.slice(path.lastIndexOf('/') + 1))) continue;
    const our = ours.get(path);
    const their = theirs.get(path);
    if (our !== undefined && their !== undefined && isSame(our, their)) agreements++;
    else differences.push({ path, theirs: shown(their), ours: shown(our) });
  }
  return { agreements, differences };
}

function shown(row: Row | undefined): string | undefined {
  return row && `${row.vr} ${row.text.replaceAll('\0', '␀')}`.slice(0, 120);
}

function isSame(our: Row, their: Row): boolean {
  // Nested elements have no VR in ditag's header.
  return (our.vr === '' || our.vr === their.vr) && isSameText(our.text, their.text, their.vr);
}

function isSameText(ours: string, theirs: string, vr: string): boolean {
  const length = notedLength(ours);
  if (theirs.startsWith('hex ')) {
    const bytes = Buffer.from(theirs.slice(4), 'hex');
    return length >= 0 ? length === bytes.length : withoutPadding(bytes.toString('latin1'), 'LO') === ours;
  }
  if (length >= 0) return theirs === `bytes ${length}`;
  const { start, isCut } = keptStart(ours);
  if (theirs.startsWith('start ')) {
    const [, count] = theirs.split(' ', 2) as [string, string];
    const begin = theirs.slice(7 + count.length);
    return isCut ? start.startsWith(begin) : Number(count) === ours.length && ours.startsWith(begin);
  }
  return isCut ? theirs.startsWith(start) : ours === theirs || sameNumbers(ours, theirs, vr);
}
