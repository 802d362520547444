// `ditag token`: who may ask the API, and what they may do; `ditag token trail`: what they did.
import { randomUUID } from 'node:crypto';
import { type AuditEntry, isTokenName, newTokenText, ROLES, type Role, tokenDigest } from '../../core/access/access.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';
import { csvLine } from '../../core/query/csv.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { wholeNumber } from '../options.ts';
import { streamOutput } from '../output.ts';

export interface CreateTokenOptions {
  readonly role?: string;
  readonly days?: string;
}

const DAY = 86_400_000;
const LONGEST_DAYS = 3_650;
const TRAIL = ['id', 'at', 'who', 'from', 'what', 'status', 'rows', 'detail'] as const;

async function withAccess(
  { workspace }: CommandContext,
  use: (access: AccessStore) => Promise<void>,
): Promise<ExitCode> {
  const access = await workspace.access();
  try {
    await use(access);
    return 0;
  } finally {
    await access.close();
  }
}

/** `ditag token create NAME`: the text goes to stdout, this once. Throws `bad-token-name`, `token-exists`, `bad-option`. */
export async function createToken(
  name: string,
  options: CreateTokenOptions,
  context: CommandContext,
): Promise<ExitCode> {
  if (!isTokenName(name)) throw ditagError('bad-token-name', { name });
  const role = roleOf(options.role);
  const days = wholeNumber('--days', options.days, 1, LONGEST_DAYS);
  return withAccess(context, async (access) => {
    const now = Date.now();
    const text = newTokenText();
    const expiry = days === undefined ? {} : { expiresAt: new Date(now + days * DAY).toISOString() };
    const token = { name, role, createdAt: new Date(now).toISOString(), ...expiry, digest: tokenDigest(text) };
    if (!(await access.addToken(token))) throw ditagError('token-exists', { name });
    try {
      await access.record(entry('token create', { name, role, ...expiry }));
      const output = streamOutput(context.stdout);
      await output.write(`${text}\n`);
      await output.finish();
    } catch (error) {
      // Nobody was told of it: it is not to be there.
      await access.revokeToken(name).catch(() => {});
      throw error;
    }
    context.stderr.write(`That is the token ${name}: it is not shown again, only its digest is kept.\n`);
  });
}

function roleOf(role: string | undefined): Role {
  const found = ROLES.find((each) => each === role);
  if (found !== undefined) return found;
  throw ditagError('bad-option', { option: '--role', value: role ?? '', allowed: `choose one of ${ROLES.join(', ')}` });
}

/** `ditag token list`. */
export async function listTokens(context: CommandContext): Promise<ExitCode> {
  return withAccess(context, async (access) => {
    const output = streamOutput(context.stdout);
    for (const { name, role, createdAt, expiresAt } of await access.tokens()) {
      const until = expiresAt === undefined ? 'until it is revoked' : `until ${expiresAt.slice(0, 19)}Z`;
      await output.write(`${name}  ${role}  since ${createdAt.slice(0, 19)}Z  ${until}\n`);
    }
    await output.finish();
  });
}

/** `ditag token revoke NAME`. Throws `no-token`. */
export async function revokeToken(name: string, context: CommandContext): Promise<ExitCode> {
  return withAccess(context, async (access) => {
    if (!(await access.revokeToken(name))) throw ditagError('no-token', { name });
    await access.record(entry('token revoke', { name }));
    context.stderr.write(`Revoked ${name}: nobody is known by it any more.\n`);
  });
}

/** `ditag token trail`: the audit trail as CSV. */
export async function printTrail(context: CommandContext): Promise<ExitCode> {
  return withAccess(context, async (access) => {
    const output = streamOutput(context.stdout);
    await output.write(csvLine(TRAIL));
    for await (const each of access.trail()) await output.write(csvLine(TRAIL.map((key) => String(each[key] ?? ''))));
    await output.finish();
  });
}

function entry(what: string, detail: object): AuditEntry {
  return {
    id: randomUUID().slice(0, 13),
    at: new Date().toISOString(),
    who: 'command',
    from: '',
    what,
    detail: JSON.stringify(detail),
    status: 0,
  };
}
