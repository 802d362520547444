// What tests of projects of a cluster run against: NATS and gateways are real, the PACS is scripted; and the commands.
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { type RunningService, startService } from '../../scripts/parts/cluster.ts';
import { startNatsServer } from '../../scripts/parts/nats-server.ts';
import { freePort, partOrSkip, type RunningPart } from '../../scripts/parts/parts.ts';
import { type Ended, runDitag, startDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { pacsContent } from '../projects/pacs-content.ts';
import { type ScriptedPacs, startScriptedPacs } from '../projects/scripted-pacs.ts';

/** Accession numbers of the list; the PACS has two fewer, and two of these have two studies. */
export const ACCESSIONS = 90;
export const THREADS = 3;

/** 90 studies of two series, 270 instances. */
export const CONTENT = pacsContent(
  Array.from({ length: ACCESSIONS }, (_, n) => ({
    StudyInstanceUID: `1.2.5.${n}`,
    AccessionNumber: `ACC${n % (ACCESSIONS - 2)}`,
    PatientID: `P${n % 40}`,
    PatientName: `Doé^N${n % 40}`,
    StudyDate: '20240102',
    series: [
      { SeriesInstanceUID: `1.2.5.${n}.1`, SeriesDescription: 'T1', Modality: 'MR', instances: 2, pixels: 64 },
      { SeriesInstanceUID: `1.2.5.${n}.2`, SeriesDescription: `T2 ${n % 3}`, Modality: 'MR', instances: 1, pixels: 64 },
    ],
  })),
);

interface Hooks {
  before(fn: () => unknown): void;
  after(fn: () => unknown): void;
}

export class ProjectCluster {
  readonly home: string;
  /** The file with the accession numbers. */
  readonly list: string;
  /** Where the PACS sends to, by AE title. */
  readonly destinations = new Map<string, { readonly host: string; readonly port: number }>();
  readonly gateways: RunningService[] = [];
  pacs!: ScriptedPacs;
  private nats: RunningPart | undefined;
  private started: Promise<void> | undefined;

  /** Of a suite: what is begun ends with it. */
  constructor({ before, after }: Hooks) {
    const ending: (() => unknown)[] = [];
    this.home = temporaryFolder({ after });
    this.list = path.join(this.home, 'list.txt');
    before(async () => {
      const ends = { after: (fn: () => unknown) => void ending.unshift(fn) };
      const { destinations } = this;
      this.pacs = await startScriptedPacs(ends, { content: CONTENT, destinations, faults: { slow: 2 } });
      fs.writeFileSync(this.list, Array.from({ length: ACCESSIONS }, (_, n) => `ACC${n}\n`).join(''));
      this.started = this.start();
      this.started.catch(() => {});
    });
    after(async () => {
      await Promise.all(this.gateways.map((gateway) => gateway.stop()));
      await this.nats?.stop();
      for (const end of ending) await end();
    });
  }

  get url(): string {
    return this.nats!.url;
  }

  /** False where a part is missing: the test is skipped then. */
  async hasParts(context: TestContext): Promise<boolean> {
    return (
      (await partOrSkip(context, async () => {
        await this.started;
        return true;
      })) === true
    );
  }

  /** Kills NATS with SIGKILL and starts it again, with what it had on disk. */
  async restartNats(): Promise<void> {
    const { port } = this.nats!;
    await this.nats!.kill();
    this.nats = await startNatsServer({ stateFolder: path.join(this.home, 'nats'), port });
  }

  /** @param variables of its place for downloads */
  async startGateway(variables: Record<string, string> = {}): Promise<RunningService> {
    const port = await freePort();
    const gateway = await startService('dimse-gateway', path.join(this.home, `gateway-${port}.log`), {
      DITAG_NATS_URL: this.url,
      DITAG_ARCHIVES: `none=${this.home}`,
      DITAG_HTTP_PORT: String(port),
      ...variables,
    });
    this.gateways.push(gateway);
    return gateway;
  }

  /** For one that was stopped or killed. */
  forget(gateway: RunningService): void {
    this.gateways.splice(this.gateways.indexOf(gateway), 1);
  }

  /** `ditag project …` of the cluster. */
  readonly cluster = (...args: string[]): Promise<Ended> => runDitag(this.arguments(args), { home: this.home });

  begin(...args: string[]): ReturnType<typeof startDitag> {
    return startDitag(this.arguments(args), { home: this.home });
  }

  /** The same on this machine. */
  readonly here = (...args: string[]): Promise<Ended> => runDitag(['--local', 'project', ...args], { home: this.home });

  readonly jobs = (...args: string[]): Promise<Ended> =>
    runDitag(['--nats', this.url, 'jobs', ...args], { home: this.home });

  /** Options that name the PACS. */
  readonly at = (): string[] => {
    const of = ['--pacs', '127.0.0.1', '--port', String(this.pacs.port), '--aetitle', 'PACS'];
    return [...of, '--threads', String(THREADS)];
  };

  private arguments(args: readonly string[]): string[] {
    return ['--nats', this.url, 'project', ...args];
  }

  private async start(): Promise<void> {
    this.nats = await startNatsServer({ stateFolder: path.join(this.home, 'nats') });
    for (let n = 0; n < 2; n++) await this.startGateway();
  }
}
