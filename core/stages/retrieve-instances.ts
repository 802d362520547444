// The stage behind C-MOVE and C-GET (PS3.4 C.4.2, C.4.3): the instances that an identifier names, sent one by one, with
// counts of sub-operations that are true at every moment.
import { type Identifier, text, values } from '../dimse/identifier.ts';
import type { InstanceFiles } from '../ports/instance-files.ts';
import type { InstanceIndex } from '../ports/instance-index.ts';
import type { RetrieveOutcome, SubOperations } from '../ports/scp.ts';
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
}

interface Tally {
  completed: number;
  failed: number;
  warning: number;
}

/** Pauses before something is tried again: whoever has asked waits meanwhile (milliseconds). */
const PAUSES = [500, 1_500];

/** Sends what the identifier names. Throws RetrieveError. */
export async function retrieveInstances(
  identifier: Identifier,
  ports: RetrievePorts,
  { threads, onProgress, signal }: RetrieveOptions,
): Promise<RetrieveOutcome> {
  const { series, only } = await named(identifier, ports.index);
  const wanted = await instancesOf(series, only, ports.index);
  const outcomes = new Map<string, keyof Tally>();
  const tally: Tally = { completed: 0, failed: 0, warning: 0 };
  const counts = (): SubOperations => ({ remaining: wanted.size - outcomes.size, ...tally });
  await sendInstances(series, ports, {
    threads,
    signal,
    pauses: PAUSES,
    skip: (SOPInstanceUID) => !wanted.has(SOPInstanceUID),
    onResult: ({ file, outcome }) => {
      if (file === undefined || outcome === 'copy') return;
      // Where one file of an instance is gone another one may go.
      const known = outcomes.get(file.SOPInstanceUID);
      if (known !== undefined && known !== 'failed') return;
      const now = outcome === 'stored' ? 'completed' : outcome === 'warning' ? 'warning' : 'failed';
      if (known !== undefined) tally[known]--;
      tally[now]++;
      outcomes.set(file.SOPInstanceUID, now);
      onProgress(counts());
    },
  });
  const failures = [...outcomes].filter(([, outcome]) => outcome === 'failed').map(([uid]) => uid);
  return { ...counts(), failures, isCancelled: signal.aborted };
}

/** The unique keys by level (PS3.4 C.6.1.1, C.6.2.1), the lowest first. */
const LEVELS: Readonly<Record<string, string>> = {
  IMAGE: 'SOPInstanceUID',
  SERIES: 'SeriesInstanceUID',
  STUDY: 'StudyInstanceUID',
  PATIENT: 'PatientID',
};

/** The series that hold what is named, and of which of their instances it is only. */
async function named(identifier: Identifier, index: InstanceIndex) {
  const level = text(identifier, 'QueryRetrieveLevel');
  const key = LEVELS[level];
  if (key === undefined) throw new RetrieveError('QueryRetrieveLevel is not PATIENT, STUDY, SERIES or IMAGE');
  const asked = values(identifier, key).filter((value) => value !== '');
  if (asked.length === 0) throw new RetrieveError(`${key} has no value`);
  if (level === 'SERIES') return { series: asked, only: undefined };
  if (level !== 'IMAGE') return { series: await seriesWith(key, asked, index), only: undefined };
  const series = values(identifier, 'SeriesInstanceUID').filter((value) => value !== '');
  if (series.length === 0) throw new RetrieveError('SeriesInstanceUID has no value, which the level IMAGE needs');
  return { series, only: new Set(asked) };
}

/** The series whose attribute has one of the values. */
async function seriesWith(keyword: string, asked: readonly string[], index: InstanceIndex): Promise<string[]> {
  const [target, SeriesInstanceUID] = [await parseTarget(keyword), await parseTarget('SeriesInstanceUID')];
  const condition = { targets: [target], pattern: valuesPattern(asked), negate: false };
  const query: Query = { from: undefined, to: undefined, conditions: [condition], columns: [SeriesInstanceUID] };
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
