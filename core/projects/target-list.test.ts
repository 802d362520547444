import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTargetList, startLine } from './target-list.ts';

const accessions = (text: string) => readTargetList(text).targets.map(({ accession }) => accession);
const reasonOf = (text: string) => readTargetList(text).refused.map(({ reason }) => reason)[0];

test('blank lines, comments, blanks and repetitions are counted; line numbers are those of the file', () => {
  const lines = ['\ufeff# asked for by Dr. Roe', 'A1', '', ' \tA2\u00a0', 'A1', '  # later', 'A 3', 'a1', '\u3000'];
  for (const end of ['\n', '\r\n', '\r']) {
    for (const last of ['', end]) {
      assert.deepEqual(
        readTargetList(lines.join(end) + last),
        {
          targets: [
            { accession: 'A1', line: 2 },
            { accession: 'A2', line: 4 },
            { accession: 'A 3', line: 7 },
            { accession: 'a1', line: 8 },
          ],
          refused: [],
          lastLines: new Map([
            ['A1', 5],
            ['A2', 4],
            ['A 3', 7],
            ['a1', 8],
          ]),
          ...{ blank: 2, comments: 2, duplicates: 1, odd: 0, lines: 9 },
        },
        JSON.stringify({ end, last }),
      );
    }
  }
});

test('a list of nothing', () => {
  const none = {
    targets: [],
    refused: [],
    lastLines: new Map(),
    blank: 0,
    comments: 0,
    duplicates: 0,
    odd: 0,
    lines: 0,
  };
  assert.deepEqual(readTargetList(''), none);
  assert.deepEqual(readTargetList('\n'), { ...none, blank: 1, lines: 1 });
  assert.deepEqual(readTargetList('\ufeff'), { ...none, blank: 1, lines: 1 });
});

test('what looks like a table or like several is taken as it stands, and counted', () => {
  const lines = ['A1;P1', 'A1,A2', '"A1"', 'A1 # first', 'A#1', 'A 1'];
  assert.deepEqual([accessions(lines.join('\n')), readTargetList(lines.join('\n')).odd], [lines, 4]);
});

test('what cannot be asked for is refused by itself', () => {
  const { targets, refused, duplicates, lines } = readTargetList('A1\nA*\n A? \nA\\B\nA\tB\nA\0\nA2\nA*\n');
  assert.deepEqual(
    targets.map(({ accession, line }) => [accession, line]),
    [
      ['A1', 1],
      ['A2', 7],
    ],
  );
  assert.deepEqual(refused, [
    { line: 2, text: 'A*', reason: 'it has a wildcard character, * or ?' },
    { line: 3, text: 'A?', reason: 'it has a wildcard character, * or ?' },
    { line: 4, text: 'A\\B', reason: 'it has a backslash, which separates values' },
    { line: 5, text: 'A\tB', reason: 'it has a control character' },
    { line: 6, text: 'A\0', reason: 'it has a control character' },
  ]);
  assert.deepEqual([lines, duplicates], [8, 1]);
  const alike = readTargetList(`${'Z'.repeat(70)}1\n${'Z'.repeat(70)}2\n`).refused.map(({ text }) => text);
  assert.deepEqual(alike, [`${'Z'.repeat(64)}…`, `${'Z'.repeat(64)}… (line 2)`]);
  assert.equal(reasonOf('M\ufffdller1'), 'it has bytes that are not UTF-8');
  assert.equal(reasonOf('A\ud800'), 'it has bytes that are not UTF-8');
});

test('accession numbers of up to 64 characters are taken', () => {
  for (const character of ['x', 'ü', '漢', '😀']) {
    assert.deepEqual(accessions(character.repeat(64)), [character.repeat(64)]);
    assert.equal(reasonOf(character.repeat(65)), 'it is longer than 64 characters', character);
  }
  const [refused] = readTargetList('😀x'.repeat(100_000)).refused;
  assert.equal(refused!.text.length, 65);
  assert.ok(refused!.text.isWellFormed());
});

test('a start by line or by accession number', () => {
  const list = readTargetList('# list\nA1\n\nA2\nA1\nB*\n');
  assert.equal(startLine(list, {}), 1);
  assert.equal(startLine(list, { line: 1 }), 1);
  assert.equal(startLine(list, { line: 6 }), 6);
  for (const line of [0, -1, 7, 1.5, Number.NaN]) assert.equal(startLine(list, { line }), undefined, String(line));
  assert.equal(startLine(list, { accession: 'A1' }), 2);
  assert.equal(startLine(list, { accession: ' A2 ' }), 4);
  for (const accession of ['a2', '', 'B*', '# list']) assert.equal(startLine(list, { accession }), undefined);
  assert.equal(startLine(readTargetList(''), { line: 1 }), undefined);
});

test('every line is counted once, and a target is where its line says', () => {
  const line = fc.oneof(
    fc.stringMatching(/^[A-C1 \t#*?\\]{0,4}$/),
    fc.string({ unit: 'binary' }).map((text) => text.replace(/[\r\n]/g, '')),
  );
  fc.assert(
    fc.property(fc.array(line), fc.constantFrom('\n', '\r\n', '\r'), (raw, end) => {
      const list = readTargetList(raw.map((text) => text + end).join(''));
      const { targets, refused, blank, comments, duplicates } = list;
      assert.equal(list.lines, raw.length);
      assert.equal(targets.length + refused.length + blank + comments + duplicates, raw.length);
      assert.equal(new Set(targets.map(({ accession }) => accession)).size, targets.length);
      for (const { accession, line } of targets) {
        assert.ok(raw[line - 1]!.includes(accession));
        assert.equal(startLine(list, { accession }), line);
        assert.deepEqual(accessions(accession), [accession]);
      }
    }),
    { numRuns: 500 },
  );
});

test('a long line of blanks takes no time', () => {
  const started = performance.now();
  readTargetList(`a${' '.repeat(1_000_000)}b`);
  assert.ok(performance.now() - started < 2_000);
});
