/**
 * Benchmark `find-scp`: C-FIND at SERIES level, asked of `ditag gateway` over an
 * index of 1,000,000 series by ditag's own SCU; findscu says whether the answers
 * are right. And the same queries of it and of Orthanc, over what that can hold.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FindAssociation } from '../adapters/dimse/find-scu.ts';
import { type Identifier, identifierOf, text } from '../core/dimse/identifier.ts';
import { buildC, findDitag, findProgram } from './competitors.ts';
import { QUICK, startReceiver } from './dimse-parts.ts';
import type { Figures, Table, Target } from './figures.ts';
import { type Asked, ask, findingGateway, RETURNED, SCU, STUDY_ROOT } from './find-asking.ts';
import { askBesideOrthanc } from './find-beside-orthanc.ts';
import type { BenchOptions } from './options.ts';
import { sparseShape, writeQueryData } from './query-data.ts';
import { writeQueryIndex } from './query-index.ts';
import { runProcess } from './run-process.ts';
import { median, percentile, short } from './statistics.ts';

/** Queries of a kind; each asks for something else. */
const ASKED = 40;
/** The same of those with very many answers. */
const ASKED_LARGE = 8;
/** An answer with so many rows tells of the rate. */
const LARGE = 5_000;

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const shape = sparseShape(options);
  const title = `C-FIND at SERIES level on an index of ${shape.series.toLocaleString('en-US')} series`;
  const ditag = findDitag(options);
  const data = writeQueryData(options, shape, { queries: [], tags: [] });
  const database = await writeQueryIndex(data, measure);
  if ('missing' in ditag || 'missing' in database) {
    const missing = 'missing' in ditag ? ditag.missing : (database as { missing: string }).missing;
    return { title, tables: [], targets: targets([]), numbers: {}, notes: [missing] };
  }
  const receiver = await startReceiver(options, findingGateway(ditag.command, database.database));
  let measured: Omit<Measured, 'beside'>;
  try {
    const peer = { host: '127.0.0.1', port: receiver.port, calledAETitle: 'GATEWAY', callingAETitle: SCU };
    const scu = await FindAssociation.open(peer, STUDY_ROOT);
    const sample = await sampleOf(scu);
    const asked: Asked[] = [];
    for (const [kind, keys] of Object.entries(kinds(sample))) asked.push(await ask(scu, kind, keys, LARGE));
    await scu.close();
    const checked = await check(options, measure, receiver.port, sample);
    measured = { asked, checked, memory: receiver.maxRssBytes() };
  } finally {
    await receiver.stop();
  }
  return report(title, { ...measured, beside: await askBesideOrthanc(options, measure, ditag.command) });
}

interface Measured {
  asked: Asked[];
  /** What findscu says. */
  checked: string;
  /** Of the gateway, in bytes. */
  memory: number;
  /** The same of Orthanc, or why not. */
  beside: Table | string;
}

/** Series of one month, to take values from. */
async function sampleOf(scu: FindAssociation): Promise<Identifier[]> {
  const found: Identifier[] = [];
  await scu.find(identifierOf({ ...RETURNED, StudyDate: '20100101-20100110' }), (answer) => found.push(answer));
  if (found.length < ASKED) throw new Error(`only ${found.length} series to take values from`);
  return found;
}

function kinds(sample: readonly Identifier[]): Record<string, Identifier[]> {
  const each = (keys: (one: Identifier, n: number) => Record<string, string>, length = ASKED) =>
    Array.from({ length }, (_, n) =>
      identifierOf({ ...RETURNED, ...keys(sample[Math.floor((n * sample.length) / length)]!, n) }),
    );
  const month = (n: number) => `${2003 + (n % 15)}${String((n % 12) + 1).padStart(2, '0')}`;
  return {
    'one series by UID': each((one) => ({ SeriesInstanceUID: text(one, 'SeriesInstanceUID') })),
    'a study by UID': each((one) => ({ StudyInstanceUID: text(one, 'StudyInstanceUID') })),
    'a patient by PatientID': each((one) => ({ PatientID: text(one, 'PatientID') })),
    'a month': each((_, n) => ({ StudyDate: `${month(n)}01-${month(n)}28` })),
    'a description with wildcards': each(
      (_, n) => ({ SeriesDescription: `*${['FLAIR', 'T1', 'AX', 'DWI'][n % 4]!}*` }),
      ASKED_LARGE,
    ),
    'a modality in a year': each(
      (_, n) => ({ Modality: 'MR', StudyDate: `${2003 + (n % 15)}0101-${2003 + (n % 15)}1231` }),
      ASKED_LARGE,
    ),
  };
}

/** How many answers findscu counts, for one query of each size, and how many ditag's own SCU did. */
async function check(
  options: BenchOptions,
  measure: string,
  port: number,
  sample: readonly Identifier[],
): Promise<string> {
  const findscu = findProgram('findscu', 'dcmtk');
  if ('missing' in findscu) return `The answers were not checked: ${findscu.missing}.`;
  const folder = mkdtempSync(join(options.directory, 'findscu-'));
  try {
    const keys = ['QueryRetrieveLevel=SERIES', 'SeriesInstanceUID', 'StudyDate=20100101-20100110'];
    const to = ['-S', '-aet', SCU, '-aec', 'GATEWAY', '127.0.0.1', String(port)];
    const { stderr, stdout } = await runProcess(
      measure,
      [...findscu.command, '-v', ...to, ...keys.flatMap((key) => ['-k', key])],
      {
        env: QUICK,
        cwd: folder,
      },
    );
    const counted = `${stdout}${stderr}`.match(/Find Response: \d+ \(Pending\)/g)?.length ?? 0;
    if (counted !== sample.length) throw new Error(`findscu counts ${counted} answers, not ${sample.length}`);
    return `findscu of DCMTK counts the same ${counted} answers for ten days of studies.`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function targets(asked: readonly Asked[]): Target[] {
  const firsts = asked.flatMap((one) => one.firsts);
  const rates = asked.flatMap((one) => one.rates);
  return [
    {
      what: 'first answer, p95 of all queries',
      unit: 'ms',
      direction: 'at most',
      wanted: 20,
      reached: firsts.length === 0 ? null : percentile(firsts, 0.95),
    },
    {
      what: 'answers of large results, median',
      unit: 'answers/s',
      direction: 'at least',
      wanted: 20_000,
      reached: rates.length === 0 ? null : median(rates),
    },
  ];
}

function report(title: string, { asked, checked, memory, beside }: Measured): Figures {
  return {
    title,
    tables: [
      {
        caption: `${ASKED} queries of each kind, ${ASKED_LARGE} of the last two, one after the other over one association`,
        columns: ['asked for', 'answers, median', 'first answer ms, p50', 'p95', 'answers/s of large results'],
        rows: asked.map(({ kind, answers, firsts, rates }) => [
          kind,
          short(median(answers)),
          short(median(firsts)),
          short(percentile(firsts, 0.95)),
          rates.length === 0 ? '' : short(median(rates)),
        ]),
      },
      ...(typeof beside === 'string' ? [] : [beside]),
    ],
    targets: targets(asked),
    numbers: { memoryMB: memory / 1e6 },
    notes: [
      `Seven return keys. A large result has ${LARGE.toLocaleString('en-US')} answers or more; its rate is that of the whole query. The gateway's memory was at most ${short(memory / 1e6)} MB.`,
      checked,
      typeof beside === 'string'
        ? beside
        : 'Orthanc as it comes, but for eight threads and an ANALYZE of its database, without which it reads all values of a key for each query. Both answer every query with as many series as the other.',
    ],
  };
}
