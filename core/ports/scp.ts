// The port behind a DIMSE listener: what an SCP does with what its peers ask for. The listener knows PDUs and messages;
// who may do what, and what becomes of an instance, is decided here.
import type { Buffer } from 'node:buffer';
import type { Identifier } from '../dimse/identifier.ts';
import type { ArrivingInstance } from './instance-store.ts';
import type { StorePeer } from './store-peer.ts';

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
  /** An instance was refused with this status before it was begun. */
  refused(status: number): void;
  /** It asked for a C-ECHO. */
  echoed?(): void;
  /** A request was answered with this status before anybody looked at what it asks for. @param operation as PS3.7 calls it */
  notServed?(operation: string, status: number): void;
  /**
   * Answers a C-FIND, one by one as they are taken. Throws FindError: the final status, where that is not success.
   * @param signal ends it early
   */
  find(model: InformationModel, identifier: Identifier, signal: AbortSignal): AsyncIterable<FindAnswer>;
  /** Carries out a C-MOVE or C-GET. Rejects with FindError: the final status, where there are no counts. */
  retrieve(retrieval: Retrieval): Promise<RetrieveOutcome>;
  /** It is over. @param reason why, where it was not released */
  ended(reason: string | undefined): void;
}

/** Why the signal of a C-FIND, C-MOVE or C-GET has aborted, where the peer has cancelled it; else its association is over. */
export const CANCELLED = 'cancelled';

/** The models of PS3.4 C.6.1 and C.6.2. */
export type InformationModel = 'patient-root' | 'study-root';

export interface FindAnswer {
  readonly identifier: Identifier;
  /** False: of some keys that were asked for nothing can be known or matched here (status FF01). */
  readonly isFull: boolean;
}

/** What a peer wants to be sent. */
export interface Retrieval {
  readonly model: InformationModel;
  readonly identifier: Identifier;
  /** C-MOVE: the AE title of a third one, and the request's MessageID; C-GET: whoever asks. */
  readonly to: { readonly destination: string; readonly messageId: number } | StorePeer;
  readonly onProgress: (counts: SubOperations) => void;
  /** Aborts when it is cancelled: what is under way ends. */
  readonly signal: AbortSignal;
}

/** Sub-operations so far: instances, each once. */
export interface SubOperations {
  readonly remaining: number;
  readonly completed: number;
  readonly failed: number;
  readonly warning: number;
}

export interface RetrieveOutcome extends SubOperations {
  /** SOPInstanceUIDs of those that failed. */
  readonly failures: readonly string[];
  /** Why instances failed or have a warning: sentences without values of them, with their numbers. */
  readonly reasons: ReadonlyMap<string, number>;
  readonly isCancelled: boolean;
}

/** Why a C-FIND, C-MOVE or C-GET ended otherwise than with success (PS3.4 C.4.1.1.4, C.4.2.1.5). */
export class FindError extends Error {
  readonly status: number;

  /** @param comment one sentence for the peer, without values; 64 characters of it arrive */
  constructor(status: number, comment: string, options?: ErrorOptions) {
    super(comment, options);
    this.name = 'FindError';
    this.status = status;
  }
}

/** Why an association is not admitted (PS3.8 table 9-21). */
export type Refusal = 'calling-not-known' | 'called-not-known' | 'too-many';

/** An instance on its way in. */
export interface Receiving {
  /** Holds none of the bytes afterwards. False: no more for now, until `drained`. */
  write(bytes: Buffer): boolean;
  drained(): Promise<void>;
  /** It is whole: resolves with the status of PS3.4 B.2.3 when what that says is so. Never rejects. */
  end(): Promise<number>;
  /** The rest will not come. */
  lost(): void;
}

export interface Scp {
  /** A peer that has connected did not get through TLS. @param reason OpenSSL's code */
  tlsFailed?(address: string, reason: string): void;
  /** So many connections were closed without an answer within the last second, since there were too many. */
  crowded?(connections: number): void;
  admit(caller: Caller): AdmittedPeer | Refusal;
}
