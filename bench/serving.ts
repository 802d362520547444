/**
 * The API over a million series, as `page` and `export` ask it: `ditag serve`
 * on the index that `query` asks too, and the service `api` of a cluster on the
 * index of `cluster-query`. Each is a process of its own.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCluster } from '../adapters/nats/connection.ts';
import { NatsRecordLog } from '../adapters/nats/record-log.ts';
import { BenchCluster, missingPart } from './cluster-parts.ts';
import { archiveEntry, clusterState, fillCluster } from './cluster-series.ts';
import { buildC, findDitag } from './competitors.ts';
import { type BenchOptions, workingFolder } from './options.ts';
import { sparseShape, writeQueryData } from './query-data.ts';
import { writeQueryIndex } from './query-index.ts';
import { queries, tagQueries } from './query-list.ts';

export interface Served extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/** `ditag serve`; or the sentence why there is none. */
export async function serveEmbedded(options: BenchOptions): Promise<Served | { missing: string }> {
  const measure = buildC(options, 'measure');
  const found = findDitag(options);
  if ('missing' in found) return found;
  const data = writeQueryData(options, sparseShape(options), { queries, tags: tagQueries });
  const written = await writeQueryIndex(data, measure);
  if ('missing' in written) return written;
  const home = mkdtempSync(join(workingFolder(options, 'homes'), 'home-'));
  const config = join(home, 'config.ini');
  writeFileSync(config, `[DEFAULT]\ndatabase = ${written.database}\n`);
  const [program, ...args] = [...found.command, '--config-file', config, 'serve', '--port', '0'];
  const child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const end = async () => {
    child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
    rmSync(`${written.database}-access`, { force: true });
  };
  for await (const told of child.stderr) {
    const url = /Serving at (http:\/\/[^\s/]+)/.exec(String(told))?.[1];
    if (url !== undefined) return { url, pid: child.pid!, [Symbol.asyncDispose]: end };
  }
  await end();
  return { missing: '`ditag serve` ended' };
}

/** The service `api` of a cluster; or the sentence why there is none. */
export async function serveCluster(options: BenchOptions): Promise<Served | { missing: string }> {
  const missing = await missingPart();
  if (missing !== undefined) return { missing };
  const { folder, mark, shape } = clusterState(options);
  const isFilled = existsSync(mark);
  const bench = await BenchCluster.start(options, folder, new Map());
  try {
    await fillCluster(bench, shape, mark);
    const cluster = await openCluster({ url: bench.nats }, 'ditag bench');
    // Where the log is empty, the api says that there is no index.
    await new NatsRecordLog(cluster).write(archiveEntry, undefined).catch(() => {});
    await cluster.close();
    if (!isFilled) {
      // What filling has warmed up or left behind is not to be measured.
      await bench.cluster.service('api').stop();
      await bench.cluster.start('api');
    }
    await forgetAnswers(bench.cluster.addresses.elasticsearch);
    const { pid } = bench.cluster.service('api');
    return { url: bench.cluster.addresses.api, pid, [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose]() };
  } catch (error) {
    await bench[Symbol.asyncDispose]();
    throw error;
  }
}

/** Else what is asked a second time comes from Elasticsearch's request cache, and nothing is measured. */
async function forgetAnswers(elasticsearch: string): Promise<void> {
  const answer = await fetch(`${elasticsearch}/_all/_settings`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ 'index.requests.cache.enable': false }),
  });
  if (!answer.ok) throw new Error(`The request cache cannot be turned off: ${await answer.text()}`);
}
