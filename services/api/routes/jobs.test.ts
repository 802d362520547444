// What is told of operations while they run and when they have ended, and how much of it is remembered.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fastify from 'fastify';
import type { OperationEnd, Operations, OperationWatch } from '../../../core/ports/operations.ts';
import { temporaryFolder } from '../../../test/cli/run-ditag.ts';
import { Jobs } from '../jobs.ts';
import { addJobs } from './jobs.ts';

/** Operations of which each does what it is told to. */
function operationsThat(run: (watch: OperationWatch) => Promise<OperationEnd>): Operations {
  return {
    ...{ canDownload: false, pacs: undefined, check: async () => {}, projects: async () => [], report: async () => '' },
    ...{ clusterWork: async () => ({ scans: [], projects: [] }), cancel: async () => false, close: async () => {} },
    run: (_, watch) => run(watch),
  };
}

test('results are told when they are whole', async (t) => {
  const file = path.join(temporaryFolder(t), 'results.csv');
  const waiting = Promise.withResolvers<void>();
  const jobs = new Jobs(
    operationsThat(async ({ onResults }) => {
      onResults(file);
      fs.writeFileSync(file, 'SOPInstanceUID,outcome\n1.2,stored\n');
      await waiting.promise;
      fs.appendFileSync(file, '1.3,stored\n');
      return 0;
    }),
  );
  const server = fastify({ ajv: { customOptions: { discriminator: true } } });
  addJobs(
    server,
    jobs,
    operationsThat(async () => 0),
  );
  const { id } = await jobs.start({ operation: 'send', series: ['1'] }, 'local');
  const results = () => server.inject(`/jobs/${id}/results`);
  assert.equal((await results()).statusCode, 404);
  waiting.resolve();
  while (jobs.get(id)!.status === 'running') await new Promise((resolve) => setImmediate(resolve));
  const { statusCode, body } = await results();
  assert.deepEqual([statusCode, body.split('\n').length], [200, 4]);
  // A stream of events has no end, so there is no head of it to be waited for.
  assert.equal((await server.inject({ method: 'HEAD', url: '/jobs/events' })).statusCode, 404);
  await server.close();
});

test('200 operations that have ended are remembered, and 500 sentences of each', async () => {
  const jobs = new Jobs(
    operationsThat(async ({ onLine }) => {
      for (let line = 1; line <= 510; line++) onLine(`line ${line}`);
      return 0;
    }),
  );
  let first = '';
  for (let n = 0; n < 205; n++) {
    const { id } = await jobs.start({ operation: 'copies' }, 'local');
    if (n === 0) first = id;
    while (jobs.get(id)!.status === 'running') await new Promise((resolve) => setImmediate(resolve));
  }
  const { id } = await jobs.start({ operation: 'copies' }, 'local');
  assert.equal(jobs.get(first), undefined);
  assert.equal(jobs.list().length, 201);
  const { lines } = jobs.get(id)!;
  assert.deepEqual([lines.length, lines[0], lines.at(-1)], [500, 'line 11', 'line 510']);
  await jobs.close();
});
