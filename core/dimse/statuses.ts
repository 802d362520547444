// The statuses of DIMSE responses that ditag gives or tells apart (PS3.7 annex C; PS3.4 B.2.3, C.4.1.1.4, C.4.2.1.5), by name.
// What is said of each to people is in reasons.ts.

export const STATUS = {
  success: 0x0000,
  /** Something is to be said of what was done (PS3.7 C.3). */
  warning: 0x0001,
  attributeListError: 0x0107,
  processingFailure: 0x0110,
  attributeValueOutOfRange: 0x0116,
  sopClassNotSupported: 0x0122,
  notAuthorized: 0x0124,
  unrecognizedOperation: 0x0211,
  resourceLimitation: 0x0213,
  outOfResources: 0xa700,
  /** Of a C-MOVE or C-GET: each of its sub-operations has failed. */
  unableToPerformSubOperations: 0xa702,
  moveDestinationUnknown: 0xa801,
  /** Of a C-STORE the data set, of the others the identifier, is not one of its SOP class. */
  doesNotMatchSOPClass: 0xa900,
  /** Of a C-STORE: coercion of data elements; of a C-MOVE or C-GET: one or more sub-operations have failed. */
  doneWithFailures: 0xb000,
  unableToProcess: 0xc000,
  cancelled: 0xfe00,
  pending: 0xff00,
  /** Pending, and optional keys are not supported in the way in which required ones are. */
  pendingWithoutSomeKeys: 0xff01,
} as const;

/** Answers that are not the last one (PS3.7 annex C.4). */
export function isPending(status: number | undefined): boolean {
  return status === STATUS.pending || status === STATUS.pendingWithoutSomeKeys;
}

/** PS3.7 annex C.3: done, and something is to be said of it. */
export function isWarning(status: number): boolean {
  if ((status & 0xf000) === STATUS.doneWithFailures) return true;
  return [STATUS.warning, STATUS.attributeListError, STATUS.attributeValueOutOfRange].some((one) => one === status);
}

/** What may be otherwise in a while: A7xx, and 0213H. */
export function isTemporary(status: number): boolean {
  return (status & 0xff00) === STATUS.outOfResources || status === STATUS.resourceLimitation;
}
