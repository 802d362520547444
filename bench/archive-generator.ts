/**
 * Makes archives for the benchmarks: every file has the header of a real image
 * (test/samples), its own UIDs in the file meta information and in the data
 * set, and the names, dates and descriptions of its study. The same plan and
 * seed give the same archive, byte for byte. An archive that is there whole is
 * used again.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { readTemplate, type Template, withText, writeTemplate } from './dicom-template.ts';
import { digits, fraction, mix, whole, zipf } from './random.ts';
import { personName, seriesDescription, studyDescription } from './vocabulary.ts';

export interface ArchivePlan {
  files: number;
  /** The fewest and the most files of a series; each series has a folder of its own. */
  filesASeries: [number, number];
  /** The size of each file, or 'header': cut off where the pixel data would begin. */
  fileBytes: number | 'header';
  /** Sample files by name, and how many of 100 series follow each. */
  templates: Record<string, number>;
  /**
   * 'clinical': year/month/patient/study/series folders. 'shallow': 100 series
   * folders in each folder of the first level, so that nearly all folders hold files.
   */
  layout: 'clinical' | 'shallow';
  seed: number;
}

/** What every file of one series has in common. */
interface Series {
  template: string;
  folder: string;
  texts: Map<number, { vr: string; text: string }>;
  /** SOPInstanceUIDs count up from a base in half of the series, and are random in the others. */
  running: boolean;
  files: number;
}

/** To be raised with every change of what is written, so that older archives are made anew. */
const generation = 1;

const uidRoot = '1.2.826.0.1.3680043.8.498.';
const uidDigits = 28;

/** A UID of 54 characters, so that the UIDs of one series can take each other's place. */
function uid(seed: number, row: number, salt: number): string {
  return uidRoot + digits(seed, row, salt, uidDigits);
}

/** SOPInstanceUID of file `index` of a series, of the same 54 characters. */
function instanceUid(seed: number, series: number, index: number, running: boolean): string {
  if (running) return `${uidRoot}${digits(seed, series, 40, uidDigits - 8)}.${1_000_001 + index}`;
  // One row number for each file of all series: rows differ, so UIDs do.
  return uid(seed, series * 4096 + index, 42);
}

function planSeries(plan: ArchivePlan, number: number, study: number, patient: number): Series {
  const { seed } = plan;
  const share = fraction(seed, number, 1) * 100;
  let sum = 0;
  const names = Object.keys(plan.templates);
  const template = names.find((name) => (sum += plan.templates[name]!) > share) ?? names[0]!;
  const date = `${whole(seed, study, 2, 2006, 2024)}${String(whole(seed, study, 3, 1, 12)).padStart(2, '0')}${String(whole(seed, study, 4, 1, 28)).padStart(2, '0')}`;
  const description = seriesDescription(zipf(seed, number, 5, 600));
  const patientId = `P${String(patient).padStart(7, '0')}`;
  const text = (vr: string, value: string) => ({ vr, text: value });
  const texts = new Map([
    [0x00080020, text('DA', date)],
    [0x00080050, text('SH', `A${String(study).padStart(7, '0')}`)],
    [0x00081030, text('LO', studyDescription(zipf(seed, study, 6, 300)))],
    [0x0008103e, text('LO', description)],
    [0x00100010, text('PN', personName(mix(seed, patient, 7) % 100_000))],
    [0x00100020, text('LO', patientId)],
    [0x0020000d, text('UI', uid(seed, study, 8))],
    [0x0020000e, text('UI', uid(seed, number, 9))],
    [0x00200011, text('IS', String(1 + (number % 20)))],
    [0x00200013, text('IS', '1   ')],
    [0x00200052, text('UI', uid(seed, study, 10))],
  ]);
  const label = `${String(number).padStart(5, '0')}_${description.replace(/[^\w.+-]+/g, '_')}`;
  const folder =
    plan.layout === 'shallow'
      ? `G${String(Math.floor(number / 100)).padStart(4, '0')}/${label}`
      : `${date.slice(0, 4)}/${date.slice(4, 6)}/${patientId}/${date}_S${String(study).padStart(6, '0')}/${label}`;
  const files = whole(seed, number, 11, ...plan.filesASeries);
  return { template, folder, texts, running: mix(seed, number, 12) % 2 === 0, files };
}

/** One file of the series, and where the parts that differ from file to file stand in it. */
function seriesBytes(plan: ArchivePlan, template: Template, series: Series, firstUid: string) {
  const { implicit } = template;
  const texts = new Map(series.texts).set(0x00080018, { vr: 'UI', text: firstUid });
  const meta = withText(template.meta, new Map([[0x00020003, { vr: 'UI', text: firstUid }]]));
  const bytes = writeTemplate({ implicit, meta, dataset: withText(template.dataset, texts, implicit) }, plan.fileBytes);
  const inMeta = bytes.indexOf(firstUid, 132, 'latin1');
  const inDataset = bytes.indexOf(firstUid, inMeta + firstUid.length, 'latin1');
  const head = implicit ? [0x20, 0, 0x13, 0, 4, 0, 0, 0] : [0x20, 0, 0x13, 0, 0x49, 0x53, 4, 0];
  const instanceNumber = bytes.indexOf(Buffer.from(head), inDataset) + head.length;
  return { bytes, inMeta, inDataset, instanceNumber };
}

function writeSeries(
  root: string,
  plan: ArchivePlan,
  template: Template,
  series: Series,
  number: number,
  files: number,
): void {
  const folder = join(root, series.folder);
  mkdirSync(folder, { recursive: true });
  const { bytes, inMeta, inDataset, instanceNumber } = seriesBytes(
    plan,
    template,
    series,
    instanceUid(plan.seed, number, 0, series.running),
  );
  for (let index = 0; index < files; index++) {
    const sop = instanceUid(plan.seed, number, index, series.running);
    bytes.write(sop, inMeta, 'latin1');
    bytes.write(sop, inDataset, 'latin1');
    bytes.write(String(index + 1).padEnd(4), instanceNumber, 'latin1');
    const name = number % 3 === 0 ? `${sop}.dcm` : `IM${String(index + 1).padStart(6, '0')}.dcm`;
    const fd = openSync(join(folder, name), 'wx');
    writeSync(fd, bytes);
    closeSync(fd);
  }
}

/** Writes the archive into `root`, which must not exist. */
export function writeArchive(root: string, samples: string, plan: ArchivePlan): void {
  const templates = new Map(
    Object.keys(plan.templates).map((name) => [name, readTemplate(readFileSync(join(samples, name)))]),
  );
  let study = 0;
  let seriesOfStudy = 0;
  let patient = 0;
  let number = 0;
  for (let written = 0; written < plan.files; number++) {
    // 2.9 series a study and 1.7 studies a patient, as in scale figures of real archives.
    if (seriesOfStudy-- <= 0) {
      study++;
      seriesOfStudy = whole(plan.seed, study, 13, 0, 4);
      if (fraction(plan.seed, study, 14) < 1 / 1.7) patient = study;
    }
    const series = planSeries(plan, number, study, patient);
    const files = Math.min(series.files, plan.files - written);
    writeSeries(root, plan, templates.get(series.template)!, series, number, files);
    written += files;
  }
}

/**
 * The archive of a plan in `folder`/NAME, written unless it is there whole.
 * Gives its path.
 */
export function makeArchive(folder: string, name: string, samples: string, plan: ArchivePlan): string {
  const root = join(folder, `${name}-${plan.files}`);
  const mark = `${root}.json`;
  const said = JSON.stringify({ generation, ...plan });
  if (existsSync(mark) && readFileSync(mark, 'utf8') === said && statSync(root, { throwIfNoEntry: false })) return root;
  console.error(`Writing ${plan.files.toLocaleString('en-US')} files into ${root}`);
  rmSync(mark, { force: true });
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  writeArchive(root, samples, plan);
  writeFileSync(mark, said);
  return root;
}
