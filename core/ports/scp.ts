// The port behind a DIMSE listener: what an SCP does with what its peers ask for. The listener knows PDUs and messages;
// who may do what, and what becomes of an instance, is decided here.
import type { Buffer } from 'node:buffer';
import type { ArrivingInstance } from './instance-store.ts';

/** Who asks for an association. */
export interface Caller {
  readonly callingAETitle: string;
  readonly calledAETitle: string;
  /** Of its connection. */
  readonly address: string;
}

/** What a peer may do. */
export type PeerRight = 'store' | 'find' | 'move' | 'get';

/** An association that is admitted. */
export interface AdmittedPeer {
  readonly rights: ReadonlySet<PeerRight>;
  /** Begins to take an instance. */
  receive(arriving: ArrivingInstance): Receiving;
  /** It is over. @param reason why, where it was not released */
  ended(reason: string | undefined): void;
}

/** Why an association is not admitted (PS3.8 table 9-21). */
export type Refusal = 'calling-not-known' | 'called-not-known' | 'too-many';

/** An instance on its way in. */
export interface Receiving {
  /** False: no more for now, until `drained`. */
  write(bytes: Buffer): boolean;
  drained(): Promise<void>;
  /** It is whole: resolves with the status of PS3.4 B.2.3 when what that says is so. Never rejects. */
  end(): Promise<number>;
  /** The rest will not come. */
  lost(): void;
}

export interface Scp {
  admit(caller: Caller): AdmittedPeer | Refusal;
}
