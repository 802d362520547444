// Why a file is not in the index. Counted by reason at the end of every `index`, listed by `--skipped FILE`.

/** The position is stored in folder records: append at the end, never reorder. */
export const SKIP_REASONS = [
  'not-dicom',
  'dicomdir',
  'no-identity',
  'unreadable',
  'not-a-file',
  'linked-folder',
] as const;

export type SkipReason = (typeof SKIP_REASONS)[number];

/** What a person reads in a summary. */
export const SKIP_REASON_TEXT: Record<SkipReason, string> = {
  'not-dicom': 'not DICOM',
  dicomdir: 'DICOMDIR',
  'no-identity': 'DICOM without SOPInstanceUID or SeriesInstanceUID',
  unreadable: 'could not be read',
  'not-a-file': 'neither file nor folder',
  'linked-folder': 'link to a folder (not followed)',
};

/** Counts by reason in the order of the table, without those that are 0. */
export function reasonsInOrder(counts: Readonly<Record<string, number>>): Record<string, number> {
  const known = SKIP_REASONS.filter((reason) => (counts[reason] ?? 0) > 0);
  return Object.fromEntries(known.map((reason) => [reason, counts[reason]!]));
}
