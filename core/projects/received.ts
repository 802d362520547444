// What has become of each expected instance in one download.

/** An instance on disk. */
export interface ReceivedInstance {
  readonly SOPInstanceUID: string;
  /** Relative to the folder of the download, with `/`. */
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Of the whole file, 64 hexadecimal digits in lower case. */
  readonly sha256: string;
}

/**
 * `received`: on disk, synced, named; `missing`: not obtained (yet, or for the reason given); `not-asked-for`: on disk,
 * kept aside, and not expected.
 */
export const INSTANCE_OUTCOMES = ['received', 'missing', 'not-asked-for'] as const;
export type InstanceOutcome = (typeof INSTANCE_OUTCOMES)[number];

/** A line of `manifest.csv`. */
export interface ManifestEntry {
  readonly AccessionNumber: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  /** '' for an instance of which only the number is known. */
  readonly SOPInstanceUID: string;
  readonly outcome: InstanceOutcome;
  /** Why it is missing, or was not asked for, where there is more to say; '' else. */
  readonly reason: string;
  /** '' for one that is missing. */
  readonly path: string;
  /** Undefined for one that is missing. */
  readonly size: number | undefined;
  /** '' for one that is missing. */
  readonly sha256: string;
}
