/**
 * Asks a PACS as `ditag project index` does, query after query, over several
 * associations at a time.
 *
 *   node ask-pacs.ts PEER ASSOCIATIONS QUERIES    PEER: as JSON; QUERIES: a file, the keys of each as JSON
 *
 * Prints {"seconds", "answers"}; the time is that from the first association to the end of the last.
 */
import { readFileSync } from 'node:fs';
import type { Peer } from '../../adapters/dimse/connection.ts';
import { DimsePacs } from '../../adapters/dimse/dimse-pacs.ts';
import { identifierOf } from '../../core/dimse/identifier.ts';
import { PacsAsker } from '../../core/stages/pacs-asker.ts';
import type { Keys } from '../query-files.ts';

const [peerText, associations, file] = process.argv.slice(2) as [string, string, string];
const peer = JSON.parse(peerText) as Peer;
const queries = JSON.parse(readFileSync(file, 'utf8')) as Keys[];
const pacs = new DimsePacs(peer, { move: peer.callingAETitle });
const { signal } = new AbortController();
let next = 0;
let answers = 0;

async function ask(): Promise<void> {
  const asker = new PacsAsker(pacs, signal);
  while (next < queries.length) {
    const answered = await asker.ask(identifierOf(queries[next++]!));
    if (answered.status !== 0) throw new Error(`a query ended with status ${answered.status.toString(16)}`);
    answers += answered.answers.length;
  }
  await asker.close();
}

const start = performance.now();
await Promise.all(Array.from({ length: Number(associations) }, ask));
console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, answers }));
