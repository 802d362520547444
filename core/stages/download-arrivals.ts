// The SCP of a download: takes instances from the PACS that was asked for them, and from nobody else. Different from a
// gateway, it says 0000H for what is whole and not yet on disk: the PACS keeps what it sends, and what counts is what is
// noted when it is on disk. So the PACS does not wait for the disk, and what could not be stored is missing.

import { STATUS } from '../dimse/statuses.ts';
import { shownPath } from '../instance/byte-path.ts';
import type { ArrivingInstance, IncomingFile, InstanceStore, StoredInstance } from '../ports/instance-store.ts';
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

/** Instances that are whole and on their way to the disk. */
const MOST_STORING = 32;
/** Callers that are remembered as refused. */
const MOST_REFUSED = 32;
const RIGHTS: ReadonlySet<PeerRight> = new Set(['store']);

export interface ArrivalsOptions {
  readonly store: InstanceStore;
  /** Called when it is on disk. */
  readonly onStored: (stored: StoredInstance) => void;
  /** Called when it has come and is not kept. @param SOPInstanceUID as the command has it */
  readonly onNotStored: (SOPInstanceUID: string, reason: StoreFailure) => void;
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
  private readonly storing = new Set<Promise<void>>();

  constructor(options: ArrivalsOptions) {
    this.options = options;
  }

  admit({ callingAETitle, calledAETitle, address }: Caller): AdmittedPeer | Refusal {
    const { ownAETitle, senders } = this.options;
    if (!senders.has(callingAETitle) && !senders.has(address)) {
      if (this.refusedCallers.size < MOST_REFUSED)
        this.refusedCallers.add(`${shownPath(callingAETitle)} at ${address}`);
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
      throw new FindError(STATUS.unableToProcess, 'Nothing can be asked for here');
    },
    retrieve: () => Promise.reject(new FindError(STATUS.unableToProcess, 'Nothing can be asked for here')),
    ended: () => {},
  };

  /** Resolves when nothing is on its way to the disk. */
  async settled(): Promise<void> {
    while (this.storing.size > 0) await Promise.all(this.storing);
  }

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
        const storing = this.store(file, arriving).finally(() => this.storing.delete(storing));
        this.storing.add(storing);
        // The disk may be slower than the PACS.
        if (this.storing.size > MOST_STORING) await Promise.race(this.storing);
        return STATUS.success;
      },
    };
  }

  private async store(file: IncomingFile, { SOPInstanceUID }: ArrivingInstance): Promise<void> {
    try {
      this.options.onStored(await file.commit());
    } catch (error) {
      const reason = error instanceof StoreError ? error.reason : 'failed';
      this.count(reason);
      this.options.onNotStored(SOPInstanceUID, reason);
    } finally {
      this.underWay--;
    }
  }

  private count(reason: StoreFailure): void {
    this.notStored.set(reason, (this.notStored.get(reason) ?? 0) + 1);
  }
}
