// /jobs: operations that are started over HTTP, watched and ended, beside what a cluster does for others.
import fs from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { ClusterWork, Operation, Operations } from '../../../core/ports/operations.ts';
import type { Job, Jobs } from '../jobs.ts';
import { HttpProblem } from '../problems.ts';
import { answerOf, IdParameter, JobAnswer, JobsAnswer, OperationBody, PROBLEMS } from '../schemas.ts';
import { addJobEvents } from './job-events.ts';

/** Bytes of a list of a hundred thousand series. */
const LONGEST_LIST = 8 * 1024 * 1024;

export function addJobs(server: FastifyInstance, jobs: Jobs, operations: Operations): void {
  const state = async () => {
    const cluster = await operations.clusterWork();
    return { jobs: jobs.list().map(briefly), ...clusterAnswer(cluster) };
  };
  const list = {
    summary: 'Operations that were started here, the newest first; and scans of the cluster and work for its projects',
    response: { 200: JobsAnswer, ...PROBLEMS },
  };
  server.get('/jobs', { schema: list }, state);

  const start = {
    summary: 'Starts an operation',
    body: OperationBody,
    response: { 202: JobAnswer, ...PROBLEMS },
  };
  const audited = { role: 'operate', isAudited: true } as const;
  const options = { schema: start, config: audited, bodyLimit: LONGEST_LIST };
  server.post<{ Body: Operation }>('/jobs', options, async ({ body, caller }, reply) => {
    return reply.code(202).send(jobAnswer(await jobs.start(body, caller?.name ?? '')));
  });

  const one = {
    summary: 'An operation with what it said',
    params: IdParameter,
    response: { 200: JobAnswer, ...PROBLEMS },
  };
  server.get<{ Params: IdParameter }>('/jobs/:id', { schema: one, config: audited }, async ({ params: { id } }) => {
    const job = jobs.get(id);
    if (job === undefined) throw noJob(id);
    return jobAnswer(job);
  });

  const results = {
    summary: 'What became of each instance of a send, as `ditag send --results` writes it',
    params: IdParameter,
    response: { 200: answerOf('text/csv'), ...PROBLEMS },
  };
  server.get<{ Params: IdParameter }>(
    '/jobs/:id/results',
    { schema: results, config: audited },
    async ({ params: { id } }, reply) => {
      const job = jobs.get(id);
      const file = job?.status === 'running' ? undefined : job?.results;
      if (file === undefined) throw new HttpProblem(404, `There are no results of ${id}, or not yet.`);
      return reply.type('text/csv; charset=utf-8').send(fs.createReadStream(file));
    },
  );

  const cancel = {
    summary: 'Ends an operation, or work of the cluster; what it has done is kept',
    params: IdParameter,
    response: { 202: IdParameter, ...PROBLEMS },
  };
  server.delete<{ Params: IdParameter }>(
    '/jobs/:id',
    { schema: cancel, config: audited },
    async ({ params: { id } }, reply) => {
      if (!jobs.cancel(id) && !(await operations.cancel(id))) throw noJob(id);
      return reply.code(202).send({ id });
    },
  );

  const endEvents = addJobEvents(server, jobs, state);
  server.addHook('preClose', async () => {
    // A stream would keep the server from closing.
    endEvents();
    await jobs.close();
    await operations.close();
  });
}

function noJob(id: string): HttpProblem {
  return new HttpProblem(404, `Nothing of the id ${id} is known, or under way.`);
}

/** Without its sentences, which may name accession numbers. */
function briefly({ id, operation, subject, who, startedAt, endedAt, status, progress, results }: Job) {
  const more = { ...(endedAt === undefined ? {} : { endedAt }), ...(progress === undefined ? {} : { progress }) };
  return {
    id,
    operation,
    subject,
    who,
    startedAt,
    status,
    hasResults: results !== undefined && status !== 'running',
    ...more,
  };
}

function jobAnswer(job: Job) {
  return { ...briefly(job), lines: [...job.lines] };
}

function clusterAnswer({ scans, projects }: ClusterWork) {
  return {
    scans: scans.map(({ id, archive, status, startedAt, endedAt, failure, tally: { files, instances, opened } }) => ({
      ...{ id, archive: archive.name, status, startedAt, files, instances, opened },
      ...(endedAt === undefined ? {} : { endedAt }),
      ...(failure === undefined ? {} : { failure: failure.message }),
    })),
    projects: projects.map(({ id, project, what, startedAt }) => ({ id, project, what, startedAt })),
  };
}
