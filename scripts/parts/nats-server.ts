// Starts a real NATS server with JetStream on this machine, on 127.0.0.1 and on a folder of the caller's: the one on
// the path, else one that Go builds once into the parts folder.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import {
  findOnPath,
  installOnce,
  isProgram,
  lastLines,
  MissingPart,
  partsFolder,
  type RunningPart,
  runToEnd,
  startPart,
} from './parts.ts';

const VERSION = '2.15.2';
const OLDEST = '2.15';
/** Go's own archive, and Debian's package, which are not always on the path. */
const WHERE_GO_IS_PUT = ['/usr/local/go/bin/go', '/usr/lib/go/bin/go'];

/** How to start a NATS server. */
export interface NatsServerOptions {
  /** Has its streams, its configuration and its log; one that a server used before is taken up where that one left it. */
  readonly stateFolder: string;
  /** The port to listen on; by default one that the system picks. */
  readonly port?: number;
  /** Further lines of its configuration file (users, TLS). They come last, so they also replace what is set here. */
  readonly config?: string;
  /** Gives up the start. */
  readonly signal?: AbortSignal;
}

/** Starts a NATS server. Resolves when it greets clients; rejects with MissingPart where there is none and no Go. */
export async function startNatsServer(options: NatsServerOptions): Promise<RunningPart> {
  const command = await installNatsServer();
  const stateFolder = resolve(options.stateFolder);
  const portsFolder = join(stateFolder, 'ports');
  await rm(portsFolder, { recursive: true, force: true });
  await mkdir(portsFolder, { recursive: true });
  const configFile = join(stateFolder, 'nats-server.conf');
  await writeFile(configFile, configuration(stateFolder, portsFolder, options));
  return startPart({
    name: 'nats-server',
    command,
    args: ['--config', configFile],
    logFile: join(stateFolder, 'nats-server.log'),
    findUrl: (pid) => findUrl(portsFolder, pid),
    endsWithInput: false,
    startSeconds: 20,
    stopSeconds: 10,
    signal: options.signal,
  });
}

/** Gives the program, which is built first where it is not here. Rejects with MissingPart where that cannot be. */
export async function installNatsServer(): Promise<string> {
  const onPath = findOnPath('nats-server');
  if (onPath !== undefined && (await isNewEnough(onPath))) return onPath;
  const folder = join(partsFolder(), `nats-server-${VERSION}`);
  const built = join(folder, 'nats-server');
  if (isProgram(built)) return built;
  const go = findOnPath('go') ?? WHERE_GO_IS_PUT.find(isProgram);
  if (go === undefined) {
    throw new MissingPart(
      `nats-server ${OLDEST} or newer is not here: put it on the path, or install Go, which then builds it.`,
    );
  }
  await installOnce(folder, async (empty) => {
    const env = { ...process.env, GOBIN: empty };
    const { code, output } = await runToEnd(go, ['install', `github.com/nats-io/nats-server/v2@v${VERSION}`], env);
    if (code === 0) return;
    throw new MissingPart(
      `nats-server is not here, and Go could not build it; put nats-server ${OLDEST} or newer on the path, or see to ` +
        `what Go says:\n${lastLines(output)}`,
    );
  });
  return built;
}

/** Asks a program for its version, as "nats-server: v2.15.2". */
async function isNewEnough(program: string): Promise<boolean> {
  const { output } = await runToEnd(program, ['--version']);
  const version = /v(\d+\.\d+)/.exec(output)?.[1];
  return version !== undefined && OLDEST.localeCompare(version, 'en', { numeric: true }) <= 0;
}

/** Each message is on the disk before it is acknowledged, so a server that is killed has what it said it has. */
function configuration(stateFolder: string, portsFolder: string, { port, config }: NatsServerOptions): string {
  return `host: "127.0.0.1"
port: ${port ?? -1}
ports_file_dir: ${JSON.stringify(portsFolder)}
max_payload: 16MB
jetstream {
  store_dir: ${JSON.stringify(stateFolder)}
  sync_interval: always
}
${config ?? ''}
`;
}

/** The server writes a file that tells its port, which has its process id in its name. */
async function findUrl(portsFolder: string, pid: number): Promise<URL | undefined> {
  const name = (await readdir(portsFolder)).find((name) => name.endsWith(`_${pid}.ports`));
  if (name === undefined) return undefined;
  const address = /:(\d+)"/.exec(await readFile(join(portsFolder, name), 'utf8'));
  if (address === null) return undefined;
  const port = Number(address[1]);
  return (await greets(port)) ? new URL(`nats://127.0.0.1:${port}`) : undefined;
}

/** A server that is ready says INFO before the client says anything. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1000 });
    const answer = (greeted: boolean) => {
      socket.destroy();
      resolve(greeted);
    };
    socket.once('data', (data) => answer(data.toString('latin1').startsWith('INFO {')));
    socket.once('end', () => answer(false));
    socket.once('timeout', () => answer(false));
    socket.once('error', () => answer(false));
  });
}
