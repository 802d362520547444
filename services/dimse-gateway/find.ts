// A C-FIND of a peer as the gateway carries it out: over an index that is opened for it, in slices of time, so that others
// get their turn, and with a line of the audit: who asked at which level, how many answers there were, how it ended.
import { type Identifier, text } from '../../core/dimse/identifier.ts';
import { statusText } from '../../core/dimse/reasons.ts';
import { STATUS } from '../../core/dimse/statuses.ts';
import { DitagError } from '../../core/errors/errors.ts';
import type { InstanceFiles } from '../../core/ports/instance-files.ts';
import type { InstanceIndex, SeriesFile } from '../../core/ports/instance-index.ts';
import { CANCELLED, type FindAnswer, FindError, type InformationModel } from '../../core/ports/scp.ts';
import { answerFind } from '../../core/stages/answer-find.ts';
import { readFindRequest } from '../../core/stages/find-request.ts';
import { readInstanceNumber } from '../../core/stages/read-instance-number.ts';

/** So long the answers to one peer are made before others get their turn (milliseconds). */
const SLICE = 5;

export interface AskedFind {
  readonly model: InformationModel;
  readonly identifier: Identifier;
  readonly signal: AbortSignal;
}

export interface FindSettings {
  /** Gives no index while nothing has been indexed. */
  readonly openIndex: () => Promise<InstanceIndex | undefined>;
  readonly aeTitle: string;
  /** Answers to one C-FIND. */
  readonly most: number;
  /** Where what the index does not keep of each file is read. */
  readonly files: InstanceFiles;
}

/** How it went. */
export interface FindOutcome {
  readonly level: string;
  readonly answers: number;
  readonly outcome: string;
  readonly seconds: number;
  /** Of an unexpected failure. */
  readonly kind?: string;
}

/** Throws FindError. @param tell is told how it went, once */
export async function* findInIndex(
  { model, identifier, signal }: AskedFind,
  { openIndex, aeTitle, most, files }: FindSettings,
  tell: (outcome: FindOutcome) => void,
): AsyncIterable<FindAnswer> {
  const began = performance.now();
  let answers = 0;
  let outcome = 'ended before it was complete';
  let kind: string | undefined;
  let index: InstanceIndex | undefined;
  try {
    index = await openIndex();
    const instanceNumber = (file: SeriesFile) => readInstanceNumber(file, files);
    const options = { retrieveAETitle: aeTitle, most, signal, instanceNumber, rest: timeSlices() };
    if (index === undefined) await readFindRequest(identifier, model);
    else
      for await (const answer of answerFind(identifier, model, index, options)) {
        answers++;
        yield answer;
      }
    if (!signal.aborted) outcome = 'complete';
    else if (signal.reason === CANCELLED) outcome = 'cancelled';
  } catch (error) {
    // In a cluster that shows only when the answer ends.
    if (error instanceof DitagError && error.code === 'no-index') {
      outcome = 'complete';
      return;
    }
    const explained = explain(error);
    outcome = statusText(explained.status);
    if (explained !== error) kind = error instanceof DitagError ? error.code : 'unexpected';
    throw explained;
  } finally {
    const seconds = Math.round(performance.now() - began) / 1000;
    const level = LEVEL.exec(text(identifier, 'QueryRetrieveLevel'))?.[0] ?? 'none';
    tell({ level, answers, outcome, seconds, ...(kind === undefined ? {} : { kind }) });
    await index?.close();
  }
}

const LEVEL = /^(PATIENT|STUDY|SERIES|IMAGE)$/;

function explain(error: unknown): FindError {
  if (error instanceof FindError) return error;
  const isExpensive = error instanceof DitagError && error.code === 'pattern-too-expensive';
  const comment = isExpensive ? 'A key has too many wild cards' : 'The index cannot be asked at the moment';
  return new FindError(STATUS.unableToProcess, comment, { cause: error });
}

function timeSlices(): () => Promise<void> | undefined {
  let end = performance.now() + SLICE;
  return () => {
    if (performance.now() < end) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        end = performance.now() + SLICE;
        resolve();
      });
    });
  };
}
