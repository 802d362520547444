/**
 * The same C-FIND queries at SERIES level of an Orthanc and of `ditag gateway`, over the
 * same instances: as many as an Orthanc is filled with in a minute.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FindAssociation } from '../adapters/dimse/find-scu.ts';
import { type Identifier, identifierOf, text } from '../core/dimse/identifier.ts';
import { findProgram } from './competitors.ts';
import { startReceiver } from './dimse-parts.ts';
import type { Table } from './figures.ts';
import { type Asked, ask, findingGateway, RETURNED, SCU, STUDY_ROOT } from './find-asking.ts';
import { type BenchOptions, workingFolder } from './options.ts';
import { startOrthanc } from './orthanc-parts.ts';
import { runProcess } from './run-process.ts';
import { median, percentile, short } from './statistics.ts';
import { tinyStudiesArchive, tinyStudiesPlan } from './tiny-studies.ts';

/** Queries of a kind, and of those with very many answers. */
const ASKED = 40;
const ASKED_ALL = 4;
/** An answer with so many rows tells of the rate. */
const LARGE = 100;

interface Peer {
  host: string;
  port: number;
  aeTitle: string;
}

/** A table of both, or the sentence why there is none. @param ditag the command */
export async function askBesideOrthanc(
  options: BenchOptions,
  measure: string,
  ditag: readonly string[],
): Promise<Table | string> {
  for (const found of [findProgram('Orthanc', 'orthanc'), findProgram('dcmsend', 'dcmtk')])
    if ('missing' in found) return `Orthanc was not run beside it: ${found.missing}.`;
  const orthanc = await startOrthanc(options, measure, tinyStudiesPlan(options, SCU));
  const home = mkdtempSync(join(workingFolder(options, 'homes'), 'find-'));
  try {
    const archive = tinyStudiesArchive(options);
    const config = join(home, 'config.ini');
    await runProcess(measure, [...ditag, '--config-file', config, 'index', '--archive', archive, '--quiet']);
    const gateway = await startReceiver(options, findingGateway(ditag, join(home, 'dicom.db')));
    try {
      const theirs = await askAll(orthanc);
      const ours = await askAll({ host: '127.0.0.1', port: gateway.port, aeTitle: gateway.aeTitle });
      return tableOf(ours, theirs, orthanc.series.length);
    } finally {
      await gateway.stop();
    }
  } finally {
    await orthanc.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function askAll({ host, port, aeTitle }: Peer): Promise<Asked[]> {
  const scu = await FindAssociation.open({ host, port, calledAETitle: aeTitle, callingAETitle: SCU }, STUDY_ROOT);
  const all: Identifier[] = [];
  await scu.find(identifierOf(RETURNED), (answer) => void all.push(answer));
  all.sort((a, b) => (text(a, 'SeriesInstanceUID') < text(b, 'SeriesInstanceUID') ? -1 : 1));
  const asked: Asked[] = [];
  for (const [kind, queries] of Object.entries(kinds(all))) asked.push(await ask(scu, kind, queries, LARGE));
  await scu.close();
  return asked;
}

function kinds(all: readonly Identifier[]): Record<string, Identifier[]> {
  const by = (keyword: 'SeriesInstanceUID' | 'StudyInstanceUID' | 'PatientID') =>
    Array.from({ length: ASKED }, (_, n) => {
      const one = all[Math.floor((n * all.length) / ASKED)]!;
      return identifierOf({ ...RETURNED, [keyword]: text(one, keyword) });
    });
  const months = Array.from({ length: 12 }, (_, n) => `2019${String(n + 1).padStart(2, '0')}`);
  return {
    'one series by UID': by('SeriesInstanceUID'),
    'a study by UID': by('StudyInstanceUID'),
    'a patient by PatientID': by('PatientID'),
    'a month': months.map((month) => identifierOf({ ...RETURNED, StudyDate: `${month}01-${month}28` })),
    everything: Array.from({ length: ASKED_ALL }, () => identifierOf(RETURNED)),
  };
}

function tableOf(ours: readonly Asked[], theirs: readonly Asked[], series: number): Table {
  const firsts = ({ firsts: all }: Asked) => `${short(median(all))}, ${short(percentile(all, 0.95))}`;
  const rate = ({ rates }: Asked) => (rates.length === 0 ? '' : short(median(rates)));
  return {
    caption: `The same queries of both, over the same ${series.toLocaleString('en-US')} series`,
    columns: ['asked for', 'answers, median', 'first ms, p50 and p95', 'of Orthanc', 'answers/s', 'of Orthanc'],
    rows: ours.map((our, n) => {
      const their = theirs[n]!;
      if (our.answers.join() !== their.answers.join()) throw new Error(`${our.kind}: they answer differently`);
      return [our.kind, short(median(our.answers)), firsts(our), firsts(their), rate(our), rate(their)];
    }),
  };
}
