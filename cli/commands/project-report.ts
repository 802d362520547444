// `ditag project report`: what was asked for, found, received and is missing; the text is kept beside the project's files.
import fs from 'node:fs';
import path from 'node:path';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import type { DownloadState, DownloadStore } from '../../core/ports/project-store.ts';
import { expectedCount } from '../../core/projects/expected.ts';
import {
  type ProjectReport,
  type ReportedTarget,
  reportCsv,
  reportJson,
  reportText,
  topDescriptions,
} from '../../core/projects/report.ts';
import { receivedOfExpected } from '../../core/stages/download-counts.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { projectName } from '../options.ts';
import { streamOutput } from '../output.ts';
import type { Project } from '../workspaces/project.ts';

export interface ProjectReportOptions {
  readonly projectName?: string;
  readonly getCost?: string;
  readonly format?: string;
}

const FORMATS: Readonly<Record<string, (report: ProjectReport) => string>> = {
  text: reportText,
  json: reportJson,
  csv: reportCsv,
};

export async function projectReport(options: ProjectReportOptions, context: CommandContext): Promise<ExitCode> {
  const name = projectName(options.projectName);
  const format = FORMATS[options.format ?? 'text'];
  if (format === undefined) {
    const allowed = `choose one of ${Object.keys(FORMATS).join(', ')}`;
    throw ditagError('bad-option', { option: '--format', value: options.format!, allowed });
  }
  const cost = options.getCost === undefined ? undefined : costOf(options.getCost);
  const project = await context.workspace.project(name, { isNew: false });
  try {
    if (cost !== undefined) await project.change({ cost_per_study: cost });
    const report = await reportOf(project);
    keepReport(project, report, context);
    const output = streamOutput(context.stdout);
    await output.write(format(report));
    await output.finish();
    const { downloadFolder: folder } = report;
    if (folder !== undefined && isGone(folder))
      context.stderr.write(`${folder} is not there now: what was received into it is told as it was noted.\n`);
    return 0;
  } finally {
    await project.close();
  }
}

/** What cannot be kept is told all the same. */
function keepReport(project: Project, report: ProjectReport, { stderr }: CommandContext): void {
  try {
    project.writeReport(reportText(report));
  } catch (error) {
    if (!(error instanceof DitagError)) throw error;
    stderr.write(`The report is not kept: ${error.message}\n`);
  }
}

function costOf(text: string, option = '--get-cost'): string {
  const cost = text.trim().replace(/^\$/, '');
  if (/^\d+(\.\d+)?$/.test(cost)) return cost;
  throw ditagError('bad-option', { option, value: text, allowed: 'give an amount, for example 0.50' });
}

/** Gathers the figures. */
async function reportOf(project: Project): Promise<ProjectReport> {
  const { store, name } = project;
  const { costPerStudy } = await project.settings();
  const totals = await store.totals();
  const { download: latest, sums } = await bestDownload(project);
  const targets: ReportedTarget[] = [];
  const severalStudies: string[] = [];
  const severalPatients: string[] = [];
  for await (const { line: _, ...target } of store.targets()) {
    const { accession, studies, patients } = target;
    targets.push({
      ...target,
      ...(sums.byAccession.get(accession) ?? { series: 0, expected: 0, received: 0, missing: 0 }),
    });
    if (studies > 1) severalStudies.push(accession);
    if (patients > 1) severalPatients.push(accession);
  }
  return {
    name,
    accessions: totals.accessions,
    outcomes: totals.outcomes,
    studies: totals.studies,
    patients: totals.patients,
    topSeriesDescriptions: topDescriptions(sums.descriptions),
    costPerStudy:
      costPerStudy === undefined ? undefined : Number(costOf(String(costPerStudy), `cost_per_study of ${name}.yml`)),
    expected: totals.instances,
    received: sums.received,
    missing: totals.instances - sums.received,
    notAskedFor: latest?.notAskedFor ?? 0,
    bytes: sums.bytes,
    downloadFolder: latest?.folder,
    severalStudies,
    severalPatients,
    targets,
  };
}

/** The download that has most of what is expected, of several the newest; one that is not there any more only where all are not. */
async function bestDownload(project: Project) {
  const { store } = project;
  const all: { download: DownloadState | undefined; sums: Awaited<ReturnType<typeof sumsOf>>; rank: number }[] = [];
  for (const download of await store.downloads()) {
    const sums = await sumsOf(project, await store.download(download.folder));
    all.push({ download, sums, rank: isGone(download.folder) ? -1 : sums.received });
  }
  const [best] = all.sort((a, b) => b.rank - a.rank);
  return best ?? { download: undefined, sums: await sumsOf(project, undefined) };
}

/** Of a folder that gateways keep nothing can be said here. */
function isGone(folder: string): boolean {
  return path.isAbsolute(folder) && !fs.existsSync(folder);
}

async function sumsOf({ store }: Project, download: DownloadStore | undefined) {
  const byAccession = new Map<string, { series: number; expected: number; received: number; missing: number }>();
  const descriptions = new Map<string, number>();
  let [received, bytes] = [0, 0];
  for await (const series of store.series()) {
    const { accession, attributes } = series;
    const sum = byAccession.get(accession) ?? { series: 0, expected: 0, received: 0, missing: 0 };
    byAccession.set(accession, sum);
    const expected = expectedCount(series);
    const here = (await download?.receivedOf(series.SeriesInstanceUID)) ?? [];
    const { count: counted, bytes: ofSeries } = await receivedOfExpected(series, here, store);
    sum.series++;
    sum.expected += expected;
    sum.received += counted;
    sum.missing += expected - counted;
    received += counted;
    bytes += ofSeries;
    const description = attributes['SeriesDescription'] ?? '';
    descriptions.set(description, (descriptions.get(description) ?? 0) + 1);
  }
  return { byAccession, descriptions, received, bytes };
}
