// How a C-MOVE or C-GET ended, as its final status says it (PS3.4 C.4.2.1.5, C.4.2.2.1, C.4.3.1.4).
import { STATUS } from './statuses.ts';

/** Sub-operations of which the last has ended. */
export interface EndedSubOperations {
  readonly completed: number;
  readonly warning: number;
  readonly failed: number;
  readonly isCancelled: boolean;
}

export function retrieveStatus({ completed, warning, failed, isCancelled }: EndedSubOperations): number {
  if (isCancelled) return STATUS.cancelled;
  if (failed === 0) return warning === 0 ? STATUS.success : STATUS.doneWithFailures;
  return completed + warning === 0 ? STATUS.unableToPerformSubOperations : STATUS.doneWithFailures;
}

/** Its words: the status of B000H has others in answers to a C-STORE. */
export function retrieveStatusText(status: number): string {
  const texts: Readonly<Record<number, string>> = {
    [STATUS.success]: 'Success',
    [STATUS.doneWithFailures]: 'Complete, with failures or warnings (B000H)',
    [STATUS.unableToPerformSubOperations]: 'All failed (A702H)',
    [STATUS.cancelled]: 'Cancelled',
  };
  return texts[status]!;
}
