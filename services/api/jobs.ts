// Operations that were started over HTTP: each runs in this process, and is told about as long as it lives.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { DitagError } from '../../core/errors/errors.ts';
import {
  CANCELLED,
  type Operation,
  type OperationEnd,
  type OperationProgress,
  type Operations,
} from '../../core/ports/operations.ts';
import { HttpProblem } from './problems.ts';

/** Operations at a time; ended ones that are remembered; sentences of one that are. */
const MOST_RUNNING = 8;
const MOST_ENDED = 200;
const MOST_LINES = 500;

export type JobStatus = 'running' | 'done' | 'incomplete' | 'failed' | 'cancelled';

export interface Job {
  readonly id: string;
  readonly operation: Operation['operation'];
  /** The archive or project that it is about, or a number of series. */
  readonly subject: string;
  readonly who: string;
  readonly startedAt: string;
  endedAt?: string;
  status: JobStatus;
  progress?: OperationProgress;
  /** The last sentences. */
  readonly lines: string[];
  results?: string | undefined;
}

export class Jobs {
  private readonly operations: Operations;
  private readonly jobs = new Map<string, Job>();
  private readonly running = new Map<string, { readonly abort: AbortController; readonly end: Promise<void> }>();
  private readonly watchers = new Set<() => void>();

  constructor(operations: Operations) {
    this.operations = operations;
  }

  /** The newest first. */
  list(): readonly Job[] {
    return [...this.jobs.values()].reverse();
  }

  get(id: string): Job | undefined {
    return this.jobs.get(id);
  }

  /** Starts an operation, if it is one that may be begun. Throws what its check throws, and 429 where too many run. */
  async start(operation: Operation, who: string): Promise<Job> {
    await this.operations.check(operation);
    if (this.running.size >= MOST_RUNNING)
      throw new HttpProblem(429, `${MOST_RUNNING} operations are running: start this one when one of them has ended.`);
    const id = randomUUID().slice(0, 13);
    const about = { id, operation: operation.operation, subject: subjectOf(operation) };
    const job: Job = { ...about, who, startedAt: new Date().toISOString(), status: 'running', lines: [] };
    this.jobs.set(id, job);
    this.forget();
    const abort = new AbortController();
    const end = this.run(job, operation, abort.signal).finally(() => {
      this.running.delete(id);
      job.endedAt = new Date().toISOString();
      this.dropEmptyResults(job);
      // Where it stood in the middle says nothing of how it ended.
      delete job.progress;
      this.tell();
    });
    this.running.set(id, { abort, end });
    this.tell();
    return job;
  }

  /** Ends an operation; what it has done is kept. False where it is not running. */
  cancel(id: string): boolean {
    const found = this.running.get(id);
    found?.abort.abort(CANCELLED);
    return found !== undefined;
  }

  /** Ends all, and waits for them. */
  async close(): Promise<void> {
    for (const { abort } of this.running.values()) abort.abort();
    await Promise.all([...this.running.values()].map(({ end }) => end));
    this.tell();
  }

  /** Calls `changed` with every change, until the returned function is called. */
  watch(changed: () => void): () => void {
    this.watchers.add(changed);
    return () => void this.watchers.delete(changed);
  }

  private async run(job: Job, operation: Operation, signal: AbortSignal): Promise<void> {
    const onLine = (line: string) => {
      job.lines.push(line);
      if (job.lines.length > MOST_LINES) job.lines.shift();
      this.tell();
    };
    const onProgress = (progress: OperationProgress) => {
      job.progress = progress;
      this.tell();
    };
    try {
      const onResults = (file: string) => void (job.results = file);
      job.status = statusOf(await this.operations.run(operation, { onLine, onProgress, onResults, signal }));
    } catch (error) {
      job.status = signal.aborted ? 'cancelled' : 'failed';
      // What is not for a person may hold values.
      onLine(error instanceof DitagError ? error.message : signal.aborted ? 'It was cancelled.' : 'It failed.');
    }
  }

  /** One that failed before it began has none. */
  private dropEmptyResults(job: Job): void {
    if (job.results === undefined || (fs.statSync(job.results, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
    fs.rmSync(job.results, { force: true });
    job.results = undefined;
  }

  private forget(): void {
    const ended = [...this.jobs.values()].filter(({ status }) => status !== 'running');
    for (const { id, results } of ended.slice(0, Math.max(0, ended.length - MOST_ENDED))) {
      this.jobs.delete(id);
      if (results !== undefined) fs.rmSync(results, { force: true });
    }
  }

  private tell(): void {
    for (const changed of this.watchers) changed();
  }
}

function statusOf(end: OperationEnd): JobStatus {
  if (end === 0) return 'done';
  return end === 130 ? 'cancelled' : end === 1 ? 'incomplete' : 'failed';
}

function subjectOf(operation: Operation): string {
  switch (operation.operation) {
    case 'index':
      return operation.archive;
    case 'copies':
      return 'all archives';
    case 'send':
      return `${operation.series.length} series`;
    default:
      return operation.project;
  }
}
