// A C-MOVE or C-GET of a peer as the gateway carries it out, with a line of the audit: who asked, for whom, how many
// instances with which outcome, how it ended.
import { text } from '../../core/dimse/identifier.ts';
import { statusText } from '../../core/dimse/reasons.ts';
import { retrieveStatus, retrieveStatusText } from '../../core/dimse/retrieve-status.ts';
import { STATUS } from '../../core/dimse/statuses.ts';
import { DitagError } from '../../core/errors/errors.ts';
import type { InstanceFiles } from '../../core/ports/instance-files.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import { CANCELLED, FindError, type Retrieval, type RetrieveOutcome } from '../../core/ports/scp.ts';
import type { StorePeer } from '../../core/ports/store-peer.ts';
import { RetrieveError, retrieveInstances } from '../../core/stages/retrieve-instances.ts';

/** Sentences of a line of the audit. */
const MOST_REASONS = 10;
const LEVEL = /^(PATIENT|STUDY|SERIES|IMAGE)$/;
/** Associations to the destination of a C-MOVE at a time. */
export const THREADS = 4;
/** After the end of what it is for, the destination of a C-MOVE may answer for so long (milliseconds). */
const ABANDON = 5_000;

/** On whose behalf a C-MOVE sends (PS3.7 9.1.1.1). */
export interface Originator {
  readonly MoveOriginatorApplicationEntityTitle: string;
  readonly MoveOriginatorMessageID: number;
}

export interface RetrieveSettings {
  /** Gives no index while nothing has been indexed. */
  readonly openIndex: () => Promise<InstanceIndex | undefined>;
  readonly files: InstanceFiles;
  /** A peer of the configuration that takes instances; undefined where there is none of this AE title. */
  readonly destination: (aeTitle: string, originator: Originator) => StorePeer | undefined;
}

/** Throws FindError. @param tell is told how it went, once */
export async function retrieveFromIndex(
  { identifier, model, to, signal, onProgress }: Retrieval,
  caller: string,
  { openIndex, files, destination }: RetrieveSettings,
  tell: (outcome: Readonly<Record<string, unknown>>) => void,
): Promise<RetrieveOutcome> {
  const began = performance.now();
  const isMove = 'destination' in to;
  const level = LEVEL.exec(text(identifier, 'QueryRetrieveLevel'))?.[0] ?? 'none';
  const asked = { operation: isMove ? 'C-MOVE' : 'C-GET', level, ...(isMove ? { destination: to.destination } : {}) };
  const told = (more: object) => tell({ ...asked, ...more, seconds: Math.round(performance.now() - began) / 1000 });
  let index: InstanceIndex | undefined;
  try {
    const peer = isMove
      ? destination(to.destination, {
          MoveOriginatorApplicationEntityTitle: caller,
          MoveOriginatorMessageID: to.messageId,
        })
      : to;
    if (peer === undefined)
      throw new FindError(STATUS.moveDestinationUnknown, 'The move destination is not known here');
    index = await openIndex();
    if (index === undefined) throw new FindError(STATUS.unableToProcess, 'Nothing is indexed yet');
    const threads = isMove ? THREADS : 1;
    const asks = { identifier, model };
    // Whoever asks over C-GET is asked over the same association, which a cancel does not end.
    const abandon = isMove ? ABANDON : undefined;
    const outcome = await retrieveInstances(asks, { index, files, peer }, { threads, onProgress, signal, abandon });
    const { completed, failed, warning, reasons } = outcome;
    const why = reasons.size === 0 ? {} : { reasons: Object.fromEntries([...reasons].slice(0, MOST_REASONS)) };
    const isLeft = outcome.isCancelled && signal.reason !== CANCELLED;
    const how = isLeft ? 'ended before it was complete' : retrieveStatusText(retrieveStatus(outcome));
    told({ completed, failed, warning, outcome: how, ...why });
    return outcome;
  } catch (error) {
    const explained = explain(error);
    const isExplained = error instanceof FindError || error instanceof RetrieveError;
    const kind = error instanceof DitagError ? error.code : 'unexpected';
    told({ outcome: statusText(explained.status), ...(isExplained ? {} : { kind }) });
    throw explained;
  } finally {
    await index?.close();
  }
}

function explain(error: unknown): FindError {
  if (error instanceof FindError) return error;
  if (error instanceof RetrieveError)
    return new FindError(STATUS.doesNotMatchSOPClass, error.message, { cause: error });
  return new FindError(STATUS.unableToProcess, 'The index cannot be asked at the moment', { cause: error });
}
