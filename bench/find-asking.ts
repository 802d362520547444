/**
 * How `find-scp` asks: queries at SERIES level over one association, with the time to
 * their first answers and the rate of those that have many.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FindAssociation } from '../adapters/dimse/find-scu.ts';
import type { Identifier } from '../core/dimse/identifier.ts';
import type { ReceiverCommand } from './dimse-parts.ts';
import { median, percentile, short } from './statistics.ts';

export const STUDY_ROOT = '1.2.840.10008.5.1.4.1.2.2.1';
export const SCU = 'SCU';
export const RETURNED = {
  QueryRetrieveLevel: 'SERIES',
  StudyInstanceUID: '',
  SeriesInstanceUID: '',
  Modality: '',
  SeriesDescription: '',
  StudyDate: '',
  PatientID: '',
};

export interface Asked {
  kind: string;
  firsts: number[];
  /** Answers a second, of large answers. */
  rates: number[];
  answers: number[];
}

/** Asks these queries one after the other. @param large an answer with so many rows tells of the rate */
export async function ask(
  scu: FindAssociation,
  kind: string,
  queries: readonly Identifier[],
  large: number,
): Promise<Asked> {
  const asked: Asked = { kind, firsts: [], rates: [], answers: [] };
  for (const keys of queries) {
    let answers = 0;
    let first = 0;
    const start = performance.now();
    const status = await scu.find(keys, () => {
      if (answers++ === 0) first = performance.now() - start;
    });
    const seconds = (performance.now() - start) / 1000;
    if (status !== 0) throw new Error(`${kind} ended with status ${status.toString(16)}`);
    if (answers > 0) asked.firsts.push(first);
    if (answers >= large) asked.rates.push(answers / seconds);
    asked.answers.push(answers);
  }
  console.error(`${kind}: first ${short(percentile(asked.firsts, 0.95))} ms, ${short(median(asked.answers))} answers`);
  return asked;
}

/** `ditag gateway` over this database, which may be asked for as many answers as there are. */
export function findingGateway(command: readonly string[], database: string): ReceiverCommand {
  return {
    aeTitle: 'GATEWAY',
    command: (port, folder) => {
      mkdirSync(folder, { recursive: true });
      const config = join(folder, 'config.ini');
      const lines = ['[DEFAULT]', `database = ${database}`, '[GATEWAY]', 'aetitle = GATEWAY', `port = ${port}`];
      const peer = [`[PEER ${SCU}]`, 'host = 127.0.0.1', 'may = find'];
      writeFileSync(config, [...lines, 'answers = 10000000', ...peer, ''].join('\n'));
      return [...command, '--config-file', config, 'gateway'];
    },
  };
}
