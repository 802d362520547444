// One at a time works on a project, and one that has lost it learns so, on a real server.
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProjectJob } from '../../core/jobs/project-job.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { natsHere } from '../../test/contracts/nats-here.ts';
import type { Cluster } from './connection.ts';
import { cancelProjectJob, lockProject, projectJobs } from './project-lock.ts';
import { ensureStreams } from './streams.ts';
import { projectLockSubject } from './subjects.ts';

const nats = natsHere({ after });
const onNats = (title: string, check: (cluster: Cluster) => Promise<void>) =>
  void test(title, { timeout: 60_000 }, async (t: TestContext) => {
    const cluster = await partOrSkip(t, () => nats.fresh());
    if (cluster === undefined) return;
    await ensureStreams(cluster.manager);
    await check(cluster);
  });

const job = (id: string): ProjectJob => {
  const options = { projectName: 'study', output: '/data/out', zipProject: true };
  return { id, project: 'study', what: 'download', startedAt: '2026-01-01T00:00:00Z', options };
};
/** Without the time at which it ended, which has to be one. */
const leftOf = async (cluster: Cluster) => {
  const [left, ...more] = await projectJobs(cluster);
  const { endedAt = '', ...rest } = left!;
  assert.deepEqual([Number.isNaN(Date.parse(endedAt)), more], [false, []]);
  return rest;
};
const untilLost = async (lost: AbortSignal) => {
  for (let tries = 0; tries < 100 && !lost.aborted; tries++) await sleep(50);
  return (lost.reason as { code?: string }).code;
};

onNats('who comes second is refused as long as the first says that it lives', async (cluster) => {
  {
    await using first = await lockProject(cluster, job('first'));
    await assert.rejects(lockProject(cluster, job('second')), { code: 'already-running' });
    assert.deepEqual(await projectJobs(cluster), [job('first')]);
    await first.confirm();
    first.finished();
  }
  assert.deepEqual(await projectJobs(cluster), []);
  await using second = await lockProject(cluster, job('second'));
  assert.equal(second.lost.aborted, false);
});

onNats('one that was cancelled learns so, and another may begin', async (cluster) => {
  const first = await lockProject(cluster, job('first'));
  assert.equal(await cancelProjectJob(cluster, job('another')), false);
  assert.equal(await cancelProjectJob(cluster, job('first')), true);
  assert.equal(await cancelProjectJob(cluster, job('first')), false);
  await assert.rejects(first.confirm(), { code: 'project-cancelled' });
  assert.deepEqual(await projectJobs(cluster), [{ ...job('first'), isCancelled: true }]);
  // Until it has ended it holds the project.
  const second = lockProject(cluster, job('second'));
  await sleep(1_000);
  await first[Symbol.asyncDispose]();
  await using held = await second;
  held.finished();
  assert.deepEqual([await untilLost(first.lost), held.lost.aborted], ['project-cancelled', false]);
});

onNats('one that ended before all was done is left with its options, and keeps nobody away', async (cluster) => {
  await (await lockProject(cluster, job('first')))[Symbol.asyncDispose]();
  assert.deepEqual(await leftOf(cluster), job('first'));
  assert.equal(await cancelProjectJob(cluster, job('first')), false);
  const began = performance.now();
  const second = await lockProject(cluster, job('second'));
  assert.ok(performance.now() - began < 5_000, 'it was waited for');
  assert.deepEqual(await projectJobs(cluster), [job('second')]);
  assert.equal(await cancelProjectJob(cluster, job('second')), true);
  await assert.rejects(second.confirm(), { code: 'project-cancelled' });
  await second[Symbol.asyncDispose]();
  assert.deepEqual(await leftOf(cluster), { ...job('second'), isCancelled: true });
});

onNats('one that ends before it has heard that it was cancelled is left as cancelled', async (cluster) => {
  const first = await lockProject(cluster, job('first'));
  assert.equal(await cancelProjectJob(cluster, job('first')), true);
  await first[Symbol.asyncDispose]();
  assert.deepEqual(await leftOf(cluster), { ...job('first'), isCancelled: true });
  // Nobody waits for it.
  const began = performance.now();
  const second = await lockProject(cluster, job('second'));
  assert.ok(performance.now() - began < 5_000, 'it was waited for');
  second.finished();
  assert.equal(await cancelProjectJob(cluster, job('second')), true);
  await second[Symbol.asyncDispose]();
  assert.deepEqual(await projectJobs(cluster), []);
});

onNats('what was left of a download is left when the list has been asked for', async (cluster) => {
  await (await lockProject(cluster, job('first')))[Symbol.asyncDispose]();
  const index = (id: string): ProjectJob => ({ ...job(id), what: 'index' });
  // Neither is lost for the other.
  await (await lockProject(cluster, index('broken off')))[Symbol.asyncDispose]();
  assert.deepEqual((await projectJobs(cluster)).map(({ id }) => id).sort(), ['broken off', 'first']);
  const second = await lockProject(cluster, index('second'));
  second.finished();
  await second[Symbol.asyncDispose]();
  assert.deepEqual(await leftOf(cluster), job('first'));
  const third = await lockProject(cluster, job('third'));
  third.finished();
  await third[Symbol.asyncDispose]();
  assert.deepEqual(await projectJobs(cluster), []);
});

onNats('a command that was killed is left to resume, whatever is done first', async (cluster) => {
  await cluster.jetstream.publish(projectLockSubject('study'), encodeFrame(job('killed')));
  const index = await lockProject(cluster, { ...job('index'), what: 'index' });
  index.finished();
  await index[Symbol.asyncDispose]();
  assert.deepEqual(await leftOf(cluster), job('killed'));
});

onNats('what has no options, or cannot be read, keeps nobody from anything', async (cluster) => {
  const { options: _, ...old } = job('old');
  await cluster.jetstream.publish(projectLockSubject('study'), encodeFrame({ ...old, endedAt: 'then' }));
  await cluster.jetstream.publish(projectLockSubject('other'), encodeFrame({ nothing: 'of this' }));
  assert.deepEqual(await projectJobs(cluster), [{ ...old, options: {}, endedAt: 'then' }]);
  await using held = await lockProject(cluster, { ...job('new'), project: 'other' });
  assert.equal(held.lost.aborted, false);
});

onNats('one that was taken for dead learns that another has it, and leaves it that', async (cluster) => {
  const first = await lockProject(cluster, job('first'));
  await cluster.jetstream.publish(projectLockSubject('study'), encodeFrame(job('second')));
  assert.equal(await untilLost(first.lost), 'project-taken');
  await first[Symbol.asyncDispose]();
  assert.deepEqual(await projectJobs(cluster), [job('second')]);
});
