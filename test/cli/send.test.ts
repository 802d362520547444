// `ditag send` as users run it, against DCMTK's storescp and against a peer that is played in this process.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { CommandContext } from '../../cli/command.ts';
import { send as sendCommand } from '../../cli/commands/send.ts';
import { readConfiguration } from '../../cli/configuration/configuration.ts';
import { LocalWorkspace } from '../../cli/workspaces/local/local-workspace.ts';
import { Pacs } from '../../cli/workspaces/pacs.ts';
import { encodePdu } from '../../core/dimse/pdu.ts';
import { VERIFICATION } from '../../core/dimse/uids.ts';
import { readColumns } from '../../core/query/series-list.ts';
import { freePort, isHere } from '../../scripts/parts/parts.ts';
import { makeCertificates } from '../certificates.ts';
import { startDcmtk } from '../dcmtk.ts';
import { makeArchive, plainSeries } from '../index/make-archive.ts';
import { newReader, readBytes } from '../reader/scripted-source.ts';
import { playStorePeer } from '../store-peer.ts';
import { type Ended, runDitag, startDitag, temporaryFolder } from './run-ditag.ts';

const COLUMNS = ['SeriesInstanceUID', 'SOPInstanceUID', 'SOPClassUID', 'outcome', 'status', 'reason', 'bytes', 'path'];
const SAMPLES = path.resolve(import.meta.dirname, '../samples');
const SERIES = ['1.2.1', '1.2.2', '1.2.3'];
const EACH = 20;
/** For a configuration of its own in the home folder. */
const DATABASE = '[DEFAULT]\ndatabase = .ditag/dicom.db\n';

describe('ditag send', () => {
  const releases: (() => void)[] = [];
  let home = '';
  let list = '';
  let archive = '';
  before(async () => {
    home = temporaryFolder({ after: (release) => releases.push(release) });
    archive = path.join(home, 'archive');
    const pixels = { pixels: 3000, StudyDate: '20260131' };
    makeArchive(archive, {
      ...plainSeries('a', SERIES[0]!, EACH, pixels),
      ...plainSeries('b', SERIES[1]!, EACH, { ...pixels, SOPClassUID: '1.2.840.10008.5.1.4.1.1.2' }),
      ...plainSeries('c', SERIES[2]!, EACH, { ...pixels, SOPClassUID: '1.3.9999.1', pixels: 400_000 }),
    });
    assert.equal((await runDitag(['index', '--archive', archive, '--quiet'], { home })).code, 0);
    list = path.join(home, 'list.csv');
    fs.writeFileSync(list, `SeriesInstanceUID\n${SERIES.join('\n')}\n`);
  });
  after(() => {
    for (const release of releases) release();
  });

  const to = (port: number, host = '127.0.0.1') => [
    ...['send', '--destination', host, '--port', String(port), '--pacs-aetitle', 'ARCHIVE'],
  ];
  const send = (port: number, ...args: string[]) => runDitag([...to(port), ...args], { home });
  const file = (name: string) => path.join(home, name);

  /** What a results file says, by instance (or series where that is all there is). */
  async function resultsOf(name: string): Promise<Map<string, Record<string, string>>> {
    const found = new Map<string, Record<string, string>>();
    await readColumns(fs.createReadStream(file(name)), COLUMNS, (values) => {
      const line = Object.fromEntries(COLUMNS.map((column, i) => [column, values[i]!]));
      const key = line.SOPInstanceUID === '' ? line.SeriesInstanceUID! : line.SOPInstanceUID!;
      assert.ok(!found.has(key), `${key} has two lines`);
      found.set(key, line);
    });
    return found;
  }

  const outcomes = (results: ReadonlyMap<string, Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(Object.groupBy(results.values(), ({ outcome }) => outcome!)).map(([key, of]) => [key, of!.length]),
    );

  /** Every instance of the archive arrived as it is in its file. */
  function arrivedWhole(taken: ReadonlyMap<string, Buffer>): void {
    assert.equal(taken.size, SERIES.length * EACH);
    for (const [i, folder] of ['a', 'b', 'c'].entries()) {
      for (let n = 1; n <= EACH; n++) {
        const bytes = fs.readFileSync(path.join(archive, folder, `${String(n).padStart(4, '0')}.dcm`));
        const reader = newReader();
        readBytes(bytes, { reader });
        const sent = taken.get(`${SERIES[i]}.${n}`)!;
        assert.ok(sent.equals(bytes.subarray(reader.dataSetPosition)), `${folder} ${n} arrived otherwise than it is`);
      }
    }
  }

  test('over 1, 4 and 8 associations: everything arrives, and the results have a line for each', async (t) => {
    for (const threads of [1, 4, 8]) {
      const peer = await playStorePeer(t);
      const name = `results-${threads}.csv`;
      const ended = await send(peer.port, '--input', list, '--threads', String(threads), '--results', file(name));
      assert.deepEqual([ended.code, ended.stdout], [0, ''], ended.stderr);
      assert.match(
        ended.stderr,
        /^Sent 60 instances of 3 series \(.*\) to ARCHIVE at 127\.0\.0\.1:\d+\.\nStored: 60\n$/,
      );
      arrivedWhole(peer.taken);
      // One for the C-ECHO, and where a SOP class turns up that was not proposed, a further one.
      assert.ok(
        peer.associations() <= 3 * threads + 1 && peer.associations() >= 2,
        `${peer.associations()} associations`,
      );
      const results = await resultsOf(name);
      assert.deepEqual(outcomes(results), { stored: 60 });
      assert.equal(fs.statSync(file(name)).mode & 0o777, 0o600);
      const { status, bytes, SOPClassUID, path: own } = results.get('1.2.3.7')!;
      const size = String(peer.taken.get('1.2.3.7')!.length);
      assert.deepEqual([status, bytes, SOPClassUID, own], ['0000H', size, '1.3.9999.1', 'c/0007.dcm']);
    }
  });

  test('storescp of DCMTK: what ditag query prints is sent, through a pipe', async (t) => {
    let folder = '';
    const port = await startDcmtk(t, 'storescp', (on, own) => {
      folder = own;
      // One association at a time: the others wait for theirs.
      return ['--promiscuous', '+B', '--output-directory', own, String(on)];
    });
    if (port === undefined) return;
    const under = ['sh', '-c', '"$0" "$1" query --date 20260131 | "$0" "$@"'];
    const ended = await runDitag([...to(port), '--quiet'], { home, under });
    assert.deepEqual([ended.code, ended.stdout, ended.stderr], [0, '', 'Found 3 matching series.\n']);
    assert.equal(fs.readdirSync(folder).length, 60);
    const none = await runDitag(to(port), { home, under: ['sh', '-c', '"$0" "$1" query --date 19000101 | "$0" "$@"'] });
    assert.equal(none.code, 0, none.stderr);
    assert.match(none.stderr, /Sent 0 instances of 0 series/);
  });

  test('--retry sends what was not stored, with a list and without one', async (t) => {
    const refused = new Set(['1.2.1.3', '1.2.1.4', '1.2.3.20']);
    const first = await playStorePeer(t, {
      whole: ({ command, answer }) => answer(refused.has(command.AffectedSOPInstanceUID!) ? 0xc000 : 0),
    });
    const partly = await send(first.port, '--input', list, '--results', file('first.csv'));
    assert.equal(partly.code, 1);
    assert.match(partly.stderr, /Stored: 57, refused: 3\n3 x refused: Cannot understand \(C000H\)\n$/);
    const results = await resultsOf('first.csv');
    assert.deepEqual(outcomes(results), { stored: 57, refused: 3 });
    assert.deepEqual([results.get('1.2.1.3')!.status, results.get('1.2.1.3')!.bytes], ['C000H', '']);

    for (const more of [[], ['--input', list]]) {
      const second = await playStorePeer(t);
      const name = `second-${more.length}.csv`;
      const ended = await send(second.port, '--retry', file('first.csv'), '--results', file(name), ...more);
      assert.equal(ended.code, 0, ended.stderr);
      assert.deepEqual(new Set(second.taken.keys()), refused);
      // With what was stored before: it is good for a further --retry.
      assert.deepEqual(outcomes(await resultsOf(name)), { stored: 60 });
    }
    // An instance that lies in another series, too, is not stored there by what was stored here.
    const lines = fs.readFileSync(file('first.csv'), 'utf8').replace('1.2.1,1.2.1.1,', '1.2.9,1.2.1.1,');
    fs.writeFileSync(file('elsewhere.csv'), lines);
    const elsewhere = await playStorePeer(t);
    assert.equal((await send(elsewhere.port, '--retry', file('elsewhere.csv'), '--input', list)).code, 0);
    assert.deepEqual(new Set(elsewhere.taken.keys()), new Set([...refused, '1.2.1.1']));
    const third = await playStorePeer(t);
    const nothing = await send(third.port, '--retry', file('second-0.csv'));
    assert.deepEqual([nothing.code, third.taken.size], [0, 0], nothing.stderr);

    const again = await playStorePeer(t, {
      whole: ({ command, answer }) => answer(command.AffectedSOPInstanceUID === '1.2.1.4' ? 0xa900 : 0),
    });
    await send(again.port, '--retry', file('first.csv'), '--results', file('again.csv'));
    const last = await playStorePeer(t);
    assert.equal((await send(last.port, '--retry', file('again.csv'))).code, 0);
    assert.deepEqual([...last.taken.keys()], ['1.2.1.4']);

    const same = await send(third.port, '--retry', file('first.csv'), '--results', path.join(home, '.', 'first.csv'));
    assert.equal(same.code, 2);
    assert.match(same.stderr, /^--results ".*" is not valid: name another file than --retry has/);
    assert.equal((await resultsOf('first.csv')).size, 60);
  });

  test('a run without an association leaves no results, and none are written over a list by another name', async (t) => {
    // Nobody listens there.
    const { code } = await send(1, '--input', list, '--results', file('never.csv'));
    assert.deepEqual([code, fs.existsSync(file('never.csv'))], [1, false]);
    const peer = await playStorePeer(t);
    fs.symlinkSync('list.csv', file('link.csv'));
    fs.linkSync(list, file('hard.csv'));
    for (const name of ['link.csv', 'hard.csv']) {
      const refused = await send(peer.port, '--input', list, '--results', file(name));
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /^--results ".*" is not valid: name another file than --input has/);
    }
  });

  test('results begin anew when the PACS answers, readable by their owner only', async (t) => {
    const own = file('earlier.csv');
    fs.writeFileSync(own, 'of an earlier run\n', { mode: 0o644 });
    const nobody = await send(await freePort(), '--input', list, '--results', own);
    assert.equal(nobody.code, 1);
    assert.equal(fs.readFileSync(own, 'utf8'), 'of an earlier run\n');
    const peer = await playStorePeer(t);
    assert.equal((await send(peer.port, '--input', list, '--results', own)).code, 0);
    assert.deepEqual(outcomes(await resultsOf('earlier.csv')), { stored: 60 });
    assert.equal(fs.statSync(own).mode & 0o777, 0o600);
  });

  test('what a peer had to say of an instance stays through further runs', async (t) => {
    const play = (warned: string, refused: string) =>
      playStorePeer(t, {
        whole: ({ command: { AffectedSOPInstanceUID: uid }, answer }) =>
          answer(uid === warned ? 0xb000 : uid === refused ? 0xc000 : 0),
      });
    const first = await play('1.2.1.1', '1.2.1.2');
    await send(first.port, '--input', list, '--results', file('warned-1.csv'));
    const told = (await resultsOf('warned-1.csv')).get('1.2.1.1')!;
    assert.deepEqual([told.outcome, told.status], ['warning', 'B000H']);
    const second = await play('', '1.2.1.2');
    await send(second.port, '--retry', file('warned-1.csv'), '--results', file('warned-2.csv'));
    const third = await play('', '');
    await send(third.port, '--retry', file('warned-2.csv'), '--results', file('warned-3.csv'));
    const { outcome, status, reason } = (await resultsOf('warned-3.csv')).get('1.2.1.1')!;
    assert.deepEqual([outcome, status, reason], ['warning', 'B000H', `${told.reason}; in an earlier run`]);
  });

  test('results whose last line was cut off are good for --retry', async (t) => {
    const peer = await playStorePeer(t);
    assert.equal((await send(peer.port, '--input', list, '--results', file('whole.csv'))).code, 0);
    const lines = fs.readFileSync(file('whole.csv'), 'utf8').trimEnd().split('\n');
    // In the middle of the SOPInstanceUID of its last line, as a full disk does it.
    const cut = lines[40]!;
    fs.writeFileSync(file('cut.csv'), `${lines.slice(0, 40).join('\n')}\n${cut.slice(0, cut.indexOf(',') + 4)}`);
    // Of a quoted value too.
    fs.writeFileSync(file('cut-quoted.csv'), `${lines.slice(0, 40).join('\n')}\n1.2,1.2.3,,stored,0000H,,100,"/a,b`);
    for (const name of ['cut.csv', 'cut-quoted.csv']) {
      const rest = await playStorePeer(t);
      const ended = await send(rest.port, '--input', list, '--retry', file(name));
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(rest.taken.size, 60 - 39);
    }
  });

  test('Ctrl-C in the middle: 130, the results are true, and the same command with --retry sends the rest', async (t) => {
    const answered = new Set<string>();
    const slow = await playStorePeer(t, {
      whole: ({ command, answer }) => {
        setTimeout(() => {
          answered.add(command.AffectedSOPInstanceUID!);
          answer(0);
        }, 60);
      },
    });
    const { child, ended } = startDitag(
      [...to(slow.port), '--input', list, '--threads', '2', '--results', file('cut-short.csv')],
      { home },
    );
    while (answered.size < 8) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill('SIGINT');
    const { code, signal, stderr } = await ended;
    assert.deepEqual([code, signal], [130, null], stderr);
    assert.match(stderr, /Interrupted: the rest was not sent\. Run the same command again; --retry .* leaves out/);
    const results = await resultsOf('cut-short.csv');
    assert.deepEqual(new Set(results.keys()), answered);
    assert.deepEqual(outcomes(results), { stored: answered.size });
    assert.ok(answered.size < 20, `${answered.size} were sent`);

    // What it did not come to is known without the list, too.
    for (const [name, more] of [
      ['with.csv', ['--input', list]],
      ['without.csv', []],
    ] as const) {
      const rest = await playStorePeer(t);
      const results = ['--results', file(name)];
      const again = await send(rest.port, ...more, '--retry', file('cut-short.csv'), ...results);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(rest.taken.size, 60 - answered.size);
      for (const uid of rest.taken.keys()) assert.ok(!answered.has(uid));
      const nothing = await send(rest.port, '--retry', file(name));
      assert.equal(nothing.code, 0, nothing.stderr);
      assert.match(nothing.stderr, /Sent 0 instances/);
    }
  });

  test('Ctrl-C while the PACS is silent ends it at once', async (t) => {
    const asked = Promise.withResolvers<void>();
    const silent = await playStorePeer(t, { accept: () => asked.resolve() as undefined, isSilent: true });
    const none = file('never-begun.csv');
    const { child, ended } = startDitag([...to(silent.port), '--input', list, '--results', none], { home });
    await asked.promise;
    const start = performance.now();
    child.kill('SIGINT');
    const { code, signal } = await ended;
    assert.ok(code === 130 || signal === 'SIGINT', `${code} ${signal}`);
    assert.ok(performance.now() - start < 3000);
    // An empty one would be no results for --retry.
    assert.ok(!fs.existsSync(none));
  });

  test('what is not there is told, and the rest is sent', async (t) => {
    const gone = path.join(archive, 'a', '0005.dcm');
    fs.renameSync(gone, `${gone}.away`);
    t.after(() => fs.renameSync(`${gone}.away`, gone));
    fs.writeFileSync(file('more.csv'), `note,SeriesInstanceUID\n"a\nb",${SERIES[0]}\n,9.9.9\n`);
    const peer = await playStorePeer(t);
    const { code, stderr } = await send(peer.port, '--input', file('more.csv'), '--results', file('gone.csv'));
    assert.equal(code, 1);
    assert.match(stderr, /Stored: 19, missing on disk: 1, series not in the index: 1\n/);
    const results = await resultsOf('gone.csv');
    assert.equal(results.get('1.2.1.5')!.outcome, 'missing');
    assert.deepEqual([results.get('9.9.9')!.outcome, results.size], ['not-indexed', 21]);
  });

  test('an association that is lost in the middle is opened again', async (t) => {
    let isLost = false;
    const peer = await playStorePeer(t, {
      coming: ({ socket, command }) => {
        if (isLost || command.AffectedSOPInstanceUID !== '1.2.3.9') return;
        isLost = true;
        socket.resetAndDestroy();
      },
    });
    const { code, stderr } = await send(peer.port, '--input', list);
    assert.equal(code, 0, stderr);
    assert.ok(isLost);
    arrivedWhole(peer.taken);
  });

  test('a PACS that takes no association for now is asked again', async (t) => {
    const peer = await playStorePeer(t);
    let asked = 0;
    const busy = net.createServer((socket) => {
      socket.on('error', () => {});
      if (++asked > 1) socket.pipe(net.connect(peer.port, '127.0.0.1')).pipe(socket);
      else
        socket.once('data', () => socket.end(encodePdu({ pdu: 'associate-reject', result: 2, source: 3, reason: 2 })));
    });
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
    t.after(() => busy.close());
    const { code, stderr } = await send((busy.address() as net.AddressInfo).port, '--input', list);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /rejects the association: the local limit is exceeded\. It may take one in a while\. It is asked/,
    );
    arrivedWhole(peer.taken);
  });

  test('settings are kept only when the PACS has answered a C-ECHO', async (t) => {
    const config = file('kept.ini');
    const run = (port: number): Promise<Ended> =>
      runDitag(['--config-file', config, '--local', ...to(port), '--input', list], { home });
    fs.writeFileSync(config, DATABASE);
    const text = fs.readFileSync(config, 'utf8');

    const nobody = await run(await freePort());
    assert.equal(nobody.code, 1);
    // It is asked again, as it may be starting, and each time that is said.
    const refused = '127\\.0\\.0\\.1:\\d+ cannot be reached \\(ECONNREFUSED\\): .*';
    const again = [1, 2, 4].map((seconds) => `${refused} It is asked again in ${seconds} s\\.\\n`);
    assert.match(nobody.stderr, new RegExp(`^${again.join('')}${refused}\\n$`));
    assert.equal(fs.readFileSync(config, 'utf8'), text);

    const mute = await playStorePeer(t, {
      accept: (abstractSyntax, [first]) => (abstractSyntax === VERIFICATION ? undefined : first),
    });
    const sent = await run(mute.port);
    assert.equal(sent.code, 0, sent.stderr);
    assert.match(sent.stderr, /takes the association, but not C-ECHO: .*\. Its settings are not kept\.\n/);
    arrivedWhole(mute.taken);
    assert.equal(fs.readFileSync(config, 'utf8'), text);

    const peer = await playStorePeer(t);
    assert.equal((await run(peer.port)).code, 0);
    assert.match(fs.readFileSync(config, 'utf8'), new RegExp(`port = ${peer.port}\n`));
  });

  test('what cannot be right is refused before anything is asked of the PACS', async (t) => {
    const peer = await playStorePeer(t);
    fs.writeFileSync(file('other.csv'), 'PatientID,StudyDate\n7,20260131\n');
    fs.writeFileSync(file('gap.csv'), 'x,SeriesInstanceUID\n1,1.2.1\n2,\n');
    fs.writeFileSync(file('no-results.csv'), 'SeriesInstanceUID\n1.2.1\n');
    const cases: readonly [args: string[], message: RegExp][] = [
      [['--input', file('other.csv')], /other\.csv is not a list of series .*no column SeriesInstanceUID/],
      [['--input', file('gap.csv')], /\(line 3 has no SeriesInstanceUID\)/],
      [['--input', file('nothing.csv')], /^Cannot read .*nothing\.csv/],
      [['--input', home], /^Cannot read /],
      [['--retry', file('no-results.csv')], /is not a file of results .*no column SOPInstanceUID/],
      [['--input', list, '--threads', '0'], /^--threads "0" is not valid/],
      [['--input', list, '--port', '0'], /^--port "0" is not valid/],
      [
        ['--input', list, '--destination', ''],
        /^--destination "" is not valid: give the name or the address of a host/,
      ],
      [['--input', list, '--destination', ' '], /^--destination " " is not valid/],
      [['--input', list, '--results', path.join(home, 'no', 'folder.csv')], /^Cannot write /],
      [['--input', list, '--results', list], /^--results ".*" is not valid/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await inProcess(home, peer.port, args);
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, message);
    }
    assert.equal(peer.associations(), 0);
    assert.match(fs.readFileSync(list, 'utf8'), /^SeriesInstanceUID\n1\.2\.1\n/);
    const atTerminal = await inProcess(home, peer.port, []);
    assert.equal(atTerminal.code, 2);
    assert.match(atTerminal.stderr, /^There is no list of series: give one with --input FILE, or pipe it in/);
  });

  test('the samples: every instance of the index has its line, and what is stored has arrived', async (t) => {
    const own = temporaryFolder(t);
    let folder = '';
    const port = await startDcmtk(t, 'storescp', (on, out) => {
      folder = out;
      return ['--fork', '+xa', '+B', '--output-directory', out, String(on)];
    });
    if (port === undefined) return;
    assert.equal((await runDitag(['index', '--archive', SAMPLES, '--quiet'], { home: own })).code, 0);
    const under = ['sh', '-c', '"$0" "$1" query | "$0" "$@"'];
    const results = path.join(own, 'results.csv');
    const { code, stderr } = await runDitag([...to(port), '--results', results], { home: own, under });
    // Some are cut off, or cannot be sent as they are: of each of these there is another file.
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /failed/);
    const lines = fs.readFileSync(results, 'utf8').trimEnd().split('\n');
    const count = (outcome: string) => lines.filter((line) => line.split(',')[3] === outcome).length;
    assert.equal(count('stored') + count('copy'), lines.length - 1);
    const stored = new Set(lines.filter((line) => line.split(',')[3] === 'stored').map((line) => line.split(',')[1]));
    assert.equal(stored.size, fs.readdirSync(folder).length);
  });

  test('over TLS', async (t) => {
    if (!isHere(t, makeCertificates(home), 'there is no openssl (Debian package openssl)')) return;
    let folder = '';
    const port = await startDcmtk(t, 'storescp', (on, own) => {
      folder = own;
      const tls = ['+tls', file('server.key'), file('server.pem'), '--add-cert-file', file('ca.pem')];
      return [...tls, '--fork', '--promiscuous', '+B', '--output-directory', own, String(on)];
    });
    if (port === undefined) return;
    const config = file('tls.ini');
    const pacs = [
      DATABASE,
      '[PACS]',
      'tls = yes',
      'tls_ca = ca.pem',
      'tls_cert = client.pem',
      'tls_key = client.key',
      '',
    ];
    fs.writeFileSync(config, pacs.join('\n'));
    const args = ['--config-file', config, ...to(port, 'localhost'), '--input', list];
    const { code, stderr } = await runDitag(args, { home });
    assert.equal(code, 0, stderr);
    assert.equal(fs.readdirSync(folder).length, 60);
  });
});

/** The command without a process, at a terminal: for what is refused at once. */
async function inProcess(
  home: string,
  port: number,
  args: readonly string[],
): Promise<{ code: number; stderr: string }> {
  const configuration = readConfiguration(path.join(home, '.ditag', 'config.ini'), { environment: {} });
  const options = Object.fromEntries(
    args.flatMap((arg, i) => (arg.startsWith('--') ? [[arg.slice(2), args[i + 1]!]] : [])),
  );
  let stderr = '';
  const context = {
    workspace: new LocalWorkspace(configuration),
    pacs: new Pacs(configuration),
    stdin: { isTTY: true },
    stderr: { write: (text: string) => (stderr += text) },
    signal: new AbortController().signal,
    progress: async () => ({ update: () => {}, stop: () => {} }),
  } as unknown as CommandContext;
  try {
    const known = { destination: '127.0.0.1', port: String(port), pacsAetitle: 'ARCHIVE', ...options };
    return { code: await sendCommand(known, context), stderr };
  } catch (error) {
    const { exitCode, message } = error as { exitCode: number; message: string };
    return { code: exitCode, stderr: `${stderr}${message}\n` };
  }
}
