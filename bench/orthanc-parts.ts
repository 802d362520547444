/**
 * A real Orthanc for `lookup` and `download`: filled once over DIMSE, kept below the
 * working folder, and started anew on what it holds for each run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FindAssociation } from '../adapters/dimse/find-scu.ts';
import { type Identifier, type IdentifierText, identifierOf, text } from '../core/dimse/identifier.ts';
import { STUDY_ROOT_FIND } from '../core/dimse/uids.ts';
import { findOnPath, freePort } from '../scripts/parts/parts.ts';
import { listening, QUICK } from './dimse-parts.ts';
import { type BenchOptions, workingFolder } from './options.ts';
import { runProcess } from './run-process.ts';

/** Who fills it and asks what it holds; others are named by the benchmark. */
const OWN = 'BENCH';
const AE_TITLE = 'ORTHANC';
const HOST = '127.0.0.1';
const PROGRAM = 'Orthanc';
/** Operations at a time; four is what it comes with, and one association that ends late would keep a fifth waiting. */
const THREADS = 8;
/** To be raised with every change of how it is filled. */
const GENERATION = 2;

export interface OrthancPlan {
  /** Its folder below `orthanc` of the working folder. */
  name: string;
  /** Tells apart what it holds: with another one it is filled anew. */
  version: string;
  instances: number;
  /** Makes folders of DICOM files that are sent at the same time, each over an association of its own. */
  files: () => string[];
  /** AE titles of those that may ask, each with the port at which it takes instances. */
  callers: Record<string, number>;
}

export interface Orthanc {
  host: string;
  port: number;
  aeTitle: string;
  /** Every series that it holds. */
  series: HeldSeries[];
  stop(): Promise<void>;
}

export interface HeldSeries {
  AccessionNumber: string;
  StudyInstanceUID: string;
  SeriesInstanceUID: string;
}

/** Starts it, filled before where it is not. The program has to be on the path. */
export async function startOrthanc(options: BenchOptions, measure: string, plan: OrthancPlan): Promise<Orthanc> {
  const folder = join(workingFolder(options, 'orthanc'), plan.name);
  const mark = `${folder}.json`;
  const said = JSON.stringify({ generation: GENERATION, version: plan.version, instances: plan.instances });
  if (!existsSync(mark) || !existsSync(folder) || readFileSync(mark, 'utf8') !== said) {
    console.error(`Filling an Orthanc with ${plan.instances.toLocaleString('en-US')} instances`);
    rmSync(mark, { force: true });
    rmSync(folder, { recursive: true, force: true });
    const folders = plan.files();
    const start = performance.now();
    const filling = await serve(folder, {}, { isSynced: false });
    try {
      const to = ['-aet', OWN, '-aec', AE_TITLE, '+sd', '+r', HOST, String(filling.port)];
      await Promise.all(folders.map((each) => runProcess(measure, ['dcmsend', ...to, each], { env: QUICK })));
      const held = (await heldBy(filling.port)).instances;
      if (held !== plan.instances) throw new Error(`Orthanc holds ${held} instances of ${plan.instances}`);
    } finally {
      await filling.stop();
    }
    analyze(join(folder, 'index'));
    console.error(`Filled in ${Math.round((performance.now() - start) / 1000)} s`);
    writeFileSync(mark, said);
  }
  const running = await serve(folder, plan.callers, { isSynced: true });
  try {
    const { series } = await heldBy(running.port);
    return { ...running, host: HOST, aeTitle: AE_TITLE, series };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** @param isSynced as it comes; what it is filled with need not be waited for */
async function serve(folder: string, callers: Record<string, number>, { isSynced }: { isSynced: boolean }) {
  const port = await freePort();
  const settings = {
    DicomAet: AE_TITLE,
    DicomPort: port,
    DicomThreadsCount: THREADS,
    HttpServerEnabled: false,
    SyncStorageArea: isSynced,
    StorageDirectory: folder,
    IndexDirectory: folder,
    DicomModalities: Object.fromEntries(
      Object.entries({ [OWN]: 1, ...callers }).map(([title, at]) => [title.toLowerCase(), [title, HOST, at]]),
    ),
  };
  const file = `${folder}.settings.json`;
  writeFileSync(file, JSON.stringify(settings));
  const child = spawn(findOnPath(PROGRAM)!, [file], { stdio: 'ignore', env: { ...process.env, ...QUICK } });
  const stop = () => ended(child);
  try {
    const failed = once(child, 'exit').then(() => {
      throw new Error(`Orthanc ended with ${child.exitCode}`);
    });
    failed.catch(() => {});
    await Promise.race([failed, listening(port)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

/**
 * Gives SQLite what it chooses its indices by. Without, Orthanc reads for each query the values that all studies have of
 * the key (20 ms for 5,000 accession numbers), and whoever asks would be measured by that.
 */
function analyze(index: string): void {
  const database = new DatabaseSync(index);
  database.exec('ANALYZE');
  database.close();
}

/** It is asked to end, so that its database is whole for the next run. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

async function heldBy(port: number): Promise<{ series: HeldSeries[]; instances: number }> {
  const scu = await FindAssociation.open(
    { host: HOST, port, calledAETitle: AE_TITLE, callingAETitle: OWN },
    STUDY_ROOT_FIND,
  );
  const all = async (keys: IdentifierText) => {
    const found: Identifier[] = [];
    const status = await scu.find(identifierOf(keys), (answer) => found.push(answer));
    if (status !== 0) throw new Error(`Orthanc ended a query with status ${status.toString(16)}`);
    return found;
  };
  const studies = await all({
    QueryRetrieveLevel: 'STUDY',
    StudyInstanceUID: '',
    AccessionNumber: '',
    NumberOfStudyRelatedInstances: '',
  });
  const accessions = new Map(studies.map((one) => [text(one, 'StudyInstanceUID'), text(one, 'AccessionNumber')]));
  const series = await all({ QueryRetrieveLevel: 'SERIES', StudyInstanceUID: '', SeriesInstanceUID: '' });
  await scu.close();
  return {
    series: series.map((one) => {
      const StudyInstanceUID = text(one, 'StudyInstanceUID');
      const AccessionNumber = accessions.get(StudyInstanceUID) ?? '';
      return { AccessionNumber, StudyInstanceUID, SeriesInstanceUID: text(one, 'SeriesInstanceUID') };
    }),
    instances: studies.reduce((sum, one) => sum + Number(text(one, 'NumberOfStudyRelatedInstances')), 0),
  };
}
