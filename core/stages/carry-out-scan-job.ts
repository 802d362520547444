// Carries out one job of a scan, in either mode: a folder is listed, and the files of an ordinary folder are read at
// once, since one job more would cost as much as reading them; those of a huge one become jobs that are shared out.
import type { ScanJob } from '../jobs/jobs.ts';
import { readFiles } from './read-files.ts';
import { type ScanFolderOptions, type ScanFolderOutcome, type ScanFolderPorts, scanFolder } from './scan-folder.ts';

/** Carries out `job`. What cannot be read is an event; an error is a fault of ours, or of the ledger. */
export async function carryOutScanJob(
  job: ScanJob,
  ports: ScanFolderPorts,
  options: ScanFolderOptions,
): Promise<ScanFolderOutcome> {
  if (job.job === 'read-files') return { subfolders: [], jobs: [], events: [await readFiles(job, ports, options)] };
  const outcome = await scanFolder(job, ports, options);
  const [only, ...others] = outcome.jobs;
  if (only?.job !== 'read-files' || others.length > 0) return outcome;
  return { ...outcome, jobs: [], events: [...outcome.events, await readFiles(only, ports, options)] };
}
