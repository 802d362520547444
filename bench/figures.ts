/**
 * What a benchmark gives back, and what is kept of a run. The printing is in
 * print-figures.ts, the measuring in NAME.ts, so that the same figures make
 * the table on the terminal, the last line of JSON and docs/performance.md.
 */

/** A table as it is printed; numbers are already text, with their units in the head. */
export interface Table {
  caption: string;
  columns: string[];
  rows: string[][];
}

/** One figure that the project wants to reach. */
export interface Target {
  what: string;
  unit: string;
  /** 'at least' for speeds and ratios, 'at most' for times and sizes. */
  direction: 'at least' | 'at most';
  wanted: number;
  /** null: not measured, see the notes. */
  reached: number | null;
}

export interface Figures {
  title: string;
  tables: Table[];
  targets: Target[];
  /** Everything measured, by a name that stays the same from run to run; null: not measured. */
  numbers: Record<string, number | null>;
  /** What a reader has to know to judge the figures: sizes, subsets, what was not here. */
  notes: string[];
}

/** The machine and the moment of a run. */
export interface Conditions {
  date: string;
  processor: string;
  cores: number;
  memoryGB: number;
  node: string;
  scale: number;
  /** The load average of one minute, before and after. */
  loadAtStart: number;
  loadAtEnd: number;
  seconds: number;
}

/** docs/performance/NAME.json, and the last line that a run prints. */
export interface SavedRun {
  name: string;
  conditions: Conditions;
  figures: Figures;
}

/** Whether the target is reached; null when it was not measured. */
export function isReached(target: Target): boolean | null {
  if (target.reached === null) return null;
  return target.direction === 'at least' ? target.reached >= target.wanted : target.reached <= target.wanted;
}
