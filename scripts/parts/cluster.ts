// A cluster on this machine: a NATS server, a node of Elasticsearch and ditag's services, each a process of its own, as
// docker-compose.yml starts them. Services can be added, killed and stopped one by one.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startElasticsearch } from './elasticsearch-node.ts';
import { startNatsServer } from './nats-server.ts';
import { bindToThisProcess, freePort, lastLines, type RunningPart } from './parts.ts';

export type ServiceName = 'scanner' | 'indexer' | 'api' | 'dimse-gateway';

/** What a cluster is started with. */
export interface ClusterOptions {
  /** NATS and Elasticsearch keep theirs in it; logs stand there too. */
  readonly stateFolder: string;
  /** Folders of archives by name: what the scanners and gateways see. */
  readonly archives: ReadonlyMap<string, string>;
  readonly scanners?: number;
  readonly gateways?: number;
  /** Further variables of every service. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly heapMB?: number;
  /** Of Elasticsearch: see `ElasticsearchOptions`. */
  readonly isLasting?: boolean;
  /** Further lines of the NATS server's configuration. */
  readonly natsConfig?: string;
  /** The services as they are shipped, from dist/, which is there. */
  readonly isCompiled?: boolean;
}

export interface ClusterAddresses {
  readonly nats: string;
  readonly elasticsearch: string;
  readonly api: string;
}

/** A service that runs. */
export interface RunningService {
  readonly name: ServiceName;
  readonly pid: number;
  readonly logFile: string;
  /** Lets it finish what it has taken. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

const root = resolve(import.meta.dirname, '../..');
const STOP_SECONDS = 20;
const READY_SECONDS = 60;

export class RunningCluster implements AsyncDisposable {
  readonly addresses: ClusterAddresses;
  nats: RunningPart;
  elasticsearch: RunningPart;
  private readonly options: ClusterOptions;
  private readonly services = new Set<RunningService>();
  private readonly apiPort: number;
  private started = 0;

  constructor(options: ClusterOptions, nats: RunningPart, elasticsearch: RunningPart, apiPort: number) {
    this.options = options;
    this.nats = nats;
    this.elasticsearch = elasticsearch;
    this.apiPort = apiPort;
    this.addresses = { nats: nats.url, elasticsearch: elasticsearch.url, api: `http://127.0.0.1:${apiPort}` };
  }

  /** Starts a service. Resolves when it says that it is ready. */
  async start(name: ServiceName, variables: Readonly<Record<string, string>> = {}): Promise<RunningService> {
    const { options, addresses } = this;
    const logFile = join(options.stateFolder, `${name}-${++this.started}.log`);
    const all = {
      DITAG_NATS_URL: addresses.nats,
      DITAG_ELASTICSEARCH_URL: addresses.elasticsearch,
      DITAG_ARCHIVES: [...options.archives].map(([archive, folder]) => `${archive}=${folder}`).join(','),
      ...(name === 'api' ? { DITAG_HTTP_PORT: String(this.apiPort) } : {}),
      ...options.variables,
      ...variables,
    };
    const service = await startService(name, logFile, all, options.isCompiled);
    const counted: RunningService = {
      ...service,
      stop: () => {
        this.services.delete(counted);
        return service.stop();
      },
      kill: () => {
        this.services.delete(counted);
        return service.kill();
      },
    };
    this.services.add(counted);
    return counted;
  }

  /** The service of this name that was started first. */
  service(name: ServiceName): RunningService {
    const found = [...this.services].find((service) => service.name === name);
    if (found === undefined) throw new Error(`No ${name} is running`);
    return found;
  }

  /** Kills the NATS server with SIGKILL and starts it on the same folder and port. */
  async restartNats(): Promise<void> {
    const { port } = this.nats;
    await this.nats.kill();
    const { stateFolder, natsConfig } = this.options;
    this.nats = await startNatsServer({ stateFolder: join(stateFolder, 'nats'), port, ...configured(natsConfig) });
  }

  /** The same of Elasticsearch. */
  async restartElasticsearch(): Promise<void> {
    const { port } = this.elasticsearch;
    await this.elasticsearch.kill();
    const stateFolder = join(this.options.stateFolder, 'elasticsearch');
    this.elasticsearch = await startElasticsearch({ stateFolder, port, ...javaOptions(this.options) });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.services].map((service) => service.stop()));
    await Promise.all([this.nats.stop(), this.elasticsearch.stop()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Starts one service. Resolves when it says that it is ready. @param variables its settings @param isCompiled as in `ClusterOptions` */
export async function startService(
  name: ServiceName,
  logFile: string,
  variables: Readonly<Record<string, string>>,
  isCompiled = false,
): Promise<RunningService> {
  // One of an earlier run, where the state is kept, says ready too soon.
  fs.rmSync(logFile, { force: true });
  const log = fs.openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, [join(root, isCompiled ? `dist/${name}.js` : `services/${name}/main.ts`)], {
    cwd: root,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...variables },
    // A process group of its own, as in parts.ts.
    detached: true,
  });
  fs.closeSync(log);
  bindToThisProcess(child);
  await ready(child, name, logFile);
  return {
    name,
    pid: child.pid!,
    logFile,
    stop: () => ended(child, 'SIGTERM'),
    kill: () => ended(child, 'SIGKILL'),
  };
}

/** Starts everything. Rejects with MissingPart where a part cannot be had. */
export async function startCluster(options: ClusterOptions): Promise<RunningCluster> {
  const folder = (name: string) => {
    const made = join(options.stateFolder, name);
    fs.mkdirSync(made, { recursive: true });
    return made;
  };
  const [nats, elasticsearch] = await Promise.all([
    startNatsServer({ stateFolder: folder('nats'), ...configured(options.natsConfig) }),
    startElasticsearch({ stateFolder: folder('elasticsearch'), ...javaOptions(options) }),
  ]);
  const cluster = new RunningCluster(options, nats, elasticsearch, await freePort());
  try {
    const scanners = Array.from({ length: options.scanners ?? 1 }, () => 'scanner' as const);
    const gateways = Array.from({ length: options.gateways ?? 0 }, () => 'dimse-gateway' as const);
    for (const name of ['indexer', 'api', ...scanners, ...gateways] as const) await cluster.start(name);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function javaOptions({ heapMB = 512, isLasting = false }: ClusterOptions) {
  return { heapMB, isLasting };
}

function configured(config: string | undefined): { config?: string } {
  return config === undefined ? {} : { config };
}

async function ready(child: ChildProcess, name: string, logFile: string): Promise<void> {
  for (let waited = 0; waited < READY_SECONDS * 20; waited++) {
    const text = fs.readFileSync(logFile, 'utf8');
    if (/"msg":"ready"/.test(text)) return;
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`The ${name} ended before it was ready:\n${lastLines(text)}`);
    }
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error(`The ${name} is not ready after ${READY_SECONDS} s:\n${lastLines(fs.readFileSync(logFile, 'utf8'))}`);
}

async function ended(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_SECONDS * 1000);
  await exit;
  clearTimeout(deadline);
}
