// What a download asks a PACS for, and what its answer means for what has not come.
import { type Identifier, identifierOf } from '../dimse/identifier.ts';
import { statusText } from '../dimse/reasons.ts';
import { isWarning, STATUS } from '../dimse/statuses.ts';
import type { Retrieved } from '../ports/pacs.ts';
import type { ActiveSeries } from './download-plan.ts';

/** Instances that are named in one request. */
export const MOST_NAMED = 100;

/** What is asked for of a series. */
interface RetrievalRequest {
  readonly identifier: Identifier;
  readonly isByName: boolean;
}

/**
 * First the series as a whole, where nothing of it is there; else what is missing, by name. @param isByName false: the PACS
 * has refused to send by name
 */
export function* retrievalRequests(
  { series, missing, left }: ActiveSeries,
  { isFirst, isByName }: { readonly isFirst: boolean; readonly isByName: boolean },
): Iterable<RetrievalRequest> {
  const { StudyInstanceUID, SeriesInstanceUID, unlisted, expected } = series;
  if (unlisted > 0 || !isByName || (isFirst && left === expected)) {
    yield {
      identifier: identifierOf({ QueryRetrieveLevel: 'SERIES', StudyInstanceUID, SeriesInstanceUID }),
      isByName: false,
    };
    return;
  }
  const uids = [...missing.keys()];
  for (let at = 0; at < uids.length; at += MOST_NAMED) {
    const SOPInstanceUID = uids.slice(at, at + MOST_NAMED).filter((uid) => missing.has(uid));
    if (SOPInstanceUID.length === 0) continue;
    const keys = { QueryRetrieveLevel: 'IMAGE', StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID };
    yield { identifier: identifierOf(keys), isByName: true };
  }
}

/** Why what did not come is missing. */
export function reasonOf({ status, completed, failed }: Retrieved): string {
  const told = completed === undefined ? 'without counts' : `${completed} instances by its count`;
  if (status === STATUS.success) return `the PACS said Success (${told}) and did not send it`;
  // PS3.4 C.4.2.1.5: of these sub-operations some have failed, whatever the status says elsewhere.
  if (isWarning(status)) return `the PACS could not send all of it (${failed ?? 'some'} failed by its count)`;
  return `the PACS answered ${statusText(status)}`;
}
