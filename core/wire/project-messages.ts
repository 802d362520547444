// What a cluster keeps of its projects, message by message.
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { ProjectJob } from '../jobs/project-job.ts';
import { ACCESSION_OUTCOMES, type AccessionOutcome, type FoundStudy } from '../projects/expected.ts';
import { decodeMessage } from './index-messages.ts';

const count = Type.Integer({ minimum: 0 });
const attributes = Type.Record(Type.String(), Type.String());

/** An accession number of a project with what the PACS says of it; the instances of its series are messages of their own. */
export const TargetMessage = Type.Object({
  accession: Type.String(),
  line: Type.Integer({ minimum: 1 }),
  outcome: Type.Unsafe<AccessionOutcome>(Type.Union(ACCESSION_OUTCOMES.map((outcome) => Type.Literal(outcome)))),
  reason: Type.String(),
  studies: Type.Array(
    Type.Object({
      StudyInstanceUID: Type.String(),
      attributes,
      series: Type.Array(
        Type.Object({
          SeriesInstanceUID: Type.String(),
          attributes,
          announced: Type.Optional(count),
          listed: count,
          isListed: Type.Boolean(),
        }),
      ),
    }),
  ),
});
export type TargetMessage = Static<typeof TargetMessage>;

/** Instances of a series as the PACS lists them; classes are numbers of places in `classes`. */
export const ListedSeriesMessage = Type.Object({
  SeriesInstanceUID: Type.String(),
  StudyInstanceUID: Type.String(),
  classes: Type.Array(Type.String()),
  instances: Type.Array(Type.Tuple([Type.String(), count])),
});
export type ListedSeriesMessage = Static<typeof ListedSeriesMessage>;

/** What a project is about: its PACS, its list, its price. */
export const ProjectMessage = Type.Object({
  name: Type.String(),
  pacs: Type.Optional(Type.Object({ host: Type.String(), port: Type.String(), aetitle: Type.String() })),
  target_list: Type.Optional(Type.String()),
  cost_per_study: Type.Optional(Type.String()),
});
export type ProjectMessage = Static<typeof ProjectMessage>;

export const DownloadMessage = Type.Object({
  folder: Type.String(),
  startedAt: Type.String(),
  completedAt: Type.Optional(Type.String()),
});
export type DownloadMessage = Static<typeof DownloadMessage>;

const received = Type.Object({
  SOPInstanceUID: Type.String(),
  path: Type.String(),
  size: count,
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
});

/** What came to a download of a series, or went; the messages of a series are read in their order. */
export const ReceivedMessage = Type.Object({
  SeriesInstanceUID: Type.String(),
  received: Type.Array(received),
  removed: Type.Array(Type.String()),
  /** Why the rest is missing; '' for no reason any more. */
  reason: Type.Optional(Type.String()),
});
export type ReceivedMessage = Static<typeof ReceivedMessage>;

/** An instance that is kept aside. */
export const NotAskedForMessage = Type.Object({ SeriesInstanceUID: Type.String(), ...received.properties });
export type NotAskedForMessage = Static<typeof NotAskedForMessage>;

/** Who works on a project, or what was left to do. */
const jobFields = {
  id: Type.String(),
  project: Type.String(),
  what: Type.Union([Type.Literal('index'), Type.Literal('download')]),
  startedAt: Type.String(),
  /** Those of its command, by their names in camelCase; the first ones had none. */
  options: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Boolean()]))),
  /** Somebody wants it to end; it holds the project until it has. */
  isCancelled: Type.Optional(Type.Boolean()),
  /** When it ended before all was done; it holds the project no more. */
  endedAt: Type.Optional(Type.String()),
};
export const ProjectJobMessage = Type.Object({
  ...jobFields,
  /** What is left to do of the other kind. */
  left: Type.Optional(Type.Object(jobFields)),
});

const checks = {
  job: Compile(ProjectJobMessage),
  target: Compile(TargetMessage),
  listed: Compile(ListedSeriesMessage),
  project: Compile(ProjectMessage),
  download: Compile(DownloadMessage),
  received: Compile(ReceivedMessage),
  notAskedFor: Compile(NotAskedForMessage),
};

/** Each throws `newer-message`, `damaged-message`. */
export const decodeTarget = (frame: Uint8Array) => decodeMessage<TargetMessage>(checks.target, frame).description;
export const decodeListed = (frame: Uint8Array) => decodeMessage<ListedSeriesMessage>(checks.listed, frame).description;
export const decodeProject = (frame: Uint8Array) => decodeMessage<ProjectMessage>(checks.project, frame).description;
export const decodeDownload = (frame: Uint8Array) => decodeMessage<DownloadMessage>(checks.download, frame).description;
export const decodeReceived = (frame: Uint8Array) => decodeMessage<ReceivedMessage>(checks.received, frame).description;
export function decodeProjectJob(frame: Uint8Array): ProjectJob {
  const { left, ...job } = decodeMessage<Static<typeof ProjectJobMessage>>(checks.job, frame).description;
  const whole = (one: typeof job) => ({ ...one, options: one.options ?? {} });
  return { ...whole(job), ...(left === undefined ? {} : { left: whole(left) }) };
}
export const decodeNotAskedFor = (frame: Uint8Array) =>
  decodeMessage<NotAskedForMessage>(checks.notAskedFor, frame).description;

/** The studies of an answer as a target has them: without the instances. */
export function studiesOf(studies: readonly FoundStudy[]): TargetMessage['studies'] {
  return studies.map(({ StudyInstanceUID, attributes, series }) => ({
    StudyInstanceUID,
    attributes,
    series: series.map(({ SeriesInstanceUID, attributes: own, announced, listed, isListed }) => {
      const known = announced === undefined ? {} : { announced };
      return { SeriesInstanceUID, attributes: own, ...known, listed, isListed };
    }),
  }));
}

/** The instances of a series, and back. */
export function listedOf({
  SeriesInstanceUID,
  StudyInstanceUID,
  instances,
}: FoundStudy['series'][number]): ListedSeriesMessage {
  const classes: string[] = [];
  const places = instances.map(({ SOPInstanceUID, SOPClassUID }): [string, number] => {
    const at = classes.indexOf(SOPClassUID);
    return [SOPInstanceUID, at < 0 ? classes.push(SOPClassUID) - 1 : at];
  });
  return { SeriesInstanceUID, StudyInstanceUID, classes, instances: places };
}
