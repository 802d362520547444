// The port to a PACS that is asked what it has and told to give it (PS3.4 annex C, Study Root model).
import type { Identifier } from '../dimse/identifier.ts';

export interface Pacs {
  /** An association for queries. Throws `pacs-unreachable`, `pacs-silent`, `association-rejected`, `association-aborted`, `not-dicom`, `tls-failed`, `not-offered`. */
  queries(): Promise<PacsQueries>;
  /** An association for retrievals. @param classes SOP classes that are to come, where they come over it (C-GET). Throws the same. */
  retrievals(classes: readonly string[]): Promise<PacsRetrievals>;
}

export interface PacsQueries {
  readonly isOpen: boolean;
  /** Asks for what matches `keys`, of the level that they name. Gives the final status. Throws what `queries` throws, IdentifierError. */
  find(keys: Identifier, onAnswer: (answer: Identifier) => void): Promise<number>;
  close(): Promise<void>;
  /** Ends it at once, and whatever is being asked. */
  abort(): void;
}

/** The final answer to a C-MOVE or C-GET; the peer may leave out counts. */
export interface Retrieved {
  readonly status: number;
  readonly completed: number | undefined;
  readonly failed: number | undefined;
  /** ErrorComment, which may hold values: not for logs. */
  readonly comment: string;
}

export interface PacsRetrievals {
  readonly isOpen: boolean;
  /** What is retrieved comes over other associations (C-MOVE): its classes make no difference to this one. */
  readonly sendsElsewhere: boolean;
  /** Has what `identifier` names sent. @param onPending is called for every answer before the last. Throws what `retrievals` throws. */
  retrieve(identifier: Identifier, onPending: () => void): Promise<Retrieved>;
  close(): Promise<void>;
  /** Ends it at once, and whatever is being retrieved. */
  abort(): void;
}
