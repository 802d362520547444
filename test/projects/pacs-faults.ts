// What a scripted PACS does wrong. All of it can be combined, and changed while it runs; what happens a number of times is
// counted down in the object itself.

/** Levels of the Study Root model (PS3.4 C.6.2). */
export type Level = 'STUDY' | 'SERIES' | 'IMAGE';

export interface PacsFaults {
  /** Says Success with full counts and does not send these. @param attempt the retrievals that named it, this one too: from 1 */
  loses?: ((SOPInstanceUID: string, attempt: number) => boolean) | undefined;
  /** Answers to C-MOVE and C-GET have no counts. */
  withoutCounts?: boolean | undefined;
  /** It rejects more associations than this, for now. */
  mostAssociations?: number | undefined;
  /** After so many instances of a retrieval it aborts both the association with the request and the one it sends over. */
  breaksAfter?: number | undefined;
  /** How many more retrievals that happens to; 1 where it is not set. */
  breaksTimes?: number | undefined;
  /** Every instance comes twice; counts have it once. */
  sendsTwice?: boolean | undefined;
  /** Retrievals, or so many more of them, are answered with Pending every 50 ms for ever; nothing is sent. */
  pendingForever?: boolean | number | undefined;
  /** A C-FIND has at most so many answers, of every level or of some, and ends with Success. */
  capsAnswers?: number | Readonly<Partial<Record<Level, number>>> | undefined;
  /** So many milliseconds before each answer to a C-FIND and before each instance. */
  slow?: number | undefined;
  /** SOPInstanceUIDs that are sent with `foreignSeriesOf` their SeriesInstanceUID in the data set. */
  foreignSeries?: readonly string[] | undefined;
  /** SOPInstanceUIDs that are sent with `foreignStudyOf` their StudyInstanceUID in the data set. */
  foreignStudy?: readonly string[] | undefined;
  /** SOPInstanceUIDs that are sent without the last bytes of their pixels. */
  cutsOff?: readonly string[] | undefined;
  /** Answers to C-FIND: blanks behind AccessionNumber and PatientID, NULs behind UIDs, and AccessionNumber in the other case. */
  padsAndCase?: boolean | undefined;
  /** C-FIND at IMAGE level ends with A900; or with Success and no answers. */
  noImageLevel?: true | 'empty' | undefined;
  /** C-MOVE: A801. */
  unknownDestination?: boolean | undefined;
  /** So many more retrievals end with `refusesWith`. */
  refusesTimes?: number | undefined;
  /** A702 where it is not set. */
  refusesWith?: number | undefined;
  /** C-FIND answers everything of the level, whatever the keys. */
  ignoresKeys?: boolean | undefined;
  /** What it answers of this accession number, or of such ones, is cut in the middle of an element. */
  damages?: string | RegExp | undefined;
  /** C-FIND ends with this status and no answers. */
  findFails?: number | undefined;
  /** How many more C-FINDs that happens to; all where it is not set. */
  findFailsTimes?: number | undefined;
  /** SOPInstanceUIDs that are sent at the end of every retrieval, named or not; counts do not have them. */
  unasked?: readonly string[] | undefined;
  /** Says Success at once, with full counts, and sends after so many milliseconds. */
  late?: number | undefined;
  /** SOPInstanceUIDs of which each C-STORE but the first has other pixels than those before. */
  changesBytes?: readonly string[] | undefined;
  /** C-FIND does not know numbers of related series and instances. */
  withoutNumbers?: boolean | undefined;
}

/** The numbers of times; some of them may also be true, for ever. */
type Times = 'breaksTimes' | 'pendingForever' | 'refusesTimes' | 'findFailsTimes';

/** Does it happen once more? Counts it down; true: always. */
export function happens(faults: PacsFaults, name: Times): boolean {
  const left = faults[name];
  if (typeof left !== 'number') return left === true;
  if (left <= 0) return false;
  faults[name] = left - 1;
  return true;
}
