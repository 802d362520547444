// How a C-MOVE or C-GET ended, as its final status says it (PS3.4 C.4.2.1.5, C.4.2.2.1, C.4.3.1.4).

const SUCCESS = 0x0000;
const SOME_FAILED = 0xb000;
const ALL_FAILED = 0xa702;
const CANCELLED = 0xfe00;

/** Sub-operations of which the last has ended. */
export interface EndedSubOperations {
  readonly completed: number;
  readonly warning: number;
  readonly failed: number;
  readonly isCancelled: boolean;
}

export function retrieveStatus({ completed, warning, failed, isCancelled }: EndedSubOperations): number {
  if (isCancelled) return CANCELLED;
  if (failed === 0) return warning === 0 ? SUCCESS : SOME_FAILED;
  return completed + warning === 0 ? ALL_FAILED : SOME_FAILED;
}

/** Its words: the status of B000H has others in answers to a C-STORE. */
export function retrieveStatusText(status: number): string {
  const texts: Readonly<Record<number, string>> = {
    [SUCCESS]: 'Success',
    [SOME_FAILED]: 'Complete, with failures or warnings (B000H)',
    [ALL_FAILED]: 'All failed (A702H)',
    [CANCELLED]: 'Cancelled',
  };
  return texts[status]!;
}
