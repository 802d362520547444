// What became of the instances of a send, told by the gateways that carry it out to the command that waits for it.
import type { SendOutcome } from '../instance/send-outcome.ts';

export interface StoredFile {
  /** Its place among the files of the item. */
  readonly file: number;
  readonly outcome: SendOutcome;
  /** Of the peer's answer. */
  readonly status?: number;
  /** As in `SendResult`. */
  readonly reason: string;
  readonly bytes: number;
}

/** Results of an item, or some of them. */
export interface ResultPage {
  readonly send: string;
  readonly item: number;
  /** By which attempt at the item, and which of its pages. */
  readonly attempt: number;
  readonly page: number;
  readonly results: readonly StoredFile[];
  /** Every file of the item has its result. */
  readonly isLast: boolean;
  /** The attempt has ended because the PACS refused an association: the item comes again. */
  readonly isRefused?: boolean;
}

export interface KnownResults {
  /** Files that have a result. */
  readonly files: ReadonlySet<number>;
  /** Attempts of which there is a page: a gateway that begins with an item writes an empty one. */
  readonly tries: number;
  /** Those of them that the PACS refused. */
  readonly refusals: number;
}

export interface StoreResults {
  /** Resolves when the page is stored. */
  add(page: ResultPage): Promise<void>;
  /** Pages of a send, in the order of storing, from a place on that `next` gave; 0 for all. */
  pages(send: string, from: number): AsyncIterable<{ readonly page: ResultPage; readonly next: number }>;
  /** What the pages of an item say. */
  known(send: string, item: number): Promise<KnownResults>;
  /** Forgets the results of a send. */
  remove(send: string): Promise<void>;
}
