// What a cluster keeps of its callers over HTTP: tokens, and the trail of what was done with them.
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { type AccessToken, type AuditEntry, ROLES, type Role } from '../access/access.ts';
import { decodeMessage } from './index-messages.ts';

export const TokenMessage = Type.Object({
  name: Type.String(),
  role: Type.Unsafe<Role>(Type.Union(ROLES.map((role) => Type.Literal(role)))),
  createdAt: Type.String(),
  expiresAt: Type.Optional(Type.String()),
  digest: Type.String({ description: 'SHA-256 of its text, base64url' }),
});

export const AuditMessage = Type.Object({
  id: Type.String(),
  at: Type.String(),
  who: Type.String(),
  from: Type.String(),
  what: Type.String(),
  detail: Type.String(),
  status: Type.Integer(),
  rows: Type.Optional(Type.Integer()),
});

const checks = { token: Compile(TokenMessage), audit: Compile(AuditMessage) };

/** Each throws `newer-message`, `damaged-message`. */
export const decodeToken = (frame: Uint8Array) => decodeMessage<AccessToken>(checks.token, frame).description;
export const decodeAudit = (frame: Uint8Array) => decodeMessage<AuditEntry>(checks.audit, frame).description;
