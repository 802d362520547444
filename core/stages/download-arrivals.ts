// The SCP of a download: takes instances from the PACS that was asked for them, and from nobody else.
import type { ArrivingInstance, InstanceStore, StoredInstance } from '../ports/instance-store.ts';
import { StoreError, type StoreFailure } from '../ports/instance-store.ts';
import {
  type AdmittedPeer,
  type Caller,
  FindError,
  type PeerRight,
  type Receiving,
  type Refusal,
  type Scp,
} from '../ports/scp.ts';

/** Statuses of PS3.4 table B.2-1 and PS3.7 annex C. */
const STATUS: Readonly<Record<StoreFailure, number>> = { identity: 0xa900, 'no-space': 0xa700, failed: 0x0110 };
const SUCCESS = 0x0000;
const UNABLE_TO_PROCESS = 0xc000;
const RIGHTS: ReadonlySet<PeerRight> = new Set(['store']);

export interface ArrivalsOptions {
  readonly store: InstanceStore;
  /** Called before the sender is told that it is stored. */
  readonly onStored: (stored: StoredInstance) => void;
  /** AE title that has to be called. */
  readonly ownAETitle: string;
  /** AE titles and addresses of those that may send. */
  readonly senders: ReadonlySet<string>;
}

export class Arrivals implements Scp {
  private readonly options: ArrivalsOptions;
  /** Instances that have begun to come and are not stored yet. */
  underWay = 0;
  /** What was not taken: instances, and callers that may not send. */
  readonly notStored = new Map<StoreFailure, number>();
  readonly refusedCallers = new Set<string>();

  constructor(options: ArrivalsOptions) {
    this.options = options;
  }

  admit({ callingAETitle, calledAETitle, address }: Caller): AdmittedPeer | Refusal {
    const { ownAETitle, senders } = this.options;
    if (!senders.has(callingAETitle) && !senders.has(address)) {
      this.refusedCallers.add(`${callingAETitle} at ${address}`);
      return 'calling-not-known';
    }
    return calledAETitle === ownAETitle ? this.peer : 'called-not-known';
  }

  /** Whoever sends; also over the association of a C-GET. */
  readonly peer: AdmittedPeer = {
    rights: RIGHTS,
    receive: (arriving) => this.receive(arriving),
    refused: () => this.count('failed'),
    find: () => {
      throw new FindError(UNABLE_TO_PROCESS, 'Nothing can be asked for here');
    },
    retrieve: () => Promise.reject(new FindError(UNABLE_TO_PROCESS, 'Nothing can be asked for here')),
    ended: () => {},
  };

  private receive(arriving: ArrivingInstance): Receiving {
    const file = this.options.store.begin(arriving);
    this.underWay++;
    return {
      write: (bytes) => file.write(bytes),
      drained: () => file.drained(),
      lost: () => {
        this.underWay--;
        void file.discard();
      },
      end: async () => {
        try {
          this.options.onStored(await file.commit());
          return SUCCESS;
        } catch (error) {
          const reason = error instanceof StoreError ? error.reason : 'failed';
          this.count(reason);
          return STATUS[reason];
        } finally {
          this.underWay--;
        }
      },
    };
  }

  private count(reason: StoreFailure): void {
    this.notStored.set(reason, (this.notStored.get(reason) ?? 0) + 1);
  }
}
