// Projects against PACSs of others, through the command line: Orthanc, and dcmqrscp of DCMTK. What was sent to them comes
// back byte for byte, and the report, the manifest and `verify` say so. DITAG_INSTANCES=3000 for the long run.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, type TestContext, test } from 'node:test';
import { dataSetStart } from '../../core/dimse/file-meta.ts';
import { readManifest } from '../../core/projects/manifest.ts';
import type { ManifestEntry } from '../../core/projects/received.ts';
import { findOnPath, freePort, isHere, MissingPart } from '../../scripts/parts/parts.ts';
import { type Ended, runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { startDcmtk } from '../dcmtk.ts';
import { CHINESE, GERMAN, JAPANESE, type MadeSeries, makeAccessionArchive } from './accession-archive.ts';
import { fillPacs, HOST, type PacsHere, type RunningOrthanc, startOrthanc } from './orthanc-here.ts';

const INSTANCES = Number(process.env['DITAG_INSTANCES'] ?? (process.env['DITAG_LONG'] === '1' ? 3000 : 300));
const NOT_THERE = 'A9999';
const SAMPLES = path.resolve(import.meta.dirname, '../samples');
/** Compressed ones, which not every PACS takes. */
const COMPRESSED = ['JPEG2000.dcm', 'SC_rgb_rle.dcm'];

/** A home folder, and the commands of projects in it. */
class Projects {
  readonly home = temporaryFolder({ after });
  scpPort = 0;

  ditag(...args: string[]): Promise<Ended> {
    return runDitag(args, { home: this.home });
  }

  run(command: string, name: string, ...args: string[]): Promise<Ended> {
    return this.ditag('project', command, '--project-name', name, ...args);
  }

  index(name: string, { aeTitle, port }: PacsHere, list: readonly string[]): Promise<Ended> {
    const file = path.join(this.home, `${name}.txt`);
    fs.writeFileSync(file, `${list.join('\n')}\n`);
    const to = ['--pacs', HOST, '--port', String(port), '--aetitle', aeTitle];
    return this.run('index', name, ...to, '--target-list', file);
  }

  /** @param output a folder in the home */
  download(name: string, method: 'move' | 'get', output: string, ...args: string[]): Promise<Ended> {
    const how = method === 'move' ? ['--scp-port', String(this.scpPort)] : [];
    return this.run('download', name, '--method', method, '--output', path.join(this.home, output), ...how, ...args);
  }

  async report(name: string): Promise<Record<string, unknown>> {
    return JSON.parse((await this.run('report', name, '--format', 'json')).stdout) as Record<string, unknown>;
  }

  async verifiesAll(name: string, ...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await this.run('verify', name, ...args);
    assert.deepEqual([code, stdout], [0, ''], stderr);
  }

  /** The folder of the only download there. */
  folderIn(output: string): string {
    const [folder, ...others] = fs.readdirSync(path.join(this.home, output));
    assert.deepEqual(others, []);
    return path.join(this.home, output, folder!);
  }
}

// Two at a time: most of the time a process starts or waits for another one.
describe('a project over a PACS of others', { timeout: 120_000 + 100 * INSTANCES, concurrency: 2 }, () => {
  const archive = temporaryFolder({ after });
  let made: MadeSeries[] = [];
  before(() => {
    made = makeAccessionArchive(archive, 'plain', INSTANCES);
  });

  describe('Orthanc', { concurrency: 1 }, () => {
    const projects = new Projects();
    const { home } = projects;
    let compressed: MadeSeries[] = [];
    let orthanc: RunningOrthanc | undefined;
    let missing = '';

    before(async () => {
      projects.scpPort = await freePort();
      try {
        const destinations = { DITAG: projects.scpPort };
        orthanc = await startOrthanc({ folder: path.join(home, 'orthanc'), destinations, args: ['--verbose'] });
        compressed = makeCompressed(path.join(archive, 'compressed'));
        await fillPacs(orthanc, archive);
      } catch (error) {
        if (!(error instanceof MissingPart)) throw error;
        missing = error.message;
      }
    });
    after(() => orthanc?.stop());

    const scenario = (name: string, body: (t: TestContext, pacs: RunningOrthanc) => Promise<void>) =>
      void test(name, async (t) => {
        if (isHere(t, missing === '' && orthanc !== undefined, missing)) await body(t, orthanc!);
      });
    const all = () => [...made, ...compressed];

    scenario('is indexed and reported', async (_, pacs) => {
      const numbers = accessions(all());
      const list = ['\ufeff# a list', ` ${numbers[0]}\t`, '', ...numbers.slice(1), numbers[3]!, NOT_THERE];
      const indexed = await projects.index('moved', pacs, list);
      assert.equal(indexed.code, 0, indexed.stderr);
      const studies = new Set(all().map((one) => one.StudyInstanceUID)).size;
      const patients = new Set(all().map((one) => one.PatientID)).size;
      assert.match(indexed.stderr, new RegExp(`${numbers.length} of ${numbers.length + 1} accession numbers found`));
      assert.match(indexed.stderr, new RegExp(`${studies} studies, ${all().length} series, `));
      const text = (await projects.run('report', 'moved', '--get-cost', '1.50')).stdout;
      const lines = [
        'Report for project: moved',
        `Imaging Sessions Located: ${studies} / ${numbers.length + 1}`,
        `Unique Patient IDs: ${patients}`,
      ];
      assert.ok(text.startsWith(lines.join('\n')), text);
      assert.match(text, /not found:\n {2}A9999\n/);
      assert.match(text, /several studies:\n {2}A0001\n {2}A0002\n {2}A0003\n/);
      assert.match(text, /several patients:\n {2}A0003\n/);
      assert.equal(fs.readFileSync(path.join(home, '.ditag/projects/moved/moved_report.txt'), 'utf8'), text);
      const [report, inLines] = await Promise.all([
        projects.report('moved'),
        projects.run('report', 'moved', '--format', 'csv'),
      ]);
      const { outcomes, topSeriesDescriptions: _top, targets, ...figures } = report;
      assert.deepEqual(figures, {
        ...{ name: 'moved', accessions: numbers.length + 1, studies, patients },
        ...{ costPerStudy: 1.5, totalCost: 1.5 * studies, expected: instances(all()), received: null, missing: null },
        ...{ notAskedFor: null, bytes: null, downloadFolder: null },
        ...{ severalStudies: ['A0001', 'A0002', 'A0003'], severalPatients: ['A0003'] },
      });
      assert.deepEqual(outcomes, {
        ...{ open: 0, found: numbers.length, incomplete: 0, 'not-found': 1, refused: 0, failed: 0 },
      });
      assert.equal((targets as unknown[]).length, numbers.length + 1);
      const rows = inLines.stdout.trim().split('\n');
      const own = made.filter(({ AccessionNumber }) => AccessionNumber === 'A0003');
      assert.ok(rows.includes(`A0003,found,,2,2,2,${instances(own)},,`), rows[3]);
      assert.ok(rows.includes(`${NOT_THERE},not-found,,0,0,0,0,,`), rows.at(-1));
    });

    scenario('is queried, whatever characters names are in', async () => {
      const args = ['--where', 'PatientName=山|王|Äneas', '--format', 'ndjson'];
      const [{ stdout }, other, count] = await Promise.all([
        projects.run('query', 'moved', ...args),
        projects.ditag('query', '--project-name', 'moved', ...args),
        projects.run('query', 'moved', '--count'),
      ]);
      assert.equal(other.stdout, stdout);
      assert.equal(count.stdout, `${all().length}\n`);
      const names = stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { PatientName: string }).PatientName);
      assert.deepEqual(names.sort(), [JAPANESE, GERMAN, CHINESE, '山田^花子'].sort());
    });

    scenario('comes by C-MOVE over four associations', async (t, pacs) => {
      const began = performance.now();
      const downloaded = await projects.download('moved', 'move', 'moved', '--threads', '4');
      t.diagnostic(`${instances(all())} instances in ${Math.round(performance.now() - began)} ms`);
      assert.equal(downloaded.code, 0, downloaded.stderr);
      assert.match(downloaded.stderr, /\nComplete: all .* instances are on disk/);
      const folder = projects.folderIn('moved');
      await isComplete(archive, folder, all());
      const named = (PatientID: string) => made.find((one) => one.PatientID === PatientID)!;
      const places = await paths(folder);
      const folderOf = ({ files }: MadeSeries) => places.get(files.keys().next().value!)!.split('/', 2);
      assert.deepEqual(folderOf(named('JP1')), ['花子_山田', 'localizer']);
      assert.deepEqual(folderOf(named('JP2')), ['Tarou_Yamada', 'localizer']);
      assert.deepEqual(folderOf(named('DE1')), ['Rüdiger_Äneas', 'localizer']);
      assert.deepEqual(folderOf(named('CN1')), ['小东_王', 'localizer']);
      // Which suffix it is comes of the ID, and so is the same in every run.
      const suffix = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 8);
      for (const ID of ['S1', 'S2']) assert.equal(folderOf(named(ID))[0], `Anna_Smith_${suffix(ID)}`);
      for (const one of made.filter(({ AccessionNumber }) => AccessionNumber === 'A0008'))
        assert.deepEqual(folderOf(one), ['A0008_Doe', `T1 axial_${suffix(one.SeriesInstanceUID)}`]);
      await projects.verifiesAll('moved');
      const report = await projects.report('moved');
      assert.deepEqual([report['received'], report['missing'], report['notAskedFor']], [instances(all()), 0, 0]);
      assert.equal(report['downloadFolder'], folder);
      const asked = retrievals(pacs);
      const again = await projects.download('moved', 'move', 'moved');
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual([retrievals(pacs), projects.folderIn('moved')], [asked, folder], 'nothing is asked for again');
    });

    scenario(
      'is verified: what was removed, cut, changed and added is named, and what is gone comes again alone',
      async (_, pacs) => {
        const folder = projects.folderIn('moved');
        const [removed, cut, changed] = made[20]!.files.keys();
        const places = await paths(folder);
        const at = (uid: string | undefined) => path.join(folder, places.get(uid!)!);
        const before = fs.readFileSync(at(changed));
        fs.rmSync(at(removed));
        fs.truncateSync(at(cut), 700);
        fs.writeFileSync(at(changed), Buffer.concat([before.subarray(0, -1), Buffer.from([before.at(-1)! ^ 1])]));
        fs.writeFileSync(path.join(path.dirname(at(cut)), 'notes.txt'), 'added');
        const verified = await projects.run('verify', 'moved');
        assert.equal(verified.code, 1);
        const lines = verified.stdout.trim().split('\n');
        assert.equal(lines.length, 4, verified.stdout);
        for (const uid of [removed, cut, changed])
          assert.ok(
            lines.some((line) => line.startsWith(`${places.get(uid!)}: `)),
            verified.stdout,
          );
        assert.match(verified.stdout, /notes\.txt: It is not in the manifest/);
        fs.rmSync(at(changed));
        fs.rmSync(path.join(path.dirname(at(cut)), 'notes.txt'));
        const asked = retrievals(pacs);
        const again = await projects.download('moved', 'move', 'moved');
        assert.equal(again.code, 0, again.stderr);
        assert.match(again.stderr, /^Continued in /);
        assert.deepEqual(
          retrievals(pacs),
          { requests: asked.requests + 1, resources: asked.resources + 3 },
          again.stderr,
        );
        // What was cut was perhaps changed on purpose: it is kept aside.
        const entries = await manifestOf(folder);
        const aside = entries.filter(({ outcome }) => outcome === 'not-asked-for');
        assert.deepEqual(
          aside.map(({ SOPInstanceUID, size }) => [SOPInstanceUID, size]),
          [[cut, 700]],
        );
        for (const uid of [removed, cut, changed]) {
          const file = path.join(archive, made[20]!.files.get(uid!)!);
          assert.ok(dataSet(fs.readFileSync(at(uid))).equals(dataSet(fs.readFileSync(file))), uid);
        }
        await projects.verifiesAll('moved');
      },
    );

    scenario('comes in part: the series of a list on standard input', async () => {
      const asked = await projects.run('query', 'moved', '--where', 'AccessionNumber=A000[12]|A0008');
      assert.equal(asked.code, 0, asked.stderr);
      const list = path.join(home, 'list.csv');
      fs.writeFileSync(list, asked.stdout);
      const args = ['--input', '-', '--output', path.join(home, 'part'), '--scp-port', String(projects.scpPort)];
      const downloaded = await runDitag(['project', 'download', '--project-name', 'moved', ...args], {
        home,
        under: ['sh', '-c', 'exec "$@" < "$0"', list],
      });
      assert.equal(downloaded.code, 0, downloaded.stderr);
      await isComplete(
        archive,
        projects.folderIn('part'),
        made.filter(({ AccessionNumber }) => ['A0001', 'A0002', 'A0008'].includes(AccessionNumber)),
      );
      assert.equal((await projects.run('verify', 'moved', '--output', path.join(home, 'part'))).code, 0);
    });

    scenario('whose answers are cut off is asked for them part by part', async (t) => {
      const settings = { LimitFindResults: 1, LimitFindInstances: 2 };
      const other = await startOrthanc({ folder: path.join(home, 'limited'), settings, args: ['--verbose'] });
      t.after(() => other.stop());
      const own = made.filter(({ AccessionNumber }) => AccessionNumber === 'A0008');
      await fillPacs(other, path.join(archive, 'plain/A0008'));
      const indexed = await projects.index('limited', other, ['A0008']);
      assert.equal(indexed.code, 0, indexed.stderr);
      assert.match(other.log(), /Too many results/);
      assert.match(indexed.stderr, new RegExp(`1 studies, 2 series, ${instances(own)} instances`));
      const file = path.join(home, '.ditag/projects/limited/limited.state.db');
      using state = new DatabaseSync(file, { readOnly: true });
      const listed = state.prepare('SELECT uid FROM instance').all() as { uid: string }[];
      assert.deepEqual(
        new Set(listed.map(({ uid }) => uid)),
        new Set(own.flatMap(({ files }) => [...files.keys()])),
        'each instance is known by name',
      );
    });

    scenario('comes by C-GET, and becomes a zip for each subject', async (t, pacs) => {
      const indexed = await projects.index('got', pacs, [...accessions(all()), 'A00*']);
      assert.equal(indexed.code, 1, 'one of the list is refused');
      const began = performance.now();
      const downloaded = await projects.download('got', 'get', 'got', '--zip-project', '--threads', '4');
      t.diagnostic(`${instances(all())} instances in ${Math.round(performance.now() - began)} ms, with their zips`);
      assert.equal(downloaded.code, 0, downloaded.stderr);
      const folder = projects.folderIn('got');
      const subjects = new Set([...(await paths(folder)).values()].map((place) => place.split('/', 1)[0]!));
      const zips = [...subjects].map((subject) => `${subject}.zip`);
      assert.deepEqual(fs.readdirSync(folder).sort(), ['.owner', ...zips, 'manifest.csv'].sort());
      // Read by others.
      const unzipped = path.join(home, 'unzipped');
      const script = 'import sys, zipfile\nfor name in sys.argv[2:]: zipfile.ZipFile(name).extractall(sys.argv[1])';
      const files = zips.map((name) => path.join(folder, name));
      const { status, stderr } = spawnSync('python3', ['-c', script, unzipped, ...files], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      await isComplete(archive, folder, all(), readIn(unzipped));
      await projects.verifiesAll('got');
      const asked = retrievals(pacs);
      const again = await projects.download('got', 'get', 'got', '--zip-project');
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual(retrievals(pacs), asked, 'nothing is asked for again');
      assert.deepEqual(fs.readdirSync(folder).sort(), ['.owner', ...zips, 'manifest.csv'].sort());
    });
  });

  describe('DCMTK', { concurrency: 1 }, () => {
    const projects = new Projects();
    test('dcmqrscp, by C-MOVE and C-GET', async (t) => {
      projects.scpPort = await freePort();
      let store = '';
      const port = await startDcmtk(t, 'dcmqrscp', (on, own) => {
        store = path.join(own, 'store');
        fs.mkdirSync(store);
        const file = path.join(own, 'dcmqrscp.cfg');
        const settings = [`NetworkTCPPort = ${on}`, 'MaxPDUSize = 16384', 'MaxAssociations = 16'];
        const tables = [
          ...['HostTable BEGIN', `ditag = (DITAG, localhost, ${projects.scpPort})`, 'HostTable END'],
          ...['VendorTable BEGIN', 'VendorTable END'],
          ...['AETable BEGIN', `ARCHIVE ${store} RW (1000, 1024mb) ANY`, 'AETable END', ''],
        ];
        fs.writeFileSync(file, [...settings, ...tables].join('\n'));
        return ['--config', file, String(on)];
      });
      if (port === undefined || !isHere(t, findOnPath('dcmsend') !== undefined, 'there is no dcmsend')) return;
      const pacs = { aeTitle: 'ARCHIVE', port };
      await fillPacs(pacs, path.join(archive, 'plain'));
      const indexed = await projects.index('dcmtk', pacs, [...accessions(made), NOT_THERE]);
      assert.equal(indexed.code, 0, indexed.stderr);
      const names = (await projects.run('query', 'dcmtk', '--columns', 'PatientName')).stdout;
      for (const name of [JAPANESE, GERMAN, CHINESE]) assert.ok(names.includes(`,${name}\n`), names);
      for (const method of ['move', 'get'] as const) {
        const began = performance.now();
        const downloaded = await projects.download('dcmtk', method, `dcmtk-${method}`);
        t.diagnostic(`${method}: ${instances(made)} instances in ${Math.round(performance.now() - began)} ms`);
        assert.equal(downloaded.code, 0, downloaded.stderr);
        await isComplete(archive, projects.folderIn(`dcmtk-${method}`), made);
      }
    });
  });
});

function accessions(of: readonly MadeSeries[]): string[] {
  return [...new Set(of.map((one) => one.AccessionNumber))];
}

function instances(of: readonly MadeSeries[]): number {
  return of.reduce((sum, { files }) => sum + files.size, 0);
}

async function paths(folder: string): Promise<Map<string, string>> {
  return new Map((await manifestOf(folder)).map((entry) => [entry.SOPInstanceUID, entry.path]));
}

/** The manifest has all of these and nothing else; each file is as it says, and has the data set that was sent. */
async function isComplete(
  archive: string,
  folder: string,
  of: readonly MadeSeries[],
  read = readIn(folder),
): Promise<void> {
  const entries = await manifestOf(folder);
  assert.equal(entries.length, instances(of));
  assert.equal(new Set(entries.map((entry) => entry.path.toLowerCase())).size, entries.length);
  const found = new Map(entries.map((entry) => [entry.SOPInstanceUID, entry]));
  for (const { AccessionNumber, StudyInstanceUID, SeriesInstanceUID, files } of of) {
    for (const [SOPInstanceUID, file] of files) {
      const entry = found.get(SOPInstanceUID)!;
      const bytes = read(entry.path);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const identity = { AccessionNumber, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID };
      const outcome = { outcome: 'received', reason: '', path: entry.path, size: bytes.length, sha256 };
      assert.deepEqual(entry, { ...identity, ...outcome });
      assert.ok(dataSet(bytes).equals(dataSet(fs.readFileSync(path.join(archive, file)))), SOPInstanceUID);
    }
  }
}

/** C-MOVE and C-GET requests so far, and how many studies, series and instances they named. */
function retrievals(pacs: RunningOrthanc): { requests: number; resources: number } {
  const log = pacs.log();
  const count = (pattern: RegExp) => log.match(pattern)?.length ?? 0;
  return { requests: count(/Incoming (Move|Get) request/g), resources: count(/Sending resource/g) };
}

async function manifestOf(folder: string): Promise<ManifestEntry[]> {
  return Array.fromAsync(readManifest(fs.createReadStream(path.join(folder, 'manifest.csv'))));
}

function readIn(folder: string): (file: string) => Buffer {
  return (file) => fs.readFileSync(path.join(folder, file));
}

function dataSet(file: Buffer): Buffer {
  return file.subarray(dataSetStart(file));
}

/** Samples as series of accession numbers of their own. Throws MissingPart where there is no dcmodify. */
function makeCompressed(folder: string): MadeSeries[] {
  fs.mkdirSync(folder, { recursive: true });
  return COMPRESSED.map((name, i) => {
    const PatientID = `C${i + 1}`;
    const StudyInstanceUID = `1.2.826.0.1.3680043.9.7778.${i + 1}`;
    const SeriesInstanceUID = `${StudyInstanceUID}.1`;
    const own = { AccessionNumber: `B000${i + 1}`, PatientID, PatientName: `Pressed^${i + 1}`, StudyInstanceUID };
    const series = { ...own, SeriesInstanceUID, SeriesDescription: name };
    const SOPInstanceUID = `${SeriesInstanceUID}.1`;
    fs.copyFileSync(path.join(SAMPLES, name), path.join(folder, name));
    const changes = Object.entries({ ...series, SOPInstanceUID }).flatMap(([key, value]) => ['-i', `${key}=${value}`]);
    const { status, error, stderr } = spawnSync('dcmodify', ['-nb', ...changes, path.join(folder, name)]);
    if (error !== undefined) throw new MissingPart('there is no dcmodify (Debian package dcmtk)');
    assert.equal(status, 0, String(stderr));
    return { ...series, files: new Map([[SOPInstanceUID, `compressed/${name}`]]) };
  });
}
