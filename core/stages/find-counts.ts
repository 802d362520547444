// The attributes of a C-FIND that are counted (PS3.4 C.3): series and instances of a study or patient, modalities of a
// study. They are counted exactly, from all series of the study or patient, for some rows together: so no more is held
// than what belongs to these. Files with the same SOPInstanceUID in a series are one instance.
import type { IdentifierElement } from '../dimse/identifier.ts';
import type { InstanceIndex } from '../ports/instance-index.ts';
import { valuesPattern } from '../query/pattern/literals.ts';
import type { Query } from '../query/query.ts';
import { parseTarget } from '../query/target.ts';
import { TAG } from './find-attributes.ts';

/** What a series belongs to. */
export interface Belonging {
  readonly PatientID: string;
  readonly PatientName: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
}

interface Whole {
  readonly studies: Set<string>;
  readonly series: string[];
  readonly modalities: Set<string>;
}

const OF_PATIENT = [
  TAG.NumberOfPatientRelatedStudies,
  TAG.NumberOfPatientRelatedSeries,
  TAG.NumberOfPatientRelatedInstances,
];
const OF_STUDY = [TAG.ModalitiesInStudy, TAG.NumberOfStudyRelatedSeries, TAG.NumberOfStudyRelatedInstances];

/** Patients without an ID are told apart by their name. */
export function patientKey({ PatientID, PatientName }: Pick<Belonging, 'PatientID' | 'PatientName'>): string {
  return PatientID === '' ? `\0${PatientName}` : PatientID;
}

/** Counts for some series. Gives the counted attributes of each of them. */
export async function countRelated(
  index: InstanceIndex,
  wanted: ReadonlySet<number>,
  rows: readonly Belonging[],
): Promise<(row: Belonging) => ReadonlyMap<number, IdentifierElement>> {
  const has = (tags: readonly number[]) => tags.some((tag) => wanted.has(tag));
  const patients = has(OF_PATIENT) ? await wholes(index, rows, 'PatientID', patientKey) : undefined;
  const studies = has(OF_STUDY) ? await wholes(index, rows, 'StudyInstanceUID', studyKey) : undefined;
  const counted = new Set<string>();
  const count = (all: Iterable<Whole> | undefined) => {
    for (const { series } of all ?? []) for (const uid of series) counted.add(uid);
  };
  if (wanted.has(TAG.NumberOfPatientRelatedInstances)) count(patients?.values());
  if (wanted.has(TAG.NumberOfStudyRelatedInstances)) count(studies?.values());
  if (wanted.has(TAG.NumberOfSeriesRelatedInstances))
    for (const { SeriesInstanceUID } of rows) counted.add(SeriesInstanceUID);
  const instances = counted.size === 0 ? new Map<string, number>() : await instancesBySeries(index, [...counted]);
  const sum = (series: readonly string[]) => series.reduce((all, uid) => all + (instances.get(uid) ?? 0), 0);
  return (row) => {
    const patient = patients?.get(patientKey(row)) ?? NOTHING;
    const study = studies?.get(studyKey(row)) ?? NOTHING;
    const values = new Map<number, () => readonly (string | number)[]>([
      [TAG.NumberOfPatientRelatedStudies, () => [patient.studies.size]],
      [TAG.NumberOfPatientRelatedSeries, () => [patient.series.length]],
      [TAG.NumberOfPatientRelatedInstances, () => [sum(patient.series)]],
      [TAG.ModalitiesInStudy, () => [...study.modalities].sort()],
      [TAG.NumberOfStudyRelatedSeries, () => [study.series.length]],
      [TAG.NumberOfStudyRelatedInstances, () => [sum(study.series)]],
      [TAG.NumberOfSeriesRelatedInstances, () => [instances.get(row.SeriesInstanceUID) ?? 0]],
    ]);
    return new Map(
      Array.from(wanted, (tag) => [
        tag,
        { vr: tag === TAG.ModalitiesInStudy ? 'CS' : 'IS', values: values.get(tag)!().map(String) },
      ]),
    );
  };
}

const NOTHING: Whole = { studies: new Set(), series: [], modalities: new Set() };

function studyKey({ StudyInstanceUID }: Belonging): string {
  return StudyInstanceUID;
}

/** The patients or studies of the rows, with all their series. */
async function wholes(
  index: InstanceIndex,
  rows: readonly Belonging[],
  keyword: 'PatientID' | 'StudyInstanceUID',
  keyOf: (row: Belonging) => string,
): Promise<ReadonlyMap<string, Whole>> {
  const found = new Map<string, Whole>();
  for (const row of rows) found.set(keyOf(row), { studies: new Set(), series: [], modalities: new Set() });
  const names = ['PatientID', 'PatientName', 'StudyInstanceUID', 'SeriesInstanceUID', 'Modality'];
  const pattern = valuesPattern([...new Set(rows.map((row) => row[keyword]))]);
  const query: Query = {
    from: undefined,
    to: undefined,
    conditions: [{ targets: [await parseTarget(keyword)], pattern, negate: false }],
    columns: await Promise.all(names.map((name) => parseTarget(name))),
  };
  for await (const { more } of index.search(query)) {
    for (const values of more ?? []) {
      const [PatientID, PatientName, StudyInstanceUID, SeriesInstanceUID, Modality] = values as [
        string,
        string,
        string,
        string,
        string,
      ];
      const whole = found.get(keyOf({ PatientID, PatientName, StudyInstanceUID, SeriesInstanceUID }));
      if (whole === undefined) continue;
      whole.studies.add(StudyInstanceUID);
      whole.series.push(SeriesInstanceUID);
      if (Modality !== '') whole.modalities.add(Modality);
    }
  }
  return found;
}

async function instancesBySeries(index: InstanceIndex, series: readonly string[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let instances = new Set<string>();
  let last: string | undefined;
  for await (const files of index.instancesOf(series)) {
    for (const { SeriesInstanceUID, SOPInstanceUID } of files) {
      if (SeriesInstanceUID !== last) instances = new Set();
      last = SeriesInstanceUID;
      instances.add(SOPInstanceUID);
    }
    if (last !== undefined) counts.set(last, instances.size);
  }
  return counts;
}
