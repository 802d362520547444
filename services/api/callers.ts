// Who asks, whether they may, and that it is written down. Beyond this machine itself a caller is known by a token; on it,
// whoever can call is `local` and may do all. What a route asks for stands in its config; one that says nothing is for
// readers.
import { createHash, randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AuditEntry, isValid, LONGEST_DETAIL, mayDo, type Role, tokenDigest } from '../../core/access/access.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';
import { HttpProblem } from './problems.ts';
import { isLoopback } from './reach.ts';
import { RefusedCallers } from './refused-callers.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call it; `read` where nothing is said. */
    readonly role?: Role | 'anyone';
    /** Whether calls are written into the audit trail. */
    readonly isAudited?: boolean;
  }
  interface FastifyRequest {
    caller: Caller | undefined;
    /** Rows or instances that were told so far. */
    rowsTold: number | undefined;
    /** Whether its caller would still be let in: tokens are revoked, and run out. */
    isStillKnown(): Promise<boolean>;
  }
}

export interface Caller {
  readonly name: string;
  readonly role: Role;
}

const LOCAL: Caller = { name: 'local', role: 'admin' };
/** Without a token, since they tell nothing: whether it lives. */
const OPEN_ROUTES: ReadonlySet<string> = new Set(['/health', '/ready']);
/** Values of a list that stand in the trail; of all of a longer one a digest. */
const MOST_VALUES = 200;

/** Has every request's caller known, allowed and written down: before it is answered, and how it ended. */
export function admitCallers(
  server: FastifyInstance,
  { access, isLocal }: { readonly access: AccessStore; readonly isLocal: boolean },
): void {
  const trail = new Trail(access);
  const refused = new RefusedCallers(access);
  server.decorateRequest('caller', undefined);
  server.decorateRequest('rowsTold', undefined);
  server.decorateRequest('isStillKnown', async function (this: FastifyRequest) {
    return callerOf(this, access, isLocal).then(
      () => true,
      () => false,
    );
  });
  server.addHook('onRequest', async (request, reply) => {
    if (isLocal) refuseOtherNames(request);
    const { role = OPEN_ROUTES.has(request.routeOptions.url ?? '/health') ? 'anyone' : 'read', isAudited } =
      request.routeOptions.config;
    if (role === 'anyone') return;
    try {
      request.caller = await callerOf(request, access, isLocal);
    } catch (error) {
      if (error instanceof UnknownCaller)
        await refused.note({ who: error.who, from: addressIn(request), what: whatOf(request) });
      throw error;
    }
    if (mayDo(request.caller.role, role)) return;
    if (isAudited === true) await trail.begin(request, reply);
    throw notAllowed(request.caller, role);
  });
  // As soon as it is known what is asked.
  server.addHook('preValidation', async (request, reply) => {
    if (request.caller !== undefined && request.routeOptions.config.isAudited === true)
      await trail.begin(request, reply);
  });
  server.addHook('onClose', async () => {
    await trail.flush().catch(() => {});
    await refused.close();
  });
}

/** One who is not let in. */
class UnknownCaller extends HttpProblem {
  /** Name of a token that has run out; '' for nobody's. */
  readonly who: string;

  constructor(sentence: string, who: string) {
    super(401, `${sentence}: \`ditag token create\` makes one; it is sent as "Authorization: Bearer TOKEN".`);
    this.who = who;
  }
}

/** What a caller is told who may do less. */
export function notAllowed({ name, role }: Caller, needed: Role): HttpProblem {
  return new HttpProblem(403, `The token ${name} is for ${role}; this needs one for ${needed}.`);
}

/**
 * An API that listens on loopback is for programs of this machine. A page from elsewhere can have a browser call it by a
 * name of that page's choice, whose address is loopback ("DNS rebinding"): such a name stands in Host.
 */
function refuseOtherNames(request: FastifyRequest): void {
  if (isLoopback(request.hostname.replace(/:\d+$/, '').toLowerCase())) return;
  throw new HttpProblem(421, 'This API answers to localhost only.');
}

async function callerOf(request: FastifyRequest, access: AccessStore, isLocal: boolean): Promise<Caller> {
  const { authorization } = request.headers;
  if (authorization === undefined && isLocal) return LOCAL;
  const text = /^Bearer +([\w-]+)$/i.exec(authorization ?? '')?.[1];
  const token = text === undefined ? undefined : await access.findToken(tokenDigest(text));
  if (token !== undefined && isValid(token, Date.now())) return token;
  const sentence = authorization === undefined ? 'A token is needed' : 'The token is not known, or not any more';
  throw new UnknownCaller(sentence, token?.name ?? '');
}

/**
 * Writes to the audit trail: an entry before a request is answered, without which it is not, and one when it has ended, however
 * that was. Of the second one that cannot be written, the first says that there was a request, and it is written as
 * soon as it can be.
 */
class Trail {
  private readonly access: AccessStore;
  /** No more than there are requests under way when the trail fails: others are not begun. */
  private readonly owed: AuditEntry[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(access: AccessStore) {
    this.access = access;
  }

  /** Throws 503 where it cannot be written. */
  async begin(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const known = { id: randomUUID().slice(0, 13), detail: detailOf(request) };
    try {
      if (this.owed.length > 0) await this.flush();
      await this.access.record(entryOf(known, request, 0));
    } catch {
      throw new HttpProblem(503, 'The audit trail cannot be written, so nothing is answered until it can.');
    }
    reply.raw.once('close', () => {
      this.owed.push(entryOf(known, request, reply.raw.writableFinished ? reply.raw.statusCode : 0));
      this.flush().catch(() => {});
    });
  }

  /** One after the other, so that each is written once. */
  flush(): Promise<void> {
    this.writing = this.writing
      .catch(() => {})
      .then(async () => {
        for (let entry = this.owed[0]; entry !== undefined; entry = this.owed[0]) {
          await this.access.record(entry);
          this.owed.shift();
        }
      });
    return this.writing;
  }
}

/** Method and route: never what is asked for. */
function whatOf({ method, routeOptions }: FastifyRequest): string {
  return `${method} ${routeOptions.url ?? ''}`;
}

/** What is asked for, as JSON. Throws 400 where that cannot be told. */
function detailOf({ body, params, query }: FastifyRequest): string {
  const [path, sent, search] = [params as object, typeof body === 'object' ? body : {}, query as object];
  // What is done is told first, so that nothing else pushes it out, and nothing that has the same name stands in its place.
  const asked = { ...path, ...sent, ...search, ...sent, ...path };
  const shortened = (_: string, value: unknown) =>
    Array.isArray(value) && value.length > MOST_VALUES
      ? [...(value as unknown[]).slice(0, MOST_VALUES), `${value.length} in all, SHA-256 ${digestOfList(value)}`]
      : value;
  if (Object.keys(asked).length === 0) return '';
  try {
    return JSON.stringify(asked, shortened).slice(0, LONGEST_DETAIL);
  } catch {
    throw new HttpProblem(400, 'The request is nested too deeply.');
  }
}

function entryOf(
  known: { readonly id: string; readonly detail: string },
  request: FastifyRequest,
  status: number,
): AuditEntry {
  const { rowsTold } = request;
  return {
    ...known,
    at: new Date().toISOString(),
    who: request.caller!.name,
    from: addressIn(request),
    what: whatOf(request),
    status,
    ...(rowsTold === undefined ? {} : { rows: rowsTold }),
  };
}

/** A proxy may hand on as an address what a caller has written. */
function addressIn({ ip, socket }: FastifyRequest): string {
  return isIP(ip) > 0 ? ip : (socket.remoteAddress ?? '');
}

/** Of the values, each with a line end behind it: whoever has the list can tell that it was this one. */
function digestOfList(values: readonly unknown[]): string {
  return createHash('sha256')
    .update(values.map((value) => `${value}\n`).join(''))
    .digest('hex');
}
