// Keeps two from working on one project at the same time: a message that says who does what, and says so again as long as
// it goes on. One of which nothing was heard for a while has died. One that finds its message replaced has to end. What
// ended before all was done leaves its message, for whoever resumes it.
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import type { ProjectJob, ProjectLock } from '../../core/jobs/project-job.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import { decodeProjectJob } from '../../core/wire/project-messages.ts';
import { isTaken } from './conflicts.ts';
import type { Cluster } from './connection.ts';
import { storedMessages } from './stored-messages.ts';
import { PROJECTS } from './streams.ts';
import { ALL_PROJECT_LOCKS, projectLockSubject } from './subjects.ts';

/** Milliseconds. */
const SAID_EVERY = 2_000;
const DEAD_AFTER = 10_000;
const LOOK_EVERY = 250;

/** Takes the lock; disposing gives it back. Throws `already-running`. */
export async function lockProject({ manager, jetstream }: Cluster, job: ProjectJob): Promise<ProjectLock> {
  const name = job.project;
  const subject = projectLockSubject(name);
  const running = () => ditagError('already-running', { database: `the project ${name}` });
  const look = async () => (await manager.direct.getMessage(PROJECTS, { last_by_subj: subject })) ?? undefined;
  let found = await look();
  // No clock decides: whoever lives says so in the meantime.
  let last = found?.seq ?? 0;
  const began = performance.now();
  for (let isHeld = holds(found?.data); isHeld && performance.now() - began < DEAD_AFTER; ) {
    await sleep(LOOK_EVERY);
    found = await look();
    isHeld = holds(found?.data);
    if (isHeld && found?.seq !== last) throw running();
    last = found?.seq ?? 0;
  }
  /** What stands there instead: undefined where it was said. */
  const say = async (data: Uint8Array): Promise<Uint8Array | undefined> => {
    try {
      const { seq } = await jetstream.publish(subject, data, { expect: { lastSubjectSequence: last } });
      last = seq;
      return undefined;
    } catch (error) {
      if (!isTaken(error)) throw error;
      const now = await look();
      if (now === undefined) return NOTHING;
      const isOwn = Buffer.from(now.data).equals(data);
      // It may have been written, and only the answer was lost. One that is to end says in the end that it has.
      if (isOwn || isCancelled(now.data, job)) last = now.seq;
      return isOwn ? undefined : now.data;
    }
  };
  // What was left to do of the other kind is so still when this is done.
  const rest = leftOfAnother(found?.data, job);
  const owner = encodeFrame({ ...job, ...(rest === undefined ? {} : { left: rest }) });
  const before = rest === undefined ? NOTHING : encodeFrame(rest);
  if ((await say(owner)) !== undefined) throw running();
  const lost = new AbortController();
  let isHolding = true;
  let isFinished = false;
  const sayAgain = async () => {
    const instead = lost.signal.aborted ? undefined : await say(owner);
    if (instead === undefined) return;
    isHolding = isCancelled(instead, job);
    lost.abort(ditagError(isHolding ? 'project-cancelled' : 'project-taken', { project: name }));
  };
  let saying = Promise.resolve();
  const timer = setInterval(() => {
    // Where the server is away for a moment the next one says it.
    saying = saying.then(sayAgain).catch(() => {});
  }, SAID_EVERY);
  return {
    lost: lost.signal,
    confirm: async () => {
      await (saying = saying.then(sayAgain).catch(() => {}));
      lost.signal.throwIfAborted();
    },
    finished: () => {
      isFinished = true;
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await saying;
      if (!isHolding) return;
      const wasCancelled = lost.signal.aborted;
      const endedAt = new Date().toISOString();
      const left = (more: Partial<ProjectJob>) =>
        encodeFrame({ ...job, ...more, endedAt, ...(rest === undefined ? {} : { left: rest }) });
      const instead = await say(isFinished ? before : left(wasCancelled ? { isCancelled: true } : {})).catch(() => {});
      // It was cancelled since it was said last.
      if (instead !== undefined && isCancelled(instead, job))
        await say(isFinished ? before : left({ isCancelled: true })).catch(() => {});
    },
  };
}

/** Has whoever does it find that it is to end. False where it is not being done. */
export async function cancelProjectJob({ manager, jetstream }: Cluster, { id, project }: ProjectJob): Promise<boolean> {
  const subject = projectLockSubject(project);
  for (;;) {
    const found = await manager.direct.getMessage(PROJECTS, { last_by_subj: subject });
    if (found === null || !holds(found.data)) return false;
    const job = readable(found.data)!;
    if (job.id !== id || job.isCancelled === true) return false;
    try {
      await jetstream.publish(subject, encodeFrame({ ...job, isCancelled: true }), {
        expect: { lastSubjectSequence: found.seq },
      });
      return true;
    } catch (error) {
      // It said that it goes on.
      if (!isTaken(error)) throw error;
    }
  }
}

const NOTHING = new Uint8Array(0);

/** Of the one that was there before, which has ended or is dead, or of what that one had found. */
function leftOfAnother(data: Uint8Array = NOTHING, { what }: ProjectJob): ProjectJob['left'] {
  const found = data.length === 0 ? undefined : readable(data);
  if (found === undefined || found.what === what) return found?.left;
  const { left: _, ...rest } = found;
  return { ...rest, endedAt: rest.endedAt ?? new Date().toISOString() };
}

/** Undefined for what cannot be read; of a newer ditag it is not known what it means. Throws `newer-message`. */
function readable(data: Uint8Array): ProjectJob | undefined {
  try {
    return decodeProjectJob(data);
  } catch (error) {
    if (error instanceof DitagError && error.code === 'damaged-message') return undefined;
    throw error;
  }
}

/** Whether a message keeps others from the project. */
function holds(data: Uint8Array = NOTHING): boolean {
  const job = data.length === 0 ? undefined : readable(data);
  return job !== undefined && job.endedAt === undefined;
}

function isCancelled(data: Uint8Array, { id }: ProjectJob): boolean {
  const job = data.length === 0 ? undefined : readable(data);
  return job?.id === id && job.isCancelled === true;
}

/** What is being done to projects or was not finished, the newest first; also what a command that died has left. */
export async function projectJobs(cluster: Cluster): Promise<ProjectJob[]> {
  const jobs: ProjectJob[] = [];
  for await (const { data } of storedMessages(cluster, PROJECTS, ALL_PROJECT_LOCKS))
    if (data.length > 0) {
      const job = readable(data);
      if (job === undefined) continue;
      const { left, ...own } = job;
      jobs.push(own, ...(left === undefined ? [] : [left]));
    }
  return jobs.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}
