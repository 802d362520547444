// What the parser writes down before flags are resolved: nearly the pattern as typed. CPython simplifies
// alternatives at this stage (common first items, alternatives of single characters become a set), and with case
// ignored that changes what some of them match; so the same is done here. resolve.ts turns this into the AST.

import type { RepeatMode } from './ast.ts';
import type { SetMember } from './characters.ts';

/** Flags by their letter; `a` and `u` exclude each other. */
export interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
  readonly verbose: boolean;
  readonly ascii: boolean;
}

/** The flags a group turns on and off, by letter. */
export interface FlagChange {
  readonly on: string;
  readonly off: string;
}

export interface RawSequence {
  readonly items: RawItem[];
  /** least and greatest number of code points, once asked for */
  width?: readonly [number, number];
}

export type RawItem =
  | RawLiteral
  | RawSet
  | { readonly type: 'any' }
  | { readonly type: 'at'; readonly escape: '^' | '$' | 'A' | 'Z' | 'b' | 'B' }
  | { readonly type: 'branch'; readonly branches: readonly RawSequence[] }
  | RawRepeat
  | RawGroup
  | { readonly type: 'atomic'; readonly body: RawSequence }
  | { readonly type: 'look'; readonly behind: boolean; readonly negated: boolean; readonly body: RawSequence }
  | { readonly type: 'reference'; readonly group: number }
  | {
      readonly type: 'conditional';
      readonly group: number;
      readonly yes: RawSequence;
      readonly no: RawSequence | undefined;
    };

export interface RawLiteral {
  readonly type: 'literal';
  readonly code: number;
  readonly negated: boolean;
}

export interface RawSet {
  readonly type: 'set';
  readonly negated: boolean;
  readonly members: readonly SetMember[];
}

export interface RawRepeat {
  readonly type: 'repeat';
  readonly min: number;
  readonly max: number;
  readonly mode: RepeatMode;
  readonly body: RawSequence;
}

export interface RawGroup {
  readonly type: 'group';
  readonly index: number | undefined;
  readonly flags: FlagChange;
  readonly body: RawSequence;
}

/** CPython's ceiling for widths. */
const MAX_WIDTH = 2 ** 64;

/** Least and greatest width in code points; `groupWidths` holds those of the closed groups by number. */
export function widthOf(
  sequence: RawSequence,
  groupWidths: readonly (readonly [number, number] | undefined)[],
): readonly [number, number] {
  if (sequence.width !== undefined) return sequence.width;
  let low = 0;
  let high = 0;
  for (const item of sequence.items) {
    const [least, most] = itemWidth(item, groupWidths);
    low += least;
    high += most;
  }
  sequence.width = [Math.min(low, MAX_WIDTH), Math.min(high, MAX_WIDTH)];
  return sequence.width;
}

function itemWidth(
  item: RawItem,
  groupWidths: readonly (readonly [number, number] | undefined)[],
): readonly [number, number] {
  switch (item.type) {
    case 'literal':
    case 'set':
    case 'any':
      return [1, 1];
    case 'at':
    case 'look':
      return [0, 0];
    case 'branch': {
      const widths = item.branches.map((branch) => widthOf(branch, groupWidths));
      return [Math.min(...widths.map(([low]) => low)), Math.max(...widths.map(([, high]) => high))];
    }
    case 'repeat': {
      const [low, high] = widthOf(item.body, groupWidths);
      return [low * item.min, high === 0 ? 0 : item.max === Infinity ? MAX_WIDTH : high * item.max];
    }
    case 'group':
    case 'atomic':
      return widthOf(item.body, groupWidths);
    case 'reference':
      return groupWidths[item.group] ?? [0, 0];
    case 'conditional': {
      const [low, high] = widthOf(item.yes, groupWidths);
      const [otherLow, otherHigh] = item.no === undefined ? [0, high] : widthOf(item.no, groupWidths);
      return [Math.min(low, otherLow), Math.max(high, otherHigh)];
    }
  }
}

/** Whether two items are certainly the same (groups and repeats never are, as in CPython). */
export function sameItem(a: RawItem, b: RawItem): boolean {
  switch (a.type) {
    case 'literal':
    case 'set':
    case 'any':
    case 'at':
    case 'reference':
      return JSON.stringify(a) === JSON.stringify(b);
    default:
      return a === b;
  }
}
