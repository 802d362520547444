// Tokens of callers, and the trail of what they did. The trail can only grow.
import type { AccessToken, AuditEntry } from '../access/access.ts';

export interface AccessStore {
  /** Keeps a token. False where there is one of this name. */
  addToken(token: AccessToken): Promise<boolean>;
  /** By name, ascending. */
  tokens(): Promise<readonly AccessToken[]>;
  /** Forgets a token: from then on nobody is known by it. False where there is none of this name. */
  revokeToken(name: string): Promise<boolean>;
  /** @param digest see `tokenDigest` */
  findToken(digest: string): Promise<AccessToken | undefined>;
  /** Appends to the trail; it is kept when this returns. */
  record(entry: AuditEntry): Promise<void>;
  /** The trail, the oldest first. */
  trail(): AsyncIterable<AuditEntry>;
  close(): Promise<void>;
}
