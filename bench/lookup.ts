/**
 * Benchmark `lookup`: what an Orthanc has for 5,000 accession numbers, asked at STUDY,
 * SERIES and IMAGE level as `ditag project index` asks, over one association and over
 * four, beside findscu with its association kept open and as a process a query.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IMAGE_KEYS, SERIES_KEYS, STUDY_KEYS } from '../core/stages/find-accession.ts';
import { buildC, findProgram } from './competitors.ts';
import { QUICK } from './dimse-parts.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, workingFolder } from './options.ts';
import { type Orthanc, startOrthanc } from './orthanc-parts.ts';
import { type Keys, writeQueryFiles } from './query-files.ts';
import { runProcess, settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';
import { INSTANCES, SERIES, studiesOf, tinyStudiesPlan } from './tiny-studies.ts';

const ASSOCIATIONS = [1, 4];
const SCU = 'DITAG';
/** Queries that are asked by a process each. */
const APART = 100;
const ACCESSIONS = 'accessions.json';

interface Level {
  name: 'STUDY' | 'SERIES' | 'IMAGE';
  queries: Keys[];
  /** Answers that there have to be to all of them. */
  answers: number;
}

/** Queries or accession numbers a second, by way. */
type Rates = Map<string, number[]>;

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const accessions = studiesOf(options);
  const title = `Looking ${accessions.toLocaleString('en-US')} accession numbers up in Orthanc`;
  const needed = [findProgram('Orthanc', 'orthanc'), findProgram('dcmsend', 'dcmtk'), findProgram('findscu', 'dcmtk')];
  for (const found of needed)
    if ('missing' in found)
      return { title, tables: [], targets: targets(new Map()), numbers: {}, notes: [found.missing] };
  const orthanc = await startOrthanc(options, measure, tinyStudiesPlan(options, SCU));
  const folder = mkdtempSync(join(workingFolder(options, 'lists'), 'lookup-'));
  try {
    const levels = levelsOf(orthanc);
    const rates: Rates = new Map();
    const listed = levels[0]!.queries.map(({ AccessionNumber }) => AccessionNumber);
    writeFileSync(join(folder, ACCESSIONS), JSON.stringify(listed));
    for (const level of levels) await prepare(level, orthanc, folder, measure);
    for (let round = 0; round < (options.runs ?? 3); round++) {
      for (const level of levels) await measureLevel(level, { orthanc, folder, measure, rates });
      await measureAccessions(levels[0]!, { orthanc, folder, measure, rates });
    }
    return report(title, levels, rates);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await orthanc.stop();
  }
}

/** The very keys of core/stages/find-accession.ts; one series of each study, so that all levels have as many queries. */
function levelsOf({ series }: Orthanc): Level[] {
  const one = new Map(series.map((each) => [each.StudyInstanceUID, each]));
  const studies = [...one.values()];
  const empty = (keywords: readonly string[]) => Object.fromEntries(keywords.map((keyword) => [keyword, '']));
  const queries = (keys: (each: (typeof studies)[number]) => Keys) => studies.map(keys);
  return [
    {
      name: 'STUDY',
      queries: queries(({ AccessionNumber }) => {
        return { QueryRetrieveLevel: 'STUDY', AccessionNumber, ...empty(STUDY_KEYS) };
      }),
      answers: studies.length,
    },
    {
      name: 'SERIES',
      queries: queries(({ StudyInstanceUID }) => {
        return { QueryRetrieveLevel: 'SERIES', StudyInstanceUID, ...empty(SERIES_KEYS) };
      }),
      answers: studies.length * SERIES,
    },
    {
      name: 'IMAGE',
      queries: queries(({ StudyInstanceUID, SeriesInstanceUID }) => {
        return { QueryRetrieveLevel: 'IMAGE', StudyInstanceUID, SeriesInstanceUID, ...empty(IMAGE_KEYS) };
      }),
      answers: studies.length * INSTANCES,
    },
  ];
}

/** Writes the queries for both, and has findscu count the answers to its own. */
async function prepare(level: Level, orthanc: Orthanc, folder: string, measure: string): Promise<void> {
  writeFileSync(listOf(level, folder), JSON.stringify(level.queries));
  const names = writeQueryFiles(join(folder, level.name), level.queries);
  const { stdout, stderr } = await findscu(level, orthanc, folder, measure, ['-v'], names);
  const counted = `${stdout}${stderr}`.match(/Find Response: \d+ \(Pending\)/g)?.length ?? 0;
  if (counted !== level.answers)
    throw new Error(`findscu counts ${counted} answers at ${level.name} level, not ${level.answers}`);
}

function listOf({ name }: Level, folder: string): string {
  return join(folder, `${name}.json`);
}

function findscu(
  { name }: Level,
  { aeTitle, host, port }: Orthanc,
  folder: string,
  measure: string,
  options: string[],
  files: string[],
) {
  const to = ['-S', '-aet', SCU, '-aec', aeTitle, host, String(port)];
  const isVerbose = options.length > 0;
  const run = { env: QUICK, cwd: join(folder, name), discardOutput: !isVerbose };
  return runProcess(measure, ['findscu', ...options, ...to, ...files], run);
}

interface Measuring {
  orthanc: Orthanc;
  folder: string;
  measure: string;
  rates: Rates;
}

async function measureLevel(level: Level, { orthanc, folder, measure, rates }: Measuring): Promise<void> {
  const names = level.queries.map((_, n) => `${n}.dcm`);
  const note = (way: string, count: number, seconds: number) => keep(rates, `${level.name} ${way}`, count / seconds);
  note('findscu', names.length, (await findscu(level, orthanc, folder, measure, [], names)).seconds);
  for (const count of ASSOCIATIONS) {
    const { seconds, answers } = await runProgram<{ seconds: number; answers: number }>(measure, 'ask-pacs.ts', [
      ...[peerOf(orthanc), String(count), listOf(level, folder)],
    ]);
    if (answers !== level.answers)
      throw new Error(`ditag got ${answers} answers at ${level.name} level, not ${level.answers}`);
    note(`ditag ${count}`, names.length, seconds);
  }
  let seconds = 0;
  const apart = names.slice(0, APART);
  for (const name of apart) seconds += (await findscu(level, orthanc, folder, measure, [], [name])).seconds;
  note('apart', apart.length, seconds);
}

async function measureAccessions(level: Level, { orthanc, folder, measure, rates }: Measuring): Promise<void> {
  const { length } = level.queries;
  for (const count of ASSOCIATIONS) {
    const home = mkdtempSync(join(folder, 'project-'));
    settle();
    const { seconds, found, instances } = await runProgram<Record<'seconds' | 'found' | 'instances', number>>(
      measure,
      'find-accessions.ts',
      [peerOf(orthanc), String(count), join(folder, ACCESSIONS), join(home, 'state.db')],
    );
    if (found !== length || instances !== length * SERIES * INSTANCES)
      throw new Error(`ditag has found ${found} accession numbers of ${length}, and ${instances} instances`);
    keep(rates, `all ditag ${count}`, length / seconds);
    rmSync(home, { recursive: true });
  }
}

function peerOf({ host, port, aeTitle }: Orthanc): string {
  return JSON.stringify({ host, port, calledAETitle: aeTitle, callingAETitle: SCU });
}

async function runProgram<T>(measure: string, program: string, args: string[]): Promise<T> {
  const command = [process.execPath, join(import.meta.dirname, 'programs', program), ...args];
  return JSON.parse((await runProcess(measure, command)).stdout) as T;
}

function keep(rates: Rates, key: string, rate: number): void {
  rates.set(key, [...(rates.get(key) ?? []), rate]);
  console.error(`${key}: ${short(rate)}/s`);
}

function targets(rates: Rates): Target[] {
  const rate = (key: string) => median(rates.get(key) ?? []);
  const ratio = (one: string, other: string) => (rates.has(one) && rates.has(other) ? rate(one) / rate(other) : null);
  const levels = ['STUDY', 'SERIES', 'IMAGE'];
  const wanted = { unit: 'x', direction: 'at least' } as const;
  return [
    ...levels.map((level) => {
      const reached = ratio(`${level} ditag 1`, `${level} findscu`);
      return { what: `${level} level against findscu, over one association`, ...wanted, wanted: 0.8, reached };
    }),
    ...levels.map((level) => {
      const reached = ratio(`${level} ditag 4`, `${level} ditag 1`);
      return { what: `${level} level over four associations against one`, ...wanted, wanted: 1, reached };
    }),
    ...levels.map((level) => {
      const reached = ratio(`${level} ditag 4`, `${level} apart`);
      return {
        what: `${level} level over four associations, against one process a query`,
        ...wanted,
        wanted: 20,
        reached,
      };
    }),
  ];
}

function report(title: string, levels: Level[], rates: Rates): Figures {
  const ways: [key: string, name: string][] = [
    ['ditag 1', 'ditag, one association'],
    ['ditag 4', 'ditag, four associations'],
    ['findscu', 'findscu, its association kept open'],
    ['apart', 'findscu, one process a query'],
  ];
  const of = (key: string) => rates.get(key) ?? [];
  return {
    title,
    tables: [
      ...levels.map(({ name, queries, answers }) => ({
        caption: `${name} level: ${queries.length.toLocaleString('en-US')} queries with ${answers.toLocaleString('en-US')} answers`,
        columns: ['asked by', 'queries/s', 'against findscu kept open', 'against one process a query'],
        rows: ways.map(([key, way]) => {
          const own = of(`${name} ${key}`);
          const against = (other: string) =>
            key === other ? '' : `${short(median(own) / median(of(`${name} ${other}`)))} x`;
          return [way, medianAndRange(own), against('findscu'), against('apart')];
        }),
      })),
      {
        caption: 'All three levels of each accession number, compared with each other and kept in the project',
        columns: ['asked by', 'accession numbers/s', 'queries/s'],
        rows: ways.slice(0, 2).map(([key, way]) => {
          const own = of(`all ${key}`);
          return [way, medianAndRange(own), short(median(own) * (2 + SERIES))];
        }),
      },
    ],
    targets: targets(rates),
    numbers: Object.fromEntries([...rates].map(([key, each]) => [`${key}/s`, median(each)])),
    notes: [
      `Each accession number has one study of ${SERIES} series of ${INSTANCES} small instances. The keys are those of \`ditag project index\`; findscu gets the same as files, all on one command line, and prints nothing. Every program has TCP_NODELAY=1 in its environment.`,
      `After it was filled, Orthanc's index was given statistics (ANALYZE of SQLite), which it does not make itself: without them it goes through all accession numbers for each query, 20 ms for 5,000, and clients cannot be told apart. At IMAGE level it reads a file for each answer, for the SOP class.`,
      `That all answers come is checked: of ditag in every run, of findscu in one before that prints them. The time of ditag is that of its associations in a new process, that of findscu of the whole command. One process a query is measured with ${APART} queries.`,
      'Four associations are what `ditag project index` opens unless told otherwise: they are what is compared with one process a query. At IMAGE level no client reaches 20 times that over one association, since Orthanc takes longer for the answer than a twentieth of a process does: see the line of findscu.',
    ],
  };
}
