// A scan worker: one thread with its own view of the archive's files and of what is known of them. It carries out
// jobs and answers with their outcomes; what to do next is decided in scan-pool.ts.
import { parentPort } from 'node:worker_threads';
import { FilesystemArchiveFiles } from '../../../adapters/filesystem/archive-files.ts';
import { SqliteScanLedger } from '../../../adapters/sqlite/scan-ledger.ts';
import type { ScanJob } from '../../../core/jobs/jobs.ts';
import { carryOutScanJob } from '../../../core/stages/carry-out-scan-job.ts';
import type { ScanFolderOutcome } from '../../../core/stages/scan-folder.ts';
import { transferablesOf } from './transfer.ts';

/** The first message to a worker: it is started before the index is open, since both take their time. */
export interface ScanWorkerStart {
  /** Byte path of the archive's root. */
  readonly root: string;
  readonly databasePath: string;
  readonly archive: string;
  readonly acceptDeletions: boolean;
  /** Most file calls under way at a time in this worker. */
  readonly mostCalls: number;
}

/** Jobs to a worker, and what came of each back from it. */
export interface ScanBatch {
  readonly id: number;
  readonly jobs: readonly ScanJob[];
}
export type JobOutcome = ScanFolderOutcome;
export interface ScanBatchDone {
  readonly id: number;
  readonly outcomes: readonly JobOutcome[];
  /** Milliseconds that the batch took. */
  readonly took: number;
}

if (parentPort !== null) {
  const port = parentPort;
  port.once('message', (start: ScanWorkerStart | 'end') => {
    if (start === 'end') port.close();
    else serve(port, start);
  });
}

function serve(port: NonNullable<typeof parentPort>, start: ScanWorkerStart): void {
  const files = new FilesystemArchiveFiles(start.root, { mostCalls: start.mostCalls });
  const ledger = new SqliteScanLedger(start.databasePath, start.archive);
  const ports = { files, ledger };
  let underWay = 0;
  let isEnding = false;
  const endWhenIdle = (): void => {
    if (!isEnding || underWay > 0) return;
    ledger.close();
    port.close();
  };
  port.on('message', (batch: ScanBatch | 'end') => {
    if (batch === 'end') {
      isEnding = true;
      endWhenIdle();
      return;
    }
    underWay++;
    const began = performance.now();
    // A failure here is a fault of ours (files that cannot be read are outcomes): it ends the worker and the run.
    void carryOutAll(batch.jobs).then((outcomes) => {
      const done: ScanBatchDone = { id: batch.id, outcomes, took: performance.now() - began };
      port.postMessage(done, transferablesOf(outcomes.flatMap(({ events }) => events)));
      underWay--;
      endWhenIdle();
    });
  });

  /** Side by side only where that is quicker: else the names of one folder at a time are held. */
  async function carryOutAll(jobs: readonly ScanJob[]): Promise<JobOutcome[]> {
    const outcomes: Promise<JobOutcome>[] = [];
    for (const job of jobs) {
      const outcome = carryOutScanJob(job, ports, { acceptDeletions: start.acceptDeletions });
      outcomes.push(outcome);
      if (files.isDirect) await outcome;
    }
    return Promise.all(outcomes);
  }
}
