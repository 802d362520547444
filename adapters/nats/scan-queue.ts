// The port ScanQueue over a work-queue stream: one subject a scan, one durable consumer an archive, which all scanners
// share that can see it. What a scanner does not acknowledge in time comes to another one.
import type { Consumer, JsMsg } from '@nats-io/jetstream';
import type { ArchiveIdentity } from '../../core/ports/record-log.ts';
import type { ScanQueue, ScanWork, TakenWork } from '../../core/ports/scan-queue.ts';
import { decodeWork, encodeWork } from '../../core/wire/messages.ts';
import type { Cluster } from './connection.ts';
import { decodeOrPutAside } from './decode-or-put-aside.ts';
import { fitting } from './message-size.ts';
import { Pull } from './pull.ts';
import { type Drift, ensureScanners, JOBS } from './streams.ts';
import { archiveJobs, archiveToken, jobSubject, scanOfJob } from './subjects.ts';

/** Keeps work that can never be read. `scan`: that it belongs to. */
export type PutWorkAside = (sequence: number, reason: string, scan: string) => Promise<void>;

export class NatsScanQueue implements ScanQueue {
  private readonly cluster: Cluster;
  private readonly putAside: PutWorkAside;
  private readonly onDrift: (drift: Drift) => void;

  /** @param onDrift is told what somebody has set differently */
  constructor(cluster: Cluster, putAside: PutWorkAside, onDrift: (drift: Drift) => void = () => {}) {
    this.cluster = cluster;
    this.putAside = putAside;
    this.onDrift = onDrift;
  }

  async add(work: ScanWork, once?: string): Promise<void> {
    const data = fitting(this.cluster, encodeWork(work), 'the list of its files');
    await this.cluster.jetstream.publish(jobSubject(work.archive.name, work.scan), data, {
      ...(once === undefined ? {} : { msgID: once }),
    });
  }

  async *take(archives: readonly ArchiveIdentity[], atATime: number, signal: AbortSignal): AsyncIterable<TakenWork> {
    const pulls: Pull[] = [];
    let wake: () => void = () => {};
    const wakeUp = () => wake();
    signal.addEventListener('abort', wakeUp, { once: true });
    try {
      for (const { name } of archives) pulls.push(new Pull(await this.consumer(name), atATime, wakeUp));
      // Archives take turns: a large one does not make the others wait.
      for (let turn = 0; !signal.aborted; turn++) {
        const lost = pulls.find((pull) => pull.lost !== undefined)?.lost;
        if (lost !== undefined) throw lost;
        const next = pulls.findIndex((_, i) => pulls[(turn + i) % pulls.length]!.size > 0);
        if (next < 0) {
          await new Promise<void>((resolve) => (wake = resolve));
          continue;
        }
        turn += next;
        const taken = await this.taken(pulls[turn % pulls.length]!.take(1)[0]!);
        if (taken !== undefined) yield taken;
      }
    } finally {
      signal.removeEventListener('abort', wakeUp);
      for (const pull of pulls) pull.stop();
    }
  }

  private async consumer(archive: string): Promise<Consumer> {
    const durable = `scan-${archiveToken(archive)}`;
    for (const drift of await ensureScanners(this.cluster.manager, durable, archiveJobs(archive))) this.onDrift(drift);
    return this.cluster.jetstream.consumers.get(JOBS, durable);
  }

  private async taken(message: JsMsg): Promise<TakenWork | undefined> {
    const work = await decodeOrPutAside(message, decodeWork, (sequence, reason) =>
      this.putAside(sequence, reason, scanOfJob(message.subject)),
    );
    if (work === undefined) return undefined;
    return {
      work,
      position: message.seq,
      attempt: message.info.deliveryCount,
      done: async () => {
        await message.ackAck();
      },
      later: (milliseconds) => message.nak(milliseconds),
      working: () => message.working(),
    };
  }

  async left(archive: ArchiveIdentity, scan: string): Promise<number> {
    const subject = jobSubject(archive.name, scan);
    const { state } = await this.cluster.manager.streams.info(JOBS, { subjects_filter: subject });
    return state.subjects?.[subject] ?? 0;
  }

  async drop(archive: ArchiveIdentity, scan: string): Promise<void> {
    await this.cluster.manager.streams.purge(JOBS, { filter: jobSubject(archive.name, scan) });
  }
}
