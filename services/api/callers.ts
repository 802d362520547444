// Who asks, whether they may, and that it is written down. Beyond this machine itself a caller is known by a token; on it,
// whoever can call is `local` and may do all. What a route asks for stands in its config; one that says nothing is for
// readers.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type AuditEntry, isValid, LONGEST_DETAIL, mayDo, type Role, tokenDigest } from '../../core/access/access.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';
import { HttpProblem } from './problems.ts';

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
    isWritten: boolean;
  }
}

export interface Caller {
  readonly name: string;
  readonly role: Role;
}

const LOCAL: Caller = { name: 'local', role: 'admin' };
/** Without a token, since they tell nothing: whether it lives. */
const OPEN_ROUTES: ReadonlySet<string> = new Set(['/health', '/ready']);

/** Of the machine itself: `localhost`, 127.0.0.0/8 and ::1. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/.test(host);
}

/** Has every request's caller known, allowed and written down. */
export function admitCallers(
  server: FastifyInstance,
  { access, isLocal }: { readonly access: AccessStore; readonly isLocal: boolean },
): void {
  const trail = new Trail(access);
  server.decorateRequest('caller', undefined);
  server.decorateRequest('rowsTold', undefined);
  server.decorateRequest('isWritten', false);
  server.addHook('onRequest', async (request) => {
    if (isLocal) refuseOtherNames(request);
    const { role = OPEN_ROUTES.has(request.routeOptions.url ?? '/health') ? 'anyone' : 'read', isAudited } =
      request.routeOptions.config;
    if (role === 'anyone') return;
    request.caller = await callerOf(request, access, isLocal);
    if (!mayDo(request.caller.role, role)) throw notAllowed(request.caller, role);
    // What cannot be written down is not answered.
    if (isAudited) await trail.check();
  });
  const write = async (request: FastifyRequest, status: number) => {
    if (request.caller === undefined || request.isWritten || !request.routeOptions.config.isAudited) return;
    request.isWritten = true;
    // What could not be written is owed: see `check`.
    await trail.append(request, status).catch(() => {});
  };
  server.addHook('onResponse', (request, reply) => write(request, reply.statusCode));
  server.addHook('onRequestAbort', (request) => write(request, 0));
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
  throw new HttpProblem(
    401,
    `${sentence}: \`ditag token create\` makes one; it is sent as "Authorization: Bearer TOKEN".`,
  );
}

/** Writes to the audit trail. An entry that could not be written is written before the next request is answered. */
class Trail {
  private readonly access: AccessStore;
  private readonly owed: AuditEntry[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(access: AccessStore) {
    this.access = access;
  }

  async append(request: FastifyRequest, status: number): Promise<void> {
    const { rowsTold, body, params, routeOptions } = request;
    const asked = { ...(params as object), ...(typeof body === 'object' ? body : {}) };
    const detail = Object.keys(asked).length === 0 ? '' : JSON.stringify(asked).slice(0, LONGEST_DETAIL);
    this.owed.push({
      at: new Date().toISOString(),
      who: request.caller!.name,
      from: request.ip,
      what: `${request.method} ${routeOptions.url ?? ''}`,
      detail,
      status,
      ...(rowsTold === undefined ? {} : { rows: rowsTold }),
    });
    await this.write();
  }

  /** Throws 503 where an earlier entry still cannot be written. */
  async check(): Promise<void> {
    if (this.owed.length === 0) return;
    try {
      await this.write();
    } catch {
      throw new HttpProblem(503, 'The audit trail cannot be written, so nothing is answered until it can.');
    }
  }

  /** One after the other, so that each is written once. */
  private write(): Promise<void> {
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
