/**
 * The two archives of the benchmarks, so that `index` and `slow-mount` measure
 * the same files.
 */
import { makeArchive } from './archive-generator.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';

/** 100,000 files of the size of the CT sample, 20 to 100 a series, in clinical folders. */
export function imageArchive(options: BenchOptions): { path: string; files: number } {
  const files = scaled(options, 100_000, 500);
  const path = makeArchive(workingFolder(options, 'archives'), 'images', options.samples, {
    files,
    filesASeries: [20, 100],
    fileBytes: 39_206,
    templates: { 'CT_small.dcm': 70, 'MR_small.dcm': 20, 'MR_small_implicit.dcm': 10 },
    layout: 'clinical',
    seed: 1,
  });
  return { path, files };
}

/** 1,000,000 files that end where their pixel data would begin, 100 in each of 10,000 folders. */
export function headerArchive(options: BenchOptions): { path: string; files: number; folders: number } {
  const folders = scaled(options, 10_000, 10);
  const path = makeArchive(workingFolder(options, 'archives'), 'headers', options.samples, {
    files: folders * 100,
    filesASeries: [100, 100],
    fileBytes: 'header',
    templates: { 'MR_small.dcm': 80, 'MR_small_implicit.dcm': 20 },
    layout: 'shallow',
    seed: 2,
  });
  return { path, files: folders * 100, folders };
}
