// The stage behind C-MOVE and C-GET (PS3.4 C.4.2, C.4.3): the instances that an identifier names, sent one by one, with
// counts of sub-operations that are true at every moment.
import { type Identifier, text, values } from '../dimse/identifier.ts';
import type { InstanceFiles } from '../ports/instance-files.ts';
import type { InstanceIndex } from '../ports/instance-index.ts';
import type { InformationModel, RetrieveOutcome, SubOperations } from '../ports/scp.ts';
import type { StorePeer } from '../ports/store-peer.ts';
import { valuesPattern } from '../query/pattern/literals.ts';
import type { Query } from '../query/query.ts';
import { parseTarget } from '../query/target.ts';
import { sendInstances } from './send-instances.ts';

/** An identifier that names nothing that could be retrieved. The message names attributes, no values. */
export class RetrieveError extends Error {}

export interface RetrievePorts {
  readonly index: InstanceIndex;
  readonly files: InstanceFiles;
  /** Who gets the instances. */
  readonly peer: StorePeer;
}

export interface RetrieveOptions {
  /** Associations at a time. */
  readonly threads: number;
  readonly onProgress: (counts: SubOperations) => void;
  /** Aborts when it is cancelled: what is under way ends. */
  readonly signal: AbortSignal;
  /** As of SendOptions. */
  readonly abandon: number | undefined;
}

interface Tally {
  completed: number;
  failed: number;
  warning: number;
}

const GONE = 'it has left the index meanwhile';

/** Pauses before something is tried again: whoever has asked waits meanwhile (milliseconds). */
export const RETRIEVE_PAUSES: readonly number[] = [500, 1_500];

/** Sends what the identifier names. Throws RetrieveError. */
export async function retrieveInstances(
  { identifier, model }: { readonly identifier: Identifier; readonly model: InformationModel },
  ports: RetrievePorts,
  { threads, onProgress, signal, abandon }: RetrieveOptions,
): Promise<RetrieveOutcome> {
  const { series, only } = await named(identifier, model, ports.index);
  const wanted = await instancesOf(series, only, ports.index);
  const outcomes = new Map<string, keyof Tally>();
  const tally: Tally = { completed: 0, failed: 0, warning: 0 };
  const reasons = new Map<string, number>();
  const counts = (): SubOperations => ({ remaining: wanted.size - outcomes.size, ...tally });
  await sendInstances(series, ports, {
    threads,
    signal,
    abandon,
    pauses: RETRIEVE_PAUSES,
    skip: (SOPInstanceUID) => !wanted.has(SOPInstanceUID),
    onResult: ({ file, outcome, reason }) => {
      if (file === undefined || outcome === 'copy') return;
      // Where one file of an instance is gone another one may go.
      const known = outcomes.get(file.SOPInstanceUID);
      if (known !== undefined && known !== 'failed') return;
      const now = outcome === 'stored' ? 'completed' : outcome === 'warning' ? 'warning' : 'failed';
      if (now !== 'completed') reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      if (known !== undefined) tally[known]--;
      tally[now]++;
      outcomes.set(file.SOPInstanceUID, now);
      onProgress(counts());
    },
  });
  // What has left the index meanwhile was not sent.
  if (!signal.aborted)
    for (const SOPInstanceUID of wanted) {
      if (outcomes.has(SOPInstanceUID)) continue;
      outcomes.set(SOPInstanceUID, 'failed');
      tally.failed++;
      reasons.set(GONE, (reasons.get(GONE) ?? 0) + 1);
    }
  const failures = [...outcomes].filter(([, outcome]) => outcome === 'failed').map(([uid]) => uid);
  // Where the cancel came when all was done, nothing was cancelled.
  return { ...counts(), failures, reasons, isCancelled: signal.aborted && outcomes.size < wanted.size };
}

/** The unique keys by level (PS3.4 C.6.1.1, C.6.2.1), the lowest first. */
const LEVELS: readonly (readonly [level: string, key: string])[] = [
  ['IMAGE', 'SOPInstanceUID'],
  ['SERIES', 'SeriesInstanceUID'],
  ['STUDY', 'StudyInstanceUID'],
  ['PATIENT', 'PatientID'],
];

/**
 * The series that hold what is named, and of which of their instances it is only. Keys above the level hold too: where UIDs
 * were given out twice, a study or patient that is named keeps out what is another one's.
 */
async function named(identifier: Identifier, model: InformationModel, index: InstanceIndex) {
  const level = text(identifier, 'QueryRetrieveLevel');
  const at = LEVELS.findIndex(([name]) => name === level);
  // A study root has no level above the study; its patient is an attribute of that (PS3.4 C.6.2.1).
  const isRoot = model === 'study-root';
  if (at < 0 || (isRoot && level === 'PATIENT'))
    throw new RetrieveError(`QueryRetrieveLevel is not ${isRoot ? '' : 'PATIENT, '}STUDY, SERIES or IMAGE`);
  const asked = LEVELS.slice(at).map(([, key]) => ({
    key,
    values: values(identifier, key).filter((value) => value !== ''),
  }));
  const isEmpty = (n: number) => asked[n]!.values.length === 0;
  if (isEmpty(0)) throw new RetrieveError(`${asked[0]!.key} has no value`);
  if (level !== 'IMAGE') return { series: await seriesWith(asked, index), only: undefined };
  if (isEmpty(1)) throw new RetrieveError('SeriesInstanceUID has no value, which the level IMAGE needs');
  return { series: await seriesWith(asked.slice(1), index), only: new Set(asked[0]!.values) };
}

interface AskedKey {
  readonly key: string;
  /** Any of them; none: any value. */
  readonly values: readonly string[];
}

/** The series whose attributes have one of the values each. */
async function seriesWith(asked: readonly AskedKey[], index: InstanceIndex): Promise<readonly string[]> {
  const given = asked.filter(({ values }) => values.length > 0);
  const [only] = given;
  if (given.length === 1 && only!.key === 'SeriesInstanceUID') return [...new Set(only!.values)];
  const conditions = await Promise.all(
    given.map(async ({ key, values }) => ({
      targets: [await parseTarget(key)],
      pattern: valuesPattern(values),
      negate: false,
    })),
  );
  const columns = [await parseTarget('SeriesInstanceUID')];
  const query: Query = { from: undefined, to: undefined, conditions, columns };
  const series: string[] = [];
  for await (const { more } of index.search(query)) for (const [uid] of more!) series.push(uid!);
  return series;
}

async function instancesOf(
  series: readonly string[],
  only: ReadonlySet<string> | undefined,
  index: InstanceIndex,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for await (const files of index.instancesOf(series))
    for (const { SOPInstanceUID } of files) if (only?.has(SOPInstanceUID) !== false) found.add(SOPInstanceUID);
  return found;
}
