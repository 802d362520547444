// An archive as a PACS has it, for projects: 40 accession numbers with what is difficult about them (several studies, two
// patients under one, names in several character sets, names and descriptions that are the same), in about 60 series.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { dicomFile, type Element, writeFile } from '../index/make-archive.ts';

const ROOT = '1.2.826.0.1.3680043.9.7777';
const MR = '1.2.840.10008.5.1.4.1.1.4';
const CT = '1.2.840.10008.5.1.4.1.1.2';
const PIXELS = 2048;

interface Patient {
  readonly PatientID: string;
  /** As it is read. */
  readonly PatientName: string;
  /** As it stands in files; UTF-8 where it does not say. */
  readonly bytes?: Buffer;
  readonly characterSet?: string;
}

export interface MadeSeries {
  readonly AccessionNumber: string;
  readonly PatientID: string;
  readonly PatientName: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SeriesDescription: string;
  /** Files relative to the archive, by SOPInstanceUID. */
  readonly files: ReadonlyMap<string, string>;
}

/** PS3.5 H.3.1. */
const KANJI = Buffer.from('1b24423b3345441b28425e1b244242404f3a1b2842', 'hex');
const KANA = Buffer.from('1b24422464245e24401b28425e1b2442243f246d24261b2842', 'hex');

export const JAPANESE = 'Yamada^Tarou=山田^太郎=やまだ^たろう';
export const GERMAN = 'Äneas^Rüdiger';
export const CHINESE = '王^小东';

const NAMED: Readonly<Record<string, Patient>> = {
  A0004: { PatientID: 'JP1', PatientName: '山田^花子' },
  A0005: {
    PatientID: 'JP2',
    PatientName: JAPANESE,
    bytes: Buffer.concat([Buffer.from('Yamada^Tarou='), KANJI, Buffer.from('='), KANA]),
    characterSet: '\\ISO 2022 IR 87',
  },
  A0006: { PatientID: 'DE1', PatientName: GERMAN, bytes: Buffer.from(GERMAN, 'latin1'), characterSet: 'ISO_IR 100' },
  A0007: {
    PatientID: 'CN1',
    PatientName: CHINESE,
    // PS3.5 J.3.
    bytes: Buffer.from('cdf55ed0a1b6ab', 'hex'),
    characterSet: 'GB18030',
  },
  A0009: { PatientID: 'S1', PatientName: 'Smith^Anna' },
  A0010: { PatientID: 'S2', PatientName: 'Smith^Anna' },
};

/** Accession number, patient, and the series descriptions of each study. */
const STUDIES: readonly (readonly [accession: string, patient: Patient, descriptions: readonly string[]])[] = [
  ...['A0001', 'A0001', 'A0002', 'A0002', 'A0003', 'A0004', 'A0005', 'A0006', 'A0007', 'A0009', 'A0010'].map(
    (accession) => [accession, NAMED[accession] ?? plain(accession), ['localizer']] as const,
  ),
  ['A0003', plain('A0003-other'), ['localizer']],
  ['A0008', plain('A0008'), ['T1 axial', 'T1 axial']],
  ...Array.from({ length: 30 }, (_, i) => {
    const accession = `A${String(i + 11).padStart(4, '0')}`;
    return [accession, plain(accession), i % 5 < 3 ? ['T1 axial', 'T2 <tse>'] : ['T1 axial']] as const;
  }),
];

function plain(name: string): Patient {
  return { PatientID: `P-${name}`, PatientName: `Doe^${name}` };
}

/** Writes about so many instances into a folder of an archive, and gives what there is. */
export function makeAccessionArchive(root: string, folder: string, instances: number): MadeSeries[] {
  const all: MadeSeries[] = [];
  const series = STUDIES.reduce((sum, [, , descriptions]) => sum + descriptions.length, 0);
  const each = Math.round(instances / series);
  for (const [n, [AccessionNumber, patient, descriptions]] of STUDIES.entries()) {
    const StudyInstanceUID = `${ROOT}.${n + 1}`;
    for (const [i, SeriesDescription] of descriptions.entries()) {
      const SeriesInstanceUID = `${StudyInstanceUID}.${i + 1}`;
      const own = { AccessionNumber, StudyInstanceUID, SeriesInstanceUID, SeriesDescription };
      const files = new Map<string, string>();
      for (let number = 1; number <= each; number++) {
        const SOPInstanceUID = `${SeriesInstanceUID}.${number}`;
        const file = `${folder}/${AccessionNumber}/${n}-${i}/${number}.dcm`;
        const bytes = fileOf(patient, own, SOPInstanceUID, { series: i + 1, number });
        writeFile(root, file, bytes);
        files.set(SOPInstanceUID, file);
      }
      const { PatientID, PatientName } = patient;
      all.push({ ...own, PatientID, PatientName, files });
    }
  }
  return all;
}

function fileOf(
  { PatientID, PatientName, bytes, characterSet }: Patient,
  series: Omit<MadeSeries, 'PatientID' | 'PatientName' | 'files'>,
  SOPInstanceUID: string,
  numbers: { readonly series: number; readonly number: number },
): Buffer {
  const elements: Element[] = [
    [0x00200011, 'IS', String(numbers.series)],
    [0x00200013, 'IS', String(numbers.number)],
    [0x7fe00010, 'OW', Buffer.alloc(PIXELS, createHash('sha256').update(SOPInstanceUID).digest())],
  ];
  const isSecond = numbers.series > 1;
  const common = { ...series, SOPInstanceUID, PatientID, StudyDate: '20240102', Modality: isSecond ? 'CT' : 'MR' };
  const SOPClassUID = isSecond ? CT : MR;
  if (bytes === undefined) return dicomFile({ ...common, SOPClassUID, PatientName, elements });
  elements.push([0x00080005, 'CS', characterSet!]);
  elements.push([0x00100010, 'PN', bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from(' ')])]);
  return dicomFile({ ...common, SOPClassUID, elements });
}
