// The network between parts is cut for some seconds while they scan: connections that stand say nothing any more, and
// new ones are not taken. The scan ends right when it is back.
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeGeneration } from '../index/make-archive.ts';
import { ComparedCluster } from './clusters.ts';

const FILES = 1200;
const CUT = 3_000;

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
      });
      for (const cable of Object.values(cables)) await cable.lay();
      const [scannerNats, indexerNats, indexerElasticsearch] = Object.values(cables).map(({ port }) => port);
      await cluster.service('indexer').stop();
      await cluster.start('scanner', { DITAG_NATS_URL: `nats://127.0.0.1:${scannerNats}` });
      await cluster.start('scanner');
      await cluster.start('indexer', {
        DITAG_NATS_URL: `nats://127.0.0.1:${indexerNats}`,
        DITAG_ELASTICSEARCH_URL: `http://127.0.0.1:${indexerElasticsearch}`,
      });
    }),
  );
  // After the cluster, whose end goes through them.
  after(() => Object.values(cables).forEach((cable) => void cable.end()));

  const cases = ['a scanner and NATS', 'the indexer and NATS', 'the indexer and Elasticsearch'];
  for (const [i, name] of cases.entries()) {
    for (const breaks of [false, true]) {
      test(`between ${name}${breaks ? ', and connections break' : ''}`, { timeout: 120_000 }, async (t) => {
        if ((await compared.orSkip(t)) === undefined) return;
        change(2 * i + (breaks ? 2 : 1));
        const scan = compared.begin();
        await sleep(700);
        await cables[name]!.cut(CUT, breaks);
        await compared.isRight(await scan);
      });
    }
  }
});
