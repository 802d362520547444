// Clusters for tests, from real parts, and the archives that they index; what is indexed is compared with what the
// same archive gives on one machine.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { readConfiguration } from '../../cli/configuration/configuration.ts';
import { ClusterWorkspace } from '../../cli/workspaces/cluster/cluster-workspace.ts';
import { LocalWorkspace } from '../../cli/workspaces/local/local-workspace.ts';
import type { IndexOptions, IndexOutcome, Workspace } from '../../cli/workspaces/workspace.ts';
import { type ClusterOptions, type RunningCluster, startCluster } from '../../scripts/parts/cluster.ts';
import { MissingPart, partOrSkip } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { indexAnswers } from '../index/index-here.ts';
import { dicomFile, LONG_AGO, makeArchive, plainSeries, writeFile } from '../index/make-archive.ts';

const SAMPLES = path.resolve(import.meta.dirname, '../samples');

/** A workspace of the cluster of this NATS server. */
export function clusterWorkspace(nats: string): Workspace {
  return new ClusterWorkspace({ url: nats }, undefined, 'config.ini');
}

/** A workspace on this machine with an index of its own below `home`. */
export function localWorkspace(home: string): Workspace {
  return new LocalWorkspace(readConfiguration(path.join(home, '.ditag', 'config.ini'), { environment: {} }));
}

/** `ditag index`. */
export function index(
  workspace: Workspace,
  archive: string,
  options: Partial<Pick<IndexOptions, 'append' | 'acceptDeletions'>> = {},
): Promise<IndexOutcome> {
  const { append = false, acceptDeletions = false } = options;
  const { signal } = new AbortController();
  const quiet = { onStart: () => {}, onProgress: () => {} };
  return workspace.index({ archive, append, acceptDeletions, threads: 2, signal, ...quiet });
}

/** A cluster for the tests of one suite, and beside it an index on this machine, of the same archive. */
export class ComparedCluster {
  readonly home: string;
  readonly archive: string;
  /** Under which the cluster knows the archive. */
  readonly name: string;
  readonly here: Workspace;
  private started: Promise<RunningCluster> | undefined;
  private running: RunningCluster | undefined;

  /** @param context the suite's hooks: the cluster ends with it */
  constructor(context: { after(fn: () => unknown): void }, name: string) {
    // Before the folder is removed.
    context.after(async () => (await this.started?.catch(() => undefined))?.stop());
    this.home = temporaryFolder(context);
    this.archive = path.join(this.home, 'archive');
    this.name = name;
    this.here = localWorkspace(this.home);
    fs.mkdirSync(this.archive);
  }

  /** Starts it; what is wrong is told by `orSkip`. `then` does more with it before the first test. */
  async start(
    scanners: number,
    then: (cluster: RunningCluster) => Promise<void> = async () => {},
    more: Partial<ClusterOptions> = {},
  ): Promise<void> {
    const { stateFolder, archives } = this;
    fs.mkdirSync(stateFolder);
    this.started = startCluster({ stateFolder, archives, scanners, ...more });
    try {
      this.running = await this.started;
    } catch (error) {
      if (error instanceof MissingPart) return;
      throw error;
    }
    await then(this.running);
  }

  /** The cluster's parts keep theirs in it; logs stand there too. */
  get stateFolder(): string {
    return path.join(this.home, 'cluster');
  }

  /** What the scanners see. */
  get archives(): ReadonlyMap<string, string> {
    return new Map([[this.name, this.archive]]);
  }

  /** The cluster; undefined where a part is missing: then the test is skipped. */
  orSkip(context: TestContext): Promise<RunningCluster | undefined> {
    return partOrSkip(context, () => this.started!);
  }

  get there(): Workspace {
    return clusterWorkspace(this.running!.addresses.nats);
  }

  /** Starts a scan; what it gives is looked at later. */
  begin(): Promise<IndexOutcome> {
    const scan = index(this.there, this.name);
    scan.catch(() => {});
    return scan;
  }

  /** Everything that a workspace answers. */
  async answers(workspace: Workspace): Promise<unknown> {
    const opened = await workspace.openIndex(undefined);
    try {
      return await indexAnswers(opened, (name) => (name === this.name ? this.archive : name));
    } finally {
      await opened.close();
    }
  }

  /** Both modes answer the same. */
  async areSame(where = ''): Promise<void> {
    assert.deepEqual(await this.answers(this.there), await this.answers(this.here), where);
  }

  /** What a scan gave is whole, and is what an index on this machine gives. */
  async isRight(outcome: IndexOutcome, where = ''): Promise<void> {
    assert.equal(outcome.report.instances, countFiles(this.archive), where);
    assert.deepEqual([outcome.unreadable, outcome.unread], [[], 0], where);
    await index(this.here, this.archive);
    await this.areSame(where);
  }
}

function countFiles(folder: string): number {
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
}

/** An archive with the samples and with what is hard to keep apart: many folders, one series in several, names of bytes. */
export function makeMixedArchive(root: string): void {
  fs.cpSync(SAMPLES, path.join(root, 'samples'), { recursive: true });
  const descriptions = ['T1 MPRAGE', 't1 mprage', 'AX FLAIR', 'a,"b"', '', 'Übersicht', 'BRAIN POST GD'];
  for (let i = 0; i < 150; i++) {
    const uid = `1.2.3.${i}`;
    makeArchive(
      root,
      plainSeries(`${i % 12}/study-${i % 40}/series ${i}`, uid, 1 + (i % 5), {
        StudyInstanceUID: `1.2.9.${i % 40}`,
        StudyDate: i % 9 === 0 ? '' : String(19990101 + (i % 40) * 10_000 + (i % 28)),
        SeriesDescription: descriptions[i % descriptions.length]!,
        PatientName: `Doe^${String.fromCharCode(65 + (i % 26))}`,
        PatientID: `P${i % 30}`,
        Modality: i % 3 === 0 ? 'CT' : 'MR',
      }),
    );
  }
  // One series in three folders, whose files disagree.
  for (const [n, folder] of ['z/late', 'a/early', 'm/middle'].entries()) {
    const content = dicomFile({
      SeriesInstanceUID: '1.2.4.1',
      SOPInstanceUID: `1.2.4.1.${n}`,
      StudyInstanceUID: '1.2.9.99',
      SeriesDescription: `from ${folder}`,
      StudyDate: '20200202',
    });
    writeFile(root, `${folder}/${n}.dcm`, content, LONG_AGO);
  }
  writeFile(root, 'notes/readme.txt', 'no image here, and nothing else that is one');
}
