// The report of a project: what was asked for, found and received, and what is missing and why. As text, whose first lines
// are those that ditag has always printed; as JSON; and as CSV with a line for each accession number. Here figures become
// text; gathering them is elsewhere.
import { Buffer } from 'node:buffer';
import { csvLine } from '../query/csv.ts';
import type { AccessionOutcome, TargetState } from './expected.ts';
import { printable } from './printable.ts';

export interface DescriptionCount {
  readonly description: string;
  /** Series that have it. */
  readonly count: number;
}

/** An accession number of the project. The last three count instances. */
export interface ReportedTarget extends Omit<TargetState, 'line'> {
  readonly series: number;
  readonly expected: number;
  readonly received: number;
  readonly missing: number;
}

export interface ProjectReport {
  readonly name: string;
  readonly accessions: number;
  readonly outcomes: Readonly<Record<AccessionOutcome, number>>;
  readonly studies: number;
  readonly patients: number;
  /** As `topDescriptions` gives them. */
  readonly topSeriesDescriptions: readonly DescriptionCount[];
  readonly costPerStudy?: number | undefined;
  /** Instances, as the next three. */
  readonly expected: number;
  readonly received: number;
  readonly missing: number;
  readonly notAskedFor: number;
  /** Of the files received. */
  readonly bytes: number;
  /** Undefined: nothing was downloaded yet, and what was received says nothing. */
  readonly downloadFolder?: string | undefined;
  /** Accession numbers with more than one study. */
  readonly severalStudies: readonly string[];
  /** Accession numbers with studies of more than one patient. */
  readonly severalPatients: readonly string[];
  /** In the order of the list. */
  readonly targets: readonly ReportedTarget[];
}

const TOP = 10;
const NOT_YET = 'not downloaded yet';
const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** What stands before the number of accession numbers of an outcome. */
const OUTCOME_TEXTS: Readonly<Record<AccessionOutcome, string>> = {
  found: 'found',
  incomplete: 'found incompletely',
  'not-found': 'not found',
  refused: 'refused',
  failed: 'failed',
  open: 'not asked for yet',
};

/** The descriptions that most series have, by number, then bytewise. */
export function topDescriptions(counts: ReadonlyMap<string, number>): DescriptionCount[] {
  return Array.from(counts, ([description, count]) => ({ description, count }))
    .sort((a, b) => b.count - a.count || Buffer.compare(Buffer.from(a.description), Buffer.from(b.description)))
    .slice(0, TOP);
}

export function reportText(report: ProjectReport): string {
  const parts = [classicLines(report), [sentence(report)], instanceLines(report), accessionLines(report)];
  return [...parts, ...lists(report)].map((lines) => lines.map((line) => `${line}\n`).join('')).join('\n');
}

/** The figures under their names; null where there is none. */
export function reportJson(report: ProjectReport): string {
  const isDownloaded = report.downloadFolder !== undefined;
  const received = ({ received, missing }: Pick<ProjectReport, 'received' | 'missing'>) => ({
    received: isDownloaded ? received : null,
    missing: isDownloaded ? missing : null,
  });
  const figures = {
    name: report.name,
    accessions: report.accessions,
    outcomes: report.outcomes,
    studies: report.studies,
    patients: report.patients,
    topSeriesDescriptions: report.topSeriesDescriptions,
    costPerStudy: report.costPerStudy ?? null,
    totalCost: totalCost(report) ?? null,
    expected: report.expected,
    ...received(report),
    notAskedFor: isDownloaded ? report.notAskedFor : null,
    bytes: isDownloaded ? report.bytes : null,
    downloadFolder: report.downloadFolder ?? null,
    severalStudies: report.severalStudies,
    severalPatients: report.severalPatients,
    targets: report.targets.map((target) => ({
      ...{ AccessionNumber: target.accession, outcome: target.outcome, reason: target.reason },
      ...{ studies: target.studies, patients: target.patients, series: target.series },
      ...{ expected: target.expected, ...received(target) },
    })),
  };
  return `${JSON.stringify(figures, null, 2)}\n`;
}

const CSV_COLUMNS = 'AccessionNumber,outcome,reason,studies,patients,series,expected,received,missing';

/** A line for each accession number; what was received is empty where nothing was downloaded yet. */
export function reportCsv({ targets, downloadFolder }: ProjectReport): string {
  const lines = targets.map((target) => {
    const { accession, outcome, reason, studies, patients, series, expected } = target;
    const received = downloadFolder === undefined ? ['', ''] : [target.received, target.missing];
    return csvLine([accession, outcome, reason, ...[studies, patients, series, expected, ...received].map(String)]);
  });
  return csvLine(CSV_COLUMNS.split(',')) + lines.join('');
}

/** Letter for letter as ever: others read these lines. */
function classicLines(report: ProjectReport): string[] {
  const lines = [
    `Report for project: ${report.name}`,
    `Imaging Sessions Located: ${report.studies} / ${report.accessions}`,
    `Unique Patient IDs: ${report.patients}`,
    'Top 10 Series Descriptions:',
    ...report.topSeriesDescriptions.map(
      ({ description, count }) => `  ${printable(description) || '(none)'}: ${count}`,
    ),
  ];
  const total = totalCost(report);
  if (report.costPerStudy === undefined || total === undefined) return lines;
  return [...lines, `Cost per study: $${report.costPerStudy.toFixed(2)}`, `Total estimated cost: $${total.toFixed(2)}`];
}

function totalCost({ costPerStudy, studies }: ProjectReport): number | undefined {
  return costPerStudy === undefined ? undefined : costPerStudy * studies;
}

/** For a paper. */
function sentence(report: ProjectReport): string {
  const { accessions, outcomes, studies, patients, expected, received, missing, downloadFolder } = report;
  const found = outcomes.found + outcomes.incomplete;
  const asked = `Of ${counted(accessions, 'accession number')}, ${grouped(found)} ${found === 1 ? 'was' : 'were'} found`;
  const what = `${counted(studies, 'study', 'studies')} of ${counted(patients, 'patient')}`;
  const then =
    downloadFolder === undefined
      ? `${NOT_YET}.`
      : `${grouped(received)} received, ${missing === 0 ? 'none' : grouped(missing)} missing.`;
  return `${asked}: ${what} with ${counted(expected, 'expected instance')}, ${then}`;
}

function instanceLines(report: ProjectReport): string[] {
  const { expected, received, missing, notAskedFor, bytes, downloadFolder } = report;
  if (downloadFolder === undefined)
    return ['Instances:', ...table([['expected', grouped(expected)]]), `  received, missing, bytes: ${NOT_YET}`];
  return [
    'Instances:',
    ...table([
      ['expected', grouped(expected)],
      ['received', grouped(received)],
      ['missing', grouped(missing)],
      ['not asked for, kept aside', grouped(notAskedFor)],
    ]),
    `  bytes: ${bytesText(bytes)}`,
    `  folder: ${printable(downloadFolder)}`,
  ];
}

function accessionLines({ outcomes, severalStudies, severalPatients }: ProjectReport): string[] {
  const names = Object.keys(OUTCOME_TEXTS) as AccessionOutcome[];
  return [
    'Accession numbers:',
    ...table([
      ...names.map((outcome): [string, string] => [OUTCOME_TEXTS[outcome], grouped(outcomes[outcome])]),
      ['ambiguous: several studies', grouped(severalStudies.length)],
      ['ambiguous: several patients', grouped(severalPatients.length)],
    ]),
  ];
}

/** What has to be looked at, by accession number; without those lists that are empty. */
function lists(report: ProjectReport): string[][] {
  const { targets, severalStudies, severalPatients, downloadFolder } = report;
  const of = (outcome: AccessionOutcome) => targets.filter((target) => target.outcome === outcome);
  const withReason = ({ accession, reason }: ReportedTarget) => (reason === '' ? accession : `${accession}: ${reason}`);
  const short = downloadFolder === undefined ? [] : targets.filter(({ missing }) => missing > 0);
  const all: [string, readonly string[]][] = [
    ['not found', of('not-found').map(withReason)],
    ['found incompletely', of('incomplete').map(withReason)],
    ['failed', of('failed').map(withReason)],
    ['refused', of('refused').map(withReason)],
    ['with several studies', severalStudies],
    ['with several patients', severalPatients],
    [
      'with missing instances',
      short.map(({ accession, missing, expected }) => `${accession}: ${grouped(missing)} of ${grouped(expected)}`),
    ],
  ];
  return all
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [`Accession numbers ${title}:`, ...lines.map((line) => `  ${printable(line)}`)]);
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  const digits = Math.max(...rows.map(([, value]) => value.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value.padStart(digits)}`);
}

/** For people in decimal units, and exactly. */
function bytesText(bytes: number): string {
  const exact = counted(bytes, 'byte');
  let power = 0;
  // 999.95 would be printed as 1000.0.
  while (power < UNITS.length - 1 && bytes / 1000 ** power >= (power === 0 ? 1000 : 999.95)) power++;
  return power === 0 ? exact : `${(bytes / 1000 ** power).toFixed(1)} ${UNITS[power]} (${exact})`;
}

function counted(n: number, one: string, several = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : several}`;
}

function grouped(n: number): string {
  return n.toLocaleString('en-US');
}
