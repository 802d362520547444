/** What is suggested for misspelt keywords, and how far a suggestion may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearestKeyword } from './nearest-keyword.ts';

test('finds what was meant', () => {
  const meant: [string, string | undefined][] = [
    ['SeriesDescripton', 'SeriesDescription'],
    ['patientname', 'PatientName'],
    ["Patient's Name", 'PatientName'],
    ['PatientNmae', 'PatientName'],
    ['StudyDat', 'StudyDate'],
    ['Modalty', 'Modality'],
    ['kvp', 'KVP'],
    ['SOPInstanceUDI', 'SOPInstanceUID'],
    ['overlay data', 'OverlayData'],
    ['nonsense words', undefined],
    ['xyz', undefined],
    ['', undefined],
    ['a'.repeat(1000), undefined],
  ];
  for (const [word, keyword] of meant) assert.equal(nearestKeyword(word), keyword, word);
});

test('edit distance: insert, delete, replace, swap; not beyond the limit', () => {
  assert.equal(editDistance('abc', 'abc', 3), 0);
  assert.equal(editDistance('abc', 'acb', 3), 1);
  assert.equal(editDistance('abc', 'abcd', 3), 1);
  assert.equal(editDistance('abc', 'axc', 3), 1);
  assert.equal(editDistance('', 'abc', 3), 3);
  assert.equal(editDistance('abcdef', 'uvwxyz', 2), 3);
});
