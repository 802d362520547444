// The report of a project: what was asked for, found and received, and what is missing and why. As text, whose first lines
// are those that ditag has always printed; as JSON; and as CSV with a line for each accession number. Here figures become
// text; who gathers them is elsewhere.
import { Buffer } from 'node:buffer';
import { csvLine } from '../query/csv.ts';
import type { AccessionOutcome, TargetState } from './expected.ts';

export interface DescriptionCount {
  readonly description: string;
  /** Series that have it. */
  readonly count: number;
}

/** An accession number of the project. */
export interface ReportedAccession extends Omit<TargetState, 'line'> {
  readonly series: number;
  /** Instances. */
  readonly expected: number;
  /** Undefined: there is no download yet. */
  readonly received: number | undefined;
  readonly missing: number | undefined;
}

/** What the newest download has. */
export interface ReportedDownload {
  readonly folder: string;
  /** Instances that were expected. */
  readonly received: number;
  readonly missing: number;
  readonly notAskedFor: number;
  /** Of the files received. */
  readonly bytes: number;
}

export interface ProjectReport {
  readonly name: string;
  readonly accessions: number;
  readonly outcomes: Readonly<Record<AccessionOutcome, number>>;
  readonly studies: number;
  readonly patients: number;
  readonly series: number;
  /** As `topDescriptions` gives them. */
  readonly topSeriesDescriptions: readonly DescriptionCount[];
  readonly costPerStudy: number | undefined;
  /** Instances. */
  readonly expected: number;
  /** Undefined: there is none yet. */
  readonly download: ReportedDownload | undefined;
  /** Every accession number, in the order of the list. */
  readonly targets: readonly ReportedAccession[];
}

const TOP = 10;
