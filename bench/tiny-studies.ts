/**
 * Small studies that an Orthanc is filled with in seconds: 5,000 of two series of two
 * instances each, without pixels. `lookup` and `find-scp` ask for them.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTemplate, withText, writeTemplate } from './dicom-template.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import type { OrthancPlan } from './orthanc-parts.ts';
import { whole } from './random.ts';
import { personName, seriesDescription, studyDescription } from './vocabulary.ts';

/** Of each study, and of each of its series. */
export const SERIES = 2;
export const INSTANCES = 2;
/** What Orthanc is filled over at a time. */
const SENDERS = 2;
const SEED = 71;
/** To be raised with every change of what is written. */
const GENERATION = 1;
const UID_ROOT = '1.2.826.0.1.3680043.8.498.71';

export function studiesOf(options: BenchOptions): number {
  return scaled(options, 5_000, 100);
}

/** An Orthanc that holds them. @param caller AE title of who asks it */
export function tinyStudiesPlan(options: BenchOptions, caller: string): OrthancPlan {
  const studies = studiesOf(options);
  return {
    name: `lookup-${studies}`,
    version: `${GENERATION}, ${studies} accessions, ${SERIES} series, ${INSTANCES} instances, seed ${SEED}`,
    instances: studies * SERIES * INSTANCES,
    callers: { [caller]: 1 },
    files: () => writeTinyStudies(options),
  };
}

/** The same as an archive: its root. */
export function tinyStudiesArchive(options: BenchOptions): string {
  const root = rootOf(options);
  if (!existsSync(root)) writeTinyStudies(options);
  return root;
}

function rootOf(options: BenchOptions): string {
  return join(workingFolder(options, 'archives'), `lookup-${studiesOf(options)}`);
}

function writeTinyStudies(options: BenchOptions): string[] {
  const root = rootOf(options);
  rmSync(root, { recursive: true, force: true });
  return writeTinyFiles(root, options.samples, studiesOf(options));
}

/** Headers of the CT sample without its private elements and pixels; gives one folder for each sender. */
function writeTinyFiles(root: string, samples: string, accessions: number): string[] {
  const { implicit, meta, dataset } = readTemplate(readFileSync(join(samples, 'CT_small.dcm')));
  const plain = dataset.filter(({ tag }) => (tag >>> 16) % 2 === 0 && tag >>> 16 <= 0x28);
  const folders = Array.from({ length: SENDERS }, (_, n) => join(root, String(n)));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const text = (vr: string, value: string) => ({ vr, text: value });
  for (let study = 1; study <= accessions; study++) {
    const patient = Math.ceil(study / 2);
    const ofStudy: [number, { vr: string; text: string }][] = [
      [0x00080020, text('DA', `2019${String(whole(SEED, study, 3, 1, 12)).padStart(2, '0')}11`)],
      [0x00080050, text('SH', accessionOf(study))],
      [0x00081030, text('LO', studyDescription(study % 300))],
      [0x00100010, text('PN', personName(patient))],
      [0x00100020, text('LO', `P${String(patient).padStart(7, '0')}`)],
      [0x0020000d, text('UI', `${UID_ROOT}.${study}`)],
    ];
    for (let series = 1; series <= SERIES; series++)
      for (let n = 1; n <= INSTANCES; n++) {
        const sop = `${UID_ROOT}.${study}.${series}.${n}`;
        const texts = new Map([
          ...ofStudy,
          [0x00080018, text('UI', sop)],
          [0x0008103e, text('LO', seriesDescription((study * SERIES + series) % 600))],
          [0x0020000e, text('UI', `${UID_ROOT}.${study}.${series}`)],
          [0x00200011, text('IS', String(series))],
          [0x00200013, text('IS', String(n))],
        ]);
        const bytes = writeTemplate(
          {
            implicit,
            meta: withText(meta, new Map([[0x00020003, text('UI', sop)]])),
            dataset: withText(plain, texts, implicit),
          },
          'header',
        );
        writeFileSync(join(folders[study % SENDERS]!, `${study}-${series}-${n}.dcm`), bytes);
      }
  }
  return folders;
}

function accessionOf(study: number): string {
  return `L${String(study).padStart(7, '0')}`;
}
