// Finds out what a PACS has for the accession numbers of a project, over several associations at a time. Each outcome is
// kept as it is known; one that fails does not end the list.
import { DitagError } from '../errors/errors.ts';
import type { Pacs } from '../ports/pacs.ts';
import type { ProjectStore } from '../ports/project-store.ts';
import type { AccessionAnswer, Target } from '../projects/expected.ts';
import { AnswerCounts } from './answer-counts.ts';
import { findAccession } from './find-accession.ts';
import { PacsAsker } from './pacs-asker.ts';
import { pauseUnlessAborted } from './pause.ts';

/** After so many one after the other that could not be asked for it is looked whether the PACS is there at all. */
const MOST_FAILURES = 8;
/** How often the only association is asked for, and the pause before it is again, which doubles (milliseconds). */
const MOST_REJECTIONS = 4;
const FIRST_PAUSE = 500;

export interface FindAccessionsPorts {
  readonly pacs: Pacs;
  readonly store: Pick<ProjectStore, 'keep'>;
  /** What is known of the limits of the PACS; nothing where it is not given. */
  readonly counts?: AnswerCounts;
}

export interface FindAccessionsOptions {
  /** Associations at a time. */
  readonly threads: number;
  readonly onAnswer: (answer: AccessionAnswer) => void;
  readonly signal: AbortSignal;
}

/** Throws why the PACS cannot be asked any more; what was answered is kept. Where the signal aborts it ends early. */
export async function findAccessions(
  targets: readonly Target[],
  { pacs, store, counts = new AnswerCounts() }: FindAccessionsPorts,
  { threads, onAnswer, signal }: FindAccessionsOptions,
): Promise<void> {
  let queue = targets.toReversed();
  let atWork = 0;
  let rejectionsInARow = 0;
  let failuresInARow = 0;
  let gone: Error | undefined;
  let kept = Promise.resolve();

  const keep = (answer: AccessionAnswer) => {
    // It is not waited for before the next one is asked for.
    const keeping = store.keep(answer);
    kept = Promise.all([keeping, kept]).then(([as]) => onAnswer(as));
    kept.catch(() => {});
  };

  async function work(): Promise<void> {
    const asker = new PacsAsker(pacs, signal);
    atWork++;
    try {
      while (queue.length > 0 && gone === undefined && !signal.aborted) {
        const target = queue.pop()!;
        const { accession } = target;
        try {
          keep(await findAccession(accession, asker.ask, counts));
          failuresInARow = 0;
          rejectionsInARow = 0;
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof DitagError)) throw error;
          if (error.code === 'association-rejected') {
            // The PACS takes fewer associations than these: those that it has taken go on with the list.
            queue.push(target);
            if (atWork > 1) return;
            if (++rejectionsInARow >= MOST_REJECTIONS) gone = error;
            else await pauseUnlessAborted(FIRST_PAUSE * 2 ** (rejectionsInARow - 1), signal).catch(() => {});
            continue;
          }
          keep({ accession, outcome: 'failed', reason: error.message, studies: [] });
          if (++failuresInARow < MOST_FAILURES) continue;
          failuresInARow = 0;
          // What breaks it may be these, and not those behind them.
          gone ??= await failureOf(pacs);
        }
      }
    } finally {
      // Before anything is waited for: who is rejected now has to see that it is the only one.
      atWork--;
      await asker.close();
    }
  }

  await Promise.all(Array.from({ length: Math.min(threads, targets.length) }, work));
  // What was taken for cut off, before the PACS gave more than that.
  const overtaken = counts.takeOvertaken(targets.map(({ accession }) => accession));
  queue = targets.filter(({ accession }) => overtaken.has(accession)).toReversed();
  if (gone === undefined) await Promise.all(Array.from({ length: Math.min(threads, queue.length) }, work));
  await kept;
  if (gone !== undefined) throw gone;
}

/** Why there is no association to be had; undefined where there is. */
async function failureOf(pacs: Pacs): Promise<DitagError | undefined> {
  try {
    await (await pacs.queries()).close();
    return undefined;
  } catch (error) {
    if (error instanceof DitagError) return error;
    throw error;
  }
}
