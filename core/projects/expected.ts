// What a PACS says that there is for an accession number: studies, their series, and every instance where it lists them.
// That is what a download has to have on disk before it is complete.

/** Values of an answer by keyword (raw DICOM text, several values joined by `\`). Only what the PACS returned. */
export type Attributes = Readonly<Record<string, string>>;

export interface ExpectedInstance {
  readonly SOPInstanceUID: string;
  /** '' where the PACS does not say. */
  readonly SOPClassUID: string;
}

export interface ExpectedSeries {
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  /** Of the series and of its study and patient. */
  readonly attributes: Attributes;
  /** NumberOfSeriesRelatedInstances, where the PACS gives it. */
  readonly announced: number | undefined;
  /** Instances that the PACS lists. */
  readonly listed: number;
  /** Whether the list is believed to be whole; false: `announced` says how many there are, if anything does. */
  readonly isListed: boolean;
}

/** How many instances of the series there have to be; at least 1 where nobody says how many. */
export function expectedCount(
  series: Pick<ExpectedSeries, 'listed' | 'isListed'> & { readonly announced?: number | undefined },
): number {
  const { announced, listed, isListed } = series;
  return isListed ? listed : Math.max(listed, announced ?? 1);
}

/** How many of the expected instances nothing but the number is known of. */
export function unlistedCount(series: Parameters<typeof expectedCount>[0]): number {
  return expectedCount(series) - series.listed;
}

export interface FoundSeries extends ExpectedSeries {
  readonly instances: readonly ExpectedInstance[];
}

export interface FoundStudy {
  readonly StudyInstanceUID: string;
  readonly attributes: Attributes;
  readonly series: readonly FoundSeries[];
}

/** What became of an accession number; what each outcome means, and what leads to it, stands in docs/projects.md ("project index"). */
export const ACCESSION_OUTCOMES = ['open', 'found', 'incomplete', 'not-found', 'refused', 'failed'] as const;
export type AccessionOutcome = (typeof ACCESSION_OUTCOMES)[number];

/** Whether all that the PACS has of accession numbers with these outcomes is known: then a download can be complete. */
export function isWhollyKnown(outcomes: Readonly<Record<AccessionOutcome, number>>): boolean {
  return outcomes.open + outcomes.failed + outcomes.incomplete === 0;
}

export interface AccessionAnswer {
  readonly accession: string;
  readonly outcome: Exclude<AccessionOutcome, 'open'>;
  /** Why it is not simply found, in words; '' where it is. */
  readonly reason: string;
  readonly studies: readonly FoundStudy[];
}

/** An accession number of the list. */
export interface Target {
  readonly accession: string;
  /** In the list, blank lines and comments counted, from 1 on. */
  readonly line: number;
}

/** An accession number as the project knows it. */
export interface TargetState extends Target {
  readonly outcome: AccessionOutcome;
  readonly reason: string;
  readonly studies: number;
  readonly patients: number;
}

/** By what patients are told apart: PatientID; without one every study is of a patient of its own. */
export function patientOf({ PatientID = '' }: Attributes, StudyInstanceUID: string): string {
  return PatientID === '' ? `study ${StudyInstanceUID}` : `id ${PatientID}`;
}
