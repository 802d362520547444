// The port to a peer that takes instances (Storage SCP, PS3.4 annex B).
import type { Buffer } from 'node:buffer';

/** A SOP class, and one or more transfer syntaxes of which the peer chooses one. */
export interface StoreContext {
  readonly SOPClassUID: string;
  readonly transferSyntaxes: readonly string[];
}

export interface StorePeer {
  /**
   * Asks for an association on these contexts, at most 128 of them. Throws `pacs-unreachable`, `pacs-silent`,
   * `association-rejected`, `association-aborted`, `not-dicom`, `tls-failed`; `association-given-up` where `signal` aborts
   * before it stands.
   */
  open(contexts: readonly StoreContext[], signal: AbortSignal): Promise<StoreAssociation>;
}

export interface StoreAssociation {
  /** Whether it still stands. */
  readonly isOpen: boolean;
  /** The transfer syntaxes in which the peer takes instances of this class. */
  accepted(SOPClassUID: string): readonly string[];
  /** Why it takes none of this class, where that is not for the transfer syntax. */
  refusal?(SOPClassUID: string): string | undefined;
  /**
   * Sends one instance in a transfer syntax that was accepted. Gives the status of the answer (PS3.4 B.2.3). Throws what
   * `open` throws, and what reading the data set throws: then the association has ended, unless nothing had been sent yet.
   */
  store(instance: StoredAs, dataSet: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<number>;
  /** Ends it; nothing that was answered is lost. */
  release(): Promise<void>;
  /** Ends it at once. */
  abort(): void;
}

export interface StoredAs {
  readonly SOPClassUID: string;
  readonly SOPInstanceUID: string;
  readonly transferSyntax: string;
}
