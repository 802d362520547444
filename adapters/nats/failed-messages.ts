// The port FailedMessages: what can never succeed is kept with its reason in a stream of its own, until someone has it
// tried again.
import { headers } from '@nats-io/transport-node';
import type { FailedMessage, FailedMessages, FailedOrigin } from '../../core/ports/failed-messages.ts';
import { isTaken } from './conflicts.ts';
import type { Cluster } from './connection.ts';
import { FAILED, JOBS, RECORDS } from './streams.ts';
import { isRecordOf, scanOfJob } from './subjects.ts';

const STREAMS: Record<FailedOrigin, string> = { records: RECORDS, jobs: JOBS };

/** Headers of what is kept: why, and where it came from. */
const REASON = 'Ditag-Reason';
const SUBJECT = 'Ditag-Subject';

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
    details.set(REASON, reason.replace(/\s+/g, ' ').slice(0, 1000));
    details.set(SUBJECT, stored.subject);
    await jetstream.publish(`ditag.failed.${origin}.${sequence}`, stored.data, { headers: details });
  }

  async list(): Promise<readonly FailedMessage[]> {
    const failed: FailedMessage[] = [];
    for await (const { origin, sequence, from, stored } of this.kept('ditag.failed.>')) {
      const scan = origin === 'jobs' ? scanOfJob(from) : undefined;
      const at = stored.time.toISOString();
      failed.push({ id: `${origin}-${sequence}`, origin, at, reason: stored.header.get(REASON), scan });
    }
    return failed.sort((a, b) => (a.at < b.at ? -1 : 1));
  }

  async records(archive: string): Promise<number> {
    let count = 0;
    for await (const { sequence, from } of this.kept('ditag.failed.records.>')) {
      if (!isRecordOf(archive, from)) continue;
      const last = await this.cluster.manager.direct.getMessage(RECORDS, { last_by_subj: from });
      // One that was replaced since is not missed any more.
      if (last?.seq === sequence) count++;
    }
    return count;
  }

  /** What is kept under a filter; `from` is the subject that it came from. */
  private async *kept(subjects_filter: string) {
    const { streams } = this.cluster.manager;
    const { state } = await streams.info(FAILED, { subjects_filter });
    for (const subject of Object.keys(state.subjects ?? {})) {
      const stored = await streams.getMessage(FAILED, { last_by_subj: subject });
      if (stored === null) continue;
      const [origin, sequence] = subject.split('.').slice(2) as [FailedOrigin, string];
      yield { origin, sequence: Number(sequence), from: stored.header.get(SUBJECT), stored };
    }
  }

  async retry(id: string): Promise<'tried-again' | 'replaced' | undefined> {
    const place = placeOf(id);
    if (place === undefined) return undefined;
    const { manager } = this.cluster;
    const stored = await manager.streams.getMessage(FAILED, { last_by_subj: place.subject });
    if (stored === null) return undefined;
    const subject = stored.header.get(SUBJECT);
    const isStored =
      place.origin === 'jobs'
        ? await this.publish(subject, stored.data)
        : await this.publishRecord(subject, stored.data, place.sequence);
    await this.forget(id);
    return isStored ? 'tried-again' : 'replaced';
  }

  async forget(id: string): Promise<void> {
    const place = placeOf(id);
    if (place !== undefined) await this.cluster.manager.streams.purge(FAILED, { filter: place.subject });
  }

  private async publish(subject: string, data: Uint8Array): Promise<true> {
    await this.cluster.jetstream.publish(subject, data);
    return true;
  }

  /** Only the newest record of a chunk counts. False where there is a newer one than that of this sequence. */
  private async publishRecord(subject: string, data: Uint8Array, sequence: number): Promise<boolean> {
    const last = await this.cluster.manager.direct.getMessage(RECORDS, { last_by_subj: subject });
    if (last !== null && last.seq !== sequence) return false;
    try {
      await this.cluster.jetstream.publish(subject, data, { expect: { lastSubjectSequence: last?.seq ?? 0 } });
      return true;
    } catch (error) {
      if (isTaken(error)) return false;
      throw error;
    }
  }
}

/** Where a message of this id is kept; undefined where it is no such id. */
function placeOf(id: string): { origin: FailedOrigin; sequence: number; subject: string } | undefined {
  const match = /^(records|jobs)-(\d+)$/.exec(id);
  if (match === null) return undefined;
  const [, origin, sequence] = match as unknown as [string, FailedOrigin, string];
  return { origin, sequence: Number(sequence), subject: `ditag.failed.${origin}.${sequence}` };
}
