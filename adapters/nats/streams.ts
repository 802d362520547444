// JetStream as code: THE table of streams, buckets and consumers. Each part of the cluster makes sure at its start that
// those that it needs are there; what somebody has set differently is reported and left as it is.
import {
  AckPolicy,
  type ConsumerConfig,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { AUDIT_SUBJECT } from './subjects.ts';

const SECOND = 1e9;
const DAY = 86_400 * SECOND;

export const RECORDS = 'DITAG_RECORDS';
export const JOBS = 'DITAG_JOBS';
export const SCANS = 'DITAG_SCANS';
export const FAILED = 'DITAG_FAILED';
export const STORES = 'DITAG_STORES';
export const RESULTS = 'DITAG_RESULTS';
export const PROJECTS = 'DITAG_PROJECTS';
export const AUDIT = 'DITAG_AUDIT';
/** Buckets of the key-value store. */
export const SCAN_STATES = 'ditag_scans';
export const ARCHIVES = 'ditag_archives';
export const INDEX = 'ditag_index';
export const TOKENS = 'ditag_tokens';

/** Work that nobody says anything of for so long is given to another one (nanoseconds). */
export const ACK_WAIT = 10 * SECOND;
/** The same of an item of a send: sent again, it harms nobody (nanoseconds). */
export const STORE_ACK_WAIT = 5 * SECOND;
/** Pages of results; the oldest go first. A limit in bytes would be set aside by the server at once. */
const MOST_PAGES = 100_000;
/** Records on their way into the index, of all indexers together. */
export const MOST_UNACKED = 4096;

type StreamTable = Partial<StreamConfig> & { readonly name: string; readonly subjects: string[] };

/** The streams. Settings that are not named are the server's own. */
export function streamTable(replicas: number): readonly StreamTable[] {
  const common = { storage: StorageType.File, num_replicas: replicas, duplicate_window: 120 * SECOND };
  return [
    // The last state of every folder chunk: the truth, kept for ever. Where somebody limits it, scans wait for room.
    {
      ...common,
      name: RECORDS,
      subjects: ['ditag.record.>'],
      retention: RetentionPolicy.Limits,
      max_msgs_per_subject: 1,
      allow_direct: true,
      discard: DiscardPolicy.New,
      deny_delete: true,
    },
    // Jobs of scans, until they are done.
    {
      ...common,
      name: JOBS,
      subjects: ['ditag.job.>'],
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
    },
    // What scans have found so far, and what they hold back.
    {
      ...common,
      name: SCANS,
      subjects: ['ditag.scan.>'],
      retention: RetentionPolicy.Limits,
      max_msgs_per_subject: 1,
      allow_direct: true,
      discard: DiscardPolicy.New,
    },
    // What can never succeed, with the reason.
    {
      ...common,
      name: FAILED,
      subjects: ['ditag.failed.>'],
      retention: RetentionPolicy.Limits,
      max_msgs_per_subject: 1,
      discard: DiscardPolicy.New,
      max_age: 365 * DAY,
    },
    // Projects: what they are to have, and what came of it.
    {
      ...common,
      name: PROJECTS,
      subjects: ['ditag.project.>'],
      retention: RetentionPolicy.Limits,
      max_msgs_per_subject: 1,
      allow_direct: true,
      discard: DiscardPolicy.New,
    },
    // Who asked what over HTTP, kept for ever. Where somebody limits it, the API answers nobody until there is room.
    {
      ...common,
      name: AUDIT,
      subjects: [AUDIT_SUBJECT],
      retention: RetentionPolicy.Limits,
      allow_direct: true,
      discard: DiscardPolicy.New,
      deny_delete: true,
      deny_purge: true,
    },
    // Instances that gateways are to send, and accession numbers that they are to ask for.
    {
      ...common,
      name: STORES,
      subjects: ['ditag.store.>'],
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
    },
    // What became of them, until the command that waits for it has read it.
    {
      ...common,
      name: RESULTS,
      subjects: ['ditag.result.>'],
      retention: RetentionPolicy.Limits,
      max_msgs_per_subject: 1,
      allow_direct: true,
      discard: DiscardPolicy.Old,
      max_age: 7 * DAY,
      max_msgs: MOST_PAGES,
    },
  ];
}

/** A setting that is not as the table has it. */
export interface Drift {
  readonly stream: string;
  /** Undefined: the stream itself. */
  readonly consumer?: string;
  readonly setting: string;
  readonly found: unknown;
  readonly wanted: unknown;
}

/** The name of the place that the indexers share in the records, for one generation of the index. */
export function indexerConsumer(generation: number): string {
  return `indexer-${generation}`;
}

/** Makes that place, at the beginning of the records, where it is not there. Returns what differs in one that is. */
export async function ensureIndexer(manager: JetStreamManager, generation: number): Promise<Drift[]> {
  return ensureConsumer(manager, RECORDS, {
    durable_name: indexerConsumer(generation),
    ack_policy: AckPolicy.Explicit,
    ack_wait: 2 * ACK_WAIT,
    max_ack_pending: MOST_UNACKED,
  });
}

/** The same of the place that the scanners of an archive share in the jobs. */
export async function ensureScanners(
  manager: JetStreamManager,
  durable_name: string,
  filter_subject: string,
): Promise<Drift[]> {
  return ensureConsumer(manager, JOBS, {
    durable_name,
    filter_subject,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT,
    max_ack_pending: -1,
  });
}

/** The server's code for a consumer that is there with other settings (its errors.json). */
export const CONSUMER_EXISTS = 10_148;

async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  wanted: Partial<ConsumerConfig> & { readonly durable_name: string },
): Promise<Drift[]> {
  const consumer = wanted.durable_name;
  try {
    await manager.consumers.add(stream, wanted);
    return [];
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === CONSUMER_EXISTS)) throw error;
  }
  const { config } = await manager.consumers.info(stream, consumer);
  return differences(config, wanted).map((difference) => ({ stream, consumer, ...difference }));
}

/** Makes the streams that are missing. Returns what differs in those that are there. */
export async function ensureStreams(manager: JetStreamManager, replicas = 1): Promise<Drift[]> {
  const drift: Drift[] = [];
  for (const wanted of streamTable(replicas)) {
    const found = await findStream(manager, wanted.name);
    if (found === undefined) {
      await manager.streams.add(wanted);
      continue;
    }
    for (const difference of differences(found, wanted)) drift.push({ stream: wanted.name, ...difference });
  }
  return drift;
}

function differences(found: object, wanted: object): { setting: string; found: unknown; wanted: unknown }[] {
  return Object.entries(wanted).flatMap(([setting, value]) => {
    const actual = (found as Record<string, unknown>)[setting];
    return JSON.stringify(actual) === JSON.stringify(value) ? [] : [{ setting, found: actual, wanted: value }];
  });
}

async function findStream(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  for await (const info of manager.streams.list()) if (info.config.name === name) return info.config;
  return undefined;
}
