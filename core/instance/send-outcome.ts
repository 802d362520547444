// What becomes of an instance that is to be sent, and the words for it in results and summaries.
import type { SeriesFile } from '../ports/instance-index.ts';

/** The outcomes, in the order in which a summary tells them. */
export const SEND_OUTCOMES = ['stored', 'warning', 'copy', 'refused', 'missing', 'not-indexed', 'failed'] as const;

/**
 * `warning`: stored, and the peer has something to say; `copy`: a further file of an instance, for which another one speaks; `refused` by
 * the peer; `missing`: gone from the disk; `not-indexed`: a series that no archive has; `failed`: everything else.
 */
export type SendOutcome = (typeof SEND_OUTCOMES)[number];

/** With these an instance has not to be sent again. */
export function isSent(outcome: string): boolean {
  return outcome === 'stored' || outcome === 'warning' || outcome === 'copy';
}

/** Of all files of one instance in a series the same. */
export function instanceKey({ SeriesInstanceUID, SOPInstanceUID }: SeriesFile): string {
  return `${SeriesInstanceUID} ${SOPInstanceUID}`;
}

/**
 * What becomes of files of which nothing was told and nothing will be: one speaks for each instance. @param files those of
 * an instance next to each other @param isTold by place
 */
export function untoldFiles(
  files: readonly SeriesFile[],
  isTold: (place: number) => boolean,
): { readonly file: SeriesFile; readonly outcome: 'failed' | 'copy' }[] {
  const spoken = new Set<string>();
  for (const [place, file] of files.entries()) if (isTold(place)) spoken.add(instanceKey(file));
  return files
    .filter((_, place) => !isTold(place))
    .map((file) => {
      const outcome = spoken.has(instanceKey(file)) ? 'copy' : 'failed';
      spoken.add(instanceKey(file));
      return { file, outcome };
    });
}

/** An instance, or a series that is not there, and what became of it. */
export interface SendResult {
  readonly SeriesInstanceUID: string;
  /** Undefined for a series that is not in the index. */
  readonly file: SeriesFile | undefined;
  readonly outcome: SendOutcome;
  /** Of the peer's answer. */
  readonly status: number | undefined;
  /** Why, where it was not simply stored: no value of the file. */
  readonly reason: string;
  /** Of the data set as it was sent. */
  readonly bytes: number;
  /** It failed for the association or the PACS, and may go another time. */
  readonly isForNow?: boolean;
}
