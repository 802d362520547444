// The network between parts is cut for some seconds while they scan: connections that stand say nothing any more, and
// new ones are not taken. The scan ends right when it is back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Workspace } from '../../cli/workspaces/workspace.ts';
import { type RunningCluster, startCluster } from '../../scripts/parts/cluster.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { indexAnswers } from '../index/index-here.ts';
import { dicomFile, LONG_AGO, writeFile } from '../index/make-archive.ts';
import { clusterWorkspace, index, localWorkspace } from './clusters.ts';

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
  const home = temporaryFolder({ after });
  const archive = path.join(home, 'archive');
  const cables: Record<string, Cable> = {};
  let cluster: RunningCluster | undefined;
  let missing = '';
  let here: Workspace;
  let there: Workspace;

  function change(generation: number): void {
    for (let i = 0; i < FILES; i++) {
      const content = dicomFile({
        SeriesInstanceUID: `1.2.${Math.floor(i / 3)}`,
        SOPInstanceUID: `1.9.${i}`,
        StudyInstanceUID: `1.3.${i % 200}`,
        SeriesDescription: `generation ${generation} of ${i % 50}`,
      });
      writeFile(archive, `y${i % 5}/f${i % 120}/${i}`, content, LONG_AGO + generation * 100);
    }
  }

  async function answers(workspace: Workspace): Promise<unknown> {
    const opened = await workspace.openIndex(undefined);
    try {
      return await indexAnswers(opened, (name) => (name === 'cut' ? archive : name));
    } finally {
      await opened.close();
    }
  }

  before(async () => {
    const stateFolder = path.join(home, 'cluster');
    fs.mkdirSync(stateFolder);
    fs.mkdirSync(archive);
    try {
      cluster = await startCluster({ stateFolder, archives: new Map([['cut', archive]]), scanners: 0 });
    } catch (error) {
      if (!(error instanceof MissingPart) || process.env['DITAG_REQUIRE_PARTS'] === '1') throw error;
      missing = error.message;
      return;
    }
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
    here = localWorkspace(home);
    there = clusterWorkspace(nats);
  });
  after(async () => {
    await cluster?.stop();
    for (const cable of Object.values(cables)) cable.end();
  });

  const cases = ['a scanner and NATS', 'the indexer and NATS', 'the indexer and Elasticsearch'];
  for (const [i, name] of cases.entries()) {
    for (const breaks of [false, true]) {
      test(`between ${name}${breaks ? ', and connections break' : ''}`, { timeout: 120_000 }, async (t) => {
        if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
        change(2 * i + (breaks ? 2 : 1));
        const scan = index(there, 'cut');
        scan.catch(() => {});
        await sleep(700);
        await cables[name]!.cut(CUT, breaks);
        const outcome = await scan;
        await index(here, archive);
        assert.equal(outcome.report.instances, FILES);
        assert.deepEqual(outcome.unreadable, []);
        assert.deepEqual(await answers(there), await answers(here));
      });
    }
  }
});
