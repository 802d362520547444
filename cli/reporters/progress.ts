// Progress of long commands on stderr: a bar with rate and time left on a terminal, a line every few seconds elsewhere,
// nothing when quiet.
import { SingleBar } from 'cli-progress';
import { grouped } from './statistics-text.ts';

/** Milliseconds. */
const LINE_EVERY = 5000;
const BAR_EVERY = 100;
const AGAIN_EVERY = 1000;

/** Where a command stands. */
export interface Progress {
  readonly step: string;
  /** Part of the step that is done, 0 to 1. */
  readonly done: number;
  /** What has been done so far, in words. */
  readonly text: string;
  /** Of what the rate is told, and how many of it there were so far. */
  readonly unit: string;
  readonly amount: number;
}

export interface ProgressReporter {
  /** @param at where the command stands: only asked when it is shown */
  update(at: () => Progress): void;
  stop(): void;
}

/** @param stream where progress goes, normally stderr */
export function progressReporter(stream: NodeJS.WriteStream, quiet: boolean): ProgressReporter {
  if (quiet) return { update: () => {}, stop: () => {} };
  return goingOn(stream.isTTY ? barReporter(stream) : lineReporter(stream));
}

/** Shows where a command stands also while nothing comes: from a PACS that is silent, or a mount that hangs. */
function goingOn(reporter: ProgressReporter): ProgressReporter {
  let timer: NodeJS.Timeout | undefined;
  let last: () => Progress;
  return {
    update: (at) => {
      last = at;
      timer ??= setInterval(() => reporter.update(last), AGAIN_EVERY).unref();
      reporter.update(at);
    },
    stop: () => {
      clearInterval(timer);
      timer = undefined;
      reporter.stop();
    },
  };
}

function barReporter(stream: NodeJS.WriteStream): ProgressReporter {
  const bar = new SingleBar({
    format: '{step} [{bar}] {percentage}% | {text} | {rate} | {left} left',
    stream,
    hideCursor: true,
    clearOnComplete: true,
    fps: 5,
  });
  const pace = new Pace();
  let started = false;
  let last = 0;
  return {
    update: (at) => {
      if (Date.now() - last < BAR_EVERY) return;
      last = Date.now();
      const progress = at();
      if (!started) bar.start(1000, 0, pace.of(progress));
      started = true;
      bar.update(Math.floor(progress.done * 1000), pace.of(progress));
    },
    stop: () => {
      if (started) bar.stop();
      started = false;
    },
  };
}

function lineReporter(stream: NodeJS.WriteStream): ProgressReporter {
  const pace = new Pace();
  let last: number | undefined;
  return {
    update: (at) => {
      const isFirst = last === undefined;
      last ??= Date.now();
      if (!isFirst && Date.now() - last < LINE_EVERY) return;
      const progress = at();
      const { step, text, rate, left } = pace.of(progress);
      // Of the first nothing is told: the pace is that from here on.
      if (isFirst) return;
      last = Date.now();
      stream.write(`${step}: ${Math.floor(progress.done * 100)}%, ${text}, ${rate}, ${left} left\n`);
    },
    stop: () => {},
  };
}

/** Rate and time left, from the whole run of a step: parts of an archive differ too much for less. */
class Pace {
  private step = '';
  private start = 0;
  private amountAtStart = 0;
  private doneAtStart = 0;

  of({ step, text, unit, amount, done }: Progress): { step: string; text: string; rate: string; left: string } {
    const now = Date.now();
    if (step !== this.step) {
      this.step = step;
      this.start = now;
      this.amountAtStart = amount;
      this.doneAtStart = done;
    }
    const seconds = (now - this.start) / 1000;
    const rate = seconds === 0 ? 0 : Math.round((amount - this.amountAtStart) / seconds);
    const since = done - this.doneAtStart;
    const left = since <= 0 || seconds < 1 ? '?' : duration((seconds / since) * (1 - done));
    return { step, text, rate: `${grouped(rate)} ${unit}/s`, left };
  }
}

function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
