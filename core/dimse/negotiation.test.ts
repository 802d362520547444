import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerContexts, isStorageClass } from './negotiation.ts';
import { EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION } from './uids.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const JPEG = '1.2.840.10008.1.2.4.50';
const DEFLATED = '1.2.840.10008.1.2.1.99';

function answer(abstractSyntax: string, transferSyntaxes: readonly string[]) {
  const [one] = answerContexts(
    [{ id: 7, abstractSyntax, transferSyntaxes }],
    (uid) => (uid === VERIFICATION || isStorageClass(uid) ? 'taken' : 'unknown'),
    isStorageClass,
  );
  assert.equal(one!.id, 7);
  return one!.result === 0 ? one!.transferSyntax : one!.result;
}

test('storage: what the peer names first, but explicit VR little endian for the old uncompressed ones', () => {
  const all = [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN];
  assert.equal(answer(CT, all), EXPLICIT_VR_LITTLE_ENDIAN);
  assert.equal(answer(CT, [EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN]), EXPLICIT_VR_LITTLE_ENDIAN);
  assert.equal(answer(CT, [IMPLICIT_VR_LITTLE_ENDIAN, JPEG]), IMPLICIT_VR_LITTLE_ENDIAN);
  assert.equal(answer(CT, [EXPLICIT_VR_BIG_ENDIAN]), EXPLICIT_VR_BIG_ENDIAN);
  assert.equal(answer(CT, [JPEG, ...all]), JPEG);
  assert.equal(answer(CT, [DEFLATED, ...all]), DEFLATED);
  assert.equal(answer(CT, ['1.2.3.99', IMPLICIT_VR_LITTLE_ENDIAN]), '1.2.3.99');
});

test('messages that are read here: only the three that can be read, explicit VR little endian before all', () => {
  assert.equal(answer(VERIFICATION, [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN]), EXPLICIT_VR_LITTLE_ENDIAN);
  assert.equal(answer(VERIFICATION, [EXPLICIT_VR_BIG_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]), IMPLICIT_VR_LITTLE_ENDIAN);
  assert.equal(answer(VERIFICATION, [JPEG, EXPLICIT_VR_BIG_ENDIAN]), EXPLICIT_VR_BIG_ENDIAN);
  assert.equal(answer(VERIFICATION, [DEFLATED, JPEG]), 4);
});

test('a context without a transfer syntax that is a UID is not taken', () => {
  const others = ['', ' ', 'x', '1.2.3/../..', `1.${'2'.repeat(64)}`];
  for (const other of others) {
    assert.equal(answer(CT, [other]), 4, other);
    assert.equal(answer(CT, [other, JPEG]), JPEG, other);
  }
  assert.equal(answer(CT, []), 4);
  assert.equal(answer(VERIFICATION, []), 4);
});

test('which SOP class is stored', () => {
  const stored: readonly (readonly [string, string])[] = [
    [CT, 'CT Image Storage'],
    ['1.2.840.10008.5.1.4.1.1.88.67', 'X-Ray Radiation Dose SR Storage'],
    ['1.2.840.10008.5.1.1.27', 'Stored Print Storage (retired)'],
    ['1.2.840.10008.5.1.4.34.7', 'RT Beams Delivery Instruction Storage'],
    ['1.2.840.10008.5.1.4.39.1', 'Color Palette Storage'],
    ['1.2.840.10008.5.1.4.1.1.12.77', 'one that was retired with its name'],
    ['1.2.840.10008.5.1.4.1.1.99999', 'one that is newer than the dictionary'],
    ['1.3.12.2.1107.5.9.1', 'CSA Non-Image Storage of Siemens, private'],
    ['2.25.1', 'private'],
  ];
  for (const [uid, name] of stored) assert.equal(isStorageClass(uid), true, name);
  const others: readonly (readonly [string, string])[] = [
    [VERIFICATION, 'Verification'],
    ['1.2.840.10008.1.20.1', 'Storage Commitment Push Model'],
    ['1.2.840.10008.1.3.10', 'Media Storage Directory Storage'],
    ['1.2.840.10008.5.1.4.1.2.2.1', 'Study Root Query/Retrieve - FIND'],
    ['1.2.840.10008.5.1.4.1.1.201.2', 'Inventory - FIND'],
    ['1.2.840.10008.4.2', 'Storage Service Class, which is no SOP class'],
    ['1.2.840.10008.1.2', 'a transfer syntax'],
    ['1.2.840.10008.9.9', 'unknown, of the standard, no storage'],
    ['', 'empty'],
    ['1.2.3\0', 'not a UID'],
    ['x', 'not a UID'],
    [`1.${'2'.repeat(64)}`, 'too long'],
  ];
  for (const [uid, name] of others) assert.equal(isStorageClass(uid), false, name);
});

test('what is not allowed and what is not known have results of their own, in the order of the proposal', () => {
  const proposed = ['1.2.1', '1.2.2', '1.2.3'].map((abstractSyntax, i) => ({
    id: 5 - 2 * i,
    abstractSyntax,
    transferSyntaxes: [JPEG],
  }));
  const rules = { '1.2.1': 'taken', '1.2.2': 'not-allowed', '1.2.3': 'unknown' } as const;
  const answers = answerContexts(
    proposed,
    (uid) => rules[uid as keyof typeof rules],
    () => true,
  );
  assert.deepEqual(
    answers.map(({ id, result }) => [id, result]),
    [
      [5, 0],
      [3, 1],
      [1, 3],
    ],
  );
});
