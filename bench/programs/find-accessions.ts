/**
 * Finds out what a PACS has for accession numbers, and keeps it, as `ditag project
 * index` does before it makes the index.
 *
 *   node find-accessions.ts PEER ASSOCIATIONS ACCESSIONS STATE    PEER: as JSON; ACCESSIONS: a file, JSON; STATE: the file it makes
 *
 * Prints {"seconds", "found", "instances"}; the time is that until everything is on disk.
 */
import { readFileSync } from 'node:fs';
import type { Peer } from '../../adapters/dimse/connection.ts';
import { DimsePacs } from '../../adapters/dimse/dimse-pacs.ts';
import { SqliteProjectStore } from '../../adapters/sqlite/project-store.ts';
import { findAccessions } from '../../core/stages/find-accessions.ts';

const [peerText, associations, file, state] = process.argv.slice(2) as [string, string, string, string];
const peer = JSON.parse(peerText) as Peer;
const targets = (JSON.parse(readFileSync(file, 'utf8')) as string[]).map((accession, i) => {
  return { accession, line: i + 1 };
});
const store = new SqliteProjectStore(state);
await store.addTargets(targets);
const pacs = new DimsePacs(peer, { move: peer.callingAETitle });
const { signal } = new AbortController();
const start = performance.now();
await findAccessions(targets, { pacs, store }, { threads: Number(associations), onAnswer: () => {}, signal });
const seconds = (performance.now() - start) / 1000;
const { outcomes, instances } = await store.totals();
await store.close();
console.log(JSON.stringify({ seconds, found: outcomes.found, instances }));
