// What a scripted PACS has: studies, series and instances from a plain description, as attributes to match and as the data
// sets that it sends. Data sets are made anew each time they are asked for, always the same, and kept nowhere.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { transferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { type Identifier, identifierOf } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN } from '../../core/dimse/uids.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const PIXEL_DATA = 0x7fe00010;
/** Bytes of pixels in an instance that says nothing of them. */
const PIXELS = 2048;

/** Further attributes by keyword; in queries and in data sets. */
type More = Readonly<Record<string, string>>;

export interface DescribedStudy {
  readonly StudyInstanceUID: string;
  readonly AccessionNumber?: string;
  readonly PatientID?: string;
  readonly PatientName?: string;
  readonly StudyDate?: string;
  readonly StudyDescription?: string;
  readonly attributes?: More;
  readonly series: readonly DescribedSeries[];
}

export interface DescribedSeries {
  readonly SeriesInstanceUID: string;
  readonly SeriesDescription?: string;
  /** CT where it does not say. */
  readonly Modality?: string;
  readonly SeriesNumber?: string;
  readonly attributes?: More;
  /** How many, with SOPInstanceUIDs `SeriesInstanceUID.1` on, or which. */
  readonly instances: number | readonly DescribedInstance[];
  /** CT where it does not say. */
  readonly SOPClassUID?: string;
  /** Bytes of pixels of each instance. */
  readonly pixels?: number;
}

export interface DescribedInstance {
  /** `SeriesInstanceUID.n` where it does not say. */
  readonly SOPInstanceUID?: string;
  readonly SOPClassUID?: string;
  readonly InstanceNumber?: string;
  readonly attributes?: More;
  readonly pixels?: number;
}

export interface PacsStudy {
  readonly StudyInstanceUID: string;
  readonly attributes: Identifier;
  /** Attributes that only queries have. */
  readonly counts: Identifier;
  readonly series: readonly PacsSeries[];
}

export interface PacsSeries {
  readonly SeriesInstanceUID: string;
  readonly attributes: Identifier;
  readonly counts: Identifier;
  readonly instances: readonly PacsInstance[];
}

export interface PacsInstance {
  readonly SOPInstanceUID: string;
  readonly SOPClassUID: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly attributes: Identifier;
  readonly pixels: number;
}

/** How a data set is otherwise than it should be. */
export interface Changed {
  readonly SeriesInstanceUID?: string;
  readonly StudyInstanceUID?: string;
  /** Other pixels for each number but 0. */
  readonly version?: number;
}

/** What `faults.foreignSeries` has in place of a SeriesInstanceUID. */
export function foreignSeriesOf(SeriesInstanceUID: string): string {
  return `${SeriesInstanceUID}.99`;
}

/** What `faults.foreignStudy` has in place of a StudyInstanceUID. */
export function foreignStudyOf(StudyInstanceUID: string): string {
  return `${StudyInstanceUID}.98`;
}

export class PacsContent {
  readonly studies: readonly PacsStudy[];
  /** By SOPInstanceUID, in order. */
  readonly instances: ReadonlyMap<string, PacsInstance>;
  private readonly owners = new Map<string, { readonly study: PacsStudy; readonly series: PacsSeries }>();

  constructor(described: readonly DescribedStudy[]) {
    this.studies = described.map(studyOf);
    const instances = new Map<string, PacsInstance>();
    for (const study of this.studies)
      for (const series of study.series)
        for (const instance of series.instances) {
          const { SOPInstanceUID } = instance;
          if (instances.has(SOPInstanceUID)) throw new Error(`instance ${SOPInstanceUID} is there twice`);
          instances.set(SOPInstanceUID, instance);
          this.owners.set(SOPInstanceUID, { study, series });
        }
    this.instances = instances;
  }

  /** SOPInstanceUIDs of a study or series, or of all. */
  uids(of: { readonly StudyInstanceUID?: string; readonly SeriesInstanceUID?: string } = {}): string[] {
    return [...this.instances.values()]
      .filter((one) => (of.StudyInstanceUID ?? one.StudyInstanceUID) === one.StudyInstanceUID)
      .filter((one) => (of.SeriesInstanceUID ?? one.SeriesInstanceUID) === one.SeriesInstanceUID)
      .map(({ SOPInstanceUID }) => SOPInstanceUID);
  }

  /** The data set of an instance in explicit VR little endian; in UTF-8, and saying so, where not all of it is ASCII. */
  dataSet(SOPInstanceUID: string, { version = 0, ...others }: Changed = {}): Buffer {
    const instance = this.instances.get(SOPInstanceUID);
    if (instance === undefined) throw new Error(`there is no instance ${SOPInstanceUID}`);
    const { study, series } = this.owners.get(SOPInstanceUID)!;
    const all = new Map([
      ...study.attributes,
      ...series.attributes,
      ...instance.attributes,
      ...identifierOf(present(others)),
    ]);
    const head = encodeIdentifier(all, transferSyntax(EXPLICIT_VR_LITTLE_ENDIAN)!);
    return Buffer.concat([
      head,
      pixelData(instance.pixels, version === 0 ? SOPInstanceUID : `${SOPInstanceUID} ${version}`),
    ]);
  }
}

export function pacsContent(studies: readonly DescribedStudy[]): PacsContent {
  return new PacsContent(studies);
}

function studyOf({ series: describedSeries, attributes = {}, ...own }: DescribedStudy): PacsStudy {
  const series = describedSeries.map((one) => seriesOf(one, own.StudyInstanceUID));
  const instances = series.reduce((sum, one) => sum + one.instances.length, 0);
  const modalities = new Set(describedSeries.map(({ Modality = 'CT' }) => Modality));
  return {
    StudyInstanceUID: own.StudyInstanceUID,
    attributes: identifierOf(present({ ...own, ...attributes })),
    counts: identifierOf({
      ModalitiesInStudy: [...modalities].join('\\'),
      NumberOfStudyRelatedSeries: String(series.length),
      NumberOfStudyRelatedInstances: String(instances),
    }),
    series,
  };
}

function seriesOf(described: DescribedSeries, StudyInstanceUID: string): PacsSeries {
  const {
    instances: which,
    attributes = {},
    SOPClassUID: seriesClass = CT,
    pixels: usual = PIXELS,
    ...own
  } = described;
  const { SeriesInstanceUID } = own;
  const list = typeof which === 'number' ? Array.from({ length: which }, (): DescribedInstance => ({})) : which;
  const instances = list.map((one, i) => {
    const { SOPInstanceUID = `${SeriesInstanceUID}.${i + 1}`, SOPClassUID = seriesClass, pixels = usual } = one;
    const { InstanceNumber = String(i + 1), attributes: more = {} } = one;
    const identity = { SOPInstanceUID, SOPClassUID };
    const all = identifierOf({ ...identity, InstanceNumber, ...more });
    return { ...identity, StudyInstanceUID, SeriesInstanceUID, attributes: all, pixels };
  });
  return {
    SeriesInstanceUID,
    attributes: identifierOf(present({ Modality: 'CT', ...own, ...attributes })),
    counts: identifierOf({ NumberOfSeriesRelatedInstances: String(instances.length) }),
    instances,
  };
}

function present(attributes: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** PixelData (PS3.5 A.2: OW), filled with what only this seed gives. */
function pixelData(length: number, seed: string): Buffer {
  const even = length + (length % 2);
  const header = Buffer.alloc(12);
  header.writeUInt16LE(PIXEL_DATA >>> 16, 0);
  header.writeUInt16LE(PIXEL_DATA & 0xffff, 2);
  header.write('OW', 4, 'latin1');
  header.writeUInt32LE(even, 8);
  return Buffer.concat([header, Buffer.alloc(even, createHash('sha256').update(seed).digest())]);
}
