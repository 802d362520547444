// /jobs: operations that are started over HTTP, watched and ended, beside what a cluster does for others.
import fs from 'node:fs';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Job, Jobs } from '../jobs.ts';
import type { ClusterWork, Operation, Operations } from '../operations.ts';
import { HttpProblem } from '../problems.ts';
import { answerOf, IdParameter, JobAnswer, JobsAnswer, OperationBody, PROBLEMS } from '../schemas.ts';
import { SECURITY_HEADERS } from '../security-headers.ts';

/** Milliseconds: changes that come within this are told together; a cluster is looked at so often; an idle stream says that it lives. */
const TOGETHER = 250;
const LOOK_EVERY = 1_000;
const ALIVE_EVERY = 15_000;
/** Whether the caller is still known is looked at so often; one who takes nothing is waited for so long (milliseconds). */
const CHECK_EVERY = 5_000;
const MOST_PATIENCE = 60_000;
/** Bytes of a list of a hundred thousand series. */
const LONGEST_LIST = 8 * 1024 * 1024;
/** Streams of events at a time. */
const MOST_STREAMS = 100;

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
  server.post<{ Body: Operation }>('/jobs', options, async ({ body, caller }, reply) =>
    reply.code(202).send(jobAnswer(jobs.start(body, caller?.name ?? ''))),
  );

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
  const exported = { role: 'operate', isAudited: true } as const;
  server.get<{ Params: IdParameter }>(
    '/jobs/:id/results',
    { schema: results, config: exported },
    async ({ params: { id } }, reply) => {
      const file = jobs.get(id)?.results;
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

  let streams = 0;
  const events = {
    summary: 'The same as /jobs, told again with every change, as server-sent events',
    response: { 200: answerOf('text/event-stream'), ...PROBLEMS },
  };
  server.get('/jobs/events', { schema: events }, async (request, reply) => {
    if (streams >= MOST_STREAMS) throw new HttpProblem(429, `${MOST_STREAMS} others are watching: close one of them.`);
    streams++;
    try {
      // What goes wrong before the first event is told by the status.
      const first = JSON.stringify(await state());
      if (request.raw.socket.destroyed) return;
      reply.hijack();
      reply.raw.writeHead(200, { ...SECURITY_HEADERS, 'content-type': 'text/event-stream; charset=utf-8' });
      await tellEvents(request, reply, first);
    } finally {
      streams--;
    }
  });

  /** Until the caller goes away, is not known any more, or takes nothing; or the server ends. */
  async function tellEvents(request: FastifyRequest, { raw }: FastifyReply, first: string): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    endings.add(end);
    request.raw.socket.once('close', end);
    const changes = new Changes(over.signal);
    const unwatch = jobs.watch(() => changes.tell());
    raw.write(`data: ${first}\n\n`);
    let [last, said, checked] = [first, Date.now(), Date.now()];
    for (;;) {
      await changes.next(LOOK_EVERY);
      if (over.signal.aborted) break;
      // What comes together is told together.
      await changes.pause(TOGETHER);
      if (over.signal.aborted) break;
      const now = Date.now();
      if (now - checked > CHECK_EVERY) {
        if (!(await request.isStillKnown())) break;
        checked = now;
      }
      if (raw.writableNeedDrain) {
        if (now - said > MOST_PATIENCE) break;
        continue;
      }
      const told = await state().then(JSON.stringify, () => last);
      if (told !== last) raw.write(`data: ${(last = told)}\n\n`);
      else if (now - said > ALIVE_EVERY) raw.write(': alive\n\n');
      else continue;
      said = now;
    }
    unwatch();
    endings.delete(end);
    raw.destroy();
  }

  // A stream would keep the server from closing.
  const endings = new Set<() => void>();
  server.addHook('preClose', async () => {
    for (const end of endings) end();
    await jobs.close();
    await operations.close();
  });
}

/** Waits for a change, or a while. */
class Changes {
  private isChanged = false;
  private wake: (() => void) | undefined;
  private readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
    signal.addEventListener('abort', () => this.wake?.(), { once: true });
  }

  tell(): void {
    this.isChanged = true;
    this.wake?.();
  }

  /** @param most milliseconds */
  async next(most: number): Promise<void> {
    if (!this.isChanged) await this.pause(most, true);
    this.isChanged = false;
  }

  async pause(milliseconds: number, isWoken = false): Promise<void> {
    if (this.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      const wake = () => {
        clearTimeout(timer);
        resolve();
      };
      this.wake = isWoken ? wake : () => void (this.signal.aborted && wake());
    });
    this.wake = undefined;
  }
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
