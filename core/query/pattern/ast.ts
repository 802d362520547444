// The parsed form of a pattern. Flags (ignore case, multi-line, dot-all, ASCII, verbose) are already resolved into
// the nodes: a character without case is a set, `.` is a set, `^` and `$` say which position they mean. So every
// later step (programs, native RegExp, indexes of other systems) can be written without knowing flags.

import type { CodeSet } from './code-set.ts';

/** Where a zero-width assertion holds. `end` is the end of the value or just before its last line feed. */
export type Position = 'start' | 'lineStart' | 'end' | 'lineEnd' | 'stringEnd' | 'boundary' | 'notBoundary';

/** How a repeat gives back: `possessive` never does, and makes each of its turns atomic (as CPython does). */
export type RepeatMode = 'greedy' | 'lazy' | 'possessive';

/** How a back-reference compares characters: as they are, in ASCII lower case, in simple Unicode lower case. */
export type Fold = 'none' | 'ascii' | 'unicode';

/** One character out of a set of code points (a literal is a set of one). */
export interface SetNode {
  readonly type: 'set';
  readonly set: CodeSet;
}

export interface SequenceNode {
  readonly type: 'sequence';
  readonly items: readonly Node[];
}

export interface AlternationNode {
  readonly type: 'alternation';
  readonly branches: readonly Node[];
}

/** `max` may be Infinity. */
export interface RepeatNode {
  readonly type: 'repeat';
  readonly min: number;
  readonly max: number;
  readonly mode: RepeatMode;
  readonly body: Node;
}

/** A capturing group; `index` counts from 1. Non-capturing groups leave no node. */
export interface GroupNode {
  readonly type: 'group';
  readonly index: number;
  readonly body: Node;
}

export interface AtomicNode {
  readonly type: 'atomic';
  readonly body: Node;
}

/** A look-ahead (`behind` undefined) or a look-behind of `behind` code points. */
export interface LookNode {
  readonly type: 'look';
  readonly negated: boolean;
  readonly behind: number | undefined;
  readonly body: Node;
}

export interface PositionNode {
  readonly type: 'position';
  readonly at: Position;
  /** for boundaries: words are made of ASCII characters only */
  readonly ascii: boolean;
}

export interface BackreferenceNode {
  readonly type: 'backreference';
  readonly group: number;
  readonly fold: Fold;
}

export interface ConditionalNode {
  readonly type: 'conditional';
  readonly group: number;
  readonly yes: Node;
  readonly no: Node;
}

export type Node =
  | SetNode
  | SequenceNode
  | AlternationNode
  | RepeatNode
  | GroupNode
  | AtomicNode
  | LookNode
  | PositionNode
  | BackreferenceNode
  | ConditionalNode;

/** A whole pattern: its tree and how many capturing groups it has. */
export interface ParsedPattern {
  readonly source: string;
  readonly root: Node;
  readonly groups: number;
}

/** The node that matches the empty string everywhere. */
export const EMPTY: SequenceNode = { type: 'sequence', items: [] };
