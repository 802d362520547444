// C-FIND at a running gateway over an indexed archive, asked by DCMTK's findscu, and read by DCMTK's dcm2json.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { textEncoder } from '../../core/dimse/identifier-text.ts';
import { freePort, isHere } from '../../scripts/parts/parts.ts';
import { dicomFile, element, type Part, sequence } from '../reader/dicom-bytes.ts';
import { runDitag, startDitag, temporaryFolder } from './run-ditag.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const MR = '1.2.840.10008.5.1.4.1.1.4';
const LATIN = 'ISO_IR 100';
const JAPANESE = '\\ISO 2022 IR 87';

interface Series {
  readonly uid: string;
  readonly files: number;
  readonly name: string;
  readonly id: string;
  readonly date: string;
  readonly modality: string;
  readonly characterSet?: string;
  readonly description?: string;
}

const jane = { name: 'Doe^Jane', id: 'P1' };
const juergen = { name: 'Müller^Jürgen', id: 'P2', characterSet: LATIN };
const tarou = { name: 'Yamada^Tarou=山田^太郎=やまだ^たろう', id: 'P3', characterSet: JAPANESE };
/** A UID without its last number is that of the study. */
const SERIES: readonly Series[] = [
  { ...jane, uid: '1.2.1.1.1', date: '20200101', modality: 'CT', files: 2, description: 'AX T1' },
  { ...jane, uid: '1.2.1.1.2', date: '20200101', modality: 'MR', files: 1, description: 'SAG T2' },
  { ...jane, uid: '1.2.1.2.1', date: '20210615', modality: 'CT', files: 3, description: 'ax FLAIR' },
  { ...juergen, uid: '1.2.2.1.1', date: '20200515', modality: 'MR', files: 1, description: 'Übersicht' },
  { ...tarou, uid: '1.2.3.1.1', date: '', modality: 'MR', files: 1 },
];

/** A text in a character set, for `element`. */
function inSet(text: string, characterSet: string | undefined, vr: string): Buffer {
  return textEncoder(characterSet ?? '')!(text, vr)!;
}

function fileOf({ uid, name, id, date, modality, characterSet, description = '' }: Series, number: number): Uint8Array {
  const dataSet: Part[] = [
    ...(characterSet === undefined ? [] : [element(0x00080005, 'CS', characterSet)]),
    element(0x00080016, 'UI', modality === 'CT' ? CT : MR),
    element(0x00080018, 'UI', `${uid}.${number}`),
    element(0x00080020, 'DA', date),
    element(0x00080030, 'TM', '101500'),
    element(0x00080060, 'CS', modality),
    element(0x0008103e, 'LO', inSet(description, characterSet, 'LO')),
    element(0x00100010, 'PN', inSet(name, characterSet, 'PN')),
    element(0x00100020, 'LO', id),
    element(0x00190010, 'LO', 'ACME'),
    element(0x00191001, 'DS', '0.5'),
    element(0x0020000d, 'UI', uid.slice(0, -2)),
    element(0x0020000e, 'UI', uid),
    element(0x00200011, 'IS', uid.slice(-1)),
    element(0x00200013, 'IS', String(number)),
    element(0x00280010, 'US', 512),
    sequence(0x00400275, [[element(0x00400009, 'SH', `STEP ${uid}`), element(0x00401001, 'SH', 'R7')]]),
  ];
  return dicomFile({ dataSet });
}

type Json = Record<string, { vr: string; Value?: unknown[] }>;

interface Found {
  /** As findscu has written them. */
  readonly files: readonly Buffer[];
  readonly answers: readonly Json[];
  /** What findscu said of the last answer. */
  readonly end: string;
  readonly log: string;
}

describe('C-FIND', { timeout: 60_000 }, () => {
  const folder = temporaryFolder({ after });
  const hasDcmtk = ['findscu', 'dcm2json'].every((one) => spawnSync(one, ['--version']).status === 0);
  const missing = 'there is no findscu or dcm2json (Debian package dcmtk)';
  let stop = async (): Promise<string> => '';
  let port = 0;
  let asked = 0;

  before(async () => {
    if (!hasDcmtk) return;
    const archive = path.join(folder, 'archive');
    for (const series of SERIES) {
      fs.mkdirSync(path.join(archive, series.uid), { recursive: true });
      for (let n = 1; n <= series.files; n++)
        fs.writeFileSync(path.join(archive, series.uid, `${n}.dcm`), fileOf(series, n));
    }
    port = await freePort();
    const config = path.join(folder, 'config.ini');
    const peers = ['[PEER FINDER]', 'host = 127.0.0.1', 'may = find', '[PEER SENDER]', 'host = *', 'may = store'];
    const settings = ['[DEFAULT]', 'database = dicom.db', '[GATEWAY]', `port = ${port}`, 'answers = 4'];
    fs.writeFileSync(config, [...settings, ...peers, ''].join('\n'));
    const gateway = startDitag(['--config-file', config, 'gateway'], { home: folder });
    const ready = new Promise<void>((resolve) => {
      gateway.child.stderr!.on('data', (line: Buffer) => line.includes('"ready"') && resolve());
    });
    await Promise.race([ready, gateway.ended]);
    stop = async () => {
      gateway.child.kill('SIGINT');
      return (await gateway.ended).stderr;
    };
    // Nothing is indexed yet.
    assert.deepEqual((await find('-S', ['QueryRetrieveLevel=STUDY', 'StudyInstanceUID'])).answers, []);
    const indexed = await runDitag(['--config-file', config, 'index', '--archive', archive], { home: folder });
    assert.equal(indexed.code, 0, indexed.stderr);
  });
  after(() => stop());

  /** @param more options, then a file of keys if there is one */
  async function find(model: string, keys: readonly string[], ...more: string[]): Promise<Found> {
    const out = path.join(folder, `out${asked++}`);
    fs.mkdirSync(out);
    const own = more.includes('-aet') ? [] : ['-aet', 'FINDER'];
    const isFile = (one: string) => one.startsWith('/');
    const options = [...own, ...more.filter((one) => !isFile(one)), ...keys.flatMap((key) => ['-k', key])];
    const args = ['-v', model, '-X', '-od', out, '-aec', 'DITAG', ...options];
    const log = await run('findscu', [...args, '127.0.0.1', String(port), ...more.filter(isFile)]);
    const files = fs
      .readdirSync(out)
      .sort()
      .map((file) => path.join(out, file));
    // It reads no Japanese but in UTF-8.
    const read = async (file: string) => {
      const json = await run('dcm2json', [file]);
      return (json.startsWith('{') ? JSON.parse(json) : {}) as Json;
    };
    const end = (/Final Find Response \((.*)\)/.exec(log) ?? /DIMSE Status +: (0x(?!ff).*)/.exec(log))?.[1] ?? '';
    return { files: files.map((file) => fs.readFileSync(file)), answers: await Promise.all(files.map(read)), end, log };
  }

  function run(program: string, args: readonly string[]): Promise<string> {
    const env = { ...process.env, TCP_NODELAY: '1' };
    return new Promise((resolve) => {
      execFile(program, args, { env, encoding: 'utf8' }, (_, stdout, stderr) => resolve(stdout + stderr));
    });
  }

  const value = (answer: Json | undefined, tag: string) => answer?.[tag]?.Value?.[0];
  const uids = ({ answers }: Found, tag: string) => answers.map((answer) => value(answer, tag)).sort();
  const STUDY = '0020000D';
  const ONE = '0020000E';

  const dicom = (title: string, check: () => Promise<void>) =>
    void test(title, async (t) => {
      if (isHere(t, hasDcmtk, missing)) await check();
    });

  dicom('a study and a patient are answered once, with counts of all that belongs to them', async () => {
    const counts = [
      'ModalitiesInStudy',
      'NumberOfStudyRelatedSeries',
      'NumberOfStudyRelatedInstances',
      'NumberOfPatientRelatedStudies',
      'NumberOfPatientRelatedSeries',
      'NumberOfPatientRelatedInstances',
    ];
    const found = await find('-S', ['QueryRetrieveLevel=STUDY', 'PatientID=P1', 'StudyInstanceUID', ...counts]);
    assert.equal(found.end, 'Success');
    assert.deepEqual(uids(found, STUDY), ['1.2.1.1', '1.2.1.2']);
    const [first] = found.answers;
    const tags = ['00080061', '00201206', '00201208', '00201200', '00201202', '00201204'];
    assert.deepEqual(first!['00080061']!.Value, ['CT', 'MR']);
    assert.deepEqual(
      tags.map((tag) => value(first, tag)),
      ['CT', 2, 3, 2, 3, 6],
    );
    assert.equal(value(first, '00080054'), 'DITAG');
    assert.equal(value(first, '00080052'), 'STUDY');
    const patient = await find('-P', [
      'QueryRetrieveLevel=PATIENT',
      'PatientName=doe*',
      'PatientID',
      ...counts.slice(3),
    ]);
    assert.deepEqual(
      patient.answers.map((one) => [value(one, '00100020'), value(one, '00201204')]),
      [['P1', 6]],
    );
    const withCt = await find('-S', ['QueryRetrieveLevel=STUDY', 'ModalitiesInStudy=MR', 'StudyInstanceUID']);
    assert.deepEqual(uids(withCt, STUDY), ['1.2.1.1', '1.2.2.1', '1.2.3.1']);
    assert.deepEqual(withCt.answers.find((one) => value(one, STUDY) === '1.2.1.1')!['00080061']!.Value, ['CT', 'MR']);
  });

  dicom('series and images, by UID, lists of UIDs, wild cards, ranges and nested keys', async () => {
    const series = async (...keys: string[]) =>
      uids(await find('-S', ['QueryRetrieveLevel=SERIES', 'SeriesInstanceUID', ...keys]), ONE);
    assert.deepEqual(await series('StudyInstanceUID=1.2.1.1'), ['1.2.1.1.1', '1.2.1.1.2']);
    assert.deepEqual(await series('StudyInstanceUID=1.2.9'), []);
    const listed = await find('-P', ['QueryRetrieveLevel=SERIES', 'SeriesInstanceUID=1.2.1.2.1\\1.2.3.1.1\\1.2.9']);
    assert.deepEqual(uids(listed, ONE), ['1.2.1.2.1', '1.2.3.1.1']);
    assert.deepEqual(await series('SeriesDescription=A? *', 'Modality=CT'), ['1.2.1.1.1']);
    assert.deepEqual(await series('StudyDate=20200102-20201231'), ['1.2.2.1.1']);
    assert.deepEqual(await series('StudyDate=20200515-'), ['1.2.1.2.1', '1.2.2.1.1']);
    assert.deepEqual(await series('StudyDate=20200101', 'StudyTime=1000-1030', 'SeriesNumber=2'), ['1.2.1.1.2']);
    assert.deepEqual(await series('StudyDate=20200101', 'StudyTime=1030-'), []);
    const step = '(0040,0275)[0].ScheduledProcedureStepID=STEP 1.2.2*';
    const nested = await find('-S', [
      'QueryRetrieveLevel=SERIES',
      'SeriesInstanceUID',
      step,
      '(0040,0275)[0].RequestedProcedureID',
    ]);
    assert.deepEqual(uids(nested, ONE), ['1.2.2.1.1']);
    assert.deepEqual(nested.answers[0]!['00400275']!.Value, [
      { '00400009': { vr: 'SH', Value: ['STEP 1.2.2.1.1'] }, '00401001': { vr: 'SH', Value: ['R7'] } },
    ]);
    const others = [
      'Rows',
      '(0019,0010)=ACME',
      '(0019,1001)',
      'InstanceAvailability',
      'NumberOfSeriesRelatedInstances',
    ];
    const more = await find('-S', ['QueryRetrieveLevel=SERIES', 'SeriesInstanceUID=1.2.1.2.1', ...others]);
    assert.deepEqual(
      ['00280010', '00201209', '00080056'].map((tag) => value(more.answers[0], tag)),
      [512, 3, 'ONLINE'],
    );
    const images = await find('-P', [
      ...['QueryRetrieveLevel=IMAGE', 'PatientID=P1', 'StudyInstanceUID=1.2.1.2', 'SeriesInstanceUID=1.2.1.2.1'],
      ...['SOPInstanceUID', 'SOPClassUID', 'InstanceNumber'],
    ]);
    assert.deepEqual(uids(images, '00080018'), ['1.2.1.2.1.1', '1.2.1.2.1.2', '1.2.1.2.1.3']);
    assert.equal(value(images.answers[0], '00080016'), CT);
    // It differs from file to file, and only one header a series is in the index.
    assert.deepEqual(
      images.answers.map((answer) => Number(value(answer, '00200013'))),
      [1, 2, 3],
    );
    assert.doesNotMatch(images.log, /WarningUnsupportedOptionalKeys/);
    const third = ['QueryRetrieveLevel=IMAGE', 'SeriesInstanceUID=1.2.1.2.1', 'SOPInstanceUID', 'InstanceNumber=3'];
    assert.deepEqual(uids(await find('-S', third), '00080018'), ['1.2.1.2.1.3']);
    const one = await find('-S', [
      ...['QueryRetrieveLevel=IMAGE', 'StudyInstanceUID=1.2.1.2', 'SOPInstanceUID=1.2.1.2.1.2'],
    ]);
    assert.deepEqual(uids(one, '00080018'), ['1.2.1.2.1.2']);
  });

  dicom('names come and go in the character set of the request, or in UTF-8', async () => {
    const name = async (characterSet: string, PatientName: string) => {
      const text = inSet(PatientName, characterSet, 'PN');
      const file = path.join(folder, `keys${asked}.dcm`);
      const dataSet = [
        element(0x00080005, 'CS', characterSet),
        element(0x00080052, 'CS', 'STUDY'),
        element(0x00100010, 'PN', text),
        element(0x0020000d, 'UI', ''),
      ];
      fs.writeFileSync(file, dicomFile({ dataSet }));
      return find('-S', [], file);
    };
    /** dcm2json writes JSON in UTF-8. */
    const names = async (characterSet: string, PatientName: string) =>
      (await name(characterSet, PatientName)).answers.map((answer) => value(answer, '00100010'));
    assert.deepEqual(await names(LATIN, 'Mü*'), [{ Alphabetic: 'Müller^Jürgen' }]);
    assert.deepEqual(await names('ISO_IR 192', 'MÜLLER^J*'), [{ Alphabetic: 'Müller^Jürgen' }]);
    const japanese = { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' };
    assert.deepEqual(await names('ISO_IR 192', '山田*'), [japanese]);
    assert.deepEqual(await names(LATIN, 'Yamada*'), [japanese]);
    const has = (found: Found, text: string | Buffer) => found.files.map((file) => file.includes(text));
    assert.deepEqual(has(await name(LATIN, 'Mü*'), LATIN), [true]);
    assert.deepEqual(has(await name(LATIN, 'Yamada*'), 'ISO_IR 192'), [true]);
    const own = await name(JAPANESE, '*=山田*');
    assert.deepEqual(has(own, inSet(tarou.name, JAPANESE, 'PN')), [true]);
    assert.deepEqual(has(own, JAPANESE), [true]);
  });

  dicom('what cannot be answered is refused with a reason', async () => {
    const refused = async (model: string, ...keys: string[]) => {
      const { answers, end, log } = await find(model, keys, '-d');
      assert.deepEqual(answers, []);
      assert.match(end, /^0xa900/);
      return /\(0000,0902\) LO \[(.*?) *\]/.exec(log)?.[1] ?? '';
    };
    assert.match(
      await refused('-S', 'QueryRetrieveLevel=PATIENT', 'PatientID'),
      /^The Study Root model has no PATIENT/,
    );
    assert.match(await refused('-P', 'QueryRetrieveLevel=FRAME', 'PatientID'), /^QueryRetrieveLevel is not PATIENT/);
    assert.match(await refused('-P', 'PatientID'), /^QueryRetrieveLevel is not PATIENT/);
    assert.match(
      await refused('-P', 'QueryRetrieveLevel=IMAGE', 'SOPInstanceUID=1.2.1.2.1.2'),
      /^At IMAGE level a study/,
    );
  });

  dicom('a peer that asks for too many, and one that may not ask', async () => {
    const all = ['QueryRetrieveLevel=SERIES', 'SeriesInstanceUID'];
    const limited = await find('-S', all, '-d');
    assert.equal(limited.answers.length, 4);
    assert.match(limited.end, /^0xa700/);
    assert.match(limited.log, /\(0000,0902\) LO \[There are more than the 4 answers that are given *\]/);
    for (const aeTitle of ['SENDER', 'STRANGER']) {
      const { answers, end, log } = await find('-S', all, '-aet', aeTitle);
      assert.deepEqual([answers, end], [[], '']);
      assert.match(
        log,
        aeTitle === 'SENDER'
          ? /No Acceptable Presentation Contexts|No presentation context/
          : /Calling AE Title Not Recognized/,
      );
    }
  });

  dicom('the audit counts queries and answers, and holds no value', async () => {
    const lines = (await stop())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const queries = lines.filter(({ msg }) => msg === 'query answered');
    const answers = queries.reduce((sum, one) => sum + (one.answers as number), 0);
    const last = lines.at(-1)!;
    assert.deepEqual([last.msg, last.queries, last.answers], ['ended', queries.length, answers]);
    assert.ok(queries.some(({ level, outcome }) => level === 'SERIES' && /A700H/.test(String(outcome))));
    assert.doesNotMatch(JSON.stringify(lines), /Doe|Jane|ller|1\.2\.1\.1|P1/);
  });
});
