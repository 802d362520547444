// Files of one series disagree where a compared value stands in one of them and not in the other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dicomFile, element, instance, type Part } from '../../test/reader/dicom-bytes.ts';
import { readBytes } from '../../test/reader/scripted-source.ts';

const digestOf = (...parts: readonly Part[]) => readBytes(dicomFile({ dataSet: instance(...parts) })).digest;
const [STUDY, SERIES] = [0x00081030, 0x0008103e];

test('the same value of another attribute is another digest', () => {
  assert.notEqual(digestOf(element(STUDY, 'LO', 'HEAD')), digestOf(element(SERIES, 'LO', 'HEAD')));
  assert.notEqual(digestOf(element(STUDY, 'LO', 'HEAD')), digestOf());
  assert.notEqual(
    digestOf(element(STUDY, 'LO', 'A'), element(SERIES, 'LO', 'B')),
    digestOf(element(STUDY, 'LO', 'B'), element(SERIES, 'LO', 'A')),
  );
});

test('what pads a value makes no other digest, nor does an empty one', () => {
  const own = digestOf(element(0x0020000d, 'UI', '1.2.3\0'));
  assert.equal(digestOf(element(0x0020000d, 'UI', '1.2.3 ')), own);
  assert.equal(digestOf(element(0x0020000d, 'UI', '1.2.3\0'), element(SERIES, 'LO', '')), own);
  assert.equal(digestOf(element(0x0020000d, 'UI', '1.2.3\0'), element(SERIES, 'LO', '  ')), own);
});

test('attributes that are not compared make no difference', () => {
  assert.equal(digestOf(element(0x00200013, 'IS', '1')), digestOf(element(0x00200013, 'IS', '2')));
});
