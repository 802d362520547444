// What a full header keeps of long values, long sequences and long headers, and how it marks what it does not keep.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { dicomFile, element, instance, type Part, sequence } from '../../test/reader/dicom-bytes.ts';
import { asObject, type Reading, readBytes } from '../../test/reader/scripted-source.ts';
import { matchText } from './kept-text.ts';

const read = (...parts: Part[]): Reading => readBytes(dicomFile({ dataSet: instance(...parts) }));
const LAST = element(0x00400001, 'AE', 'LAST');

test('a long text is cut and says how long it was', () => {
  const header = asObject(
    read(element(0x00204000, 'LT', `${'x'.repeat(5000)}`), element(0x00400002, 'UT', 'y'.repeat(70_000)), LAST),
  );
  assert.equal(header['00204000'], `\0cut 5000:${'x'.repeat(4096)}`);
  assert.equal(header['00400002'], '\0bytes 70000', 'beyond 64 kB it is not read');
  assert.equal(header['00400001'], 'LAST');
  assert.equal(matchText(header['00204000']), 'x'.repeat(4096));
  assert.equal(matchText('\0bytes 70000'), '');
});

test('a text is not cut in the middle of a character', () => {
  const text = Buffer.from(`${'x'.repeat(4095)}😀${'x'.repeat(1000)}`);
  const header = asObject(read(element(0x00080005, 'CS', 'ISO_IR 192'), element(0x00204000, 'LT', text)));
  assert.equal(matchText(header['00204000'] as string), 'x'.repeat(4095));
});

test('binary values and long lists of numbers are noted by their length', () => {
  const header = asObject(
    read(
      element(0x00281201, 'OW', Buffer.alloc(64)),
      element(0x00283006, 'US', new Array<number>(600).fill(7)),
      element(0x00283010, 'US', new Array<number>(512).fill(7)),
    ),
  );
  assert.equal(header['00281201'], '\0bytes 64');
  assert.equal(header['00283006'], '\0bytes 1200');
  assert.equal((header['00283010'] as string).length, 1023);
});

test('of a sequence 16 items are kept, as many more as 16 kB of text hold, and the number of the others', () => {
  for (const undefinedItems of [true, false]) {
    for (const [count, most, length] of [
      [16, 16, 3000],
      [17, 16, 3000],
      [60, 60, 100],
      [300, 147, 100],
      [3000, 786, 0],
    ] as const) {
      const items = Array.from({ length: count }, (_, i) => [
        element(0x00080100, 'SH', `${i}`),
        element(0x00080104, 'UT', 'x'.repeat(length)),
      ]);
      const reading = read(sequence(0x00400100, items, { undefinedItems, undefinedLength: undefinedItems }), LAST);
      const header = asObject(reading);
      const kept = header['00400100'] as unknown[];
      const whole = kept.filter((one) => typeof one === 'object').length;
      assert.ok(Math.abs(whole - most) <= most / 4 && whole >= 16, `${whole} of ${count}`);
      assert.equal((kept[15] as Record<string, string>)['00080100'], '15');
      assert.deepEqual(kept.slice(whole), whole === count ? [] : [count - whole]);
      assert.deepEqual(reading.issues, whole === count ? [] : ['HeaderCut']);
      assert.equal(header['00400001'], 'LAST');
    }
  }
});

test('a header of more than 256 kB of text is cut and marked, nested or not', () => {
  const texts = Array.from({ length: 100 }, (_, i) => element(0x00410010 + i, 'LT', 'x'.repeat(4000)));
  const flat = read(...texts);
  assert.deepEqual([flat.outcome, flat.issues], ['instance', ['HeaderCut']]);
  const nested = read(sequence(0x00400100, [texts, texts]), LAST);
  assert.deepEqual([nested.outcome, nested.issues], ['instance', ['HeaderCut']]);
  for (const { elements } of [flat, nested]) {
    const size = elements!.reduce((sum, { key, text }) => sum + key.length + text.length, 0);
    assert.ok(size > 200_000 && size < 280_000, `${size}`);
  }
});

test('what a row shows is kept behind 256 kB of text, too, and nothing else', () => {
  const texts = Array.from({ length: 80 }, (_, i) => element(0x000b0010 + i, 'LT', 'x'.repeat(4000)));
  const items = Array.from({ length: 16 }, () => texts.slice(0, 8));
  for (const long of [texts, [sequence(0x000b0010, items)]]) {
    const [first, second, ...rest] = instance();
    const behind = [
      element(0x00100010, 'PN', 'Doe^Jane'),
      element(0x00100020, 'LO', 'P1'),
      element(0x00104000, 'LT', 'not kept'),
      element(0x0020000d, 'UI', '1.2.3.9'),
    ];
    const parts = [first!, second!, ...long, ...behind, ...rest];
    const reading = readBytes(dicomFile({ dataSet: parts }));
    assert.deepEqual([reading.outcome, reading.issues], ['instance', ['HeaderCut']]);
    const header = asObject(reading);
    assert.equal(header['00100010'], 'Doe^Jane');
    assert.equal(header['00100020'], 'P1');
    assert.equal(header['0020000D'], '1.2.3.9');
    assert.ok(!('00104000' in header));
  }
});

test('a header whose keys alone are long is bounded too', () => {
  const creator = element(0x00410010, 'LO', 'C'.repeat(64));
  const many = Array.from({ length: 256 }, (_, i) => element(0x00411000 + i, 'LO', ''));
  const { elements } = read(
    sequence(
      0x00400100,
      Array.from({ length: 16 }, () => [creator, ...many]),
    ),
    LAST,
  );
  const size = elements!.reduce((sum, { key, text }) => sum + key.length + text.length, 0);
  assert.ok(size < 400_000, `${size}`);
});

test('tens of thousands of private creators take no longer than other elements of their number', () => {
  const elements = (first: number) =>
    Array.from({ length: 40_000 }, (_, i) => {
      const group = 0x0021 + 2 * Math.floor(i / 0xf0);
      return element(group * 0x10000 + first + (i % 0xf0), 'LO', '');
    });
  const time = (first: number) => {
    const bytes = dicomFile({ dataSet: instance(...elements(first)) });
    const before = performance.now();
    readBytes(bytes);
    return performance.now() - before;
  };
  time(0x1010);
  const [others, creators] = [time(0x1010), time(0x10)];
  assert.ok(creators < 10 * others + 200, `${creators} ms, and ${others} ms for other elements`);
});
