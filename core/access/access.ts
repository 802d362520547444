// Who may do what over HTTP: roles, and the tokens by which callers are known. A token's text is told once, to whoever
// made it; what is kept is its digest, which is enough to recognise it and not enough to use it.
import { createHash, randomBytes } from 'node:crypto';

/** Each may do what those before it may: ask, take any number of rows, start and end work, read the audit trail. */
export const ROLES = ['read', 'export', 'operate', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Whether a role includes another one. */
export function mayDo(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** A token as it is kept. */
export interface AccessToken {
  /** Letters, digits, `-` and `_`, at most 64: see {@link isTokenName}. */
  readonly name: string;
  readonly role: Role;
  /** ISO 8601. */
  readonly createdAt: string;
  /** ISO 8601; from then on it is not taken. */
  readonly expiresAt?: string;
  /** SHA-256 of its text, base64url. Texts are 256 random bits: nobody finds one by trying, so no slow digest is needed. */
  readonly digest: string;
}

/** Callers without a token, as the trail has them. */
const OTHERS: readonly string[] = ['local', 'command'];
/** Starts the texts of tokens, so that one that was left somewhere is recognised as what it is. */
const PREFIX = 'ditag_';

export function isTokenName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(name) && !OTHERS.includes(name);
}

export function newTokenText(): string {
  return PREFIX + randomBytes(32).toString('base64url');
}

export function tokenDigest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** Whether a token is still to be taken. @param now milliseconds since 1970 */
export function isValid({ expiresAt }: AccessToken, now: number): boolean {
  return expiresAt === undefined || now < Date.parse(expiresAt);
}

/** What somebody did: an entry of the audit trail. It may name what was looked for, so it is kept as private as the index. */
export interface AuditEntry {
  /** The same of the entry before a request is answered (`status` 0) and the one when it has ended. */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  /** Name of the token, `local` for callers of the same machine, `command` for the command line, '' for nobody's token. */
  readonly who: string;
  /** Address from which it came; '' for the command line. */
  readonly from: string;
  /** Method and route: `POST /query`. */
  readonly what: string;
  /** What was asked, as JSON, at most {@link LONGEST_DETAIL} characters; '' where nothing was. */
  readonly detail: string;
  /** Status of the answer; 0 before it, where it was broken off, and of the command line. */
  readonly status: number;
  /** Rows or instances that were told, where it is about them. */
  readonly rows?: number;
}

export const LONGEST_DETAIL = 20_000;
