// The gateways of a cluster, as a command speaks to all of them that run.
import type { StoreFailure } from './instance-store.ts';

/** Instances of a series that are there. */
export interface SeriesProgress {
  readonly received: number;
  readonly expected: number;
}

export interface GatewayDoing {
  /** Of each association. */
  readonly series: readonly SeriesProgress[];
  /** Since it began with the download, or what was under way then, as `AE at address`. */
  readonly refusedCallers: readonly string[];
  /** Instances that came since then and were not stored, by the reason. */
  readonly notStored: readonly { readonly reason: StoreFailure; readonly instances: number }[];
}

export interface Gateways {
  /** Has them look for work in a queue, if one is named. The archives that they see; undefined where none runs. */
  call(queue?: string): Promise<ReadonlySet<string> | undefined>;
  /** Whether one of them has a place for downloads. */
  canDownload(): Promise<boolean>;
  /** Bytes that are free where downloads are kept, the least that one of them tells; undefined where none does. */
  freeSpace(): Promise<number | undefined>;
  /** What each of them is at of a download, and what has come to it. */
  doing(send: string): Promise<readonly GatewayDoing[]>;
  /** Has them end the items of a send that they are at, each after the instance that is under way. How many they still are at. */
  cancel(send: string): Promise<number>;
}

/** The answering side: one gateway. */
export interface GatewayAnswers {
  readonly archives: readonly string[];
  readonly canDownload: boolean;
  /** Of the place for downloads, as it was a moment ago; undefined where there is none, or it cannot be told. */
  freeSpace(): number | undefined;
  doing(send: string): GatewayDoing;
  called(queue: string): void;
  /** How many items of the send are still under way. */
  cancelled(send: string): number;
}

export interface GatewaySource {
  serve(answers: GatewayAnswers): void;
  stop(): Promise<void>;
}
