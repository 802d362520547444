// The port AccessStore: tokens in a key-value bucket, the trail in a stream from which nobody can delete.
import type { KV } from '@nats-io/kv';
import type { AccessToken, AuditEntry } from '../../core/access/access.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';
import { decodeAudit, decodeToken } from '../../core/wire/access-messages.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import { isTaken } from './conflicts.ts';
import type { Cluster } from './connection.ts';
import { openBucket } from './scan-registry.ts';
import { storedMessages } from './stored-messages.ts';
import { AUDIT, TOKENS } from './streams.ts';
import { AUDIT_SUBJECT } from './subjects.ts';

export class NatsAccessStore implements AccessStore {
  private readonly cluster: Cluster;
  private readonly bucket: KV;
  private readonly onClose: () => Promise<void>;

  private constructor(cluster: Cluster, bucket: KV, onClose: () => Promise<void>) {
    this.cluster = cluster;
    this.bucket = bucket;
    this.onClose = onClose;
  }

  /** @param replicas of the bucket, where it is missing and is made; undefined: it is there, since the API made it */
  static async open(
    cluster: Cluster,
    { replicas, onClose = async () => {} }: { readonly replicas?: number; readonly onClose?: () => Promise<void> } = {},
  ): Promise<NatsAccessStore> {
    return new NatsAccessStore(cluster, await openBucket(cluster, TOKENS, replicas), onClose);
  }

  async addToken(token: AccessToken): Promise<boolean> {
    try {
      await this.bucket.create(token.name, encodeFrame(token));
      return true;
    } catch (error) {
      if (isTaken(error)) return false;
      throw error;
    }
  }

  async tokens(): Promise<readonly AccessToken[]> {
    const tokens: AccessToken[] = [];
    for await (const name of await this.bucket.keys()) {
      const token = await this.token(name);
      if (token !== undefined) tokens.push(token);
    }
    return tokens.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async revokeToken(name: string): Promise<boolean> {
    if ((await this.token(name)) === undefined) return false;
    await this.bucket.purge(name);
    return true;
  }

  async findToken(digest: string): Promise<AccessToken | undefined> {
    // They are few, and one that was revoked just now must not be known from before.
    return (await this.tokens()).find((token) => token.digest === digest);
  }

  async record(entry: AuditEntry): Promise<void> {
    // One that is written again, since its acknowledgement was lost, is kept once.
    const msgID = `${entry.id} ${entry.at} ${entry.status}`;
    await this.cluster.jetstream.publish(AUDIT_SUBJECT, encodeFrame(entry), { msgID });
  }

  async *trail(): AsyncIterable<AuditEntry> {
    for await (const { data } of storedMessages(this.cluster, AUDIT, AUDIT_SUBJECT)) yield decodeAudit(data);
  }

  async close(): Promise<void> {
    await this.onClose();
  }

  private async token(name: string): Promise<AccessToken | undefined> {
    const entry = await this.bucket.get(name);
    return entry === null || entry.operation !== 'PUT' ? undefined : decodeToken(entry.value);
  }
}
