// `npm run cluster`: a whole cluster on this machine, from real parts, to try it and for tests.
//   --archive NAME=DIR   what the scanners see (repeatable)
//   --scanners N         1
//   --gateways N         0
//   --state DIR          where NATS and Elasticsearch keep theirs; a temporary folder that is removed at the end
// Prints one line of JSON with the addresses when all is ready. Ctrl-C, or the end of its input with --until-input-ends,
// stops everything. Exit code 2: a part is not on this machine and cannot be brought there.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type RunningCluster, startCluster } from './parts/cluster.ts';
import { MissingPart } from './parts/parts.ts';

const { values } = parseArgs({
  options: {
    archive: { type: 'string', multiple: true, default: [] },
    scanners: { type: 'string', default: '1' },
    gateways: { type: 'string', default: '0' },
    state: { type: 'string' },
    'until-input-ends': { type: 'boolean', default: false },
  },
});

function count(option: 'scanners' | 'gateways'): number {
  const number = Number(values[option]);
  if (!Number.isInteger(number) || number < 0) throw new Error(`--${option} ${values[option]}: a count from 0 on`);
  return number;
}

const [scanners, gateways] = [count('scanners'), count('gateways')];
const archives = new Map(
  values.archive.map((text) => {
    const at = text.indexOf('=');
    if (at <= 0) throw new Error(`--archive ${text}: write NAME=DIR`);
    return [text.slice(0, at), path.resolve(text.slice(at + 1))] as const;
  }),
);

let starting: Promise<RunningCluster> | undefined;
let stopping = false;
async function stop(): Promise<void> {
  // The second time at once: nothing outlives this process.
  if (stopping) process.exit(130);
  stopping = true;
  const cluster = await starting?.catch(() => undefined);
  await cluster?.stop();
  process.exit(0);
}
process.on('SIGINT', () => void stop());
process.on('SIGTERM', () => void stop());
// The parts do not keep this process alive.
setInterval(() => {}, 1 << 30);
if (values['until-input-ends']) process.stdin.resume().on('end', () => void stop());

const temporary = values.state === undefined ? fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-cluster-')) : undefined;
process.on('exit', () => {
  if (temporary !== undefined) fs.rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
});
const stateFolder = path.resolve(values.state ?? temporary!);
starting = startCluster({ stateFolder, archives, scanners, gateways, isLasting: true });
try {
  const { addresses } = await starting;
  if (!stopping) process.stdout.write(`${JSON.stringify(addresses)}\n`);
} catch (error) {
  if (!stopping) {
    process.stderr.write(`The cluster did not start: ${(error as Error).message}\n`);
    process.exit(error instanceof MissingPart ? 2 : 1);
  }
}
