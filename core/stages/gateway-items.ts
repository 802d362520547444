// Waiting for items that gateways carry out: until none is left, as long as there are gateways.

import { ditagError } from '../errors/errors.ts';
import type { Gateways } from '../ports/gateways.ts';
import type { WorkQueue } from '../ports/work-queue.ts';
import { pause } from './pause.ts';

const LOOK_EVERY = 200;
/** After so long without anything new it is looked whether anybody works (milliseconds); then so long nobody may. */
export const QUIET = 2_000;
const ABSENT = 30_000;

/** Whether there is anybody who does the work that is waited for. */
export class Attendance {
  private absentSince: number | undefined;

  /** Throws `gateways-gone` where nobody has been there for too long. @param isThere whether somebody is now */
  note(isThere: boolean): void {
    this.absentSince = isThere ? undefined : (this.absentSince ?? performance.now());
    if (this.absentSince !== undefined && performance.now() - this.absentSince > ABSENT)
      throw ditagError('gateways-gone', {});
  }
}

export interface ItemPorts {
  readonly queue: WorkQueue;
  readonly gateways: Gateways;
}

export interface Waiting {
  readonly send: string;
  /** Calls the gateways. Whether one of them can do it. */
  readonly isThere: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

/**
 * Resolves when no item of `send` is left, or `signal` has aborted. Throws `gateways-gone`. @param look tells what is new, and
 * whether anything is
 */
export async function untilDone(
  { queue }: Pick<ItemPorts, 'queue'>,
  { send, isThere, signal }: Waiting,
  look: () => Promise<boolean>,
): Promise<void> {
  let heardAt = performance.now();
  const attendance = new Attendance();
  while (!signal.aborted && (await queue.left(send)) > 0) {
    if (await look()) heardAt = performance.now();
    else if (performance.now() - heardAt > QUIET) attendance.note(await isThere());
    await pause(LOOK_EVERY);
  }
  await look();
}
