/**
 * Makes the project of `download-big`: its state as `ditag project index` and an unfinished
 * download leave it, and with FILES the files that are on disk.
 *
 *   node make-big-project.ts SHAPE STATE [FILES]    SHAPE: the BigShape as JSON; STATE: the file it makes
 */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FilesystemDownloadFiles } from '../../adapters/filesystem/download-files.ts';
import { SqliteProjectStore } from '../../adapters/sqlite/project-store.ts';
import type { FoundSeries } from '../../core/projects/expected.ts';
import { DownloadPlan } from '../../core/stages/download-plan.ts';
import {
  accessionOf,
  type BigShape,
  FILE_BYTES,
  INSTANCES,
  instanceUid,
  isMissing,
  SERIES_A_STUDY,
  SOP_CLASS,
  seriesAttributes,
  seriesUid,
  studyAttributes,
  studyUid,
} from '../big-project.ts';

const [shapeText, state, withFiles] = process.argv.slice(2) as [string, string, string | undefined];
const shape = JSON.parse(shapeText) as BigShape;
const content = Buffer.alloc(FILE_BYTES, 'ditag');
const sha256 = createHash('sha256').update(content).digest('hex');
const store = new SqliteProjectStore(state);

function foundSeries(series: number): FoundSeries {
  const instances = Array.from({ length: INSTANCES }, (_, i) => {
    return { SOPInstanceUID: instanceUid(series, i), SOPClassUID: SOP_CLASS };
  });
  return {
    StudyInstanceUID: studyUid(Math.floor(series / SERIES_A_STUDY)),
    SeriesInstanceUID: seriesUid(series),
    attributes: seriesAttributes(series),
    announced: INSTANCES,
    listed: INSTANCES,
    isListed: true,
    instances,
  };
}

async function keepStudies(): Promise<void> {
  const studies = Math.ceil(shape.series / SERIES_A_STUDY);
  const numbers = Array.from({ length: studies }, (_, study) => study);
  await store.addTargets(numbers.map((study) => ({ accession: accessionOf(study), line: study + 1 })));
  let kept: Promise<unknown>[] = [];
  for (const study of numbers) {
    const all = Array.from({ length: SERIES_A_STUDY }, (_, i) => study * SERIES_A_STUDY + i);
    const series = all.filter((one) => one < shape.series).map(foundSeries);
    const found = { StudyInstanceUID: studyUid(study), attributes: studyAttributes(study), series };
    kept.push(store.keep({ accession: accessionOf(study), outcome: 'found', reason: '', studies: [found] }));
    if (kept.length < 100) continue;
    await Promise.all(kept);
    kept = [];
  }
  await Promise.all(kept);
}

function writeFile(path: string): void {
  const file = openSync(join(shape.folder, path), 'w', 0o600);
  writeSync(file, content);
  closeSync(file);
}

await keepStudies();
mkdirSync(shape.folder, { recursive: true });
const download = await store.download(shape.folder);
const plan = await DownloadPlan.open({ store, download, files: new FilesystemDownloadFiles(shape.folder) });
for (let series = 0; series < shape.series; series++) {
  const folder = plan.folderOf(seriesUid(series))!;
  const added: Promise<void>[] = [];
  for (let instance = 0; instance < INSTANCES; instance++) {
    if (isMissing(series, instance)) continue;
    const SOPInstanceUID = instanceUid(series, instance);
    const path = `${folder}/${SOPInstanceUID}.dcm`;
    if (withFiles !== undefined) {
      if (added.length === 0) mkdirSync(dirname(join(shape.folder, path)), { recursive: true });
      writeFile(path);
    }
    added.push(download.add(seriesUid(series), { SOPInstanceUID, path, size: FILE_BYTES, sha256 }));
  }
  // The transactions of 1,000 are full of themselves: nothing waits for a timer.
  if (series % 10 === 9 || series === shape.series - 1) await Promise.all(added);
}
await store.close();
