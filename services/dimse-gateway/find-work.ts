// Carries out items of projects: asks the PACS for accession numbers, and keeps what it says in the project.

import { DitagError } from '../../core/errors/errors.ts';
import type { Log } from '../../core/ports/log.ts';
import type { Pacs } from '../../core/ports/pacs.ts';
import type { ProjectStore } from '../../core/ports/project-store.ts';
import type { FindItem, PacsAddress } from '../../core/ports/work-queue.ts';
import type { AnswerCounts } from '../../core/stages/answer-counts.ts';
import { findAccessions } from '../../core/stages/find-accessions.ts';

export interface FindWorkPorts {
  readonly pacsOf: (pacs: PacsAddress) => Pacs;
  readonly projectOf: (name: string) => Pick<ProjectStore, 'keep'>;
  /** What this gateway has seen of the limits of a PACS while something was asked for together. */
  readonly countsOf: (send: string) => AnswerCounts;
  readonly log: Log;
}

/** False where the PACS could not be asked for all of them. */
export async function findForItem(
  { send, item, pacs, project, accessions }: FindItem,
  { pacsOf, projectOf, countsOf, log }: FindWorkPorts,
  signal: AbortSignal,
): Promise<boolean> {
  const began = performance.now();
  const outcomes: Record<string, number> = {};
  const targets = accessions.map((accession, i) => ({ accession, line: i + 1 }));
  const { host, port, calledAETitle, callingAETitle } = pacs;
  const whom = { send, item, host, port, calledAETitle, callingAETitle };
  const count = ({ outcome }: { readonly outcome: string }) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1);
  try {
    const ports = { pacs: pacsOf(pacs), store: projectOf(project), counts: countsOf(send) };
    await findAccessions(targets, ports, { threads: 1, onAnswer: count, signal });
  } catch (error) {
    if (!(error instanceof DitagError)) throw error;
    log.warn({ ...whom, outcomes, reason: error.message }, 'the PACS cannot be asked');
    return false;
  }
  const seconds = Math.round(performance.now() - began) / 1000;
  log.info({ ...whom, outcomes, seconds }, 'asked');
  return !signal.aborted;
}
