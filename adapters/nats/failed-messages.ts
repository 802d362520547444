// The port FailedMessages: what can never succeed is kept with its reason in a stream of its own, until someone has it
// tried again.
import { headers } from '@nats-io/transport-node';
import type { FailedMessage, FailedMessages, FailedOrigin } from '../../core/ports/failed-messages.ts';
import type { Cluster } from './connection.ts';
import { FAILED, JOBS, RECORDS } from './streams.ts';

const STREAMS: Record<FailedOrigin, string> = { records: RECORDS, jobs: JOBS };

export class NatsFailedMessages implements FailedMessages {
  private readonly cluster: Cluster;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  async add(origin: FailedOrigin, sequence: number, reason: string): Promise<void> {
    const { manager, jetstream } = this.cluster;
    const stored = await manager.streams.getMessage(STREAMS[origin], { seq: sequence });
    // Replaced by a newer one meanwhile: that one is tried on its own account.
    if (stored === null) return;
    const details = headers();
    details.set('Ditag-Reason', reason.replace(/\s+/g, ' ').slice(0, 1000));
    details.set('Ditag-Subject', stored.subject);
    await jetstream.publish(`ditag.failed.${origin}.${sequence}`, stored.data, { headers: details });
  }

  async list(): Promise<readonly FailedMessage[]> {
    const failed: FailedMessage[] = [];
    const { state } = await this.cluster.manager.streams.info(FAILED, { subjects_filter: 'ditag.failed.>' });
    for (const subject of Object.keys(state.subjects ?? {})) {
      const stored = await this.cluster.manager.streams.getMessage(FAILED, { last_by_subj: subject });
      if (stored === null) continue;
      const [origin, sequence] = subject.split('.').slice(2) as [FailedOrigin, string];
      const at = stored.time.toISOString();
      failed.push({ id: `${origin}-${sequence}`, origin, at, reason: stored.header.get('Ditag-Reason') });
    }
    return failed.sort((a, b) => (a.at < b.at ? -1 : 1));
  }

  async retry(id: string): Promise<boolean> {
    const match = /^(records|jobs)-(\d+)$/.exec(id);
    if (match === null) return false;
    const { manager, jetstream } = this.cluster;
    const subject = `ditag.failed.${match[1]}.${match[2]}`;
    const stored = await manager.streams.getMessage(FAILED, { last_by_subj: subject });
    if (stored === null) return false;
    const target = stored.header.get('Ditag-Subject');
    if (match[1] === 'jobs') await jetstream.publish(target, stored.data);
    else {
      const last = await manager.direct.getMessage(RECORDS, { last_by_subj: target });
      // Only the newest record of a chunk counts.
      if (last === null || last.seq === Number(match[2])) {
        await jetstream.publish(target, stored.data, { expect: { lastSubjectSequence: last?.seq ?? 0 } });
      }
    }
    await manager.streams.purge(FAILED, { filter: subject });
    return true;
  }
}
