// Keeps two from working on one project at the same time: a message that says who does what, and says so again as long as
// it goes on. One of which nothing was heard for a while has died.
import type { StoredMsg } from '@nats-io/jetstream';
import { ditagError } from '../../core/errors/errors.ts';
import type { ProjectJob } from '../../core/jobs/project-job.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import { decodeProjectJob } from '../../core/wire/project-messages.ts';
import { isTaken } from './conflicts.ts';
import type { Cluster } from './connection.ts';
import { storedMessages } from './stored-messages.ts';
import { PROJECTS } from './streams.ts';
import { ALL_PROJECT_LOCKS, projectLockSubject } from './subjects.ts';

/** Milliseconds. */
const SAID_EVERY = 5_000;
const DEAD_AFTER = 20_000;

/** Takes the lock; disposing gives it back. Throws `already-running`. */
export async function lockProject({ manager, jetstream }: Cluster, job: ProjectJob): Promise<AsyncDisposable> {
  const name = job.project;
  const subject = projectLockSubject(name);
  const owner = encodeFrame(job);
  const found = await manager.direct.getMessage(PROJECTS, { last_by_subj: subject });
  if (found !== null && isHeld(found)) throw ditagError('already-running', { database: `the project ${name}` });
  let last = found?.seq ?? 0;
  const say = async (data: Uint8Array) => {
    const { seq } = await jetstream.publish(subject, data, { expect: { lastSubjectSequence: last } });
    last = seq;
  };
  try {
    await say(owner);
  } catch (error) {
    if (isTaken(error)) throw ditagError('already-running', { database: `the project ${name}` }, error);
    throw error;
  }
  let saying = Promise.resolve();
  const timer = setInterval(() => {
    // Where the server is away for a moment the next one says it.
    saying = saying.then(() => say(owner)).catch(() => {});
  }, SAID_EVERY);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await saying;
      await say(NOTHING).catch(() => {});
    },
  };
}

const NOTHING = new Uint8Array(0);

/** What is being done to projects now, the newest first. */
export async function projectJobs(cluster: Cluster): Promise<ProjectJob[]> {
  const jobs: ProjectJob[] = [];
  for await (const message of storedMessages(cluster, PROJECTS, ALL_PROJECT_LOCKS))
    if (isHeld(message)) jobs.push(decodeProjectJob(message.data));
  return jobs.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}

function isHeld({ data, time }: StoredMsg): boolean {
  return data.length > 0 && Date.now() - time.getTime() < DEAD_AFTER;
}
