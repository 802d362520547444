// The workspace on one machine: an index file, scan workers in threads, no server. This is where the embedded mode is
// put together from stages and adapters.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DitagError, ditagError } from '../../../core/errors/errors.ts';
import { typedPath } from '../../../core/instance/byte-path.ts';
import { scanChanges, TallySum, unlistedFolders } from '../../../core/jobs/scan-tally.ts';
import type { AccessStore } from '../../../core/ports/access-store.ts';
import type { PublishReport } from '../../../core/ports/index-writer.ts';
import type { InstanceFiles } from '../../../core/ports/instance-files.ts';
import type { InstanceIndex } from '../../../core/ports/instance-index.ts';
import { checkRoot, listRoot } from '../../../core/stages/check-root.ts';
import { type Configuration, expandHome, saveIndexSettings } from '../../configuration/configuration.ts';
import { projectDatabase, projectNames } from '../../configuration/project-settings.ts';
import type { Project } from '../project.ts';
import type { VerifyOptions, VerifyOutcome } from '../verify.ts';
import type {
  GatewayOptions,
  IndexOptions,
  IndexOutcome,
  Jobs,
  RebuildOptions,
  RebuildOutcome,
  SendOptions,
  ServeOptions,
  Workspace,
} from '../workspace.ts';

/** Most file calls under way at a time, of all workers together; program.ts sizes the thread pool by it. */
export const MOST_CALLS = 128;

export class LocalWorkspace implements Workspace {
  private readonly configuration: Configuration;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
  }

  async openIndex(project: string | undefined): Promise<InstanceIndex> {
    const { SqliteInstanceIndex } = await import('../../../adapters/sqlite/instance-index.ts');
    const { configuration } = this;
    const database = project === undefined ? configuration.databasePath : await projectDatabase(configuration, project);
    return new SqliteInstanceIndex(database, configuration.file);
  }

  async send({ peer, ...options }: SendOptions): Promise<void> {
    const { sendInstances } = await import('../../../core/stages/send-instances.ts');
    const { DimseStorePeer } = await import('../../../adapters/dimse/store-scu.ts');
    const index = await this.openIndex(undefined);
    try {
      const files = await this.instanceFiles();
      await sendInstances(options.series, { index, files, peer: new DimseStorePeer(peer) }, options);
    } finally {
      await index.close();
    }
  }

  async gateway(options: GatewayOptions): Promise<void> {
    const { runGateway } = await import('./local-gateway.ts');
    const index = async (archive: string, signal: AbortSignal) => {
      const quiet = { onStart: () => {}, onProgress: () => {}, threads: 1 };
      const deletions = { acceptDeletions: false, holdDeletions: true };
      const { report } = await this.index({ archive, append: true, signal, ...quiet, ...deletions });
      return report.heldInstances ?? 0;
    };
    await runGateway(this.configuration, options, index, () => this.openIndex(undefined));
  }

  async serve(options: ServeOptions): Promise<void> {
    const { serveIndex } = await import('../serve.ts');
    await serveIndex(this, options);
  }

  async instanceFiles(): Promise<InstanceFiles> {
    const { FilesystemInstanceFiles } = await import('../../../adapters/filesystem/instance-files.ts');
    // On one machine an archive is called by its path.
    return new FilesystemInstanceFiles((archive) => archive);
  }

  async access(): Promise<AccessStore> {
    const { SqliteAccessStore } = await import('../../../adapters/sqlite/access-store.ts');
    return new SqliteAccessStore(`${this.configuration.databasePath}-access`);
  }

  async project(name: string, options: { readonly isNew: boolean }): Promise<Project> {
    const { LocalProject } = await import('./local-project.ts');
    return LocalProject.open(this.configuration, name, options);
  }

  async projects(): Promise<readonly string[]> {
    return projectNames(this.configuration);
  }

  async verify(folder: string, options: VerifyOptions): Promise<VerifyOutcome> {
    const { verifyDownload } = await import('../verify.ts');
    return verifyDownload(folder, options);
  }

  async rebuild(_: RebuildOptions): Promise<RebuildOutcome> {
    throw ditagError('no-cluster', { config: this.configuration.file });
  }

  async jobs(): Promise<Jobs> {
    throw ditagError('no-cluster', { config: this.configuration.file });
  }

  async index(options: IndexOptions): Promise<IndexOutcome> {
    const start = performance.now();
    const { configuration } = this;
    const typed = options.archive ?? configuration.archivePath;
    if (typed === undefined || typed === '') throw ditagError('no-archive', { config: configuration.file });
    const archive = path.resolve(expandHome(typed));
    const root = typedPath(archive);
    const threads = options.threads ?? Math.min(os.availableParallelism(), 8);
    // Loaded here: a query does without them.
    const { FilesystemArchiveFiles } = await import('../../../adapters/filesystem/archive-files.ts');
    const { ThreadedIndexWriter } = await import('./threaded-index-writer.ts');
    const { ScanPool } = await import('./scan-pool.ts');
    const files = new FilesystemArchiveFiles(root, { mostCalls: 1 });
    // Before anything is written: an archive that is missing, or empty from the start, leaves no trace.
    const { entries } = await listRoot(files, archive, new Set());
    const isKnown = fs.existsSync(configuration.databasePath);
    if (entries === 0 && !isKnown && !options.acceptDeletions)
      throw ditagError('archive-empty', { archive, known: '' });
    const tally = TallySum.ofScan();
    const { append, acceptDeletions, holdDeletions = false, signal } = options;
    const { databasePath, file: config } = configuration;
    // The index comes first, since opening it takes longest; the workers start meanwhile.
    const opening = ThreadedIndexWriter.open({ databasePath, archive, root, append, config }, (done, all) =>
      options.onProgress({ step: 'publishing', ...counts(tally), done: done / all }),
    );
    await using pool = new ScanPool(threads);
    const writer = await opening;
    let publishing = false;
    let report: PublishReport;
    try {
      const { known, resumed } = writer.start;
      if (!acceptDeletions && !holdDeletions) await checkRoot(files, archive, known);
      options.onStart({ archive, resumed, knownFiles: known?.files ?? 0 });
      await pool.scan({
        start: {
          root,
          databasePath: writer.start.databasePath,
          archive,
          acceptDeletions,
          mostCalls: Math.ceil(MOST_CALLS / threads),
        },
        onEvents: async (events, done) => {
          for (const event of events) tally.addEvent(event);
          options.onProgress({ step: 'scanning', ...counts(tally), done });
          await writer.stage(events);
        },
        signal,
      });
      publishing = true;
      const ended = pool.end();
      report = await unlessAborted(writer.publish({ append, acceptDeletions, holdDeletions }), signal);
      // The workers' views of the index are closed first: the last to close it removes its log.
      await ended;
      await writer.close();
    } catch (error) {
      // A publication that is under way is rolled back; otherwise what was staged is committed first.
      if (publishing && signal.aborted) await writer.abandon();
      else await writer.close().catch(() => {});
      if (signal.aborted || error instanceof DitagError) throw error;
      throw ditagError('scan-failed', { archive, reason: (error as Error).message }, error);
    }
    const isPathKept = saveIndexSettings(configuration, append ? undefined : archive);
    const seconds = (performance.now() - start) / 1000;
    return {
      archive,
      report,
      ...scanChanges(tally),
      unreadable: unlistedFolders(tally),
      ...(isPathKept ? {} : { isPathKept }),
      seconds,
    };
  }
}

/** The promise's outcome, or the signal's reason if that comes first. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // A signal that outlives many runs does not keep what each of them held.
  const over = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: over.signal });
    if (signal.aborted) reject(signal.reason as Error);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    over.abort();
  }
}

function counts({ files, instances, opened }: TallySum) {
  return { files, instances, opened };
}
