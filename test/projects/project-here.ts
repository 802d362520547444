// A project in this process for tests: a home folder, a scripted PACS that knows where to send to, and the commands of
// `ditag project` as the command line runs them. And what is looked at afterwards: the manifest, and every file.
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type ProjectDownloadOptions, projectDownload } from '../../cli/commands/project-download.ts';
import { type ProjectIndexOptions, projectIndex } from '../../cli/commands/project-index.ts';
import { projectVerify } from '../../cli/commands/project-verify.ts';
import { readConfiguration } from '../../cli/configuration/configuration.ts';
import { LocalWorkspace } from '../../cli/workspaces/local/local-workspace.ts';
import { Pacs } from '../../cli/workspaces/pacs.ts';
import type { Project } from '../../cli/workspaces/project.ts';
import { dataSetStart } from '../../core/dimse/file-meta.ts';
import type { TargetState } from '../../core/projects/expected.ts';
import { readManifest } from '../../core/projects/manifest.ts';
import type { ManifestEntry } from '../../core/projects/received.ts';
import { freePort } from '../../scripts/parts/parts.ts';
import { commandIn } from '../cli/query-here.ts';
import { type Ended, temporaryFolder } from '../cli/run-ditag.ts';
import { type DescribedStudy, type PacsContent, pacsContent } from './pacs-content.ts';
import type { PacsFaults } from './pacs-faults.ts';
import { type PacsRequest, type ScriptedPacs, startScriptedPacs } from './scripted-pacs.ts';

export const NAME = 'trial';

/** Two patients: P1 with 4 and 2 instances, P2 with 3. */
export const STUDIES: readonly DescribedStudy[] = [
  {
    ...{ StudyInstanceUID: '1.2.1', AccessionNumber: 'Acc1', PatientID: 'P1', PatientName: 'Müller^Jürgen' },
    ...{ StudyDate: '20240102', StudyDescription: 'Knie' },
    series: [
      { SeriesInstanceUID: '1.2.1.1', SeriesDescription: 'AX', SeriesNumber: '1', instances: 4 },
      { SeriesInstanceUID: '1.2.1.2', SeriesDescription: 'SAG', SeriesNumber: '2', instances: 2, pixels: 300_001 },
    ],
  },
  {
    ...{ StudyInstanceUID: '1.2.2', AccessionNumber: 'Acc2', PatientID: 'P2', PatientName: 'Doe^Jane' },
    series: [{ SeriesInstanceUID: '1.2.2.1', SeriesDescription: 'AX', SeriesNumber: '1', instances: 3 }],
  },
];

export interface ProjectHereOptions {
  readonly studies?: readonly DescribedStudy[];
  readonly faults?: PacsFaults;
  /** Lines of the list; the accession numbers of the studies if it is not said. */
  readonly list?: readonly string[];
}

export interface ProjectHere {
  readonly home: string;
  readonly output: string;
  readonly pacs: ScriptedPacs;
  /** Its list of accession numbers. */
  readonly listFile: string;
  readonly content: PacsContent;
  /** Arguments of `ditag project index` and `download` in a process of its own. */
  readonly indexArguments: readonly string[];
  readonly downloadArguments: readonly string[];
  list(lines: readonly string[]): void;
  index(options?: ProjectIndexOptions, signal?: AbortSignal): Promise<Ended>;
  download(options?: ProjectDownloadOptions, signal?: AbortSignal): Promise<Ended>;
  verify(): Promise<Ended>;
  /** The project's accession numbers. */
  targets(): Promise<TargetState[]>;
  /** Works on the project itself. */
  inProject<T>(work: (project: Project) => Promise<T>): Promise<T>;
  /** The folder of the latest download. */
  folder(): Promise<string>;
  manifest(): Promise<ManifestEntry[]>;
  /** All of the content, or of these, is on disk, byte for byte, and in the manifest; and nothing is missing. */
  assertComplete(uids?: readonly string[]): Promise<void>;
  /** On disk as it should be is all but these, which the manifest calls missing. Gives the reasons. */
  assertMissing(uids: readonly string[]): Promise<string[]>;
  /** What the PACS is asked and sends from now on. */
  fromNow(): { requests(): readonly PacsRequest[]; retrievals(): readonly PacsRequest[]; sent(): readonly string[] };
}

export async function startProject(
  t: { after(fn: () => void | Promise<void>): void },
  { studies = STUDIES, faults = {}, list }: ProjectHereOptions = {},
): Promise<ProjectHere> {
  const content = pacsContent(studies);
  const scpPort = await freePort();
  const destinations = new Map([['DITAG', { host: '127.0.0.1', port: scpPort }]]);
  const pacs = await startScriptedPacs(t, { content, faults, destinations });
  const home = temporaryFolder(t, 'memory');
  const output = path.join(home, 'out');
  const listFile = path.join(home, 'list.txt');
  fs.mkdirSync(path.join(home, '.ditag'));
  const configuration = readConfiguration(path.join(home, '.ditag', 'config.ini'), { environment: {} });
  const workspace = new LocalWorkspace(configuration);
  const run = (command: Parameters<typeof commandIn>[1]) =>
    commandIn(workspace, (context) => command({ ...context, pacs: new Pacs(configuration) }));
  const ofPacs = { pacs: '127.0.0.1', port: String(pacs.port), aetitle: pacs.aeTitle };
  const usual = { scpPort: String(scpPort), rounds: '2', patience: '1' };
  const writeList = (lines: readonly string[]) => fs.writeFileSync(listFile, `${lines.join('\n')}\n`);
  writeList(list ?? [...new Set(studies.map(({ AccessionNumber = '' }) => AccessionNumber))]);
  const inProject = async <T>(work: (project: Project) => Promise<T>) => {
    const project = await workspace.project(NAME, { isNew: false });
    try {
      return await work(project);
    } finally {
      await project.close();
    }
  };
  const folder = () => inProject(async ({ store }) => (await store.downloads())[0]!.folder);
  const manifest = async () =>
    Array.fromAsync(readManifest(fs.createReadStream(path.join(await folder(), 'manifest.csv'))));
  const verify = () => run((context) => projectVerify({ projectName: NAME }, context));

  async function assertOnDisk(uids: readonly string[], missing: readonly string[]): Promise<ManifestEntry[]> {
    const within = await folder();
    const entries = await manifest();
    const of = (outcome: string) => entries.filter((entry) => entry.outcome === outcome);
    assert.deepEqual(
      of('received')
        .map(({ SOPInstanceUID }) => SOPInstanceUID)
        .toSorted(),
      uids.toSorted(),
    );
    for (const entry of of('received')) assertFile(within, entry);
    for (const entry of of('not-asked-for')) assertWhole(within, entry);
    // Each file is named once, and there is no other.
    const files = fs
      .readdirSync(within, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(within, path.join(entry.parentPath, entry.name)));
    const named = entries.filter(({ path: at }) => at !== '').map(({ path: at }) => at);
    assert.deepEqual(files.toSorted(), ['.owner', 'manifest.csv', ...named].toSorted());
    const verified = await verify();
    assert.match(verified.stderr, /^\d+ files are as the manifest has them/);
    assert.doesNotMatch(verified.stderr, /are not/);
    assert.equal(verified.stdout, '');
    assert.equal(verified.code, missing.length === 0 ? 0 : 1, verified.stderr);
    return of('missing');
  }

  function assertFile(within: string, entry: ManifestEntry): void {
    const bytes = assertWhole(within, entry);
    const { SOPInstanceUID } = entry;
    const { StudyInstanceUID, SeriesInstanceUID } = content.instances.get(SOPInstanceUID)!;
    const study = studies.find((one) => one.StudyInstanceUID === StudyInstanceUID)!;
    assert.equal(path.basename(entry.path), `${SOPInstanceUID}.dcm`);
    const identity = [entry.AccessionNumber, entry.StudyInstanceUID, entry.SeriesInstanceUID, entry.reason];
    assert.deepEqual(identity, [study.AccessionNumber, StudyInstanceUID, SeriesInstanceUID, '']);
    const dataSet = bytes.subarray(dataSetStart(bytes));
    assert.ok(dataSet.equals(content.dataSet(SOPInstanceUID)), `${entry.path} is what the PACS has`);
  }

  return {
    ...{ home, output, pacs, content, listFile, list: writeList, inProject, folder, manifest, verify },
    indexArguments: [
      ...['project', 'index', '--project-name', NAME, '--pacs', ofPacs.pacs, '--port', ofPacs.port],
      ...['--aetitle', ofPacs.aetitle, '--target-list', listFile],
    ],
    downloadArguments: [
      ...['project', 'download', '--project-name', NAME, '--output', output, '--scp-port', usual.scpPort],
      ...['--rounds', usual.rounds, '--patience', usual.patience],
    ],
    index: (options = {}, signal = new AbortController().signal) =>
      run((context) =>
        projectIndex({ projectName: NAME, ...ofPacs, targetList: listFile, ...options }, { ...context, signal }),
      ),
    download: (options = {}, signal = new AbortController().signal) =>
      run((context) => projectDownload({ projectName: NAME, output, ...usual, ...options }, { ...context, signal })),
    targets: () => inProject(({ store }) => Array.fromAsync(store.targets())),
    assertComplete: async (uids = content.uids()) => {
      assert.deepEqual(await assertOnDisk(uids, []), []);
    },
    assertMissing: async (uids) => {
      const there = content.uids().filter((uid) => !uids.includes(uid));
      const missing = await assertOnDisk(there, uids);
      assert.deepEqual(missing.map(({ SOPInstanceUID }) => SOPInstanceUID).toSorted(), uids.toSorted());
      return [...new Set(missing.map(({ reason }) => reason))];
    },
    fromNow: () => {
      const [asked, sent] = [pacs.requests.length, pacs.sent.length];
      const requests = () => pacs.requests.slice(asked);
      const retrievals = () => requests().filter(({ kind }) => kind !== 'find');
      return { requests, retrievals, sent: () => pacs.sent.slice(sent) };
    },
  };
}

function assertWhole(within: string, { path: at, size, sha256 }: ManifestEntry): Buffer {
  const bytes = fs.readFileSync(path.join(within, at));
  assert.equal(bytes.length, size, at);
  assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256, at);
  return bytes;
}
