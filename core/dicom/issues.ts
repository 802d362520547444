// What can be wrong with one file that is nevertheless taken. Kept per file as a set of bits: an archive of twenty
// million files has room for one small integer each, not for messages. Why a file was *not* taken is another
// subject: `core/instance/skipped.ts`.

/** One bit per kind of issue; the position is stored in indexes and must never be reused for another meaning. */
export const Issue = {
  /** The file ends before an element's value does (usually PixelData cut off), or in the middle of the header. */
  Truncated: 1 << 0,
  /** The data set is encoded in another transfer syntax than (0002,0010) declares. */
  TransferSyntaxMismatch: 1 << 1,
  /** No file meta information (PS3.10 section 7.1): the transfer syntax was found out from the bytes. */
  NoFileMeta: 1 << 2,
  /** A sequence or item is not nested as PS3.5 section 7.5 says; what could be read of it was taken. */
  MalformedSequence: 1 << 3,
  /** An explicit VR that PS3.5 section 6.2 does not list. */
  UnknownVr: 1 << 4,
  /** (0008,0005) names a character set by a term that is not a defined one, but whose meaning is evident. */
  CharacterSetMisspelt: 1 << 5,
  /** Text has bytes that the declared character set does not have, or the declared one is unknown. */
  CharacterSetWrong: 1 << 6,
  /** SOPInstanceUID of file meta and data set differ; the data set's is taken. */
  FileMetaMismatch: 1 << 7,
  /** The header goes on beyond what is read of it at most; identity is known, later elements are not. */
  HeaderCut: 1 << 8,
  /** A value has an odd length (PS3.5 section 7.1.1 demands even ones). */
  OddLength: 1 << 9,
  /** A UID with other characters than digits and dots, or longer than 64 (PS3.5 section 9.1). */
  MalformedUid: 1 << 10,
  /** Bytes that are no element stand in front of the first one, or end the header early. */
  StrayBytes: 1 << 11,
} as const;

export type IssueName = keyof typeof Issue;

/** The names of the bits set in `mask`, in the order of the table. */
export function issueNames(mask: number): IssueName[] {
  return (Object.keys(Issue) as IssueName[]).filter((name) => (mask & Issue[name]) !== 0);
}

/** Counts by name of issue in the order of the table, whatever the order in which they were counted. */
export function countsInOrder(counts: Readonly<Record<string, number>>): Record<string, number> {
  const known = issueNames(-1).filter((name) => counts[name] !== undefined);
  return Object.fromEntries(known.map((name) => [name, counts[name]!]));
}
