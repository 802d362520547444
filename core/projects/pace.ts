// How many retrievals a PACS is asked for at a time: fewer where it refuses, rejects or grows slow, one more after each
// stretch in which all went well. Additive increase, multiplicative decrease; time is given from outside.

/** Retrievals that went well, before one more is tried. */
const GOOD_FOR_MORE = 8;
/** Milliseconds; doubles with each refusal in a row. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
/** It has grown slow where an instance takes so many times as long as at its best... */
const SLOW = 4;
/** ... on an average over about so many retrievals. */
const MEMORY = 5;

export class Pace {
  private readonly most: number;
  private allowed: number;
  private good = 0;
  private refusals = 0;
  private pausedUntil = 0;
  private average: number | undefined;
  private best = Number.POSITIVE_INFINITY;

  /** @param most retrievals at a time, where the PACS allows as many */
  constructor(most: number) {
    this.most = most;
    this.allowed = most;
  }

  /** Retrievals that may run now. */
  limit(now: number): number {
    return now < this.pausedUntil ? 0 : Math.floor(this.allowed);
  }

  /** A retrieval brought what it should. @param instances that came @param milliseconds that it took */
  wentWell(instances: number, milliseconds: number): void {
    this.refusals = 0;
    if (instances > 0) this.noteLatency(milliseconds / instances);
    if (++this.good < GOOD_FOR_MORE || this.allowed >= this.most) return;
    this.good = 0;
    this.allowed = Math.min(this.most, Math.floor(this.allowed) + 1);
  }

  /** The PACS refused or rejected, or was lost. */
  refused(now: number): void {
    // Of several that were under way when it began to refuse, one says so for all.
    if (now < this.pausedUntil) return;
    this.slower();
    this.pausedUntil = now + Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.refusals++);
  }

  private noteLatency(each: number): void {
    this.average = this.average === undefined ? each : this.average + (each - this.average) / MEMORY;
    this.best = Math.min(this.best, this.average);
    if (this.average < this.best * SLOW) return;
    // What it is now is what further growth is measured by.
    this.best = this.average;
    this.slower();
  }

  private slower(): void {
    this.good = 0;
    this.allowed = Math.max(1, this.allowed / 2);
  }
}
