// Progress of `ditag index` on stderr: a bar with rate and time left on a terminal, a line every few seconds
// elsewhere, nothing when quiet.
import { SingleBar } from 'cli-progress';
import type { IndexProgress } from '../workspaces/workspace.ts';
import { grouped } from './statistics-text.ts';

const LINE_EVERY = 5000;

export interface ProgressReporter {
  update(progress: IndexProgress): void;
  stop(): void;
}

/** @param stream where progress goes, normally stderr */
export function progressReporter(stream: NodeJS.WriteStream, quiet: boolean): ProgressReporter {
  if (quiet) return { update: () => {}, stop: () => {} };
  return stream.isTTY ? barReporter(stream) : lineReporter(stream);
}

function barReporter(stream: NodeJS.WriteStream): ProgressReporter {
  const bar = new SingleBar({
    format: '{step} [{bar}] {percentage}% | {files} files, {instances} instances | {rate} files/s | {left} left',
    stream,
    hideCursor: true,
    clearOnComplete: true,
    fps: 5,
  });
  const pace = new Pace();
  let started = false;
  return {
    update: (progress) => {
      if (!started) bar.start(1000, 0, payload(progress, pace));
      started = true;
      bar.update(Math.round(progress.done * 1000), payload(progress, pace));
    },
    stop: () => {
      if (started) bar.stop();
      started = false;
    },
  };
}

function lineReporter(stream: NodeJS.WriteStream): ProgressReporter {
  const pace = new Pace();
  let last = Date.now();
  return {
    update: (progress) => {
      if (Date.now() - last < LINE_EVERY) return;
      last = Date.now();
      const { step, files, instances, rate, left } = payload(progress, pace);
      stream.write(
        `${step}: ${Math.round(progress.done * 100)}%, ${files} files, ${instances} instances, ${rate} files/s, ${left} left\n`,
      );
    },
    stop: () => {},
  };
}

function payload(progress: IndexProgress, pace: Pace) {
  const { files, instances, step } = progress;
  return { step, files: grouped(files), instances: grouped(instances), ...pace.of(progress) };
}

/** Rate and time left, from the whole run of a step: parts of an archive differ too much for less. */
class Pace {
  private step = '';
  private start = 0;
  private filesAtStart = 0;

  of({ step, files, done }: IndexProgress): { rate: string; left: string } {
    const now = Date.now();
    if (step !== this.step) {
      this.step = step;
      this.start = now;
      this.filesAtStart = files;
    }
    const seconds = (now - this.start) / 1000;
    const rate = seconds === 0 ? 0 : Math.round((files - this.filesAtStart) / seconds);
    const left = done <= 0 || seconds < 1 ? '?' : duration((seconds / done) * (1 - done));
    return { rate: grouped(rate), left };
  }
}

function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
