// The port ProjectStore over a stream with the last state of each accession number, each series' list and each download:
// the same for everyone who looks.
import { Buffer } from 'node:buffer';
import type { StoredMsg } from '@nats-io/jetstream';
import type { DownloadState, ProjectStore, ProjectTotals } from '../../core/ports/project-store.ts';
import {
  ACCESSION_OUTCOMES,
  type AccessionAnswer,
  type AccessionOutcome,
  type ExpectedInstance,
  type ExpectedSeries,
  expectedCount,
  type FoundSeries,
  patientOf,
  type Target,
  type TargetState,
} from '../../core/projects/expected.ts';
import { withoutSharedSeries } from '../../core/projects/shared-series.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import {
  type DownloadMessage,
  decodeDownload,
  decodeListed,
  decodeProject,
  decodeTarget,
  listedOf,
  type ProjectMessage,
  studiesOf,
  type TargetMessage,
} from '../../core/wire/project-messages.ts';
import { isTaken } from './conflicts.ts';
import { type Cluster, STORED_AGAIN } from './connection.ts';
import { NatsDownloadStore } from './download-store.ts';
import { fitting } from './message-size.ts';
import { storedMessages } from './stored-messages.ts';
import { PROJECTS } from './streams.ts';
import { ALL_PROJECTS, downloadSubject, listedSubject, projectSubject, targetSubject } from './subjects.ts';

/** Messages that are on their way to the server at a time. */
const AT_A_TIME = 256;
/** What an accession number has is told so long after the lists of its series, at most (milliseconds). */
const FRESH = 60_000;

export class NatsProjectStore implements ProjectStore {
  private readonly cluster: Cluster;
  private readonly name: string;

  constructor(cluster: Cluster, name: string) {
    this.cluster = cluster;
    this.name = name;
  }

  /** The names of all projects. */
  static async names(cluster: Cluster): Promise<string[]> {
    const names: string[] = [];
    for await (const { data } of storedMessages(cluster, PROJECTS, ALL_PROJECTS)) names.push(decodeProject(data).name);
    return names.sort();
  }

  /** What the project is about; undefined where there is no such project. */
  async about(): Promise<ProjectMessage | undefined> {
    const found = await this.last(projectSubject(this.name));
    return found === undefined ? undefined : decodeProject(found.data);
  }

  /** Changes what the project is about; it is there from then on. */
  async change(changes: Omit<ProjectMessage, 'name'>): Promise<void> {
    const subject = projectSubject(this.name);
    for (;;) {
      const found = await this.last(subject);
      const before = found === undefined ? { name: this.name } : decodeProject(found.data);
      if (await this.write(subject, encodeFrame({ ...before, ...changes }), found?.seq ?? 0)) return;
    }
  }

  async addTargets(targets: readonly Target[]): Promise<number> {
    const known = new Set<string>();
    for await (const { accession } of this.messages()) known.add(accession);
    let added = 0;
    const isNew = targets.filter(({ accession }) => !known.has(accession));
    await inBatches(isNew, async ({ accession, line }) => {
      const message: TargetMessage = { accession, line, outcome: 'open', reason: '', studies: [] };
      if (await this.write(targetSubject(this.name, accession), encodeFrame(message), 0)) added++;
    });
    return added;
  }

  async targetsToAsk(refresh: boolean): Promise<readonly Target[]> {
    const [first, last]: [Target[], Target[]] = [[], []];
    for (const { accession, line, outcome } of await this.inOrder())
      if (outcome === 'failed') last.push({ accession, line });
      else if (refresh ? outcome !== 'refused' : outcome === 'open') first.push({ accession, line });
    return [...first, ...last];
  }

  async keep(answer: AccessionAnswer): Promise<AccessionAnswer> {
    // Before what speaks of them.
    const shared = new Map<string, string>();
    const found = await this.last(targetSubject(this.name, answer.accession));
    const before = found === undefined ? [] : decodeTarget(found.data).studies;
    for (const { series } of answer.studies)
      await inBatches(series, async (one) => {
        const owner = await this.keepListed(one, answer, before);
        if (owner !== undefined) shared.set(one.SeriesInstanceUID, owner);
      });
    const kept = withoutSharedSeries(answer, (uid) => shared.get(uid));
    await this.keepTarget(kept);
    return kept;
  }

  /** Keeps the list of a series; where another study has a series of this UID nothing is kept, and that study is told. */
  private async keepListed(
    series: FoundSeries,
    answer: AccessionAnswer,
    before: TargetMessage['studies'],
  ): Promise<string | undefined> {
    const { SeriesInstanceUID: uid, StudyInstanceUID: study } = series;
    const subject = listedSubject(this.name, uid);
    const data = fitting(this.cluster, encodeFrame(listedOf(series)), 'the list of a series');
    for (;;) {
      const found = await this.last(subject);
      const owner = found === undefined ? study : decodeListed(found.data).StudyInstanceUID;
      if (owner !== study) {
        // What this number has said itself before is nobody else's.
        const isToBeSaid = isFresh(found!) && !hasSeries(before, owner, uid);
        if (isToBeSaid || (await this.isKnown(owner, uid, answer))) return owner;
      }
      if (await this.write(subject, data, found?.seq ?? 0)) return undefined;
    }
  }

  /** Whether a study still has a series, as any accession number but that of the answer has it; of the latter the answer says so. */
  private async isKnown(study: string, uid: string, answer: AccessionAnswer): Promise<boolean> {
    for await (const { accession, studies } of this.messages())
      if (accession !== answer.accession && hasSeries(studies, study, uid)) return true;
    return hasSeries(studiesOf(answer.studies), study, uid);
  }

  private async keepTarget({ accession, outcome, reason, studies }: AccessionAnswer): Promise<void> {
    const subject = targetSubject(this.name, accession);
    for (;;) {
      const found = await this.last(subject);
      const before = found === undefined ? undefined : decodeTarget(found.data);
      // What could not be asked says nothing of what was known before.
      const known = outcome === 'failed' ? (before?.studies ?? []) : studiesOf(studies);
      const message: TargetMessage = { accession, line: before?.line ?? 1, outcome, reason, studies: known };
      const data = fitting(this.cluster, encodeFrame(message), 'what the PACS says of an accession number');
      if (await this.write(subject, data, found?.seq ?? 0)) return;
    }
  }

  /** What became of accession numbers since a place in the stream, and the next place. @param from 0: from the first on */
  async *changes(
    from: number,
  ): AsyncIterable<{ readonly target: Omit<TargetMessage, 'studies'>; readonly next: number }> {
    const filter = targetSubject(this.name);
    for await (const { data, seq } of storedMessages(this.cluster, PROJECTS, filter, Math.max(1, from)))
      yield { target: decodeTarget(data), next: seq + 1 };
  }

  /** The place in the stream behind everything that is in it. */
  async end(): Promise<number> {
    return (await this.cluster.manager.streams.info(PROJECTS)).state.last_seq + 1;
  }

  async *targets(): AsyncIterable<TargetState> {
    for (const { accession, line, outcome, reason, studies } of await this.inOrder()) {
      const patients = new Set(
        studies.map(({ attributes, StudyInstanceUID }) => patientOf(attributes, StudyInstanceUID)),
      );
      yield { accession, line, outcome, reason, studies: studies.length, patients: patients.size };
    }
  }

  async totals(): Promise<ProjectTotals> {
    const outcomes = Object.fromEntries(ACCESSION_OUTCOMES.map((outcome) => [outcome, 0])) as Record<
      AccessionOutcome,
      number
    >;
    const studies = new Set<string>();
    const patients = new Set<string>();
    const series = new Map<string, number>();
    let accessions = 0;
    for await (const { outcome, studies: found } of this.messages()) {
      accessions++;
      outcomes[outcome]++;
      for (const study of found) {
        studies.add(study.StudyInstanceUID);
        patients.add(patientOf(study.attributes, study.StudyInstanceUID));
        for (const one of study.series) series.set(one.SeriesInstanceUID, expectedCount(one));
      }
    }
    const instances = [...series.values()].reduce((sum, expected) => sum + expected, 0);
    return { accessions, outcomes, studies: studies.size, patients: patients.size, series: series.size, instances };
  }

  async *series(): AsyncIterable<ExpectedSeries & { readonly accession: string }> {
    const all = new Map<string, ExpectedSeries & { readonly accession: string }>();
    for (const { accession, studies } of await this.inOrder())
      for (const { StudyInstanceUID, attributes, series } of studies)
        for (const { SeriesInstanceUID, attributes: own, announced, listed, isListed } of series)
          if (!all.has(SeriesInstanceUID)) {
            const identity = { StudyInstanceUID, SeriesInstanceUID, accession };
            all.set(SeriesInstanceUID, {
              ...identity,
              attributes: { ...attributes, ...own },
              announced,
              listed,
              isListed,
            });
          }
    const key = ({ StudyInstanceUID, SeriesInstanceUID }: ExpectedSeries) => `${StudyInstanceUID} ${SeriesInstanceUID}`;
    yield* [...all.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  async instancesOf(SeriesInstanceUID: string): Promise<readonly ExpectedInstance[]> {
    const found = await this.last(listedSubject(this.name, SeriesInstanceUID));
    if (found === undefined) return [];
    const { classes, instances } = decodeListed(found.data);
    return instances
      .map(([SOPInstanceUID, place]) => ({ SOPInstanceUID, SOPClassUID: classes[place] ?? '' }))
      .sort((a, b) => (a.SOPInstanceUID < b.SOPInstanceUID ? -1 : 1));
  }

  async download(folder: string): Promise<NatsDownloadStore> {
    const subject = downloadSubject(this.name, folder);
    const message: DownloadMessage = { folder, startedAt: new Date().toISOString() };
    await this.write(subject, encodeFrame(message), 0);
    const { startedAt } = decodeDownload((await this.last(subject))!.data);
    return new NatsDownloadStore(this.cluster, this.name, { folder, startedAt });
  }

  async downloads(): Promise<readonly DownloadState[]> {
    const states: DownloadState[] = [];
    for await (const { data } of storedMessages(this.cluster, PROJECTS, downloadSubject(this.name))) {
      const { folder, startedAt, completedAt } = decodeDownload(data);
      const sums = await new NatsDownloadStore(this.cluster, this.name, { folder, startedAt }).sums();
      states.push({ folder, startedAt, completedAt, ...sums });
    }
    return states.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  }

  /** The connection is not its own. */
  async close(): Promise<void> {}

  private async *messages(): AsyncIterable<TargetMessage> {
    for await (const { data } of storedMessages(this.cluster, PROJECTS, targetSubject(this.name)))
      yield decodeTarget(data);
  }

  private async inOrder(): Promise<TargetMessage[]> {
    const all: TargetMessage[] = [];
    for await (const target of this.messages()) all.push(target);
    return all.sort((a, b) => a.line - b.line || (a.accession < b.accession ? -1 : 1));
  }

  private async last(subject: string): Promise<StoredMsg | undefined> {
    return (await this.cluster.manager.direct.getMessage(PROJECTS, { last_by_subj: subject })) ?? undefined;
  }

  /** False where somebody else has written there. */
  private async write(subject: string, data: Uint8Array, expected: number): Promise<boolean> {
    try {
      const expect = { lastSubjectSequence: expected };
      await this.cluster.jetstream.publish(subject, data, { expect, ...STORED_AGAIN });
      return true;
    } catch (error) {
      if (!isTaken(error)) throw error;
      // It may have been written, and only the answer was lost.
      const now = await this.last(subject);
      return now !== undefined && Buffer.from(now.data).equals(data);
    }
  }
}

function hasSeries(studies: TargetMessage['studies'], study: string, uid: string): boolean {
  return studies.some(
    ({ StudyInstanceUID, series }) =>
      StudyInstanceUID === study && series.some(({ SeriesInstanceUID }) => SeriesInstanceUID === uid),
  );
}

/** Somebody else may be about to say which study has it. */
function isFresh({ time }: StoredMsg): boolean {
  return Date.now() - time.getTime() < FRESH;
}

async function inBatches<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < all.length; at += AT_A_TIME) await Promise.all(all.slice(at, at + AT_A_TIME).map(each));
}
