// The stage that sends, with a peer that is played: what a real one does not do on demand. Real peers are in
// adapters/dimse/store-scu.test.ts and test/cli/send.test.ts.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  BIG,
  DEFLATED,
  dicomFile,
  EXPLICIT,
  element,
  IMPLICIT,
  type Part,
  raw,
} from '../../test/reader/dicom-bytes.ts';
import { readBytes } from '../../test/reader/scripted-source.ts';
import { type DitagError, ditagError } from '../errors/errors.ts';
import type { SendResult } from '../instance/send-outcome.ts';
import type { InstanceFiles } from '../ports/instance-files.ts';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';
import type { StoreAssociation, StoreContext, StorePeer } from '../ports/store-peer.ts';
import { instancesToSend, type SendOptions, sendInstances } from './send-instances.ts';
import { MOST_CONTEXTS } from './store-contexts.ts';

const MR = '1.2.840.10008.5.1.4.1.1.4';
const JPEG = '1.2.840.10008.1.2.4.50';
/** Bytes that are not read at once. */
const LARGE = 3_500_000;
const DETAILS = { peer: 'pacs:104', reason: 'played' };

const rejected = () => ditagError('association-rejected', { ...DETAILS, called: 'A', calling: 'B' });
const unreachable = () => ditagError('pacs-unreachable', DETAILS);
const aborted = () => ditagError('association-aborted', DETAILS);

/** What a peer is to do; else it takes everything. */
interface Play {
  /** Called for each association that is asked for: `opened` have been asked for before, `open` stand. */
  admit?(opened: number, open: number): DitagError | undefined;
  accept?(context: StoreContext): string | undefined;
  /** The status, or why the association is lost. `times`: how often this instance came before. */
  store?(SOPInstanceUID: string, times: number, stored: number): number | DitagError | Promise<number>;
}

class PlayedPeer implements StorePeer {
  /** Associations that were asked for, that stand, and that stood at the same time. */
  opened = 0;
  open = async (contexts: readonly StoreContext[]): Promise<StoreAssociation> => {
    assert.ok(contexts.length > 0 && contexts.length <= MOST_CONTEXTS, `${contexts.length} contexts`);
    const opened = this.opened++;
    const refusal = this.play.admit?.(opened, this.standing);
    await Promise.resolve();
    if (refusal !== undefined) throw refusal;
    this.most = Math.max(this.most, ++this.standing);
    return this.associate(contexts);
  };
  standing = 0;
  most = 0;
  stored = 0;
  readonly proposals: (readonly StoreContext[])[] = [];
  /** By SOPInstanceUID, how often each came; and as what it was stored. */
  readonly times = new Map<string, number>();
  readonly taken = new Map<string, { transferSyntax: string; bytes: Buffer }>();
  private readonly play: Play;

  constructor(play: Play = {}) {
    this.play = play;
  }

  private associate(contexts: readonly StoreContext[]): StoreAssociation {
    this.proposals.push(contexts);
    let isOpen = true;
    const end = () => {
      if (isOpen) this.standing--;
      isOpen = false;
    };
    const gone = Promise.withResolvers<never>();
    gone.promise.catch(() => {});
    const accept = this.play.accept ?? (({ transferSyntaxes }) => transferSyntaxes[0]);
    return {
      get isOpen() {
        return isOpen;
      },
      accepted: (wanted) =>
        contexts
          .filter(({ SOPClassUID }) => SOPClassUID === wanted)
          .map(accept)
          .filter((syntax) => syntax !== undefined),
      store: async ({ SOPInstanceUID, transferSyntax }, dataSet) => {
        assert.ok(isOpen, 'an association that has ended was used');
        const pieces: Buffer[] = [];
        try {
          for await (const piece of dataSet) pieces.push(Buffer.from(piece));
        } catch (error) {
          end();
          throw error;
        }
        const times = this.times.get(SOPInstanceUID) ?? 0;
        this.times.set(SOPInstanceUID, times + 1);
        const played = this.play.store?.(SOPInstanceUID, times, this.stored);
        const answer = (await Promise.race([played, gone.promise])) ?? 0;
        if (typeof answer !== 'number') {
          end();
          throw answer;
        }
        this.stored++;
        this.taken.set(SOPInstanceUID, { transferSyntax, bytes: Buffer.concat(pieces) });
        return answer;
      },
      release: async () => end(),
      abort: () => {
        end();
        gone.reject(aborted());
      },
    };
  }
}

interface Made {
  readonly series?: string;
  readonly uid: string;
  readonly path?: string;
  readonly sopClass?: string;
  readonly syntax?: string;
  readonly parts?: readonly Part[];
  readonly meta?: readonly Part[];
  /** Of the file; undefined in the archive: it is gone. */
  readonly bytes?: Buffer | 'gone';
}

/** An archive in memory, and its index. */
class Archive {
  readonly bytes = new Map<string, Buffer>();
  readonly files: SeriesFile[] = [];
  /** Files that are open. */
  open = 0;
  mostOpen = 0;

  constructor(...made: readonly Made[]) {
    for (const one of made) {
      const { series = '1.2', uid, sopClass = MR, syntax = EXPLICIT, parts = [], meta } = one;
      const path = one.path ?? `${uid}.dcm`;
      const identity = [element(0x00080016, 'UI', sopClass), element(0x00080018, 'UI', uid)];
      const dataSet = [...identity, element(0x0020000e, 'UI', series), ...parts];
      const bytes = one.bytes ?? dicomFile(meta === undefined ? { syntax, dataSet } : { syntax, dataSet, meta });
      if (bytes !== 'gone') this.bytes.set(path, bytes);
      const of = { SeriesInstanceUID: series, SOPInstanceUID: uid, SOPClassUID: sopClass };
      this.files.push({ ...of, archive: '/archive', path, size: bytes.length, mtime: 1 });
    }
  }

  async *instancesOf(series: readonly string[]): AsyncIterable<readonly SeriesFile[]> {
    for (const uid of series) {
      const files = this.files.filter(({ SeriesInstanceUID }) => SeriesInstanceUID === uid);
      for (let i = 0; i < files.length; i += 2) yield files.slice(i, i + 2);
    }
  }

  readonly instanceFiles: InstanceFiles = {
    open: async (archive, path) => {
      assert.equal(archive, '/archive');
      const bytes = this.bytes.get(path);
      if (bytes === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT', syscall: 'open' });
      this.mostOpen = Math.max(this.mostOpen, ++this.open);
      return {
        size: bytes.length,
        read: async (buffer, length, position) =>
          this.bytes.get(path)!.copy(buffer, 0, position, Math.min(position + length, this.bytes.get(path)!.length)),
        close: async () => void this.open--,
      };
    },
  };
}

function many(count: number, more: Partial<Made> = {}): Made[] {
  return Array.from({ length: count }, (_, i) => ({ uid: `1.2.${i + 1}`, ...more }));
}

type More = Partial<SendOptions> & { readonly list?: readonly string[]; readonly files?: InstanceFiles };

/** Sends, and gives the outcomes in words, by file; each file, and each series that is not there, has exactly one. */
async function send(archive: Archive, peer: StorePeer, { list = ['1.2'], files, ...more }: More = {}) {
  const results = new Map<string, SendResult>();
  const options: SendOptions = {
    threads: 4,
    pauses: [1, 1, 1],
    signal: new AbortController().signal,
    onResult: (result) => {
      const key = result.file?.path ?? result.SeriesInstanceUID;
      assert.ok(!results.has(key), `${key} has two outcomes`);
      results.set(key, result);
    },
    ...more,
  };
  await sendInstances(list, { index: archive, files: files ?? archive.instanceFiles, peer }, options);
  assert.equal(archive.open, 0, 'files are left open');
  return results;
}

const outcomes = (results: ReadonlyMap<string, SendResult>) =>
  Object.fromEntries([...results].map(([key, { outcome }]) => [key, outcome]).sort());

function everyOne(results: ReadonlyMap<string, SendResult>, count: number, outcome: string): void {
  assert.deepEqual([...new Set([...results.values()].map((result) => result.outcome))], [outcome]);
  assert.equal(results.size, count);
}

/** Which bytes of a file are its data set. */
function dataSetOf(file: Buffer): Buffer {
  const group = file.readUInt32LE(140);
  return file.subarray(144 + group);
}

function arrivedAsTheyWere(archive: Archive, peer: PlayedPeer): void {
  for (const { SOPInstanceUID, path } of archive.files) {
    const { bytes } = peer.taken.get(SOPInstanceUID)!;
    // No list of differences: it would take minutes.
    assert.ok(bytes.equals(dataSetOf(archive.bytes.get(path)!)), `${path} arrived otherwise than it was`);
  }
}

test('every instance of every series is stored once, byte by byte, over as many associations as are asked for', async () => {
  for (const threads of [1, 4, 8]) {
    const made = Array.from({ length: 250 }, (_, i) => many(2, { series: `1.${i}` }).map((one) => ({ ...one })))
      .flat()
      .map((one, i) => ({ ...one, uid: `1.9.${i}` }));
    const archive = new Archive(...made);
    const peer = new PlayedPeer();
    let series = 0;
    let expected = 0;
    const onSeries = (instances: number) => {
      series++;
      expected += instances;
    };
    const list = Array.from({ length: 250 }, (_, i) => `1.${i}`);
    const results = await send(archive, peer, { threads, list, onSeries });
    assert.equal(expected, 500);
    everyOne(results, 500, 'stored');
    assert.deepEqual([series, peer.stored, peer.most, peer.opened, peer.standing], [250, 500, threads, threads, 0]);
    arrivedAsTheyWere(archive, peer);
    const { bytes, status, reason } = results.get('1.9.0.dcm')!;
    assert.deepEqual([bytes, status, reason], [dataSetOf(archive.bytes.get('1.9.0.dcm')!).length, 0, '']);
  }
});

test('a series that is not in the index is told, and is no reason to stop', async () => {
  const archive = new Archive({ uid: '1.2.1' }, { series: '1.8', uid: '1.8.1' });
  const results = await send(archive, new PlayedPeer(), { list: ['1.5', '1.2', '1.6', '1.7', '1.8', '1.9'] });
  const missing = Object.fromEntries(['1.5', '1.6', '1.7', '1.9'].map((series) => [series, 'not-indexed']));
  assert.deepEqual(outcomes(results), { ...missing, '1.2.1.dcm': 'stored', '1.8.1.dcm': 'stored' });
  assert.equal((await send(archive, new PlayedPeer(), { list: [] })).size, 0);
});

test('instances that are to be skipped have no outcome and are not read', async () => {
  const archive = new Archive(...many(6));
  const results = await send(archive, new PlayedPeer(), { skip: (uid) => uid !== '1.2.4' });
  assert.deepEqual(outcomes(results), { '1.2.4.dcm': 'stored' });
  assert.equal(archive.mostOpen, 1);
});

test('statuses: what is stored, what is refused, and by which name', async () => {
  const told: readonly (readonly [status: number, outcome: string, reason: string])[] = [
    [0x0000, 'stored', ''],
    [0xb000, 'warning', 'Coercion of data elements (B000H)'],
    [0xb007, 'warning', 'Data set does not match SOP class (warning) (B007H)'],
    [0x0110, 'refused', 'Processing failure (0110H)'],
    [0x0122, 'refused', 'SOP class not supported (0122H)'],
    [0xa900, 'refused', 'Data set does not match SOP class (A900H)'],
    [0xc000, 'refused', 'Cannot understand (C000H)'],
    [0xc123, 'refused', 'Cannot understand (C123H)'],
    [0x7777, 'refused', '7777H'],
  ];
  const peer = new PlayedPeer({ store: (uid) => told[Number(uid.slice(4)) - 1]![0] });
  const results = await send(new Archive(...many(told.length)), peer);
  for (const [i, [status, outcome, reason]] of told.entries()) {
    const result = results.get(`1.2.${i + 1}.dcm`)!;
    assert.deepEqual([result.outcome, result.status, result.reason], [outcome, status, reason]);
    assert.equal(result.bytes > 0, outcome === 'stored' || outcome === 'warning');
  }
  assert.deepEqual([...new Set(peer.times.values())], [1], 'none of these is tried again');
});

test('a temporary status is tried again, and stands where it stays', async () => {
  const passing = new PlayedPeer({ store: (_, times) => [0xa700, 0x0213, 0][times]! });
  everyOne(await send(new Archive(...many(9)), passing), 9, 'stored');
  assert.deepEqual([...new Set(passing.times.values())], [3]);

  const staying = new PlayedPeer({ store: (uid) => (uid === '1.2.3' ? 0xa700 : 0) });
  const results = await send(new Archive(...many(9)), staying);
  const { outcome, status, reason } = results.get('1.2.3.dcm')!;
  assert.deepEqual([outcome, status, reason], ['refused', 0xa700, 'Out of resources (A700H)']);
  assert.equal([...results.values()].filter((result) => result.outcome === 'stored').length, 8);
  assert.deepEqual([staying.times.get('1.2.3'), staying.times.get('1.2.4'), staying.opened], [4, 1, 4]);
});

test('an association that is lost once is opened again, and the instance goes again', async () => {
  const peer = new PlayedPeer({ store: (_, times) => (times === 0 ? aborted() : 0) });
  everyOne(await send(new Archive(...many(12)), peer), 12, 'stored');
  assert.deepEqual([...new Set(peer.times.values())], [2]);
  assert.equal(peer.standing, 0);
});

test('statuses that pass do not count as losses of the association', async () => {
  const peer = new PlayedPeer({ store: (_, times) => [0xa700, 0xa700, aborted(), 0][times]! });
  everyOne(await send(new Archive(...many(3)), peer), 3, 'stored');
});

test('an instance over which associations are lost is left, and the others go', async () => {
  const peer = new PlayedPeer({ store: (uid) => (uid === '1.2.5' ? aborted() : 0) });
  for (const threads of [1, 4]) {
    peer.times.clear();
    const results = await send(new Archive(...many(10)), peer, { threads });
    assert.deepEqual(
      [...results.values()]
        .filter(({ outcome }) => outcome !== 'stored')
        .map(({ file, reason }) => [file?.path, reason]),
      [['1.2.5.dcm', 'pacs:104 ended the association: played.']],
    );
    assert.deepEqual([results.size, peer.times.get('1.2.5')], [10, 3]);
  }
});

test('where every association is lost every instance has failed', async () => {
  everyOne(await send(new Archive(...many(7)), new PlayedPeer({ store: aborted })), 7, 'failed');
});

test('an association that the peer has closed in between costs nothing', async () => {
  const peer = new PlayedPeer();
  const opening = peer.open;
  // The peer ends each after one instance.
  peer.open = async (contexts) => {
    const association = await opening(contexts);
    const { store } = association;
    association.store = async (...args) => {
      const status = await store(...args);
      await association.release();
      return status;
    };
    return association;
  };
  everyOne(await send(new Archive(...many(10)), peer), 10, 'stored');
  assert.equal(peer.stored, 10);
});

test('a peer that takes fewer associations than are wanted gets everything over those', async () => {
  for (const room of [1, 2, 3]) {
    const peer = new PlayedPeer({ admit: (_, open) => (open >= room ? rejected() : undefined) });
    everyOne(await send(new Archive(...many(40)), peer), 40, 'stored');
    assert.deepEqual([peer.most, peer.opened], [room, 4], 'nobody asks again');
  }
  // Also where all are too many at first.
  const busy = new PlayedPeer({ admit: (opened, open) => (opened < 6 || open >= 1 ? rejected() : undefined) });
  everyOne(await send(new Archive(...many(40)), busy), 40, 'stored');
});

test('where the only association that a full peer took is lost, it is opened again', async () => {
  const play: Play = {
    admit: (_, open) => (open >= 1 ? rejected() : undefined),
    store: (uid, times) => (uid === '1.2.20' && times === 0 ? aborted() : 0),
  };
  everyOne(await send(new Archive(...many(40)), new PlayedPeer(play)), 40, 'stored');
});

test('a peer that rejects every association, or is not there, has a reason for every instance', async () => {
  for (const [error, text] of [
    [rejected, /^pacs:104 rejects the association: played/],
    [unreachable, /^pacs:104 cannot be reached \(played\)/],
  ] as const) {
    const peer = new PlayedPeer({ admit: error });
    const results = await send(new Archive(...many(15), { uid: '1.2.99', bytes: 'gone' }), peer);
    const { missing, failed } = Object.groupBy(results.values(), ({ outcome }) => outcome);
    assert.deepEqual([missing?.length, failed?.length], [1, 15]);
    for (const { reason } of failed!) assert.match(reason, text);
    assert.ok(peer.opened <= 4 * 5, `${peer.opened} attempts`);
  }
});

test('a peer that goes away for good in the middle: what it answered is stored, the rest has failed', async () => {
  for (const threads of [1, 4]) {
    let isGone = false;
    const peer = new PlayedPeer({
      admit: () => (isGone ? unreachable() : undefined),
      store: (_, __, stored) => {
        isGone ||= stored >= 10;
        return isGone ? aborted() : 0;
      },
    });
    const results = await send(new Archive(...many(30)), peer, { threads });
    const { stored, failed } = Object.groupBy(results.values(), ({ outcome }) => outcome);
    assert.deepEqual([stored!.length, failed!.length], [peer.stored, 30 - peer.stored]);
    assert.equal(stored!.length, 10);
    assert.match(failed![0]!.reason, /cannot be reached|ended the association/);
  }
});

test('a peer that comes back in time gets everything', async () => {
  let refused = 0;
  const peer = new PlayedPeer({
    admit: (opened) => (opened > 4 && refused++ < 3 ? unreachable() : undefined),
    store: (uid, times) => (times === 0 && uid.endsWith('7') ? aborted() : 0),
  });
  everyOne(await send(new Archive(...many(60)), peer), 60, 'stored');
});

test('refused contexts: what the peer does not take is told, by class and syntax', async () => {
  const jpeg = element(0x00280004, 'CS', 'MONOCHROME2');
  const archive = new Archive(
    { uid: '1.2.1' },
    { uid: '1.2.2', sopClass: '1.2.840.10008.5.1.4.1.1.2' },
    { uid: '1.2.3', syntax: JPEG, parts: [jpeg, ENCAPSULATED] },
    { uid: '1.2.4', sopClass: '1.3.9999.5' },
  );
  const peer = new PlayedPeer({
    accept: ({ SOPClassUID, transferSyntaxes }) =>
      SOPClassUID === MR && transferSyntaxes.includes(EXPLICIT) ? EXPLICIT : undefined,
  });
  const results = await send(archive, peer);
  assert.deepEqual(
    ['1.2.1', '1.2.2', '1.2.3', '1.2.4'].map((uid) => results.get(`${uid}.dcm`)!.reason),
    [
      '',
      'the peer does not take CT Image Storage in Explicit VR Little Endian',
      'the peer does not take MR Image Storage in JPEG Baseline (Process 1), and ditag does not decompress',
      'the peer does not take SOP class 1.3.9999.5 in Explicit VR Little Endian',
    ],
  );
  assert.equal(results.get('1.2.2.dcm')!.outcome, 'refused');
  assert.equal(peer.stored, 1);
});

/** Pixel data of one fragment. */
const ENCAPSULATED = raw(
  Buffer.from(
    'e07f1000' + '4f420000' + 'ffffffff' + 'feff00e000000000' + 'feff00e004000000' + 'ffd8ffd9' + 'feffdde000000000',
    'hex',
  ),
);

test('what is in a private transfer syntax goes under its own name, as it lies in the file, or not at all', async () => {
  const [pixels, maker] = [element(0x7fe00010, 'OW', Buffer.alloc(6, 9)), '1.3.9999.7'];
  for (const parts of [[ENCAPSULATED], [pixels]]) {
    const file = dicomFile({
      syntax: maker,
      encoding: { littleEndian: true, explicitVr: true },
      dataSet: [
        ...[element(0x00080016, 'UI', MR), element(0x00080018, 'UI', '1.2.1'), element(0x0020000e, 'UI', '1.2')],
        ...parts,
      ],
    });
    const archive = new Archive({ uid: '1.2.1', bytes: file });
    const peer = new PlayedPeer();
    everyOne(await send(archive, peer), 1, 'stored');
    const { transferSyntax, bytes } = peer.taken.get('1.2.1')!;
    assert.equal(transferSyntax, maker);
    assert.ok(file.subarray(-bytes.length).equals(bytes));
    const other = new PlayedPeer({
      accept: ({ transferSyntaxes }) => transferSyntaxes.find((uid) => uid === EXPLICIT),
    });
    const refused = (await send(archive, other)).get('1.2.1.dcm')!;
    assert.deepEqual(
      [refused.outcome, refused.reason],
      ['refused', `the peer does not take MR Image Storage in ${maker}, and ditag does not decompress`],
    );
  }
});

test('where the peer takes only another uncompressed syntax the data set is re-encoded', async () => {
  const syntaxes = [EXPLICIT, IMPLICIT, BIG, DEFLATED];
  const pixels = element(0x7fe00010, 'OW', Buffer.from([1, 2, 3, 4, 5, 6]));
  for (const only of syntaxes) {
    const archive = new Archive(
      ...syntaxes.map((syntax) => ({
        uid: `1.2.${syntaxes.indexOf(syntax)}`,
        syntax,
        parts: [element(0x00280010, 'US', 4), pixels],
      })),
    );
    const peer = new PlayedPeer({ accept: ({ transferSyntaxes }) => transferSyntaxes.find((uid) => uid === only) });
    const results = await send(archive, peer);
    everyOne(results, 4, 'stored');
    for (const syntax of syntaxes) {
      const { transferSyntax, bytes } = peer.taken.get(`1.2.${syntaxes.indexOf(syntax)}`)!;
      const told = results.get(`1.2.${syntaxes.indexOf(syntax)}.dcm`)!.bytes;
      // A byte of padding behind a deflated data set of odd length is none of its own.
      assert.ok(told === bytes.length || (syntax === only && told === bytes.length - 1), `${told}, ${bytes.length}`);
      assert.equal(transferSyntax, only);
      assert.equal(bytes.length % 2, 0);
      // As a file it is what it was.
      const meta = dicomFile({ syntax: only, dataSet: [], deflated: false });
      const { SOPInstanceUID, SeriesInstanceUID, outcome, issues } = readBytes(Buffer.concat([meta, bytes]));
      assert.deepEqual(
        [SOPInstanceUID, SeriesInstanceUID, outcome],
        [`1.2.${syntaxes.indexOf(syntax)}`, '1.2', 'instance'],
      );
      assert.ok(!issues.includes('TransferSyntaxMismatch'));
    }
  }
});

test('what cannot be re-encoded has failed, and what follows goes', async () => {
  const whole = dicomFile({
    syntax: EXPLICIT,
    dataSet: [
      element(0x00080016, 'UI', MR),
      element(0x00080018, 'UI', '1.2.2'),
      element(0x0020000e, 'UI', '1.2'),
      element(0x00280010, 'US', 4),
      element(0x7fe00010, 'OW', Buffer.alloc(100)),
    ],
  });
  const archive = new Archive({ uid: '1.2.1' }, { uid: '1.2.2', bytes: whole.subarray(0, -9) }, { uid: '1.2.3' });
  const peer = new PlayedPeer({ accept: ({ transferSyntaxes }) => transferSyntaxes.find((uid) => uid === BIG) });
  const results = await send(archive, peer, { threads: 1 });
  assert.deepEqual(outcomes(results), { '1.2.1.dcm': 'stored', '1.2.2.dcm': 'failed', '1.2.3.dcm': 'stored' });
  assert.match(results.get('1.2.2.dcm')!.reason, /ends before its data set does, so it cannot be re-encoded/);
  const asItIs = new PlayedPeer();
  const sent = await send(archive, asItIs, { threads: 1 });
  assert.deepEqual(outcomes(sent), { '1.2.1.dcm': 'stored', '1.2.2.dcm': 'failed', '1.2.3.dcm': 'stored' });
  assert.match(sent.get('1.2.2.dcm')!.reason, /in the middle of two bytes/);
  // Neither cost an association: over that of a C-GET the others have to come, too.
  assert.deepEqual([peer.opened, asItIs.opened], [1, 1]);
});

test('a peer that does not answer is not waited for when it is interrupted', async () => {
  const ending = new AbortController();
  const open = (_: readonly StoreContext[], signal: AbortSignal) =>
    new Promise<StoreAssociation>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(ditagError('association-given-up', DETAILS)), { once: true });
      ending.abort();
    });
  const sent = await send(new Archive(...many(5)), { open }, { threads: 2, signal: ending.signal });
  assert.deepEqual(outcomes(sent), {});
});

test('a deflated data set of odd length is padded; its bytes are otherwise as in the file', async () => {
  const odd: Made[] = [];
  for (let i = 1; odd.length < 3; i++) {
    const one = { uid: `1.2.${i}`, syntax: DEFLATED, parts: [element(0x00280004, 'CS', 'M'.repeat(i))] };
    if (dataSetOf(new Archive(one).bytes.get(`${one.uid}.dcm`)!).length % 2 === 1) odd.push(one);
  }
  const archive = new Archive(...odd);
  const peer = new PlayedPeer();
  everyOne(await send(archive, peer), 3, 'stored');
  for (const { uid } of odd) {
    const { bytes } = peer.taken.get(uid)!;
    assert.deepEqual(bytes, Buffer.concat([dataSetOf(archive.bytes.get(`${uid}.dcm`)!), Buffer.alloc(1)]));
  }
});

test('a further file of an instance is its copy; where the first is gone the next one is sent', async () => {
  const copies = ['a', 'b', 'c'].map((path) => ({ uid: '1.2.1', path }));
  const peer = new PlayedPeer();
  const all = await send(new Archive(...copies, { uid: '1.2.2', path: 'd' }), peer);
  assert.deepEqual(outcomes(all), { a: 'stored', b: 'copy', c: 'copy', d: 'stored' });
  assert.equal(peer.times.get('1.2.1'), 1);
  const second = await send(new Archive({ ...copies[0]!, bytes: 'gone' }, ...copies.slice(1)), peer);
  assert.deepEqual(outcomes(second), { a: 'copy', b: 'stored', c: 'copy' });
  assert.match(second.get('a')!.reason, /which goes for it \(the file is gone\)$/);
  const none = await send(new Archive(...copies.map((copy) => ({ ...copy, bytes: 'gone' as const }))), peer);
  assert.deepEqual(outcomes(none), { a: 'missing', b: 'missing', c: 'missing' });
});

test('where the peer does not take an instance as one file has it, another file goes', async () => {
  const compressed = { uid: '1.2.1', syntax: JPEG, parts: [ENCAPSULATED] };
  const plain = { uid: '1.2.1' };
  const accept = ({ transferSyntaxes }: StoreContext) => transferSyntaxes.find((syntax) => syntax !== JPEG);
  const files = [
    { ...compressed, path: 'a' },
    { ...plain, path: 'b', bytes: 'gone' as const },
    { ...plain, path: 'c' },
    { ...plain, path: 'd' },
  ];
  const peer = new PlayedPeer({ accept });
  const sent = await send(new Archive(...files), peer, { threads: 1 });
  assert.deepEqual(outcomes(sent), { a: 'copy', b: 'copy', c: 'stored', d: 'copy' });
  assert.match(sent.get('a')!.reason, /which goes for it \(the peer does not take .* ditag does not decompress\)$/);
  assert.match(sent.get('b')!.reason, /which goes for it \(the file is gone\)$/);
  assert.equal(peer.taken.get('1.2.1')!.transferSyntax, EXPLICIT);
  const nobody = new PlayedPeer({ accept: () => undefined });
  const refused = await send(new Archive(...files.slice(0, 3)), nobody, { threads: 1 });
  assert.deepEqual(outcomes(refused), { a: 'copy', b: 'copy', c: 'refused' });
  assert.match(refused.get('a')!.reason, /was not sent either \(the peer does not take/);
  assert.match(refused.get('c')!.reason, /^the peer does not take MR Image Storage in Explicit VR Little Endian$/);
});

test('where a file cannot be read when its turn has come, another file goes', async () => {
  const pixels = element(0x7fe00010, 'OW', Buffer.alloc(LARGE));
  const files = ['a', 'b'].map((path) => ({ uid: '1.2.1', path, parts: [pixels] }));
  const archive = new Archive(...files, { uid: '1.2.2', path: 'c' });
  const { instanceFiles } = archive;
  const failing: InstanceFiles = {
    open: async (root, path) => {
      const opened = await instanceFiles.open(root, path);
      const read: typeof opened.read = async (buffer, length, position) => {
        if (path === 'a' && position > 600_000) throw Object.assign(new Error('failed'), { code: 'EIO' });
        return opened.read(buffer, length, position);
      };
      return { ...opened, read };
    },
  };
  const sent = await send(archive, new PlayedPeer(), { threads: 1, files: failing });
  assert.deepEqual(outcomes(sent), { a: 'copy', b: 'stored', c: 'stored' });
  assert.match(sent.get('a')!.reason, /which goes for it \(the file cannot be read \(EIO\)\)$/);
});

test('where a peer has no room for long, further instances are tried once, until it takes one', async () => {
  const archive = new Archive(...many(20));
  let tries = 0;
  const peer = new PlayedPeer({ store: () => (++tries > 36 && tries !== 38 ? 0 : 0xa700) });
  const sent = await send(archive, peer, { threads: 1, pauses: [1, 1] });
  const times = archive.files.map(({ SOPInstanceUID }) => peer.times.get(SOPInstanceUID));
  // 10 with two more attempts each, 6 with none; one is taken, and the next is tried again.
  assert.deepEqual(times, [...Array(10).fill(3), ...Array(7).fill(1), 2, 1, 1]);
  assert.equal([...sent.values()].filter(({ outcome }) => outcome === 'stored').length, 4);
});

test('a file that is cut off goes only where there is no whole one, and that is told', async () => {
  const parts = [element(0x7fe00010, 'OW', Buffer.alloc(2_000, 1))];
  const [whole] = new Archive({ uid: '1.2.1', parts }).bytes.values();
  const cut = { uid: '1.2.1', bytes: whole!.subarray(0, -500) };
  const peer = new PlayedPeer();
  const both = new Archive({ ...cut, path: 'a' }, { uid: '1.2.1', path: 'b', parts }, { ...cut, path: 'c' });
  assert.deepEqual(outcomes(await send(both, peer)), { a: 'copy', b: 'stored', c: 'copy' });
  const alone = await send(new Archive({ ...cut, path: 'a' }, { ...cut, path: 'c' }), peer);
  assert.deepEqual(outcomes(alone), { a: 'stored', c: 'copy' });
  assert.equal(alone.get('a')!.reason, 'the file ends before its data set does');
});

test('a file that has another size than it had is not what was indexed', async () => {
  const archive = new Archive({ uid: '1.2.1', path: 'a', parts: [element(0x7fe00010, 'OW', Buffer.alloc(2_000, 1))] });
  archive.bytes.set('a', archive.bytes.get('a')!.subarray(0, -500));
  const sent = await send(archive, new PlayedPeer());
  assert.deepEqual(sent.get('a')!.reason, 'the file has changed since it was indexed');
  assert.equal(sent.get('a')!.outcome, 'failed');
});

test('a file that is not any more what was indexed is not sent', async () => {
  const other = new Archive({ uid: '1.2.9' }).bytes.get('1.2.9.dcm')!;
  const classless = [element(0x00080018, 'UI', '1.2.5'), element(0x0020000e, 'UI', '1.2')];
  const archive = new Archive(
    { uid: '1.2.1', bytes: other },
    { uid: '1.2.2', bytes: Buffer.alloc(0) },
    { uid: '1.2.3', bytes: Buffer.from('text') },
    { uid: '1.2.4' },
    {
      uid: '1.2.5',
      sopClass: '',
      bytes: dicomFile({ prefix: false, preamble: false, meta: false, dataSet: classless }),
    },
  );
  const peer = new PlayedPeer();
  const results = await send(archive, peer);
  assert.equal(peer.stored, 1);
  const reason = (n: number) => results.get(`1.2.${n}.dcm`)!.reason;
  for (const n of [1, 2, 3]) assert.equal(reason(n), 'the file has changed since it was indexed');
  assert.equal(reason(5), 'the file has no SOPClassUID');
});

test('large files are read in pieces, also again; one that shrinks meanwhile has failed', async () => {
  const pixels = element(0x7fe00010, 'OW', Buffer.alloc(LARGE, 'pixels of a large file'));
  const archive = new Archive({ uid: '1.2.1', parts: [pixels] }, { uid: '1.2.2', parts: [pixels] }, { uid: '1.2.3' });
  const peer = new PlayedPeer({ store: (_, times) => (times === 0 ? aborted() : times === 1 ? 0xa700 : 0) });
  everyOne(await send(archive, peer, { threads: 2 }), 3, 'stored');
  arrivedAsTheyWere(archive, peer);

  const shrinking = new Archive({ uid: '1.2.1', parts: [pixels] }, { uid: '1.2.2' });
  const files: InstanceFiles = {
    open: async (...place) => {
      const opened = await shrinking.instanceFiles.open(...place);
      const { read } = opened;
      const short: typeof read = (buffer, length, position) =>
        position > 0 ? Promise.resolve(0) : read(buffer, length, position);
      return { ...opened, read: short };
    },
  };
  const results = await send(shrinking, new PlayedPeer(), { files, threads: 1 });
  assert.deepEqual(outcomes(results), { '1.2.1.dcm': 'failed', '1.2.2.dcm': 'stored' });
  assert.equal(results.get('1.2.1.dcm')!.reason, 'the file became shorter while it was read');
});

test('what is still being read for an association that was lost does not come into another file', async () => {
  const parts = (fill: string) => [element(0x7fe00010, 'OW', Buffer.alloc(3 * LARGE, fill))];
  // The third is opened when the first has been given up.
  const archive = new Archive(
    { uid: '1.2.1', parts: parts('1') },
    { uid: '1.2.2' },
    { uid: '1.2.3', parts: parts('3') },
  );
  const stuck: (() => void)[] = [];
  const goOn = () => {
    for (const read of stuck.splice(0)) read();
  };
  const files: InstanceFiles = {
    open: async (...place) => {
      const opened = await archive.instanceFiles.open(...place);
      if (place[1] !== '1.2.1.dcm') return opened;
      const read: typeof opened.read = async (buffer, length, position) => {
        if (position > 0) await new Promise<void>((resolve) => stuck.push(resolve));
        return opened.read(buffer, length, position);
      };
      return { ...opened, read };
    },
  };
  const peer = new PlayedPeer();
  const opening = peer.open;
  peer.open = async (contexts) => {
    const association = await opening(contexts);
    const { store } = association;
    association.store = async (as, dataSet) => {
      const pieces = (async function* () {
        let n = 0;
        for await (const piece of dataSet) {
          if (as.SOPInstanceUID === '1.2.1') throw aborted();
          if (as.SOPInstanceUID === '1.2.3' && n++ === 1) goOn();
          await new Promise((resolve) => setImmediate(resolve));
          yield piece;
        }
      })();
      return store(as, pieces);
    };
    return association;
  };
  const unstuck = setInterval(goOn, 40);
  const results = await send(archive, peer, { files, threads: 1 });
  clearInterval(unstuck);
  assert.deepEqual(outcomes(results), { '1.2.1.dcm': 'failed', '1.2.2.dcm': 'stored', '1.2.3.dcm': 'stored' });
  assert.ok(peer.taken.get('1.2.3')!.bytes.equals(dataSetOf(archive.bytes.get('1.2.3.dcm')!)));
});

test('file meta information that is longer than what is read at once is not sent as data set', async () => {
  const meta = [element(0x00020100, 'UI', '1.2.9'), element(0x00020102, 'OB', Buffer.alloc(LARGE))];
  const archive = new Archive({ uid: '1.2.1', meta }, { uid: '1.2.2' });
  const peer = new PlayedPeer();
  everyOne(await send(archive, peer), 2, 'stored');
  arrivedAsTheyWere(archive, peer);
});

test('a file that cannot be read, and one that cannot be closed, concerns nothing else', async () => {
  const failing = (code: string) => Promise.reject(Object.assign(new Error(code), { code, syscall: 'x' }));
  const archive = new Archive(...many(6), { uid: '1.2.7', parts: [element(0x7fe00010, 'OW', Buffer.alloc(LARGE))] });
  const files: InstanceFiles = {
    open: async (...place) => {
      if (place[1] === '1.2.1.dcm') return failing('EACCES');
      const opened = await archive.instanceFiles.open(...place);
      if (place[1] === '1.2.2.dcm') return { ...opened, read: () => failing('EIO') };
      const close = async () => {
        await opened.close();
        if (place[1] === '1.2.3.dcm' || place[1] === '1.2.7.dcm') await failing('ESTALE');
      };
      return { ...opened, close };
    },
  };
  const results = await send(archive, new PlayedPeer(), { files });
  assert.equal(results.get('1.2.1.dcm')!.reason, 'the file cannot be read (EACCES)');
  assert.equal(results.get('1.2.2.dcm')!.reason, 'the file cannot be read (EIO)');
  for (const n of [3, 4, 5, 6, 7]) assert.equal(results.get(`1.2.${n}.dcm`)!.outcome, 'stored');
});

test('more contexts than an association has room for are spread over several', async () => {
  const made = Array.from({ length: 600 }, (_, i) => ({ uid: `1.2.${i}`, sopClass: `1.3.9999.${i % 150}` }));
  for (const threads of [1, 4]) {
    const archive = new Archive(...made);
    const peer = new PlayedPeer();
    everyOne(await send(archive, peer, { threads }), 600, 'stored');
    assert.ok(peer.proposals.some(({ length }) => length === MOST_CONTEXTS));
    arrivedAsTheyWere(archive, peer);
  }
});

test('after an abort what is under way is ended, nothing else is begun, and no outcome is made up', async () => {
  for (const threads of [1, 4]) {
    const controller = new AbortController();
    const peer = new PlayedPeer({
      store: async (_, __, stored) => {
        if (stored >= 10) controller.abort();
        await new Promise((resolve) => setImmediate(resolve));
        return 0;
      },
    });
    const results = await send(new Archive(...many(100)), peer, { threads, signal: controller.signal });
    everyOne(results, peer.stored, 'stored');
    assert.ok(peer.stored >= 10 && peer.stored < 11 + threads, `${peer.stored} were stored`);
    assert.equal(peer.standing, 0);
  }
});

test('where that is wanted a peer that does not answer after an abort is not waited for', async () => {
  const stopping = new AbortController();
  const peer = new PlayedPeer({
    store: () => {
      stopping.abort();
      return new Promise(() => {});
    },
  });
  const { signal } = stopping;
  const results = await send(new Archive(...many(10)), peer, { threads: 1, signal, abandon: 50 });
  assert.ok(results.size <= 1, 'nothing else is begun');
  assert.equal(peer.standing, 0);
});

test('after an abort nothing is begun either of what those gave back for whom the peer had no room', async () => {
  const controller = new AbortController();
  const peer = new PlayedPeer({
    admit: (_, open) => (open >= 1 ? rejected() : undefined),
    store: async (_, __, stored) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (stored === 0) controller.abort();
      return 0;
    },
  });
  const results = await send(new Archive(...many(100)), peer, { signal: controller.signal });
  assert.deepEqual([results.size, peer.stored], [1, 1]);
});

test('an abort ends pauses, and leaves what the peer has not answered for without an outcome', async () => {
  const controller = new AbortController();
  const pauses = Array.from({ length: 10 }, () => 60_000);
  setTimeout(() => controller.abort(), 20);
  const absent = new PlayedPeer({ admit: unreachable });
  const gone = await send(new Archive(...many(50)), absent, { pauses, signal: controller.signal });
  assert.ok(absent.opened <= 8, `${absent.opened} attempts`);
  assert.ok(gone.size <= 8);
  const busy = new AbortController();
  setTimeout(() => busy.abort(), 20);
  const peer = new PlayedPeer({ store: () => 0xa700 });
  const results = await send(new Archive(...many(50)), peer, { pauses, signal: busy.signal });
  assert.ok(results.size <= 8 && [...results.values()].every(({ outcome }) => outcome === 'refused'));
  const before = new AbortController();
  before.abort();
  const nothing = new PlayedPeer();
  assert.equal((await send(new Archive(...many(5)), nothing, { signal: before.signal })).size, 0);
  assert.equal(nothing.opened, 0);
});

test('where the index fails, those who send end first, and then it is told', async () => {
  const archive = new Archive(...many(20));
  const { files } = archive;
  archive.instancesOf = async function* () {
    yield files.slice(0, 8);
    yield files.slice(8).map((file) => ({ ...file, SeriesInstanceUID: '1.3' }));
    throw new Error('the index is damaged');
  };
  let told = 0;
  const peer = new PlayedPeer({
    store: (uid) => new Promise((resolve) => setTimeout(resolve, Number(uid.slice(4)), 0)),
  });
  const onResult = () => told++;
  await assert.rejects(send(archive, peer, { list: ['1.2', '1.3'], onResult }), /the index is damaged/);
  const before = told;
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.deepEqual([told, peer.standing], [before, 0]);
});

test('files of series in another order than they were asked for in are an error, not taken for others', async () => {
  const file = (SeriesInstanceUID: string) =>
    ({ SeriesInstanceUID, SOPInstanceUID: `${SeriesInstanceUID}.1` }) as SeriesFile;
  const collect = (asked: readonly string[], ...given: readonly string[]) =>
    Array.fromAsync(
      instancesToSend(
        asked,
        {
          index: {
            async *instancesOf() {
              for (const uid of given) yield [file(uid)];
            },
          } as unknown as InstanceIndex,
        },
        { onResult: () => {}, signal: new AbortController().signal },
      ),
    );
  assert.equal((await collect(['1', '2', '3'], '1', '3')).length, 2);
  await assert.rejects(collect(['1', '2'], '1', '2', '1'), /another order/);
  await assert.rejects(collect(['1', '2'], '3'), /another order/);
});

test('a peer without room is told from an association that was lost, and from what it does not take', async () => {
  const archive = new Archive(
    ...many(12),
    { uid: '1.2.100', sopClass: '1.3.9' },
    { uid: '1.2.101' },
    { uid: '1.2.102' },
  );
  const accept = ({ SOPClassUID, transferSyntaxes }: StoreContext) =>
    SOPClassUID === MR ? transferSyntaxes[0] : undefined;
  const store = (uid: string, times: number) => (uid !== '1.2.102' ? 0xa700 : times === 0 ? aborted() : 0);
  const peer = new PlayedPeer({ accept, store });
  const sent = await send(archive, peer, { threads: 1, pauses: [1, 1] });
  // What the peer does not take says nothing of its room.
  assert.equal(peer.times.get('1.2.101'), 1);
  assert.deepEqual([peer.times.get('1.2.102'), sent.get('1.2.102.dcm')!.outcome], [2, 'stored']);
});
