import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePattern } from '../query/pattern/pattern.ts';
import { type MatchingKind, matches, matchesIdentifier, matchingKind } from './attribute-matching.ts';
import { type IdentifierText, identifierOf } from './identifier.ts';
import { rangeOf } from './identifier-moments.ts';
import { wildcardPattern } from './identifier-wildcards.ts';

const split = (text: string) => (text === '' ? [] : text.split('\\'));

test('what a key asks for depends on its VR and value', () => {
  const table: readonly (readonly [vr: string, value: string, kind: MatchingKind])[] = [
    ['PN', '', 'universal'],
    ['PN', '*', 'universal'],
    ['UI', '**', 'universal'],
    ['CS', 'CT\\*', 'universal'],
    ['CS', 'CT', 'single'],
    ['CS', 'C?', 'wildcard'],
    ['LO', 'a*b', 'wildcard'],
    ['UI', '1.2.*', 'single'],
    ['IS', '1?', 'single'],
    ['DA', '1997*', 'single'],
    ['UI', '1.2\\1.3', 'list'],
    ['CS', 'CT\\MR', 'list'],
    ['DA', '20260131', 'single'],
    ['DA', '1997.01.31', 'single'],
    ['DA', '20260131-', 'range'],
    ['DA', '-20260131', 'range'],
    ['DA', '1997.01.31-1997.02.01', 'range'],
    ['DA', '-', 'single'],
    ['TM', '10-12', 'range'],
    ['DT', '20260131-0500', 'single'],
    ['DT', '2019-2020', 'range'],
    ['DT', '20190101-0500-20200101+0100', 'range'],
    ['LO', '20260131-20260201', 'single'],
  ];
  for (const [vr, value, kind] of table)
    assert.equal(matchingKind({ vr, values: split(value) }), kind, `${vr} ${value}`);
});

test('a stored value matches a key, or does not', () => {
  const table: readonly (readonly [vr: string, key: string, stored: string, is: boolean])[] = [
    // Single values are exact, but for padding.
    ['LO', 'Chest', 'Chest', true],
    ['LO', 'Chest', 'chest', false],
    ['LO', 'Chest ', ' Chest', true],
    ['LO', 'Chest', '', false],
    ['LO', '', '', true],
    ['ST', 'a\\b', 'a\\b', true],
    ['IS', '7', '07', false],
    // One of several values is enough.
    ['CS', 'MR', 'CT\\MR', true],
    ['CS', 'CT\\PT', 'MR\\PT', true],
    ['UI', '1.2\\1.3', '1.3', true],
    ['UI', '1.2\\1.3', '1.30', false],
    ['UI', '1.2.*', '1.2.3', false],
    // Wild cards.
    ['LO', 'C*t', 'Chest', true],
    ['LO', 'C*t', 'Ct', true],
    ['LO', 'C?t', 'Ct', false],
    ['LO', '*est*', 'Chest', true],
    ['LO', '?????', 'Chest', true],
    ['LO', '??', '山田', true],
    ['LO', '?', '𠮷', true],
    ['LO', 'a.c', 'abc', false],
    // Names: without regard to case, by component groups, empty components at the end left out.
    ['PN', 'DOE^JOHN', 'Doe^John', true],
    ['PN', 'Doe', 'Doe^John', false],
    ['PN', 'doe*', 'Doe^John', true],
    ['PN', 'Doe^John', 'Doe^John^^^', true],
    ['PN', 'Doe^John^^^', 'Doe^John', true],
    ['PN', 'Doe^*', 'Doe', true],
    ['PN', 'Doe^*', 'Doe^John', true],
    ['PN', 'Doe^*', 'Doering^John', false],
    ['PN', 'Doe?', 'Doe', false],
    ['PN', 'Müller', 'MÜLLER', true],
    ['PN', 'Muller', 'Müller', false],
    ['PN', 'ΝΙΚΟΣ*', 'Νίκος^Α', false],
    ['PN', 'ΝΙΚΟΣ*', 'Νικος^Α', true],
    ['PN', 'yamada^tarou', 'Yamada^Tarou=山田^太郎=やまだ^たろう', true],
    ['PN', '山田*', 'Yamada^Tarou=山田^太郎=やまだ^たろう', true],
    ['PN', '=山田*', 'Yamada^Tarou=山田^太郎=やまだ^たろう', true],
    ['PN', '=yamada*', 'Yamada^Tarou=山田^太郎=やまだ^たろう', false],
    ['PN', 'yamada*==', 'Yamada^Tarou=山田^太郎', true],
    ['PN', 'yamada*=*=*', 'Yamada^Tarou', true],
    ['PN', 'yamada*=山*', 'Yamada^Tarou', false],
    ['PN', '*^*', 'Doe', true],
    ['PN', '*^*', '', false],
    // Dates, old ones too.
    ['DA', '20260131', '2026.01.31', true],
    ['DA', '1997.01.31', '19970131', true],
    ['DA', '20260101-20260131', '20260131', true],
    ['DA', '20260101-20260131', '20260201', false],
    ['DA', '20260131-', '20260131', true],
    ['DA', '-20260131', '20260201', false],
    ['DA', '-20260131', '', false],
    ['DA', '20260201-20260131', '20260131', false],
    ['DA', '20260101-20260131', '20260199', false],
    ['DA', 'today', 'today', true],
    // A time of less than full precision is a period.
    ['TM', '10', '105959.999999', true],
    ['TM', '10', '11', false],
    ['TM', '10:30', '103059', true],
    ['TM', '0900-1000', '100059', true],
    ['TM', '0900-1000', '100100', false],
    ['TM', '103000-', '10', false],
    ['TM', '-235959', '00', true],
    ['DT', '202602', '20260228235959', true],
    ['DT', '202602', '20260301', false],
    ['DT', '2019-2020', '20201231235959.999999', true],
    ['DT', '2019-2020', '2021', false],
    ['DT', '20260131120000+0100', '20260131110000+0000', true],
    ['DT', '20260131120000+0100', '20260131120000', true],
    ['DT', '20260131230000-0500-', '20260201030000+0000', false],
    ['DT', '20260131230000-0500-', '20260201040000+0000', true],
  ];
  for (const [vr, key, stored, is] of table) {
    const values = vr === 'ST' ? [stored] : split(stored);
    const keys = vr === 'ST' ? [key] : split(key);
    assert.equal(matches({ vr, values: keys }, values), is, `${vr}: ${key} and ${stored}`);
  }
});

test('a range of dates is numbers', () => {
  assert.deepEqual(rangeOf('20260101-20260131'), { from: 20260101, to: 20260131 });
  assert.deepEqual(rangeOf('1997.01.31-'), { from: 19970131, to: undefined });
  assert.deepEqual(rangeOf('-20260131'), { from: undefined, to: 20260131 });
  assert.deepEqual(rangeOf(' 20260131'), { from: 20260131, to: 20260131 });
  for (const none of ['', '-', '*', '2026', '20261301', '2026.0131', '20260131-x', '20260131'.repeat(100)])
    assert.equal(rangeOf(none), undefined, none);
});

test('a sequence matches if one of its items matches all keys of the item that is asked for', () => {
  const stored = identifierOf({
    PatientID: '7',
    RequestAttributesSequence: [
      { ScheduledProcedureStepID: 'A', RequestedProcedureID: '1' },
      { ScheduledProcedureStepID: 'B', RequestedProcedureID: '2' },
    ],
  });
  const table: readonly (readonly [keys: IdentifierText, is: boolean])[] = [
    [{ RequestAttributesSequence: [{ ScheduledProcedureStepID: 'A', RequestedProcedureID: '?' }] }, true],
    [{ RequestAttributesSequence: [{ ScheduledProcedureStepID: 'A', RequestedProcedureID: '2' }] }, false],
    [{ RequestAttributesSequence: [], PatientID: '7' }, true],
    [{ RequestAttributesSequence: [], PatientID: '8' }, false],
    [{ RequestAttributesSequence: [{ ScheduledProcedureStepID: '' }] }, true],
    [{ ReferencedStudySequence: [{ ReferencedSOPInstanceUID: '' }] }, true],
    [{ ReferencedStudySequence: [{ ReferencedSOPInstanceUID: '1.2' }] }, false],
    [{ SpecificCharacterSet: 'ISO_IR 100', QueryRetrieveLevel: 'STUDY', TimezoneOffsetFromUTC: '+0100' }, true],
    [{ PatientName: 'Doe' }, false],
  ];
  for (const [keys, is] of table) assert.equal(matchesIdentifier(identifierOf(keys), stored), is, JSON.stringify(keys));
});

test('the pattern for the index finds what matches, in a text of several values', () => {
  const piece = fc.constantFrom('a', 'B', 'é', 'σ', 'Σ', 'ς', '𠮷', '^', '=', '.', '(', '[', '\n', '|', ' ', '-');
  const keyPiece = fc.oneof(piece, fc.constantFrom('*', '?', '*', '^*'));
  const property = fc.property(
    fc.constantFrom('PN', 'LO', 'CS', 'UT', 'UC'),
    fc.string({ unit: keyPiece, minLength: 1, maxLength: 8 }),
    fc.array(fc.string({ unit: piece, minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
    (vr, raw, texts) => {
      const key = raw.trim();
      const isSingle = vr === 'UT';
      const values = (isSingle ? [texts.join('\\')] : texts)
        .map((value) => value.trim())
        .filter((value) => value !== '');
      if (key === '' || values.length === 0) return;
      const is = matches({ vr, values: [key] }, values);
      const found = compilePattern(wildcardPattern(key, vr)).test(values.join('\\'));
      const isBeyond = vr === 'PN' && values.some((value) => /\^($|=)/.test(value));
      if (is || !isBeyond) assert.equal(found, is, `${vr}: ${key} and ${values.join('\\')}`);
    },
  );
  fc.assert(property, { numRuns: 1500 });
  assert.equal(wildcardPattern('Doe*^J?', 'PN'), '(?:\\A|[=\\\\])(?i:Doe[^=\\\\]*\\^J[^=\\\\])\\^*(?:[=\\\\]|\\Z)');
  assert.equal(wildcardPattern('A.B', 'LT'), '\\AA\\.B\\Z');
});

test('no key is slow', () => {
  const start = performance.now();
  const text = 'a'.repeat(4096);
  for (const key of [`${'*a'.repeat(2000)}b`, `${'^'.repeat(500_000)}x`, '-'.repeat(500_000)])
    for (const vr of ['LO', 'PN', 'DT']) matches({ vr, values: [key] }, [text, '^'.repeat(4096)]);
  assert.ok(performance.now() - start < 2000);
});
