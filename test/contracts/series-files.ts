// The contract of InstanceIndex.instancesOf and everyFile: which files they give, and in which order.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { InstanceIndex, SeriesFile } from '../../core/ports/instance-index.ts';
import { makeQuery } from '../../core/query/query.ts';
import { archivesAfter, cutFolder, type Scan, type ScannedFile, scannedChunk } from './scans.ts';

const MOST_OF_A_BATCH = 5000;
const [CT, MR] = ['1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.5.1.4.1.1.4'];

let instances = 0;

function file(name: string, SeriesInstanceUID: string, more: Partial<ScannedFile> = {}): ScannedFile {
  const n = ++instances;
  return {
    name,
    SeriesInstanceUID,
    SOPInstanceUID: `1.9.${n}`,
    SOPClassUID: n % 3 === 0 ? CT : MR,
    size: 500_000 + n * 7,
    mtime: 1_577_880_000_000_000 + n,
    ...more,
  };
}

const many = (count: number, uid: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => file(`IM${i}`, uid(i)));
/** Files of two series that fill a folder. */
const flat = many(12_100, (i) => (i % 40 === 0 ? 'flat.2' : 'flat.1'));
const crowd = many(1100, (i) => `crowd.${i % 1050}`);

const plain = scannedChunk('plain', [
  file('a', 'plain.1'),
  file('b', 'plain.2'),
  { name: 'notes.txt' },
  file('c', 'plain.1', { mtime: -1, size: 0 }),
  file('1.9.77.dcm', 'plain.1', { SOPInstanceUID: '1.9.77' }),
]);
/** Names that come in another order as whole paths than component by component. */
const spread = [
  scannedChunk('', [file('b', 'spread'), file('z', 'spread')]),
  scannedChunk('b', [file('a', 'spread'), file('d', 'spread')]),
  scannedChunk('b/c', [file('x', 'spread')]),
  scannedChunk('b-d', [file('y', 'spread')]),
];
const bytes = scannedChunk('f\xe4/\xc3\xa9', [file('IM\xff\x01', 'bytes'), file('\x80', 'bytes'), file('~', 'bytes')]);
const folders = Array.from({ length: 300 }, (_, i) => scannedChunk(`many/${i}`, [file(`f${i % 7}`, 'folders')]));
/** Longer than any UID may be. */
const LONG = `1.${'2'.repeat(2000)}`;
const long = [scannedChunk('long', [file('b', LONG)]), scannedChunk('long/er', [file('a', LONG), file('c', 'short')])];
const rest = [plain, ...long, ...spread, bytes, ...folders, scannedChunk('crowd', crowd)];

const FIRST: Scan = {
  archive: '/first',
  chunks: [...rest, ...cutFolder('flat', flat, 2), scannedChunk('both', [file('1', 'both'), file('2', 'both')])],
};
const SECOND: Scan = {
  archive: '/second',
  append: true,
  chunks: [
    scannedChunk('copy', [file('0', LONG), file('1', 'both'), file('2', 'plain.1'), file('3', 'second')]),
    scannedChunk('more', [file('0', 'both')]),
  ],
};

/** Files of a series come and go, folders are cut, and the archive that speaks is another one. */
const CHANGED: Scan = {
  archive: '/first',
  append: true,
  chunks: [
    scannedChunk('plain', [file('a', 'plain.1'), file('b', 'plain.1'), file('new', 'plain.3')]),
    scannedChunk('', []),
    ...spread.slice(1),
    bytes,
    ...long,
    ...cutFolder('crowd', crowd, 1),
    ...cutFolder('flat', flat.slice(6000), 3),
    scannedChunk('moved', [file('0', 'folders')]),
  ],
};

function byComponents(a: string, b: string): number {
  const [x, y] = [a, b].map((path) => path.split('/'));
  for (let i = 0; i < Math.min(x!.length, y!.length); i++) if (x![i] !== y![i]) return x![i]! < y![i]! ? -1 : 1;
  return x!.length - y!.length;
}

/** What the files of a series are after some scans, by archive. */
function filesByArchive(scans: readonly Scan[], isWanted: (uid: string) => boolean): SeriesFile[][] {
  return [...archivesAfter(scans)].map(([archive, chunks]) =>
    chunks.flatMap(({ folder, files }) =>
      files
        .filter((each) => each.SeriesInstanceUID !== '' && isWanted(each.SeriesInstanceUID))
        .map(({ name, digest, issues, ...of }) => ({
          ...of,
          archive,
          path: folder === '' ? name : `${folder}/${name}`,
        })),
    ),
  );
}

/** Archive by archive. */
function filesAfter(scans: readonly Scan[], uid: string): SeriesFile[] {
  return filesByArchive(scans, (one) => one === uid).flatMap((files) =>
    files.sort((a, b) => byComponents(a.path, b.path)),
  );
}

const CROWD = Array.from({ length: 1050 }, (_, i) => `crowd.${(i * 389) % 1050}`);
const ASKED = [
  'bytes',
  'flat.2',
  'unknown',
  'folders',
  ...CROWD,
  'plain.2',
  LONG,
  'both',
  'flat.1',
  'spread',
  'plain.3',
  'second',
  '',
  'plain.1',
  'bytes',
];

async function taken(index: InstanceIndex, series: readonly string[]): Promise<(readonly SeriesFile[])[]> {
  const batches: (readonly SeriesFile[])[] = [];
  for await (const batch of index.instancesOf(series)) batches.push(batch);
  return batches;
}

async function holds(index: InstanceIndex, scans: readonly Scan[]): Promise<void> {
  const batches = await taken(index, ASKED);
  for (const batch of batches) {
    assert.ok(batch.length > 0 && batch.length <= MOST_OF_A_BATCH, `a batch of ${batch.length}`);
    assert.equal(new Set(batch.map((one) => `${one.SeriesInstanceUID} ${one.archive}`)).size, 1);
  }
  const expected = ASKED.map((uid) => filesAfter(scans, uid));
  const found = batches.flat();
  let at = 0;
  for (const [i, files] of expected.entries()) {
    // Of a huge series the first difference is enough.
    const own = found.slice(at, (at += files.length));
    const differs = own.findIndex((one, n) => !isDeepStrictEqual(one, files[n]));
    assert.deepEqual(own[differs], files[differs], `series ${ASKED[i]!.slice(0, 50)}, file ${differs}`);
  }
  assert.equal(found.length, at);
  const ofArchives = expected.flatMap((files) => [...Map.groupBy(files, ({ archive }) => archive).values()]);
  const fewest = ofArchives.reduce((sum, files) => sum + Math.ceil(files.length / MOST_OF_A_BATCH), 0);
  assert.equal(batches.length, fewest, 'one batch a series and archive, but for huge ones');
}

/** Every file of every archive, none twice. */
async function holdsEveryFile(index: InstanceIndex, scans: readonly Scan[]): Promise<void> {
  const found: SeriesFile[] = [];
  for await (const batch of index.everyFile()) {
    assert.equal(new Set(batch.map((one) => one.SeriesInstanceUID)).size, 1);
    for (const one of batch) found.push(one);
  }
  const inOrder = (files: SeriesFile[]) =>
    files.map((one) => JSON.stringify(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))).sort();
  const [have, expected] = [inOrder(found), inOrder(filesByArchive(scans, () => true).flat())];
  const differs = have.findIndex((one, n) => one !== expected[n]);
  assert.equal(have[differs], expected[differs]);
  assert.equal(have.length, expected.length);
}

/** Makes an index of scans and hands it to a check. */
export type Contract = (
  title: string,
  scans: readonly Scan[],
  check: (index: InstanceIndex, scans: readonly Scan[]) => Promise<void>,
) => void;

export function seriesFilesContract(contract: Contract): void {
  contract('files of series, archive by archive', [FIRST, SECOND], async (index, scans) => {
    await holds(index, scans);
    assert.deepEqual(await taken(index, []), []);
    assert.deepEqual(await taken(index, ['unknown', '1.2']), []);
    // One who stops early, and one who asks while another answer is read.
    for await (const _ of index.instancesOf(['flat.1', 'folders'])) break;
    for await (const _ of index.search(await makeQuery({}))) {
      assert.deepEqual((await taken(index, ['both'])).flat(), filesAfter(scans, 'both'));
      break;
    }
    assert.deepEqual((await taken(index, ['spread'])).flat(), filesAfter(scans, 'spread'));
  });

  const identity = (SeriesInstanceUID: string, PatientID: string, StudyInstanceUID: string) => ({
    SeriesInstanceUID,
    elements: [
      { key: '00100020', vr: 'LO', text: PatientID },
      { key: '0020000D', vr: 'UI', text: StudyInstanceUID },
    ],
  });
  const archive = (name: string, ...known: (readonly [PatientID: string, StudyInstanceUID: string])[]): Scan => {
    const uids = ['one', 'other', LONG];
    const files = uids.flatMap((uid) => [file(`${uid.slice(0, 5)}-1`, uid), file(`${uid.slice(0, 5)}-2`, uid)]);
    const headers = uids.map((uid, i) => identity(uid, ...known[i]!));
    return { archive: name, append: true, chunks: [scannedChunk('', files, { bits: 0, index: 0 }, headers)] };
  };
  const mine = ['P1', '1.2'] as const;
  const scans = [
    archive('/a', mine, mine, mine),
    archive('/b', mine, ['P2', '1.2'], ['P1', '1.3']),
    archive('/c', mine, mine, mine),
  ];
  contract("not another patient's or study's under the same UID", scans, async (index) => {
    for (const [uid, archives] of [
      ['one', ['/a', '/b', '/c']],
      ['other', ['/a', '/c']],
      [LONG, ['/a', '/c']],
    ] as const) {
      const found = (await taken(index, [uid])).flat();
      assert.deepEqual([...new Set(found.map((one) => one.archive))], archives, uid.slice(0, 10));
      assert.equal(found.length, 2 * archives.length);
    }
  });

  contract('files of series after the archive has changed', [FIRST, SECOND, CHANGED], holds);

  contract('every file of two archives', [FIRST, SECOND], holdsEveryFile);

  contract('every file after an archive has changed', [FIRST, SECOND, CHANGED], holdsEveryFile);

  contract('files of series when the first archive has left', [FIRST, { ...SECOND, append: false }], holds);
}
