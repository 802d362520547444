// The DIMSE gateway: an SCP that takes instances of the peers that it knows, keeps them, sees to it that they come into
// the index, and answers what these peers ask and want to be sent. The same in a cluster and on one machine.

import { isIPv6, SocketAddress } from 'node:net';
import type { Identifier } from '../../core/dimse/identifier.ts';
import { statusText } from '../../core/dimse/reasons.ts';
import { STATUS } from '../../core/dimse/statuses.ts';
import { failureCode } from '../../core/ports/archive-files.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import {
  type InstanceStore,
  type StoredInstance,
  StoreError,
  type StoreFailure,
} from '../../core/ports/instance-store.ts';
import type { Log } from '../../core/ports/log.ts';
import type {
  AdmittedPeer,
  Caller,
  FindAnswer,
  InformationModel,
  PeerRight,
  Receiving,
  Refusal,
  Retrieval,
  RetrieveOutcome,
  Scp,
} from '../../core/ports/scp.ts';
import type { StorePeer } from '../../core/ports/store-peer.ts';
import type { PacsAddress } from '../../core/ports/work-queue.ts';
import type { ServedPeer } from '../../core/settings/served-peers.ts';
import { findInIndex } from './find.ts';
import { type Originator, type RetrieveSettings, retrieveFromIndex } from './retrieve.ts';

/** A peer of the configuration. */
export interface GatewayPeer {
  readonly aeTitle: string;
  /** Addresses from which it may call; undefined: any. */
  readonly addresses: ReadonlySet<string> | undefined;
  readonly rights: ReadonlySet<PeerRight>;
  /** Associations at a time. */
  readonly associations: number;
  /** Where it takes what a C-MOVE sends it; undefined: nowhere. */
  readonly takes?: { readonly host: string; readonly port: number; readonly isTls: boolean } | undefined;
}

/**
 * The peers of a configuration, with the addresses that their hosts have now. @param lookUp gives those of a host. Throws what
 * `noAddress` makes of a host that has none.
 */
export async function gatewayPeers(
  peers: readonly ServedPeer[],
  lookUp: (host: string) => Promise<readonly { readonly address: string }[]>,
  noAddress: (peer: { readonly aeTitle: string; readonly host: string }, code: string, cause: unknown) => Error,
): Promise<ReadonlyMap<string, GatewayPeer>> {
  const addressesOf = async (aeTitle: string, host: string) => {
    try {
      return new Set((await lookUp(host)).map(({ address }) => plainAddress(address)));
    } catch (error) {
      throw noAddress({ aeTitle, host }, String((error as NodeJS.ErrnoException).code), error);
    }
  };
  const known = peers.map(async ({ aeTitle, host, port, isTls, rights, associations }) => {
    const addresses = host === undefined ? undefined : await addressesOf(aeTitle, host);
    const takes = host === undefined || port === undefined ? undefined : { host, port, isTls };
    return [aeTitle, { aeTitle, addresses, rights: new Set(rights), associations, takes }] as const;
  });
  return new Map(await Promise.all(known));
}

/** As a connection has it: an address that is written in the configuration may be another text of the same one. */
function plainAddress(address: string): string {
  return isIPv6(address)
    ? new SocketAddress({ address, family: 'ipv6' }).address.replace(/^::ffff:(?=\d+\.)/, '')
    : address;
}

/** Connections beyond the associations: of peers that are told why they are refused, or have not said yet who they are. */
export const MORE_CONNECTIONS = 32;

export interface GatewayOptions {
  /** Own AE title; a peer that calls another one is refused. */
  readonly aeTitle: string;
  /** By AE title. Who is not among them is refused. */
  readonly peers: ReadonlyMap<string, GatewayPeer>;
  /** Associations of all peers at a time. */
  readonly associations: number;
  /** Answers to one C-FIND: there are no more, and the peer is told so. */
  readonly answers?: number | undefined;
}

export interface GatewayPorts {
  readonly store: InstanceStore;
  /** Is told of each instance that was stored. */
  readonly received: (instance: StoredInstance) => void;
  /** Opens the index for a C-FIND; gives nothing while nothing has been indexed. */
  readonly openIndex: () => Promise<InstanceIndex | undefined>;
  /** What C-MOVE and C-GET read, and whom C-MOVE sends to. */
  readonly files: RetrieveSettings['files'];
  /** A peer that takes the instances of a C-MOVE. */
  readonly openPeer: (to: PacsAddress, originator: Originator) => StorePeer;
  readonly log: Log;
}

/** Statuses of PS3.4 table B.2-1 and PS3.7 annex C. */
const STATUS_OF: Readonly<Record<StoreFailure, number>> = {
  identity: STATUS.doesNotMatchSOPClass,
  'no-space': STATUS.outOfResources,
  failed: STATUS.processingFailure,
};
const MOST_ANSWERS = 100_000;

export class Gateway implements Scp {
  private readonly ports: GatewayPorts;
  private readonly options: GatewayOptions;
  private readonly associations = new Map<string, number>();
  private all = 0;
  /** What was done since the start. */
  readonly found = { queries: 0, answers: 0 };
  readonly counts = { associations: 0, refused: 0, stored: 0, alreadyThere: 0, failed: 0, bytes: 0 };
  private readonly running = new Set<Promise<unknown>>();

  constructor(ports: GatewayPorts, options: GatewayOptions) {
    this.ports = ports;
    this.options = options;
  }

  tlsFailed(address: string, reason: string): void {
    this.counts.refused++;
    this.ports.log.warn({ address, reason }, 'TLS failed');
  }

  crowded(connections: number): void {
    this.counts.refused += connections;
    this.ports.log.warn({ connections }, 'connections were closed: there were too many');
  }

  /** Resolves when nothing is under way any more, also for peers that have gone. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
  }

  /** Remembers what is under way. */
  track<T>(work: Promise<T>): Promise<T> {
    const tracked = work.finally(() => this.running.delete(tracked));
    this.running.add(tracked);
    return tracked;
  }

  admit(caller: Caller): AdmittedPeer | Refusal {
    const refusal = this.refusal(caller);
    if (refusal !== undefined) {
      this.counts.refused++;
      this.ports.log.warn({ ...caller, refusal }, 'association refused');
      return refusal;
    }
    const { aeTitle, rights } = this.options.peers.get(caller.callingAETitle)!;
    this.counts.associations++;
    this.all++;
    this.associations.set(aeTitle, (this.associations.get(aeTitle) ?? 0) + 1);
    const leave = () => {
      this.all--;
      this.associations.set(aeTitle, this.associations.get(aeTitle)! - 1);
    };
    return new Admitted(caller, rights, { gateway: this, ports: this.ports, options: this.options, leave });
  }

  private refusal({ callingAETitle, calledAETitle, address }: Caller): Refusal | undefined {
    const { aeTitle, peers, associations } = this.options;
    const peer = peers.get(callingAETitle);
    if (peer === undefined || peer.addresses?.has(address) === false) return 'calling-not-known';
    if (calledAETitle !== aeTitle) return 'called-not-known';
    const own = this.associations.get(callingAETitle) ?? 0;
    return this.all >= associations || own >= peer.associations ? 'too-many' : undefined;
  }
}

/** What an association is admitted with. */
interface Admission {
  readonly gateway: Gateway;
  readonly ports: GatewayPorts;
  readonly options: GatewayOptions;
  readonly leave: () => void;
}

class Admitted implements AdmittedPeer {
  readonly rights: ReadonlySet<PeerRight>;
  private readonly caller: Caller;
  private readonly ports: GatewayPorts;
  private readonly options: GatewayOptions;
  private readonly gateway: Gateway;
  private readonly leave: () => void;
  private readonly began = performance.now();
  private readonly outcomes = new Map<string, number>();
  private bytes = 0;
  private echoes = 0;
  /** Instances that are whole and not yet kept or refused. */
  private underWay = 0;
  private end: Readonly<Record<string, unknown>> | undefined;

  constructor(caller: Caller, rights: ReadonlySet<PeerRight>, { gateway, ports, options, leave }: Admission) {
    this.caller = caller;
    this.rights = rights;
    this.ports = ports;
    this.options = options;
    this.gateway = gateway;
    this.leave = leave;
  }

  find(model: InformationModel, identifier: Identifier, signal: AbortSignal): AsyncIterable<FindAnswer> {
    const { ports, caller } = this;
    const { found } = this.gateway;
    const { aeTitle, answers: most = MOST_ANSWERS } = this.options;
    const settings = { openIndex: ports.openIndex, files: ports.files, aeTitle, most };
    return findInIndex({ model, identifier, signal }, settings, (outcome) => {
      found.queries++;
      found.answers += outcome.answers;
      if (outcome.kind === undefined) ports.log.info({ ...caller, model, ...outcome }, 'query answered');
      else ports.log.warn({ ...caller, model, ...outcome }, 'query not answered');
    });
  }

  retrieve(retrieval: Retrieval): Promise<RetrieveOutcome> {
    const { caller, ports } = this;
    const { openIndex, files } = ports;
    const settings = { openIndex, files, destination: this.destination };
    const retrieved = retrieveFromIndex(retrieval, caller.callingAETitle, settings, (outcome) => {
      if (outcome['kind'] === undefined) ports.log.info({ ...caller, ...outcome }, 'instances retrieved');
      else ports.log.warn({ ...caller, ...outcome }, 'instances not retrieved');
    });
    return this.gateway.track(retrieved);
  }

  private readonly destination: RetrieveSettings['destination'] = (calledAETitle, originator) => {
    const { aeTitle: callingAETitle, peers } = this.options;
    const takes = peers.get(calledAETitle)?.takes;
    return takes && this.ports.openPeer({ ...takes, calledAETitle, callingAETitle }, originator);
  };

  refused(status: number): void {
    this.gateway.counts.failed++;
    this.count(statusText(status));
  }

  echoed(): void {
    this.echoes++;
  }

  notServed(operation: string, status: number): void {
    this.ports.log.warn({ ...this.caller, operation, outcome: statusText(status) }, 'request not served');
  }

  receive(arriving: Parameters<InstanceStore['begin']>[0]): Receiving {
    const file = this.ports.store.begin(arriving);
    return {
      write: (bytes) => file.write(bytes),
      drained: () => file.drained(),
      lost: () => {
        this.count('lost on the way');
        void file.discard();
      },
      end: async () => {
        this.underWay++;
        try {
          const stored = await file.commit();
          this.count(stored.outcome);
          this.bytes += stored.bytes;
          if (stored.outcome === 'already-there') this.gateway.counts.alreadyThere++;
          else {
            this.gateway.counts.stored++;
            this.gateway.counts.bytes += stored.bytes;
          }
          this.ports.received(stored);
          return STATUS.success;
        } catch (error) {
          const status = STATUS_OF[error instanceof StoreError ? error.reason : 'failed'];
          const kind = error instanceof StoreError ? error.reason : 'unexpected';
          this.gateway.counts.failed++;
          this.count(statusText(status));
          const { callingAETitle } = this.caller;
          const code = callCode(error);
          const details = { callingAETitle, kind, ...(code === undefined ? {} : { code }) };
          this.ports.log.warn(details, 'an instance was not stored');
          return status;
        } finally {
          this.underWay--;
          this.tellIfOver();
        }
      },
    };
  }

  ended(reason: string | undefined): void {
    this.leave();
    const seconds = Math.round(performance.now() - this.began) / 1000;
    this.end = reason === undefined ? { seconds, end: 'released' } : { seconds, end: 'aborted', reason };
    this.tellIfOver();
  }

  /** The line of the audit: who, what, how many, and how it ended. What came whole is counted in it, however it ended. */
  private tellIfOver(): void {
    if (this.end === undefined || this.underWay > 0) return;
    const received = Object.fromEntries(this.outcomes);
    const echoes = this.echoes === 0 ? {} : { echoes: this.echoes };
    this.ports.log.info({ ...this.caller, received, bytes: this.bytes, ...echoes, ...this.end }, 'association ended');
  }

  private count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}

/** Which call of the system failed, and why: its code alone, since a message may name what came. */
function callCode(error: unknown): string | undefined {
  const code = failureCode(error instanceof StoreError ? error.cause : error);
  return /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
