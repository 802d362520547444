/**
 * An archive that exists as data only, in the shape of a large hospital's: per
 * 1,000,000 series 339,718 studies, 199,807 patients with 194,144 different
 * names, 19,403 series and 4,025 study descriptions, frequent as Zipf's law has
 * it; 20.8 files a series, paths of about 94 characters; SOPInstanceUIDs that
 * count up in half of the series and are random in the others. Each series is
 * made from its number alone, so it costs no memory.
 */
import { headerValues } from './header-attributes.ts';
import { digits, fraction, mix, whole, zipf } from './random.ts';
import { personName, seriesDescription, studyDescription } from './vocabulary.ts';

export interface SyntheticShape {
  series: number;
  /** Of 1: the share of the series whose header has the 100 attributes of header-attributes.ts. */
  fullHeaders: number;
  /** Files of a series: from 1 up to twice this, less one. */
  meanFiles: number;
  seed: number;
}

export interface SyntheticSeries {
  StudyDescription: string;
  SeriesDescription: string;
  PatientName: string;
  PatientID: string;
  /** YYYYMMDD, or empty in 3 of 1,000 studies. */
  StudyDate: string;
  StudyInstanceUID: string;
  SeriesInstanceUID: string;
  Modality: string;
}

export interface SyntheticFile {
  name: string;
  size: number;
  /** Nanoseconds since 1970. */
  mtime: bigint;
  SOPInstanceUID: string;
  SOPClassUID: string;
  SeriesInstanceUID: string;
}

/** One folder of the archive; here each holds one series. */
export interface SyntheticFolder {
  /** Below the archive's root, with `/`. */
  path: string;
  files: SyntheticFile[];
  /** The header of each series in it: [tag as 8 hexadecimal digits, text], in the order of the tags. */
  headers: { SeriesInstanceUID: string; header: [string, string][] }[];
}

const ofMillion = {
  studies: 339_718,
  patients: 199_807,
  names: 194_144,
  seriesDescriptions: 19_403,
  studyDescriptions: 4_025,
};
const uidRoot = '1.2.840.113619.2.';
const day = 86_400_000_000_000n;

/** How many of something there are in an archive of this size. */
function count(shape: SyntheticShape, kind: keyof typeof ofMillion): number {
  return Math.max(1, Math.round((ofMillion[kind] * shape.series) / 1_000_000));
}

/** A value's number by Zipf's law; but each value comes at least once, evenly spread over the rows. */
function drawn(seed: number, row: number, rows: number, salt: number, distinct: number): number {
  const step = Math.max(1, Math.floor(rows / distinct));
  if (row % step === 0 && row / step < distinct) return row / step;
  return zipf(seed, row, salt, distinct);
}

function studyOf(shape: SyntheticShape, series: number): number {
  return Math.floor((series * count(shape, 'studies')) / shape.series);
}

/** The six columns of a series, and what else its header always has. */
export function syntheticSeries(shape: SyntheticShape, number: number): SyntheticSeries {
  const { seed } = shape;
  const studies = count(shape, 'studies');
  const patients = count(shape, 'patients');
  const names = count(shape, 'names');
  const study = studyOf(shape, number);
  const patient = Math.floor((study * patients) / studies);
  const pad = (value: number) => String(value).padStart(2, '0');
  const date = `${Math.floor(2024.99 - 18 * fraction(seed, study, 20) ** 1.6)}${pad(whole(seed, study, 21, 1, 12))}${pad(whole(seed, study, 22, 1, 28))}`;
  return {
    StudyDescription: studyDescription(drawn(seed, study, studies, 23, count(shape, 'studyDescriptions'))),
    SeriesDescription: seriesDescription(drawn(seed, number, shape.series, 24, count(shape, 'seriesDescriptions'))),
    PatientName: personName(patient < names ? patient : zipf(seed, patient, 25, names)),
    PatientID: `P${String(patient * 7 + 1000).padStart(8, '0')}`,
    StudyDate: mix(seed, study, 26) % 1000 < 3 ? '' : date,
    StudyInstanceUID: `${uidRoot}${digits(seed, study, 27, 37)}`,
    SeriesInstanceUID: `${uidRoot}${digits(seed, number, 28, 37)}`,
    Modality: mix(seed, study, 29) % 3 === 0 ? 'CT' : 'MR',
  };
}

/** Whether the header of a series has the 100 attributes. */
export function hasFullHeader(shape: SyntheticShape, number: number): boolean {
  return Math.floor((number + 1) * shape.fullHeaders) > Math.floor(number * shape.fullHeaders);
}

/** The whole header: the columns, and the 100 attributes where the series has them. */
export function syntheticHeader(
  shape: SyntheticShape,
  number: number,
  series = syntheticSeries(shape, number),
): [string, string][] {
  const header = new Map(hasFullHeader(shape, number) ? headerValues(shape.seed, number) : []);
  header.set('00080020', series.StudyDate);
  header.set('00080060', series.Modality);
  header.set('00081030', series.StudyDescription);
  header.set('0008103E', series.SeriesDescription);
  header.set('00100010', series.PatientName);
  header.set('00100020', series.PatientID);
  header.set('0020000D', series.StudyInstanceUID);
  header.set('0020000E', series.SeriesInstanceUID);
  return [...header].sort(([a], [b]) => (a < b ? -1 : 1));
}

function syntheticFiles(shape: SyntheticShape, number: number, series: SyntheticSeries): SyntheticFile[] {
  const { seed } = shape;
  const files = whole(seed, number, 30, 1, (2 * Math.round(shape.meanFiles * 10)) / 10 - 1);
  const running = mix(seed, number, 31) % 2 === 0;
  const base = digits(seed, number, 32, 32);
  const SOPClassUID = series.Modality === 'CT' ? '1.2.840.10008.5.1.4.1.1.2' : '1.2.840.10008.5.1.4.1.1.4';
  const compressed = mix(seed, number, 33) % 2 === 0;
  const start = BigInt(whole(seed, number, 34, 13_000, 19_900)) * day + BigInt(mix(seed, number, 35)) * 10_000n;
  return Array.from({ length: files }, (_, index) => {
    const SOPInstanceUID = `${uidRoot}${running ? `${base}.${1_001 + index}` : digits(seed, number * 64 + index, 37, 37)}`;
    return {
      name: mix(seed, number, 38) % 3 === 0 ? `${SOPInstanceUID}.dcm` : `IM${String(index + 1).padStart(6, '0')}.dcm`,
      size:
        526_336 +
        (mix(seed, number, 39) % 40) * 1024 -
        (compressed ? 2 * (mix(seed, number, 4000 + index) % 60_000) : 0),
      mtime: start + BigInt(index) * 250_000_000n + BigInt(mix(seed, number, 8000 + index) % 90_000_000),
      SOPInstanceUID,
      SOPClassUID,
      SeriesInstanceUID: series.SeriesInstanceUID,
    };
  });
}

/** The folder of a series. */
export function syntheticFolder(shape: SyntheticShape, number: number): SyntheticFolder {
  const series = syntheticSeries(shape, number);
  const label = series.SeriesDescription.replace(/[^\w.+-]+/g, '_');
  const date = series.StudyDate || '00000000';
  return {
    path: `${date.slice(0, 4)}/${date.slice(4, 6)}/${series.PatientID}/${date}_S${String(studyOf(shape, number)).padStart(7, '0')}/${String(number % 40).padStart(4, '0')}_${label}_${number}`,
    files: syntheticFiles(shape, number, series),
    headers: [{ SeriesInstanceUID: series.SeriesInstanceUID, header: syntheticHeader(shape, number, series) }],
  };
}

/** All folders of the archive, one after the other. */
export async function* syntheticFolders(shape: SyntheticShape): AsyncGenerator<SyntheticFolder> {
  for (let number = 0; number < shape.series; number++) yield syntheticFolder(shape, number);
}
