// The work of gateways in a cluster: instances for a PACS, and accession numbers that it is asked for, wait until one of the
// gateways takes them. However many gateways there are, no more items of one PACS are under way at a time than it is
// given associations.
import type { SeriesFile } from './instance-index.ts';

/** A PACS as every gateway reaches it. Certificates are the gateway's own. */
export interface PacsAddress {
  readonly host: string;
  readonly port: number;
  readonly calledAETitle: string;
  readonly callingAETitle: string;
  readonly isTls: boolean;
}

/** Instances that are sent over one association. */
export interface StoreItem {
  readonly send: string;
  /** Its number among those of the send. */
  readonly item: number;
  readonly pacs: PacsAddress;
  /** Of one archive; all files of an instance stand together, those of a series too. */
  readonly files: readonly SeriesFile[];
}

/** Accession numbers of a project that the PACS is asked for over one association. */
export interface FindItem {
  /** The id of what was asked for together, and its number among those. */
  readonly send: string;
  readonly item: number;
  readonly pacs: PacsAddress;
  readonly project: string;
  readonly accessions: readonly string[];
}

/** Series of a project that the PACS is to send to where gateways keep downloads; none: the manifest is to be written. */
export interface RetrieveItem {
  readonly send: string;
  readonly item: number;
  readonly pacs: PacsAddress;
  readonly project: string;
  /** Of the download, relative to where gateways keep them. */
  readonly folder: string;
  readonly series: readonly string[];
  readonly method: 'move' | 'get';
  /** As of `downloadSeries`; milliseconds. */
  readonly rounds: number;
  readonly patience: number;
  /** Who else may send, as AE titles and addresses. */
  readonly acceptFrom?: readonly string[];
  /** When the hours end in which the PACS may be asked (milliseconds since 1970). */
  readonly until?: number;
  /** Of the manifest: only some of the project's series were asked for. */
  readonly isPart?: boolean;
  /** Instead: a zip is to be made of this subject, which has the series. */
  readonly zip?: string;
}

export type WorkItem = StoreItem | FindItem | RetrieveItem;

/** An item that a gateway has taken. It comes to another one when it is neither done nor worked on for a few seconds. */
export interface TakenItem<Item extends WorkItem = WorkItem> {
  readonly item: Item;
  /** How often it was taken, this time included. */
  readonly attempt: number;
  /** All its results are stored: it is not given out again. Resolves when the queue knows. */
  done(): Promise<void>;
  /** Gives it back: it is taken again after `milliseconds`. */
  later(milliseconds: number): void;
  working(): void;
}

export interface WorkQueue {
  /** Opens the queue of a PACS, with so many associations for all gateways together; returns its name. */
  open(pacs: PacsAddress, associations: number): Promise<string>;
  /** Resolves when the item is stored; the same item again is stored once. */
  add(item: WorkItem): Promise<void>;
  /** Queues in which items wait or are under way. */
  busy(): Promise<readonly string[]>;
  /** Takes an item of a queue; undefined where none came for some seconds, or `signal` has aborted. */
  take(queue: string, signal: AbortSignal): Promise<TakenItem | undefined>;
  /** Items of a send that are not done, whoever has them. */
  left(send: string): Promise<number>;
  /** Forgets the items of a send; those under way are not given out again. */
  drop(send: string): Promise<void>;
}
