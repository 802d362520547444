// A download to this machine, in either mode, put together: a folder, a store in it, a listener for what the PACS sends,
// and the stages that ask for it.
import fs from 'node:fs';
import path from 'node:path';
import v8 from 'node:v8';
import { DimsePacs, patienceFor } from '../../adapters/dimse/dimse-pacs.ts';
import { DimseListener, serverTls } from '../../adapters/dimse/listener.ts';
import { localAddress } from '../../adapters/dimse/local-address.ts';
import { FilesystemDownloadFiles, INCOMING, openDownloadStore } from '../../adapters/filesystem/download-files.ts';
import { syncFolderNow } from '../../adapters/filesystem/store-folders.ts';
import { makeFolders } from '../../adapters/system/make-folders.ts';
import { DitagError } from '../../core/errors/errors.ts';
import { writeFailure } from '../../core/errors/file-failure.ts';
import type { DownloadState, ProjectStore } from '../../core/ports/project-store.ts';
import { shortageText } from '../../core/projects/download-space.ts';
import { isWhollyKnown } from '../../core/projects/expected.ts';
import { Arrivals } from '../../core/stages/download-arrivals.ts';
import { isWhole } from '../../core/stages/download-counts.ts';
import { manifestLines } from '../../core/stages/download-manifest.ts';
import { DownloadPlan, type PlannedSeries } from '../../core/stages/download-plan.ts';
import { downloadSeries, SPACE_LEFT } from '../../core/stages/download-project.ts';
import { wholeSubjects } from '../../core/stages/whole-subjects.ts';
import { expandHome } from '../configuration/configuration.ts';
import type { ProjectDownloadOptions, ProjectDownloadOutcome, ZipOptions } from './project.ts';

interface OfProject {
  readonly name: string;
  readonly store: ProjectStore;
}

/** Throws `cannot-write`, `no-room`, `foreign-download`, `cannot-listen`, `pacs-unreachable`. */
export async function downloadHere(
  { name, store }: OfProject,
  options: ProjectDownloadOptions,
): Promise<ProjectDownloadOutcome> {
  const { peer, receiving, series: wanted, threads, rounds, patience, window, signal, onProgress } = options;
  const isWanted = (uid: string) => wanted?.has(uid) ?? true;
  // A million instances go by, none of which is kept: V8 would give them three times 32 MB.
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  const within = path.resolve(expandHome(options.output));
  const downloads = await store.downloads();
  const begun = downloads.filter((one) => fs.existsSync(one.folder));
  const { folder, isContinued } = await downloadFolder({ name, store }, within, begun);
  makeFolder(folder);
  options.onFolder(folder, isContinued);
  const files = new FilesystemDownloadFiles(folder);
  // One that is refused was never begun.
  if (!downloads.some((one) => one.folder === folder)) files.assertFree();
  const download = await store.download(folder);
  files.claim(`${name} ${download.startedAt}`);
  const plan = await DownloadPlan.open({ store, download, files });
  const { series: all } = await store.totals();
  let prepared = 0;
  let open: PlannedSeries[];
  try {
    open = await plan.prepare(isWanted, () => options.onPrepared(++prepared, wanted?.size ?? all), signal);
  } catch (error) {
    // What is known of it is told, however early it ends.
    await files.writeManifest(manifestLines({ store, download, files }, isWanted));
    throw error;
  }
  const short = shortageText(plan.counts, (await files.freeSpace()) - SPACE_LEFT);
  if (short !== undefined) options.onWarning(short);
  const { local, remote } = await localAddress(peer);
  const instances = openDownloadStore(folder, async (identity) => {
    return { download: '', series: await plan.place(identity) };
  });
  const senders = new Set([peer.calledAETitle, remote]);
  if (receiving.method === 'move') for (const sender of receiving.acceptFrom) senders.add(sender);
  const ownAETitle = peer.callingAETitle;
  const arrivals = new Arrivals({
    ...{ store: instances, ownAETitle, senders },
    onStored: (stored) => plan.stored(stored),
    onNotStored: (SOPInstanceUID, reason) => plan.notStored(SOPInstanceUID, reason),
  });
  const method = receiving.method === 'move' ? { move: ownAETitle } : { get: arrivals.peer };
  const pacs = new DimsePacs(peer, method, patienceFor(patience));
  const listener =
    receiving.method === 'move'
      ? await DimseListener.open(arrivals, { host: local, port: receiving.port, tls: serverTls(peer.tls) }).catch(
          async (error) => {
            await instances.close();
            throw error;
          },
        )
      : undefined;
  try {
    const outcome = await downloadSeries(
      open,
      { plan, pacs, arrivals, download, files },
      { threads, rounds, patience, window, reserve: SPACE_LEFT, onProgress, signal },
    );
    await listener?.close();
    await arrivals.settled();
    await plan.noted();
    const { expected, received, bytes, notAskedFor } = plan.counts;
    if (plan.failure !== undefined) throw plan.failure;
    const refusedCallers = [...arrivals.refusedCallers];
    const { notStored } = arrivals;
    return { ...outcome, folder, manifest: true, expected, received, bytes, notAskedFor, notStored, refusedCallers };
  } finally {
    await listener?.close();
    await arrivals.settled();
    await instances.close();
    removeIfEmpty(path.join(folder, INCOMING));
    await files.writeManifest(manifestLines({ store, download, files }, isWanted));
    const { outcomes } = await store.totals();
    const isWhole = plan.failure === undefined && plan.counts.received === plan.counts.expected;
    // Of a part it can only be said that something is missing.
    if (wanted === undefined || !isWhole) await download.setComplete(isWhole && isWhollyKnown(outcomes));
  }
}

/**
 * The folder of a download that is not complete (also one that was, before the project became another), else a new one of
 * today.
 */
export async function downloadFolder({ name, store }: OfProject, within: string, downloads: readonly DownloadState[]) {
  let isNewerWhole = false;
  for (const { folder, completedAt } of downloads) {
    if (realPath(path.dirname(folder)) !== realPath(within)) continue;
    if (completedAt === undefined) return { folder, isContinued: true };
    // One that was complete once is gone on with only as long as no later one is.
    if (isNewerWhole) continue;
    if (!(await isWhole(store, await store.download(folder)))) return { folder, isContinued: true };
    isNewerWhole = true;
  }
  const now = new Date();
  const today = now.getFullYear() * 10_000 + (now.getMonth() + 1) * 100 + now.getDate();
  const folder = path.join(within, `${name}_${today}`);
  const known = downloads.find((one) => realPath(one.folder) === realPath(folder));
  return { folder: known?.folder ?? folder, isContinued: known !== undefined };
}

/** Without symbolic links, so that a folder is known by whatever path it is reached. */
function realPath(folder: string): string {
  try {
    return fs.realpathSync(folder);
  } catch {
    return folder;
  }
}

/** Another command may be receiving into it. */
function removeIfEmpty(folder: string): void {
  try {
    fs.rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}

function makeFolder(folder: string): void {
  try {
    makeFolders(folder, 0o700);
    // A folder whose own name is lost takes all with it.
    syncFolderNow(path.dirname(folder));
  } catch (error) {
    throw writeFailure(folder, error);
  }
}

/** Gives why there is no zip of some subjects. */
export async function zipHere(
  { store }: OfProject,
  { folder, onSubject, signal }: ZipOptions,
): Promise<readonly string[]> {
  const failures: string[] = [];
  const download = await store.download(folder);
  const files = new FilesystemDownloadFiles(folder);
  const whole = await wholeSubjects(store, download);
  let done = 0;
  for (const [subject, series] of whole) {
    onSubject(done++, whole.size);
    const expected = [];
    for (const uid of series) expected.push(...(await download.receivedOf(uid)));
    try {
      await files.zip(subject, expected, { signal, reserve: SPACE_LEFT });
    } catch (error) {
      if (!(error instanceof DitagError) || error.code !== 'zip-failed') throw error;
      failures.push(error.message);
    }
  }
  onSubject(whole.size, whole.size);
  return failures;
}
