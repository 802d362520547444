// The network between parts is cut for some seconds while they scan: connections that stand say nothing any more, and
// new ones are not taken. The scan ends right when it is back. DITAG_SEED repeats the moments of the cuts.
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeGeneration } from '../index/make-archive.ts';
import { Random } from '../random.ts';
import { ComparedCluster, clusterWorkspace, index } from './clusters.ts';

const FILES = 1200;
const CUT = 3_000;
/** Cuts fall into this long after the start of a scan (milliseconds). */
const SPAN = 1_200;
const SEED = Number(process.env['DITAG_SEED'] ?? Date.now() % 1_000_000);

const random = new Random(SEED);

/** A network between two parts. */
class Cable {
  private readonly server: net.Server;
  private readonly sockets = new Set<net.Socket>();
  private isCut = false;
  port = 0;

  constructor(target: string) {
    const { hostname, port } = new URL(target);
    this.server = net.createServer((near) => {
      const far = net.connect(Number(port), hostname);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.sockets.add(socket);
        socket.on('data', (data) => void other.write(data));
        socket.on('error', () => {});
        socket.on('close', () => {
          this.sockets.delete(socket);
          other.destroy();
        });
        if (this.isCut) socket.pause();
      }
    });
  }

  async lay(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = (this.server.address() as net.AddressInfo).port;
  }

  /** Nothing passes; nobody is told. At the end what stood is broken, where `breaks` says so. */
  async cut(milliseconds: number, breaks: boolean): Promise<void> {
    this.isCut = true;
    for (const socket of this.sockets) socket.pause();
    await sleep(milliseconds);
    this.isCut = false;
    for (const socket of this.sockets) {
      if (breaks) socket.destroy();
      else socket.resume();
    }
  }

  end(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

describe('a cluster whose network is cut', () => {
  const compared = new ComparedCluster({ after }, 'cut');
  const { archive } = compared;
  const cables: Record<string, Cable> = {};

  function change(generation: number): void {
    for (let i = 0; i < FILES; i++) writeGeneration(archive, `y${i % 5}/f${i % 120}/${i}`, i, generation);
  }

  before(() =>
    compared.start(0, async (cluster) => {
      const { nats, elasticsearch } = cluster.addresses;
      Object.assign(cables, {
        'a scanner and NATS': new Cable(nats),
        'the indexer and NATS': new Cable(nats),
        'the indexer and Elasticsearch': new Cable(elasticsearch),
        'the api and NATS': new Cable(nats),
        'the api and Elasticsearch': new Cable(elasticsearch),
        'the command and NATS': new Cable(nats),
      });
      for (const cable of Object.values(cables)) await cable.lay();
      const [scannerNats, indexerNats, indexerElasticsearch, apiNats, apiElasticsearch] = Object.values(cables).map(
        ({ port }) => port,
      );
      await cluster.service('indexer').stop();
      await cluster.service('api').stop();
      await cluster.start('scanner', { DITAG_NATS_URL: `nats://127.0.0.1:${scannerNats}` });
      await cluster.start('scanner');
      await cluster.start('indexer', {
        DITAG_NATS_URL: `nats://127.0.0.1:${indexerNats}`,
        DITAG_ELASTICSEARCH_URL: `http://127.0.0.1:${indexerElasticsearch}`,
      });
      await cluster.start('api', {
        DITAG_NATS_URL: `nats://127.0.0.1:${apiNats}`,
        DITAG_ELASTICSEARCH_URL: `http://127.0.0.1:${apiElasticsearch}`,
      });
    }),
  );
  // After the cluster, whose end goes through them.
  after(() => Object.values(cables).forEach((cable) => void cable.end()));

  const cases = [
    'a scanner and NATS',
    'the indexer and NATS',
    'the indexer and Elasticsearch',
    'the api and NATS',
    'the api and Elasticsearch',
    'the command and NATS',
  ];
  for (const [i, name] of cases.entries()) {
    for (const breaks of [false, true]) {
      test(`between ${name}${breaks ? ', and connections break' : ''}`, { timeout: 120_000 }, async (t) => {
        if ((await compared.orSkip(t)) === undefined) return;
        change(2 * i + (breaks ? 2 : 1));
        const cable = cables[name]!;
        const there = name.startsWith('the command')
          ? clusterWorkspace(`nats://127.0.0.1:${cable.port}`)
          : compared.there;
        const scan = index(there, compared.name);
        scan.catch(() => {});
        const moment = random.fraction() * SPAN;
        t.diagnostic(`cut after ${Math.round(moment)} ms, seed ${SEED}`);
        await sleep(moment);
        await cable.cut(CUT, breaks);
        await compared.isRight(await scan);
      });
    }
  }
});
