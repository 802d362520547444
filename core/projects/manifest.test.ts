import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Chunks } from '../query/csv-reader.ts';
import { MANIFEST_COLUMNS, manifestHeader, manifestLine, readManifest } from './manifest.ts';
import type { ManifestEntry } from './received.ts';

const HEADER = 'AccessionNumber,StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID,outcome,reason,path,size,sha256\n';
const SHA256 = '0123456789abcdef'.repeat(4);
const RECEIVED: ManifestEntry = {
  ...{ AccessionNumber: 'A1', StudyInstanceUID: '1.2', SeriesInstanceUID: '1.2.3', SOPInstanceUID: '1.2.3.4' },
  ...{ outcome: 'received', reason: '', path: 'Jane_Doe/T1/1.2.3.4.dcm', size: 1024, sha256: SHA256 },
};
const MISSING: ManifestEntry = {
  ...RECEIVED,
  ...{ outcome: 'missing', reason: 'the PACS said 0xA701, "busy"', path: '', size: undefined, sha256: '' },
};

const readAll = async (chunks: Chunks) => Array.fromAsync(readManifest(chunks));
const read = (text: string) => readAll([Buffer.from(text)]);
const written = (...entries: ManifestEntry[]) => manifestHeader() + entries.map(manifestLine).join('');

test('a manifest as it stands', () => {
  assert.equal(manifestHeader(), HEADER);
  assert.equal(HEADER, `${MANIFEST_COLUMNS.join(',')}\n`);
  assert.equal(manifestLine(RECEIVED), `A1,1.2,1.2.3,1.2.3.4,received,,Jane_Doe/T1/1.2.3.4.dcm,1024,${SHA256}\n`);
  assert.equal(manifestLine(MISSING), 'A1,1.2,1.2.3,1.2.3.4,missing,"the PACS said 0xA701, ""busy""",,,\n');
});

test('values that a spreadsheet would run stand as they are', () => {
  for (const AccessionNumber of ['=1+1', '+1', '-1', '@x']) {
    assert.ok(manifestLine({ ...RECEIVED, AccessionNumber }).startsWith(`${AccessionNumber},1.2,`));
  }
});

test('what is written is read back, however it is cut into pieces', async () => {
  const value = fc.oneof(fc.stringMatching(/^[a," \n\r\t=\ufeff]{0,6}$/), fc.string({ unit: 'grapheme' }));
  const entry = fc.record({
    ...{ AccessionNumber: value, StudyInstanceUID: value, SeriesInstanceUID: value, reason: value },
    SOPInstanceUID: value.map((text) => `1${text}`),
  });
  const received = entry.chain((names) =>
    fc
      .record({ size: fc.nat(), path: value.map((text) => `x${text.replace(/[/\\\0:]/g, '_')}/漢.dcm`) })
      .map((more): ManifestEntry => ({ ...RECEIVED, ...names, ...more })),
  );
  const other = entry.chain((names) =>
    fc.constantFrom<ManifestEntry>(
      { ...MISSING, ...names },
      { ...MISSING, ...names, SOPInstanceUID: '' },
      { ...RECEIVED, ...names, outcome: 'not-asked-for' },
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(received, other)), fc.integer({ min: 1, max: 50 }), async (entries, length) => {
      const bytes = Buffer.from(written(...entries));
      const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
        bytes.subarray(i * length, (i + 1) * length),
      );
      assert.deepEqual(await readAll(pieces), entries);
    }),
    { numRuns: 300 },
  );
});

test('one that a spreadsheet has saved is read', async () => {
  const swapped = `\ufeffnote,${MANIFEST_COLUMNS.toReversed().join(',')}\r\n`;
  const line = `,${SHA256},1024,Jane_Doe/T1/1.2.3.4.dcm,,received,1.2.3.4,1.2.3,1.2,A1\r\n`;
  assert.deepEqual(await read(swapped + line), [RECEIVED]);
});

test('a manifest of nothing has a first line', async () => {
  assert.deepEqual(await read(HEADER), []);
  for (const text of ['', '\ufeff', '\n']) await assert.rejects(read(text), { name: 'Error', message: 'it is empty' });
});

test('a damaged one is refused, with the line', async () => {
  const damaged: [string, string][] = [
    ['a,b\n1,2\n', 'its first line has no column AccessionNumber'],
    [HEADER.replace('size', 'Size'), 'its first line has no column size'],
    [written({ ...RECEIVED, outcome: 'lost' as 'missing' }), 'line 2 has no outcome that is known'],
    [`${written(RECEIVED)}A1,1.2\n`, 'line 3 has 2 values, not 9'],
    [`${written(RECEIVED)}A1,"1.2\n`, 'line 3 is no CSV'],
    [written(MISSING, RECEIVED).slice(0, -1), 'its last line is cut'],
    [written(RECEIVED, { ...MISSING, reason: 'xyz' }).slice(0, -5), 'line 3 has 6 values, not 9'],
    [written({ ...RECEIVED, SOPInstanceUID: '' }), 'line 2 has a SOPInstanceUID that cannot be for received'],
    [written({ ...MISSING, path: 'a' }), 'line 2 has a path that cannot be for missing'],
    [written({ ...MISSING, size: 0 }), 'line 2 has a size that cannot be for missing'],
    [written({ ...RECEIVED, size: undefined }), 'line 2 has a size that cannot be for received'],
    [written({ ...RECEIVED, size: 1.5 }), 'line 2 has a size that cannot be for received'],
    [written({ ...RECEIVED, size: 1e21 }), 'line 2 has a size that cannot be for received'],
    [written({ ...RECEIVED, sha256: SHA256.slice(1) }), 'line 2 has a sha256 that cannot be for received'],
    [
      written({ ...RECEIVED, sha256: '', outcome: 'not-asked-for' }),
      'line 2 has a sha256 that cannot be for not-asked-for',
    ],
  ];
  for (const [text, message] of damaged) await assert.rejects(read(text), { message }, text);
  await assert.rejects(readAll([Buffer.alloc(100_000, 0xee)]), Error);
});

test('a path that leads elsewhere is damage', async () => {
  const paths = ['', '/etc/passwd', '../x', 'a/../../x', 'a//b', 'a/', './a', 'a\\b', 'C:x', 'a\0b', '..'];
  for (const path of paths) {
    const message = 'line 2 has a path that cannot be for received';
    await assert.rejects(read(written({ ...RECEIVED, path })), { message }, path);
  }
});

test('no prefix of a manifest is taken for another, but at the end of a line', async () => {
  const text = written(RECEIVED, MISSING, { ...RECEIVED, reason: 'two\nlines, "quoted"' });
  for (let end = 0; end < text.length; end++) {
    const prefix = text.slice(0, end);
    const whole = await read(prefix).catch(() => undefined);
    if (whole !== undefined) assert.equal(written(...whole), prefix);
  }
});

test('entries come while it is read, and reading stops with the first damage', async () => {
  let given = 0;
  async function* endless() {
    yield Buffer.from(HEADER);
    for (;;) {
      given++;
      yield Buffer.from(given === 50 ? 'damage\n' : manifestLine(RECEIVED));
    }
  }
  let taken = 0;
  const reading = (async () => {
    for await (const _ of readManifest(endless())) assert.ok(++taken >= given - 1, `${taken} of ${given}`);
  })();
  await assert.rejects(reading, { message: 'line 51 has 1 values, not 9' });
  assert.equal(taken, 49);
});

test('what fails while it is read is handed on', async () => {
  async function* broken() {
    yield Buffer.from(HEADER);
    throw new Error('EIO');
  }
  await assert.rejects(readAll(broken()), /EIO/);
});
