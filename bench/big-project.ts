/**
 * The project of `download-big`: series of 100 instances, all but a thousandth of them on
 * disk. UIDs tell what they are of, so that the PACS needs no list.
 */
import { seriesDescription, studyDescription } from './vocabulary.ts';

export const INSTANCES = 100;
export const SERIES_A_STUDY = 4;
export const SOP_CLASS = '1.2.840.10008.5.1.4.1.1.2';
/** Bytes of each file on disk. */
export const FILE_BYTES = 200;
export const NAME = 'big';
/** AE title and folder of the PACS, and who asks it. */
export const PACS = 'BIGPACS';
export const OWN = 'DITAG';
/** 46 characters with what follows, as real ones have. */
const ROOT = '1.2.826.0.1.3680043.8.498.7240316588';
/** Of so many series each, one lacks an instance, and one all of them: half and half of what is missing. */
const LACKS_ONE = 20;
const LACKS_ALL = 2_000;

export interface BigShape {
  series: number;
  /** Of the download: `NAME_day` in the folder that is given as output. */
  folder: string;
}

export function studyUid(study: number): string {
  return `${ROOT}.${1_000_000 + study}`;
}

export function seriesUid(series: number): string {
  return `${studyUid(Math.floor(series / SERIES_A_STUDY))}.${series}`;
}

export function instanceUid(series: number, instance: number): string {
  return `${seriesUid(series)}.${1_000 + instance}`;
}

/** The number of a series, by its UID. */
export function seriesOf(uid: string): number {
  return Number(uid.slice(uid.lastIndexOf('.') + 1));
}

/** Whether an instance is not on disk. */
export function isMissing(series: number, instance: number): boolean {
  return series % LACKS_ALL === 7 || (series % LACKS_ONE === 3 && instance === 50);
}

/** How many are not on disk. */
export function missingCount({ series }: BigShape): number {
  let count = 0;
  for (let one = 0; one < series; one++)
    for (let instance = 0; instance < INSTANCES; instance++) if (isMissing(one, instance)) count++;
  return count;
}

/** What a PACS says of a study and of a series. */
export function studyAttributes(study: number): Record<string, string> {
  const patient = String(Math.floor(study / 2)).padStart(7, '0');
  return {
    PatientID: `P${patient}`,
    PatientName: `Family${patient}^Given`,
    PatientSex: 'F',
    StudyDate: '20210711',
    StudyDescription: studyDescription(study % 300),
    AccessionNumber: accessionOf(study),
  };
}

export function seriesAttributes(series: number): Record<string, string> {
  return {
    SeriesNumber: String(series % SERIES_A_STUDY),
    SeriesDescription: seriesDescription(series % 600),
    Modality: 'CT',
    Manufacturer: 'Bench',
  };
}

export function accessionOf(study: number): string {
  return `B${String(study).padStart(7, '0')}`;
}
