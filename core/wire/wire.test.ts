// Whatever is put into a message comes out of it, and whatever else comes is refused with an error that says so: also
// what is cut off, damaged, of a newer version, or larger than it claims.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { DitagError } from '../errors/errors.ts';
import { SEND_OUTCOMES } from '../instance/send-outcome.ts';
import type { ScanJob } from '../jobs/jobs.ts';
import type { ScanTally } from '../jobs/scan-tally.ts';
import type { LogEntry } from '../ports/record-log.ts';
import type { HeldChange } from '../ports/scan-registry.ts';
import type { ResultPage } from '../ports/store-results.ts';
import type { StoreItem } from '../ports/work-queue.ts';
import { valuesPattern } from '../query/pattern/literals.ts';
import { makeQuery } from '../query/query.ts';
import { decodeFrame, encodeFrame, WIRE_VERSION } from './frame.ts';
import {
  decodeGatewayAnswer,
  decodeGatewayRequest,
  decodeItem,
  decodePage,
  encodeItem,
  encodePage,
} from './gateway-messages.ts';
import { checks, decodeMessage, encodeFailure } from './index-messages.ts';
import {
  decodeEntry,
  decodeHeld,
  decodeTally,
  decodeWork,
  encodeEntry,
  encodeHeld,
  encodeTally,
  encodeWork,
} from './messages.ts';
import { queryMessage, queryOfMessage } from './query-message.ts';
import { decodeStart, decodeStarted } from './scan-messages.ts';

const text = fc.string({ unit: 'binary', maxLength: 20 });
const count = fc.nat();
const bytes = fc.uint8Array({ maxLength: 200 });
const archive = fc.record({ name: text, number: fc.integer({ min: 1, max: 1000 }) });
const chunk = fc.record({ bits: fc.integer({ min: 0, max: 32 }), index: fc.nat() });
const header = fc.record({ SeriesInstanceUID: text, name: text, issues: count, header: text });

const entry: fc.Arbitrary<LogEntry> = fc.oneof(
  fc.record({
    entry: fc.constant('chunk' as const),
    archive,
    folder: text,
    chunk,
    record: fc.option(bytes, { nil: undefined }),
    headers: fc.array(header, { maxLength: 3 }),
  }),
  fc.record({
    entry: fc.constant('folder' as const),
    archive,
    folder: text,
    subfolders: fc.array(text, { maxLength: 5 }),
    bits: fc.integer({ min: 0, max: 32 }),
  }),
  fc.record({ entry: fc.constant('archive' as const), archive, indexedAt: fc.option(text, { nil: undefined }) }),
);

const type = fc.constantFrom('file' as const, 'folder' as const, 'link' as const, 'other' as const);
const job = fc.oneof(
  fc.record({ job: fc.constant('scan-folder' as const), folder: text }),
  fc.record({
    job: fc.constant('scan-folder' as const),
    folder: text,
    slice: fc.record({ bits: count, index: count, chunkBits: count }),
  }),
  fc.record({
    job: fc.constant('read-files' as const),
    folder: text,
    chunk,
    names: fc.array(text, { maxLength: 5 }),
    types: fc.array(fc.tuple(text, type), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    listedAt: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
  }),
) as fc.Arbitrary<ScanJob>;

const work = fc.record({
  scan: text,
  archive,
  acceptDeletions: fc.boolean(),
  isNew: fc.boolean(),
  jobs: fc.array(job, { maxLength: 4 }),
});

const tally: fc.Arbitrary<ScanTally> = fc.record({
  files: count,
  instances: count,
  opened: count,
  unchanged: count,
  unread: count,
  unreadWork: count,
  refusedRecords: count,
  vanished: count,
  appeared: count,
  changedChunks: count,
  kept: fc.array(
    fc.record({ folder: text, reason: fc.constantFrom('unreadable' as const, 'lists-empty' as const), detail: text }),
    { maxLength: 3 },
  ),
  unreadFiles: fc.array(text, { maxLength: 3 }),
});

const held: fc.Arbitrary<HeldChange> = fc.oneof(
  fc.record({ held: fc.constant('entry' as const), entry, expected: count, lost: count }),
  fc.record({ held: fc.constant('folder-gone' as const), folder: text }),
);

const uid = fc.constantFrom('1.2.3', '1.2.4', '1.2.5');
const storeItem: fc.Arbitrary<StoreItem> = fc.record({
  send: text,
  item: count,
  pacs: fc.record({
    host: text,
    port: fc.integer({ min: 1, max: 65_535 }),
    calledAETitle: text,
    callingAETitle: text,
    isTls: fc.boolean(),
  }),
  files: fc.array(
    fc.record({
      SeriesInstanceUID: uid,
      SOPInstanceUID: uid,
      SOPClassUID: uid,
      archive: fc.constantFrom('a', 'b'),
      path: text,
      size: count,
      mtime: fc.integer({ min: -1 }),
    }),
    { maxLength: 6 },
  ),
});

const stored = { file: count, outcome: fc.constantFrom(...SEND_OUTCOMES), reason: text, bytes: count };
const page: fc.Arbitrary<ResultPage> = fc.record({
  send: text,
  item: count,
  attempt: count,
  page: count,
  isLast: fc.boolean(),
  results: fc.array(
    fc.oneof(fc.record(stored), fc.record({ ...stored, status: fc.integer({ min: 0, max: 0xffff }) })),
    { maxLength: 4 },
  ),
});

/** Bytes come out as a view of the message. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

function comesBack<T>(arbitrary: fc.Arbitrary<T>, encode: (value: T) => Uint8Array, decode: (frame: Uint8Array) => T) {
  fc.assert(fc.property(arbitrary, (value) => assert.deepEqual(plain(decode(encode(value))), plain(value))));
}

test('entries, work, tallies and held changes come back as they were', () => {
  comesBack(entry, encodeEntry, decodeEntry);
  comesBack(work, encodeWork, decodeWork);
  comesBack(tally, encodeTally, decodeTally);
  comesBack(held, encodeHeld, decodeHeld);
});

test('items of a send and what became of them come back as they were', () => {
  comesBack(storeItem, encodeItem, decodeItem);
  comesBack(page, encodePage, decodePage);
});

test('500 files of an item with long names fit into a message of 1 MB', () => {
  const files = Array.from({ length: 500 }, (_, i) => ({
    SeriesInstanceUID: '1.2.3',
    SOPInstanceUID: `1.2.840.113619.2.55.3.604688119.969.1268071029.${i}`,
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
    archive: 'a',
    path: `${'patient/study/series/'.repeat(10)}${i}`,
    size: 500_000 + i,
    mtime: 1_577_880_000_000_000 + i,
  }));
  const pacs = { host: 'h', port: 104, calledAETitle: 'A', callingAETitle: 'B', isTls: false };
  assert.ok(encodeItem({ send: 's', item: 0, pacs, files }).length < 100_000);
});

test('queries come back with what they ask', async () => {
  const asked = await makeQuery({
    sdate: '20200101',
    where: ['Modality=^CT'],
    whereNot: ['0018,0015=(?i)a,b'],
    columns: 'Rows',
  });
  const message = JSON.parse(JSON.stringify(queryMessage(asked)));
  assert.deepEqual(queryMessage(await queryOfMessage(message)), queryMessage(asked));
  // A list of values is longer than a pattern may be.
  const uids = Array.from({ length: 300 }, (_, i) => `1.2.840.${i}`);
  const listed = { ...asked, conditions: [{ ...asked.conditions[0]!, pattern: valuesPattern(uids) }] };
  const again = await queryOfMessage(JSON.parse(JSON.stringify(queryMessage(listed))));
  assert.deepEqual([...again.conditions[0]!.pattern.wholeValues!], uids);
  await assert.rejects(
    queryOfMessage({ ...message, conditions: [{ targets: ['Modality'], pattern: '(', negate: false }] }),
    DitagError,
  );
  await assert.rejects(queryOfMessage({ ...message, columns: ['NoSuchThing'] }), DitagError);
  await assert.rejects(queryOfMessage({ ...message, columns: 'Rows' }), { code: 'damaged-message' });
  await assert.rejects(queryOfMessage(null), { code: 'damaged-message' });
});

test('a message of a newer version is told from one that is damaged', () => {
  const frame = encodeTally({
    files: 1,
    instances: 1,
    opened: 1,
    unchanged: 1,
    unread: 1,
    unreadWork: 0,
    refusedRecords: 0,
    vanished: 1,
    appeared: 1,
    changedChunks: 1,
    kept: [],
    unreadFiles: [],
  });
  for (const version of [WIRE_VERSION + 1, 99, 255]) {
    const newer = Uint8Array.from(frame);
    newer[0] = version;
    assert.throws(
      () => decodeTally(newer),
      (error) => error instanceof DitagError && error.code === 'newer-message' && error.retry === 'later',
    );
  }
  for (const damaged of [
    new Uint8Array(0),
    frame.subarray(0, 1),
    frame.subarray(0, 8),
    Uint8Array.from(frame).fill(0, 0, 1),
  ]) {
    assert.throws(
      () => decodeTally(damaged),
      (error) => error instanceof DitagError && error.code === 'damaged-message' && error.retry === 'never',
    );
  }
});

const DECODERS = [
  decodeEntry,
  decodeWork,
  decodeTally,
  decodeHeld,
  decodeStart,
  decodeStarted,
  decodeItem,
  decodePage,
  decodeGatewayRequest,
  decodeGatewayAnswer,
  ...Object.values(checks).map((check) => (frame: Uint8Array) => decodeMessage(check, frame)),
];

/** Takes a message apart in every way. */
function survives(frame: Uint8Array): void {
  for (const decode of DECODERS) {
    try {
      decode(frame);
    } catch (error) {
      if (!(error instanceof DitagError)) throw error;
    }
  }
}

test('no bytes do more than be refused', () => {
  const sent = fc.oneof(
    entry.map(encodeEntry),
    work.map(encodeWork),
    tally.map(encodeTally),
    held.map(encodeHeld),
    storeItem.map(encodeItem),
    page.map(encodePage),
  );
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(sent, changes, fc.nat(), (frame, damage, end) => {
      const copy = Uint8Array.from(frame);
      for (const [at, byte] of damage) copy[at % copy.length] = byte;
      survives(copy);
      survives(copy.subarray(0, end % copy.length));
    }),
    { numRuns: 300 },
  );
  fc.assert(fc.property(bytes, (any) => survives(Uint8Array.from([WIRE_VERSION, ...any]))));
  fc.assert(
    fc.property(fc.jsonValue(), (value) => survives(encodeFrame(value))),
    { numRuns: 200 },
  );
});

test('what unpacks to more than any message may be is not unpacked', () => {
  const bomb = zlib.zstdCompressSync(Buffer.alloc(300 * 1024 * 1024, ' '));
  const frame = Buffer.concat([Buffer.from([WIRE_VERSION, 0, 0, 0, 0]), bomb]);
  frame.writeUInt32LE(bomb.length, 1);
  assert.ok(frame.length < 100_000);
  assert.throws(() => decodeFrame(frame), { code: 'damaged-message' });
});

test('failures travel as their kind, and those that are not for a person without what they say', () => {
  for (const code of ['no-such-code', 'toString', '__proto__']) {
    const frame = encodeFrame({ failure: { code, message: 'm' } });
    assert.throws(() => decodeMessage(checks.ask, frame), { code: 'cluster-failed', exitCode: 1 });
  }
  const known = encodeFailure(new DitagError('scan-running', 'as it is'));
  assert.throws(() => decodeStarted(known), { code: 'scan-running', message: 'as it is', exitCode: 2 });
  assert.throws(
    () => decodeStarted(encodeFailure(new Error('Doe^John'))),
    (error: Error) => !error.message.includes('Doe'),
  );
});
