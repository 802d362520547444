// What commands work on, whichever mode they run in: the index on this machine, or a cluster's. Commands know only
// this interface.

import type { Peer } from '../../adapters/dimse/connection.ts';
import type { SendResult } from '../../core/instance/send-outcome.ts';
import type { ProjectJob } from '../../core/jobs/project-job.ts';
import type { ScanState } from '../../core/jobs/scan-state.ts';
import type { ScanChanges, ScanTally, UnlistedFolder } from '../../core/jobs/scan-tally.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';
import type { FailedMessage } from '../../core/ports/failed-messages.ts';
import type { PublishReport } from '../../core/ports/index-writer.ts';
import type { InstanceFiles } from '../../core/ports/instance-files.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import type { Log } from '../../core/ports/log.ts';
import type { Operations } from '../../core/ports/operations.ts';
import type { Proxies } from '../../services/api/app.ts';
import type { Project } from './project.ts';
import type { VerifyOptions, VerifyOutcome } from './verify.ts';

/** What a scan of a cluster waits for where nothing comes of it: that somebody runs, or that the archive can be read. */
export type ScanWaitsFor = 'a-scanner' | 'the-index' | 'the-archive';

/** Where an index run stands; `files` and the tallies are of this run so far. */
export interface IndexProgress {
  readonly step: 'scanning' | 'publishing';
  readonly files: number;
  readonly instances: number;
  readonly opened: number;
  /** Part of the step that is done, 0 to 1: an estimate while scanning. */
  readonly done: number;
  readonly waitsFor?: ScanWaitsFor | undefined;
}

export interface IndexOptions {
  /** As typed; undefined: the configured one. */
  readonly archive: string | undefined;
  readonly append: boolean;
  readonly threads: number | undefined;
  readonly acceptDeletions: boolean;
  /** Take what is new also where too many files are gone, which stay then; without it nothing changes. */
  readonly holdDeletions?: boolean;
  readonly onStart: (start: {
    readonly archive: string;
    readonly resumed: boolean;
    readonly knownFiles: number;
  }) => void;
  readonly onProgress: (progress: IndexProgress) => void;
  readonly signal: AbortSignal;
}

/** What a run did. */
export interface IndexOutcome extends ScanChanges {
  readonly archive: string;
  readonly report: PublishReport;
  /** Folders that could not be listed, or of which something could not be kept: what is known of them was kept. */
  readonly unreadable: readonly UnlistedFolder[];
  /** False: no line of a configuration can hold the path of the archive, so it is to be typed again. */
  readonly isPathKept?: false;
  /** Seconds of the whole run. */
  readonly seconds: number;
}

export interface SendOptions {
  readonly series: readonly string[];
  readonly peer: Peer;
  /** Associations at a time. */
  readonly threads: number;
  /** Instances that are not to be sent: they have no outcome. */
  readonly skip: (SOPInstanceUID: string, SeriesInstanceUID: string) => boolean;
  /** Called with the outcome of every instance, as it is known. */
  readonly onResult: (result: SendResult) => void;
  /** Called when all of a series is on its way. */
  readonly onSeries: (instances: number) => void;
  readonly signal: AbortSignal;
}

export interface GatewayOptions {
  readonly log: Log;
  /** Called when peers can associate. */
  readonly onReady: (where: { readonly aeTitle: string; readonly host: string; readonly port: number }) => void;
  /** Ends it when the associations that stand have ended. */
  readonly signal: AbortSignal;
}

export interface ServeOptions {
  /** Beyond this machine itself, callers need tokens, and TLS unless `isPlain`. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly isPlain: boolean;
  /** With a proxy in front callers need tokens on loopback, too: all of them come from this machine then. */
  readonly proxies: Proxies | undefined;
  /** What can be started over it. */
  readonly operations: Operations;
  /** Called when it answers. */
  readonly onReady: (url: string) => void;
  readonly signal: AbortSignal;
}

export interface RebuildOptions {
  /** Called with the part that is done, 0 to 1. */
  readonly onProgress: (done: number) => void;
  /** Called again and again while no indexer has begun with it. */
  readonly onWaiting: () => void;
  readonly signal: AbortSignal;
}

export interface RebuildOutcome {
  /** Entries of the log that were put into the new index. */
  readonly entries: number;
  readonly seconds: number;
}

/** What became of a message that was to be tried again. Where it cannot help any more the message is forgotten. */
export type RetryOutcome =
  | { readonly is: 'tried-again' }
  /** A newer record of the same files was written since. */
  | { readonly is: 'replaced' }
  /** The scan that it belonged to has ended; `archive` is not known where the scan is forgotten. */
  | { readonly is: 'scan-ended'; readonly scan: string; readonly archive: string | undefined };

/** The scans of a cluster, and what it has put aside. */
export interface Jobs {
  /** The newest first. */
  scans(): Promise<readonly ScanState[]>;
  tally(scan: string): Promise<ScanTally>;
  /** What is being done to projects or was not finished, the newest first. */
  projects(): Promise<readonly ProjectJob[]>;
  /** Of a scan, or of what gateways do for a project. Undefined where no such one is running. */
  cancel(id: string): Promise<'scan' | 'project' | undefined>;
  failed(): Promise<readonly FailedMessage[]>;
  /** Has it tried again where that can help. Undefined where there is none of this id. */
  retry(id: string): Promise<RetryOutcome | undefined>;
  close(): Promise<void>;
}

export interface Workspace {
  /** Indexes an archive. Throws what is wrong with it, with the index, or AbortError. */
  index(options: IndexOptions): Promise<IndexOutcome>;
  /** Builds the cluster's index anew from what is known, without reading a file. Throws `no-cluster`, `rebuild-running`. */
  rebuild(options: RebuildOptions): Promise<RebuildOutcome>;
  /** Sends instances of series to a peer. Where `signal` aborts, what is under way is finished. Throws what is wrong with the index, `no-gateway`. */
  send(options: SendOptions): Promise<void>;
  /** Runs a DIMSE gateway as configured. Throws `gateway-of-cluster`, `bad-config`, `cannot-listen`, `cannot-write`. */
  gateway(options: GatewayOptions): Promise<void>;
  /** Serves the HTTP API over the index until `signal` aborts. Throws `not-private`, `cannot-listen`, what is wrong with the index. */
  serve(options: ServeOptions): Promise<void>;
  /** A project; with `isNew` it is made where there is none. Throws `bad-project-name`, `unknown-project`, `bad-config`. */
  project(name: string, options: { readonly isNew: boolean }): Promise<Project>;
  /** Names of the projects there are, ascending. */
  projects(): Promise<readonly string[]>;
  /** Compares a download with its manifest. Throws `bad-manifest`, `cannot-read`. */
  verify(folder: string, options: VerifyOptions): Promise<VerifyOutcome>;
  /** The index to ask; a project's, where one is named. */
  openIndex(project: string | undefined): Promise<InstanceIndex>;
  /** The files of the archives; undefined where they are not to be had from here. */
  instanceFiles(): Promise<InstanceFiles | undefined>;
  /** Tokens of the API, and the trail of what was done with them. */
  access(): Promise<AccessStore>;
  /** Throws `no-cluster` where everything is done on this machine. */
  jobs(): Promise<Jobs>;
}
