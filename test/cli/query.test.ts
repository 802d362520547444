// `ditag query`, letter for letter, on a small archive in which every kind of value occurs once.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isHere } from '../../scripts/parts/parts.ts';
import { makeArchive } from '../index/make-archive.ts';
import { queryHere } from './query-here.ts';
import { type Ended, runDitag, startDitag, temporaryFolder } from './run-ditag.ts';

const HEADER = 'StudyDescription,SeriesDescription,PatientName,PatientID,StudyDate,SeriesInstanceUID\n';
// In the order of answers: without a readable date first, then by date; within a date by UID, byte by byte.
const ROWS = {
  '1.10': 'Brain,LOC,Doe^John,P1,,1.10\n',
  '1.6': 'Brain,T2,Doe^John,P1,UNKNOWN,1.6\n',
  '1.9': ',,,,,1.9\n',
  '1.3': 'Knee,PD,Doe^Jane,P2,1982.01.11,1.3\n',
  '1.4': 'Knee,"T1, ""axial""",Doe^Jane,P2,19820111,1.4\n',
  '1.5': 'Kopf,FLAIR\\SAG,Müller^Jürgen=漢字,P3,19820112,1.5\n',
  '1.7': '"two\nlines",CT,Roe^Richard,P 4,20260131,1.7\n',
};
type Uid = keyof typeof ROWS;
const ALL = Object.keys(ROWS) as Uid[];
const csv = (...uids: Uid[]) => HEADER + uids.map((uid) => ROWS[uid]).join('');

const home = temporaryFolder({ after });
const query = (...args: string[]): Promise<Ended> => runDitag(['query', ...args], { home });

before(async () => {
  const sop = (uid: string) => ({ SeriesInstanceUID: uid, SOPInstanceUID: `${uid}.1`, StudyInstanceUID: `${uid}.9` });
  makeArchive(path.join(home, 'archive'), {
    a: {
      ...sop('1.10'),
      StudyDescription: 'Brain',
      SeriesDescription: 'LOC',
      PatientName: 'Doe^John',
      PatientID: 'P1',
      Modality: 'MR',
    },
    b: { ...sop('1.9'), elements: [[0x00400275, 'SQ', []]] },
    c: {
      ...sop('1.6'),
      StudyDescription: 'Brain',
      SeriesDescription: 'T2',
      PatientName: 'Doe^John',
      PatientID: 'P1',
      StudyDate: 'UNKNOWN',
      Modality: 'MR',
      elements: [
        [0x00180081, 'DS', '12.50'],
        [0x00190011, 'LO', 'ACME 1'],
        [0x00191110, 'LO', 'spin'],
      ],
    },
    d: {
      ...sop('1.3'),
      StudyDescription: 'Knee',
      SeriesDescription: 'PD',
      PatientName: 'Doe^Jane',
      PatientID: 'P2',
      StudyDate: '1982.01.11',
      Modality: 'MR',
      elements: [
        [0x00190010, 'LO', 'ACME 1'],
        [0x00191010, 'LO', 'gradient'],
        [0x00400275, 'SQ', [[[0x00400009, 'SH', 'STEP1']], [[0x00400009, 'SH', 'STEP2']]]],
      ],
    },
    e: {
      ...sop('1.4'),
      StudyDescription: 'Knee',
      SeriesDescription: 'T1, "axial"',
      PatientName: 'Doe^Jane',
      PatientID: 'P2',
      StudyDate: '19820111',
      Modality: 'MR',
    },
    f: {
      ...sop('1.5'),
      StudyDescription: 'Kopf',
      SeriesDescription: 'FLAIR\\SAG',
      PatientName: 'Müller^Jürgen=漢字',
      PatientID: 'P3',
      StudyDate: '19820112',
      Modality: 'MR',
    },
    g: {
      ...sop('1.7'),
      StudyDescription: 'two\nlines',
      SeriesDescription: 'CT',
      PatientName: 'Roe^Richard',
      PatientID: 'P 4',
      StudyDate: '20260131',
      Modality: 'CT',
      elements: [
        [0x00280010, 'US', Buffer.from([0, 2])],
        [0x00400275, 'SQ', [[[0x00400008, 'SQ', [[[0x00080100, 'SH', 'INNER']]]]]]],
      ],
    },
  });
  const indexed = await runDitag(['index', '--archive', 'archive'], { home });
  assert.equal(indexed.code, 0, indexed.stderr);
});

/** Cases that only differ in options and rows: the first as a process, the others by the command in this one. */
async function answers(cases: readonly (readonly [args: string[], uids: readonly Uid[]])[]): Promise<void> {
  for (const [i, [args, uids]] of cases.entries()) {
    const { code, stdout, stderr } = i === 0 ? await query(...args) : await queryHere(args, home);
    assert.equal(stdout, csv(...uids), args.join(' '));
    assert.equal(stderr, `Found ${uids.length} matching series.\n`, args.join(' '));
    assert.equal(code, 0, args.join(' '));
  }
}

/**
 * Cases that are refused with exit code 2, nothing on stdout, and one sentence that has to match. The first runs as a
 * process, as do those that are no query; the others run in this one.
 */
async function refused(cases: readonly (readonly [args: string[], message: RegExp])[]): Promise<void> {
  for (const [i, [args, message]] of cases.entries()) {
    const here = i > 0 && args[0] === 'query' && !args.includes('--nonsense');
    const { code, stdout, stderr } = here ? await queryHere(args.slice(1), home) : await runDitag(args, { home });
    assert.match(stderr, message, args.join(' '));
    assert.doesNotMatch(stderr, /\n\s+at |ditag failed/, args.join(' '));
    assert.equal(stdout, '', args.join(' '));
    assert.equal(code, 2, args.join(' '));
  }
}

describe('rows', () => {
  test('all series: header, order, quoting, raw DICOM text', async () => {
    await answers([[[], ALL]]);
  });

  test('dates are inclusive, open at either end and ANDed; what is no date never matches', async () => {
    await answers([
      [
        ['--sdate', '19820111'],
        ['1.3', '1.4', '1.5', '1.7'],
      ],
      [['--sdate=19820112'], ['1.5', '1.7']],
      [
        ['--edate', '19820111'],
        ['1.3', '1.4'],
      ],
      [['--edate', '19820110'], []],
      [
        ['--sdate', '19820111', '--edate', '19820112'],
        ['1.3', '1.4', '1.5'],
      ],
      [
        ['--date', '19820111'],
        ['1.3', '1.4'],
      ],
      [['--date', '19820111', '--sdate', '19820112'], []],
      [['--date', '19820112', '--sdate', '19820111', '--edate', '20260101'], ['1.5']],
      [
        ['--sdate', '00010101'],
        ['1.3', '1.4', '1.5', '1.7'],
      ],
    ]);
  });

  test('--targets and --pattern: any of the targets, not anchored, case-sensitive, missing is empty', async () => {
    await answers([
      [['--targets', 'SeriesDescription', '--pattern', 'FLAIR'], ['1.5']],
      [['--targets', 'SeriesDescription', '--pattern', 'flair'], []],
      [['--targets', 'SeriesDescription', '--pattern', '(?i)flair'], ['1.5']],
      [
        ['--targets', 'SeriesDescription,StudyDescription', '--pattern', '^K.*e$|^T2$'],
        ['1.6', '1.3', '1.4'],
      ],
      [
        ['--targets', ' StudyDescription , PatientID ', '--pattern', 'P3|Brain'],
        ['1.10', '1.6', '1.5'],
      ],
      [['--targets', 'StudyDescription', '--pattern', '^$'], ['1.9']],
      [['--targets', 'PatientName', '--pattern', 'ü\\w+\\^'], ['1.5']],
      [['--targets', 'PatientName', '--pattern', '漢'], ['1.5']],
      [['--targets', 'SeriesDescription', '--pattern', '"axial"'], ['1.4']],
      [['--targets', 'StudyDescription', '--pattern', 'two.lines'], []],
      [['--targets', 'StudyDescription', '--pattern', '(?s)two.lines'], ['1.7']],
      [
        ['--targets', 'StudyDate', '--pattern', '^1982'],
        ['1.3', '1.4', '1.5'],
      ],
      [
        ['--targets', 'SeriesInstanceUID', '--pattern', '^1\\.(3|10)$'],
        ['1.10', '1.3'],
      ],
      [['--targets', 'Modality', '--pattern', 'CT', '--sdate', '20000101'], ['1.7']],
      [['--targets', 'PatientID', '--pattern', '-P'], []],
    ]);
  });

  test('the command of the old documentation', async () => {
    await answers([
      [
        [
          '--sdate=19820111',
          '--edate=19820112',
          '--targets=SeriesDescription,StudyDescription',
          '--pattern=^[A-z]+\\s?[a-z]+$',
        ],
        ['1.3', '1.4', '1.5'],
      ],
    ]);
  });

  test('--targets without --pattern filters nothing and says so', async () => {
    const { code, stdout, stderr } = await query('--targets', 'SeriesDescription');
    assert.equal(stdout, csv(...ALL));
    assert.equal(stderr, '--targets without --pattern filters nothing.\nFound 7 matching series.\n');
    assert.equal(code, 0);
  });

  test('--where and --where-not are repeatable and ANDed', async () => {
    await answers([
      [
        ['--where', 'Modality=MR', '--where', 'PatientID=^P[12]$'],
        ['1.10', '1.6', '1.3', '1.4'],
      ],
      [
        ['--where', 'Modality=MR', '--where-not', 'PatientID=P1'],
        ['1.3', '1.4', '1.5'],
      ],
      [['--where-not', 'Modality=MR', '--where-not', 'Modality=CT'], ['1.9']],
      [
        ['--where-not', 'PatientID=^$'],
        ['1.10', '1.6', '1.3', '1.4', '1.5', '1.7'],
      ],
      [['--where', 'SeriesDescription=T1, "', '--targets', 'PatientName', '--pattern', 'Doe'], ['1.4']],
      [['--where', 'PatientName=='], ['1.5']],
    ]);
  });

  test('any tag is a target: keyword, number, private by creator, path into sequences', async () => {
    await answers([
      [['--where', 'RepetitionTime=.'], []],
      [['--where', 'EchoTime=^12\\.50$'], ['1.6']],
      [['--where', '(0018,0081)=12'], ['1.6']],
      [['--where', '00180081=12'], ['1.6']],
      [['--where', '(0008,103e)=FLAIR'], ['1.5']],
      [['--where', '0020000E=^1.9$'], ['1.9']],
      [['--where', 'Rows=^512$'], ['1.7']],
      [
        ['--where', '(0019,xx10,ACME 1)=.'],
        ['1.6', '1.3'],
      ],
      [['--where', '(0019,xx10,ACME 1)=grad'], ['1.3']],
      [['--where', '(0019,xx10,OTHER)=.'], []],
      [
        ['--targets', '(0019,xx10,ACME 1),EchoTime', '--pattern', '^(gradient|12.50)$'],
        ['1.6', '1.3'],
      ],
      [['--where', 'RequestAttributesSequence.ScheduledProcedureStepID=^STEP1\\\\STEP2$'], ['1.3']],
      [['--where', 'RequestAttributesSequence[1].ScheduledProcedureStepID=^STEP2$'], ['1.3']],
      [['--where', 'RequestAttributesSequence[2].ScheduledProcedureStepID=.'], []],
      [['--where', '(0040,0275).(0040,0008).(0008,0100)=INNER'], ['1.7']],
      [['--where', 'RequestAttributesSequence[0].ScheduledProtocolCodeSequence[0].CodeValue=^INNER$'], ['1.7']],
      [
        ['--where-not', 'EchoTime=12'],
        ['1.10', '1.9', '1.3', '1.4', '1.5', '1.7'],
      ],
      [
        ['--where', 'EchoTime=^$'],
        ['1.10', '1.9', '1.3', '1.4', '1.5', '1.7'],
      ],
      [['--where-not', 'EchoTime=^$'], ['1.6']],
    ]);
  });
});

describe('output', () => {
  test('--columns come after the six, named as typed', async () => {
    const columns =
      'Modality,EchoTime,(0019,xx10,ACME 1),RequestAttributesSequence.ScheduledProcedureStepID,SeriesInstanceUID';
    const { code, stdout } = await query('--columns', columns, '--where', 'PatientID=P[12]');
    assert.equal(
      stdout,
      `${HEADER.trim()},Modality,EchoTime,"(0019,xx10,ACME 1)",RequestAttributesSequence.ScheduledProcedureStepID,SeriesInstanceUID\n` +
        'Brain,LOC,Doe^John,P1,,1.10,MR,,,,1.10\n' +
        'Brain,T2,Doe^John,P1,UNKNOWN,1.6,MR,12.50,spin,,1.6\n' +
        'Knee,PD,Doe^Jane,P2,1982.01.11,1.3,MR,,gradient,STEP1\\STEP2,1.3\n' +
        'Knee,"T1, ""axial""",Doe^Jane,P2,19820111,1.4,MR,,,,1.4\n',
    );
    assert.equal(code, 0);
    const none = await query('--columns', 'Modality', '--date', '20000101');
    assert.equal(none.stdout, `${HEADER.trim()},Modality\n`);
  });

  test('--format json, ndjson and table', async () => {
    const expected = {
      StudyDescription: 'two\nlines',
      SeriesDescription: 'CT',
      PatientName: 'Roe^Richard',
      PatientID: 'P 4',
      StudyDate: '20260131',
      SeriesInstanceUID: '1.7',
    };
    const [json, none, lines, table, more] = await Promise.all([
      query('--format', 'json'),
      query('--format', 'json', '--date', '20000101'),
      query('--format', 'ndjson'),
      query('--format', 'table', '--where', 'Modality=CT'),
      query('--format', 'ndjson', '--columns', 'Modality', '--where', 'Modality=CT'),
    ]);
    const parsed = JSON.parse(json.stdout) as Record<string, string>[];
    assert.deepEqual(
      parsed.map((row) => row['SeriesInstanceUID']),
      ALL,
    );
    assert.deepEqual(parsed.at(-1), expected);
    assert.deepEqual(JSON.parse(none.stdout), []);
    assert.deepEqual(
      lines.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
      parsed,
    );
    assert.deepEqual(JSON.parse(more.stdout), { ...expected, Modality: 'CT' });
    const [head, rule, row, ...rest] = table.stdout.split('\n');
    assert.match(head!, /^StudyDescription +SeriesDescription +PatientName +PatientID +StudyDate +SeriesInstanceUID$/);
    assert.match(rule!, /^[- ]+$/);
    assert.match(row!, /^two lines +CT +Roe\^Richard +P 4 +20260131 +1\.7$/);
    assert.deepEqual(rest, ['']);
    for (const { stderr } of [json, lines]) assert.equal(stderr, 'Found 7 matching series.\n');
  });

  test('--count prints the number only', async () => {
    const { code, stdout } = await query('--count', '--where', 'Modality=MR');
    assert.equal(stdout, '5\n');
    assert.equal(code, 0);
    assert.equal((await query('--count', '--date', '20000101')).stdout, '0\n');
  });

  test('--output writes a file that only its owner can read, and replaces one', async (t) => {
    const folder = temporaryFolder(t);
    const file = path.join(folder, 'rows.csv');
    fs.writeFileSync(file, 'before', { mode: 0o644 });
    const { code, stdout, stderr } = await query('--output', file);
    assert.deepEqual([code, stdout, stderr], [0, '', 'Found 7 matching series.\n']);
    assert.equal(fs.readFileSync(file, 'utf8'), csv(...ALL));
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(fs.readdirSync(folder), ['rows.csv']);
    const relative = await runDitag(['query', '--output', 'here.csv', '--count'], { home, cwd: folder });
    assert.equal(relative.code, 0);
    assert.equal(fs.readFileSync(path.join(folder, 'here.csv'), 'utf8'), '7\n');
  });

  test('--output to a link writes what that stands for', async (t) => {
    const folder = temporaryFolder(t);
    fs.writeFileSync(path.join(folder, 'rows.csv'), 'old');
    fs.symlinkSync('rows.csv', path.join(folder, 'link.csv'));
    assert.equal((await query('--output', path.join(folder, 'link.csv'))).code, 0);
    assert.ok(fs.lstatSync(path.join(folder, 'link.csv')).isSymbolicLink());
    assert.match(fs.readFileSync(path.join(folder, 'rows.csv'), 'utf8'), /^StudyDescription,/);
    assert.equal(fs.readdirSync(folder).length, 2);
  });

  test('--output that fails leaves the old file alone and nothing behind', async (t) => {
    const folder = temporaryFolder(t);
    fs.writeFileSync(path.join(folder, 'rows.csv'), 'before');
    const { code } = await query('--output', path.join(folder, 'rows.csv'), '--where', 'PatientID=(');
    assert.equal(code, 2);
    assert.equal(fs.readFileSync(path.join(folder, 'rows.csv'), 'utf8'), 'before');
    assert.deepEqual(fs.readdirSync(folder), ['rows.csv']);
  });

  test('--output where nothing can be written is one sentence', async (t) => {
    const folder = temporaryFolder(t);
    fs.mkdirSync(path.join(folder, 'taken'));
    await refused([
      [['query', '--output', path.join(folder, 'missing', 'rows.csv')], /^Cannot write .*missing\/rows\.csv: .+\.\n$/],
      [['query', '--output', path.join(folder, 'missing', 'rows.csv'), '--count'], /^Cannot write .*\n$/],
      [['query', '--output', ''], /^Cannot write a file: it has no name\.\n$/],
    ]);
    assert.deepEqual(fs.readdirSync(folder), ['taken']);
  });

  test('--output that names a folder is one sentence', async (t) => {
    const folder = temporaryFolder(t);
    fs.mkdirSync(path.join(folder, 'taken'));
    await refused([[['query', '--output', path.join(folder, 'taken')], /^Cannot write .*taken: .+\.\n$/]]);
    assert.deepEqual(fs.readdirSync(folder), ['taken']);
  });

  test('--output to a named pipe (or /dev/stdout, /dev/null) writes into it and does not replace it', async (t) => {
    const folder = temporaryFolder(t);
    const pipe = path.join(folder, 'pipe');
    const hasPipe = spawnSync('mkfifo', [pipe]).status === 0;
    if (!isHere(t, hasPipe, 'there is no mkfifo (Debian package coreutils), or no pipes on this file system')) return;
    const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'ignore'] });
    let read = '';
    reader.stdout.on('data', (data: Buffer) => (read += data.toString()));
    const closed = new Promise((resolve) => reader.on('close', resolve));
    const { code } = await query('--output', pipe);
    const stayed = fs.lstatSync(pipe).isFIFO();
    if (!stayed) reader.kill();
    await closed;
    assert.ok(stayed, 'the pipe is still a pipe');
    assert.equal(read, csv(...ALL));
    assert.equal(code, 0);
  });

  test('a full disk behind stdout is one sentence and no success', async (t) => {
    if (!isHere(t, fs.existsSync('/dev/full'), 'there is no /dev/full (Linux has it)')) return;
    const main = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
    const { status, stderr } = spawnSync('sh', ['-c', '"$0" "$1" query > /dev/full', process.execPath, main], {
      env: { ...process.env, HOME: home },
      encoding: 'utf8',
    });
    assert.doesNotMatch(stderr, /\n\s+at /);
    assert.ok(status === 1 || status === 2, `exit code ${status}`);
  });
});

describe('what is refused', () => {
  test('--pattern without --targets', async () => {
    await refused([
      [['query', '--pattern', 'x'], /^--pattern needs --targets: .+\.\n$/],
      [['query', '--pattern', 'x', '--targets', ' , '], /^--pattern needs --targets: .+\.\n$/],
    ]);
  });

  test('unknown tags, with the nearest keyword as a hint', async () => {
    await refused([
      [
        ['query', '--targets', 'SeriesDescripton', '--pattern', 'x'],
        /"SeriesDescripton".*Did you mean SeriesDescription\?\n$/,
      ],
      [['query', '--targets', 'SeriesDescripton'], /SeriesDescription/],
      [['query', '--columns', 'patientname'], /Did you mean PatientName\?/],
      [['query', '--where', 'Modalty=MR'], /Did you mean Modality\?/],
      [['query', '--where', 'RequestAttributesSequence.Nonsense words=x'], /Nonsense words/],
      [['query', '--where', '(0018,xx10,ACME)=x'], /even/],
    ]);
  });

  test('dates, patterns, forms', async () => {
    await refused([
      [['query', '--sdate', '1982-01-11'], /^--sdate "1982-01-11" is not a date: write YYYYMMDD.*\n$/],
      [['query', '--edate', '19820230'], /^--edate "19820230" is not a date/],
      [['query', '--date', '1982.01.11'], /^--date "1982.01.11" is not a date/],
      [['query', '--date', ''], /^--date "" is not a date/],
      [
        ['query', '--sdate', '19830101', '--edate', '19820101'],
        /^The start date 19830101 lies after the end date 19820101.*\n$/,
      ],
      [['query', '--targets', 'PatientID', '--pattern', '('], /^The pattern "\(" is not valid: .+\.\n$/],
      [['query', '--targets', 'PatientID', '--pattern', '(?<=a+)b'], /^The pattern .+ is not valid: .+\.\n$/],
      [['query', '--where', 'PatientID=*'], /^The pattern "\*" is not valid/],
      [['query', '--where', 'PatientID'], /^--where "PatientID" is not of the form TAG=REGEX/],
      [['query', '--where-not', '=x'], /^--where-not "=x" is not of the form TAG=REGEX/],
      [['query', '--format', 'xml'], /^--format "xml" is not valid: .*csv.*\n$/],
      [['query', '--nonsense'], /unknown option/],
      [['stats', '--format', 'csv'], /^--format "csv" is not valid/],
      [['nonsense'], /unknown command/],
      [['token', 'craete'], /unknown command 'craete'\n\(choose one of create, list, revoke, trail\)/],
    ]);
  });

  test('a pattern that is too expensive is refused, never answered', async (t) => {
    const own = temporaryFolder(t);
    makeArchive(path.join(own, 'archive'), {
      a: {
        SeriesInstanceUID: '1.2',
        SOPInstanceUID: '1.2.1',
        // Nobody's description is this long, but nothing forbids it here.
        StudyDescription: 'ab'.repeat(2000),
      },
    });
    assert.equal((await runDitag(['index', '--archive', 'archive'], { home: own })).code, 0);
    for (const more of [[], ['--count'], ['--output', path.join(own, 'rows.csv')]]) {
      const where = 'StudyDescription=^(.*)(.*)(.*)(.*)\\4\\3\\2\\1\\d';
      const { code, stdout, stderr } = await runDitag(['query', '--where', where, ...more], { home: own });
      assert.match(stderr, /^The patterns? .+ more than .+\n$/);
      assert.ok(stdout === '' || stdout === HEADER, stdout);
      assert.equal(code, 2);
    }
    assert.equal(fs.existsSync(path.join(own, 'rows.csv')), false);
  });

  test('no index yet', async (t) => {
    const nobody = temporaryFolder(t);
    for (const command of ['query', 'stats']) {
      const { code, stdout, stderr } = await runDitag([command], { home: nobody });
      assert.match(
        stderr,
        /^There is no index at .*\.ditag\/dicom\.db yet: run `ditag index --archive DIR` first\.\n$/,
      );
      assert.deepEqual([code, stdout], [2, '']);
    }
    assert.deepEqual(fs.readdirSync(nobody), [], 'asking makes nothing');
  });
});

describe('readers that go away', () => {
  let big = '';
  before(async () => {
    big = fs.mkdtempSync(path.join(home, 'big-'));
    const files: Record<string, object> = {};
    for (let i = 0; i < 3000; i++) {
      const uid = `1.2.${i}`;
      files[`${i % 50}/${i}`] = {
        SeriesInstanceUID: uid,
        SOPInstanceUID: `${uid}.1`,
        StudyDescription: 'long text '.repeat(20),
      };
    }
    makeArchive(path.join(big, 'archive'), files);
    assert.equal((await runDitag(['index', '--archive', 'archive'], { home: big })).code, 0);
  });

  for (const format of ['csv', 'json', 'ndjson', 'table']) {
    test(`| head ends with 0 and without a word: ${format}`, async () => {
      const { child, ended } = startDitag(['query', '--format', format, '--columns', 'StudyDescription'], {
        home: big,
      });
      child.stdout!.once('data', () => child.stdout!.destroy());
      const { code, stderr } = await ended;
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^(Found 3000 matching series\.\n)?$/);
    });
  }

  test('a shell with a real head', () => {
    const main = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
    const { stdout, stderr } = spawnSync(
      'bash',
      ['-c', 'set -o pipefail; "$0" "$1" query | head -n 1; echo "code $?"', process.execPath, main],
      { env: { ...process.env, HOME: big }, encoding: 'utf8' },
    );
    assert.equal(stdout, `${HEADER}code 0\n`);
    assert.equal(stderr, '');
  });

  test('Ctrl-C while the reader is slow ends with 130', async () => {
    const { child, ended } = startDitag(['query'], { home: big });
    await new Promise((resolve) => child.stdout!.once('readable', resolve));
    child.stdout!.pause();
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill('SIGINT');
    const exited = await Promise.race([
      new Promise<boolean>((resolve) => child.once('exit', () => resolve(true))),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 3000)),
    ]);
    if (!exited) child.kill('SIGKILL');
    child.stdout!.resume();
    const { code, signal } = await ended;
    assert.ok(exited, 'still running three seconds after Ctrl-C');
    // A shell calls both 130.
    assert.ok(code === 130 || signal === 'SIGINT', `${code} ${signal}`);
  });
});
