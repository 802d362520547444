// GET /jobs/events: what /jobs tells, again with every change, as server-sent events (WHATWG HTML, section 9.2).
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { pause } from '../../../core/stages/pause.ts';
import type { Jobs } from '../jobs.ts';
import { HttpProblem } from '../problems.ts';
import { answerOf, PROBLEMS } from '../schemas.ts';
import { SECURITY_HEADERS } from '../security-headers.ts';

/** Milliseconds: changes that come within this are told together; a cluster is looked at so often; an idle stream says that it lives. */
const TOGETHER = 250;
const LOOK_EVERY = 1_000;
const ALIVE_EVERY = 15_000;
/** Whether the caller is still known is looked at so often; one who takes nothing is waited for so long (milliseconds). */
const CHECK_EVERY = 5_000;
const MOST_PATIENCE = 60_000;
/** Streams at a time. */
const MOST_STREAMS = 100;

/** Gives what ends all streams. @param state what is told @param patience with one who takes nothing (milliseconds) */
export function addJobEvents(
  server: FastifyInstance,
  jobs: Pick<Jobs, 'watch'>,
  state: () => Promise<object>,
  patience = MOST_PATIENCE,
): () => void {
  const streams = new Set<AbortController>();
  const schema = {
    summary: 'The same as /jobs, told again with every change, as server-sent events',
    response: { 200: answerOf('text/event-stream'), ...PROBLEMS },
  };
  server.get('/jobs/events', { schema, exposeHeadRoute: false }, async (request, reply) => {
    if (streams.size >= MOST_STREAMS)
      throw new HttpProblem(429, `${MOST_STREAMS} others are watching: close one of them.`);
    const over = new AbortController();
    streams.add(over);
    request.raw.socket.once('close', () => over.abort());
    try {
      // What goes wrong before the first event is told by the status.
      const first = JSON.stringify(await state());
      if (over.signal.aborted) return;
      reply.hijack();
      reply.raw.writeHead(200, { ...SECURITY_HEADERS, 'content-type': 'text/event-stream; charset=utf-8' });
      await tell(request, reply, { first, over: over.signal });
      reply.raw.destroy();
    } finally {
      streams.delete(over);
    }
  });

  /** Until the caller goes away, is not known any more, or takes nothing; or the server ends. */
  async function tell(
    request: FastifyRequest,
    { raw }: FastifyReply,
    { first, over }: { readonly first: string; readonly over: AbortSignal },
  ): Promise<void> {
    let changed = new AbortController();
    const unwatch = jobs.watch(() => changed.abort());
    raw.write(`data: ${first}\n\n`);
    let [last, said, checked] = [first, Date.now(), Date.now()];
    for (;;) {
      await pause(LOOK_EVERY, AbortSignal.any([over, changed.signal]));
      changed = new AbortController();
      await pause(TOGETHER, over);
      const now = Date.now();
      const isSlow = raw.writableNeedDrain;
      if (over.aborted || (isSlow && now - said > patience)) break;
      if (now - checked > CHECK_EVERY) {
        if (!(await request.isStillKnown())) break;
        checked = now;
      }
      if (isSlow) continue;
      const told = await state().then(JSON.stringify, () => last);
      if (told !== last) raw.write(`data: ${told}\n\n`);
      else if (now - said > ALIVE_EVERY) raw.write(': alive\n\n');
      else continue;
      last = told;
      said = now;
    }
    unwatch();
  }

  return () => {
    for (const over of streams) over.abort();
  };
}
