// Keeps two from downloading into one project at the same time: a message that says who does, and says so again as long
// as it goes on. One of which nothing was heard for a while has died.
import { randomUUID } from 'node:crypto';
import type { StoredMsg } from '@nats-io/jetstream';
import { ditagError } from '../../core/errors/errors.ts';
import { isTaken } from './conflicts.ts';
import type { Cluster } from './connection.ts';
import { PROJECTS } from './streams.ts';
import { projectLockSubject } from './subjects.ts';

/** Milliseconds. */
const SAID_EVERY = 5_000;
const DEAD_AFTER = 20_000;

/** Takes the lock; disposing gives it back. Throws `already-running`. */
export async function lockProject({ manager, jetstream }: Cluster, name: string): Promise<AsyncDisposable> {
  const subject = projectLockSubject(name);
  const owner = randomUUID();
  const found = await manager.direct.getMessage(PROJECTS, { last_by_subj: subject });
  if (found !== null && isHeld(found)) throw ditagError('already-running', { database: `the project ${name}` });
  let last = found?.seq ?? 0;
  const say = async (text: string) => {
    const { seq } = await jetstream.publish(subject, text, { expect: { lastSubjectSequence: last } });
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
      await say('').catch(() => {});
    },
  };
}

function isHeld({ data, time }: StoredMsg): boolean {
  return data.length > 0 && Date.now() - time.getTime() < DEAD_AFTER;
}
