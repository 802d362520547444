// What happens to projects of a cluster when a command is killed, NATS goes away or somebody ends a command: nothing that is
// known is asked for again, nothing that is on disk comes again, and the end is the same.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCluster } from '../../adapters/nats/connection.ts';
import { NatsGateways } from '../../adapters/nats/gateways.ts';
import { projectJobs } from '../../adapters/nats/project-lock.ts';
import { freePort } from '../../scripts/parts/parts.ts';
import { until } from '../gateway-here.ts';
import { CONTENT, ProjectCluster, THREADS } from './project-cluster.ts';

const ALL = CONTENT.uids({}).length;
/** Instances and queries that may have been under way when something died. */
const UNDER_WAY = 60;

/** Until a command has said so on stderr, or has ended. */
function said({ stderr }: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve) => {
    let text = '';
    stderr!.on('data', (data: Buffer) => (text += data.toString()).includes(what) && resolve());
    stderr!.once('close', resolve);
  });
}

describe('projects of a cluster of which parts die', { timeout: 300_000 }, () => {
  const it = new ProjectCluster({ before, after });
  const { home, cluster, here, jobs } = it;
  const of = (name: string) => ['--project-name', name];
  const indexed = (name: string) => ['index', ...of(name), ...it.at(), '--target-list', it.list];
  /** Until so many more are there. */
  const untilMore = async (list: () => readonly unknown[], more: number, what: string) => {
    const { length } = list();
    await until(
      () => list().length - length,
      (count) => count >= more,
      what,
    );
  };
  const asked = (more: number) => untilMore(() => it.pacs.requests, more, 'queries');
  const sent = (more: number) => untilMore(() => it.pacs.sent, more, 'instances');

  /** One that is known whole. */
  async function known(name: string): Promise<void> {
    const { code, stderr } = await cluster(...indexed(name));
    assert.equal(code, 0, stderr);
    assert.match(stderr, /90 studies, 180 series, 270 instances/);
  }

  const parts = (title: string, check: (t: TestContext) => Promise<void>) =>
    void test(title, async (t) => {
      if (await it.hasParts(t)) await check(t);
    });

  parts('a command that is killed while gateways ask leaves what it knows', async () => {
    const { child, ended } = it.begin(...indexed('killed'));
    await asked(60);
    child.kill('SIGKILL');
    await ended;
    await known('killed');
    // Four queries an accession number: half of them were known, or asked for by gateways in the meantime.
    const { length } = it.pacs.requests;
    await known('killed');
    assert.equal(it.pacs.requests.length, length);
  });

  parts('NATS is killed while gateways ask', async () => {
    const asking = cluster(...indexed('nats'));
    await asked(60);
    await it.restartNats();
    const { code, stderr } = await asking;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /88 of 90 accession numbers found, 2 not found: 90 studies, 180 series, 270 instances/);
  });

  parts('a command and NATS are killed while gateways download', async () => {
    // They have no place for it.
    await Promise.all(it.gateways.splice(0).map((gateway) => gateway.stop()));
    const mount = path.join(home, 'downloads');
    for (let n = 0; n < 2; n++) await it.startGateway({ DITAG_GATEWAY_DOWNLOADS: mount });
    const before = it.pacs.sent.length;
    // Some are to be left when it is known that the first command is dead.
    it.pacs.faults.slow = 250;
    const options = ['--output', 'out', '--method', 'get', '--threads', String(THREADS), '--patience', '5'];
    const line = ['download', ...of('nats'), ...options];
    const { child, ended } = it.begin(...line);
    await sent(40);
    child.kill('SIGKILL');
    await ended;
    const told = await openCluster({ url: it.url }, 'test');
    const gateways = new NatsGateways(told.connection);
    const [job] = await projectJobs(told);
    const doing = (await gateways.doing(job!.id)).flatMap(({ series }) => series);
    assert.ok(doing.length > 0 && doing.length <= THREADS, `${doing.length} associations at work`);
    assert.ok(doing.every(({ received, expected }) => received <= expected && expected <= 2));
    assert.ok((await gateways.freeSpace())! > 0);
    await told.close();
    const again = it.begin(...line);
    await said(again.child, 'Continued in out/');
    await sent(6);
    await it.restartNats();
    it.pacs.faults.slow = 0;
    const { code, stderr } = await again.ended;
    // Whatever a series was missing when NATS was away a later run gets.
    const last = code === 0 ? { code, stderr } : await cluster(...line);
    assert.equal(last.code, 0, stderr + last.stderr);
    const came = it.pacs.sent.length - before;
    assert.ok(came < ALL + 2 * UNDER_WAY, `${came} instances were sent`);
    const folder = path.join(mount, 'out', fs.readdirSync(path.join(mount, 'out'))[0]!);
    const verified = await here('verify', '--folder', folder);
    assert.deepEqual([verified.code, verified.stdout], [0, ''], verified.stderr);
  });

  parts('what gateways have begun never comes a second time because they are away for a moment', async () => {
    const mount = path.join(home, 'downloads');
    const line = ['download', ...of('nats'), '--output', 'out', '--method', 'get'];
    const { length } = it.pacs.sent;
    await Promise.all(it.gateways.splice(0).map((gateway) => gateway.stop()));
    const again = it.begin(...line);
    await Promise.race([again.ended, sleep(2_000)]);
    await it.startGateway({ DITAG_GATEWAY_DOWNLOADS: mount });
    const { code, stderr } = await again.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Complete: all 270 instances are on disk/);
    // One that keeps no downloads is none.
    await Promise.all(it.gateways.splice(0).map((gateway) => gateway.stop()));
    await it.startGateway();
    const refused = await cluster(...line);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(
      refused.stderr,
      /^Gateways have begun to download into out\/nats_\d{8}, and none that keeps downloads answers/,
    );
    assert.equal(it.pacs.sent.length, length);
    assert.ok(!fs.existsSync(path.join(home, 'out')));
  });

  parts(
    'a download to the machine of the command is ended by ditag jobs, and resumed from another folder',
    async () => {
      const port = await freePort();
      it.destinations.set('DITAG', { host: '127.0.0.1', port });
      const line = ['download', ...of('nats'), '--output', path.join(home, 'here'), '--scp-port', String(port)];
      // It is to last longer than it takes a command to notice.
      it.pacs.faults.slow = 200;
      const before = it.pacs.sent.length;
      const downloading = cluster(...line);
      await sent(20);
      const [job] = (await jobs('list')).stdout.split('\n');
      assert.match(job!, /^[0-9a-f-]{13} {2}downloading {2}.* project nats$/);
      const cancelled = await jobs('cancel', job!.slice(0, 13));
      assert.equal(cancelled.code, 0, cancelled.stderr);
      const { code, stderr } = await downloading;
      it.pacs.faults.slow = 0;
      assert.equal(code, 1, stderr);
      assert.match(stderr, /Not complete: \d+ of 270 instances/);
      assert.match(stderr, /project nats was ended by `ditag jobs cancel`/);
      const left = (await jobs('list')).stdout.split('\n')[0]!;
      assert.match(
        left,
        /^[0-9a-f-]{13} {2}cancelled {2}.* project nats, download: `ditag jobs resume [0-9a-f-]{13}` goes on/,
      );
      assert.equal((await jobs('cancel', left.slice(0, 13))).code, 2);
      const again = await jobs('resume', left.slice(0, 13));
      assert.equal(again.code, 0, again.stderr);
      assert.match(
        again.stderr,
        /^Resuming: ditag project download --output \/.* --project-name nats .*\nContinued in /,
      );
      const came = it.pacs.sent.length - before;
      assert.ok(came <= ALL + UNDER_WAY, `${came} instances were sent`);
      assert.doesNotMatch((await jobs('list')).stdout, /project nats/);
      const gone = await jobs('resume', left.slice(0, 13));
      assert.deepEqual([gone.code, gone.stderr.includes('no work for a project to resume')], [2, true]);
    },
  );
});
