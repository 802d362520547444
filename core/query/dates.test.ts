import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dateNumber, NO_DATE, parseDateOption } from './dates.ts';

test('dates of files: DICOM, ACR-NEMA, several values, padding', () => {
  const dates: [string, number][] = [
    ['20260131', 20260131],
    ['1982.01.11', 19820111],
    [' 20260131 ', 20260131],
    ['20260131\\20260201', 20260131],
    ['20000229', 20000229],
    ['00010101', 10101],
    ['', NO_DATE],
    ['UNKNOWN', NO_DATE],
    ['19000229', NO_DATE],
    ['20260132', NO_DATE],
    ['20261301', NO_DATE],
    ['20260100', NO_DATE],
    ['2026-01-31', NO_DATE],
    ['2026.0131', NO_DATE],
    ['202601.31', NO_DATE],
    ['202601', NO_DATE],
    ['20260131120000', NO_DATE],
    ['20260131-20260201', NO_DATE],
    ['٢٠٢٦٠١٣١', NO_DATE],
  ];
  for (const [text, date] of dates) assert.equal(dateNumber(text), date, text);
});

test('options are strictly YYYYMMDD', () => {
  assert.equal(parseDateOption('20260131'), 20260131);
  for (const text of ['1982.01.11', '2026131', '202601311', '20260230', '', ' 20260131', '20260131\n', '00000000'])
    assert.equal(parseDateOption(text), undefined, text);
});

test('a date is one exactly where the calendar has it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9999 }), fc.nat(14), fc.nat(33), (year, month, day) => {
      const date = new Date(Date.UTC(2000, 0, 1));
      date.setUTCFullYear(year, month - 1, day);
      const exists = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
      const pad = (n: number, width: number) => String(n).padStart(width, '0');
      const [y, m, d] = [pad(year, 4), pad(month, 2), pad(day, 2)];
      const expected = exists ? year * 10000 + month * 100 + day : NO_DATE;
      assert.equal(dateNumber(y + m + d), expected);
      assert.equal(dateNumber(`${y}.${m}.${d}`), expected);
    }),
  );
});
