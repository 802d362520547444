import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Identifier } from '../dimse/identifier.ts';
import { storedElement } from './find-values.ts';

const STEP = 0x00400009;
const PROCEDURE = 0x00401001;
const STORED = JSON.stringify([
  { '00400009': 'STEP A', '00401001': 'R1' },
  { '00400009': 'STEP B', '00401001': 'R2' },
]);

/** The steps of the items that are answered to keys for a step. */
function answered(...wanted: string[]): string[] {
  const items = wanted.map(
    (value): Identifier =>
      new Map([
        [STEP, { vr: 'SH', values: value === '' ? [] : [value] }],
        [PROCEDURE, { vr: 'SH', values: [] }],
      ]),
  );
  const element = storedElement({ vr: 'SQ', items }, STORED);
  assert.ok('items' in element);
  return element.items.map((item) => {
    const step = item.get(STEP)!;
    return 'values' in step ? step.values.join() : '';
  });
}

test('of a sequence the items that match are answered (PS3.4 C.2.2.2.6)', () => {
  assert.deepEqual(answered('STEP B'), ['STEP B']);
  assert.deepEqual(answered('STEP*'), ['STEP A', 'STEP B']);
  assert.deepEqual(answered(''), ['STEP A', 'STEP B']);
  assert.deepEqual(answered('STEP C'), []);
  assert.deepEqual(answered('STEP A', 'STEP B'), ['STEP A', 'STEP B']);
  assert.deepEqual(answered(), ['STEP A', 'STEP B']);
});

test('what is no value of the VR that is asked for has zero length', () => {
  const stored = (vr: string, kept: string) => storedElement({ vr, values: [] }, kept);
  assert.deepEqual(stored('AT', '(0018,1063)\\(0018,1065)'), { vr: 'AT', values: ['00181063', '00181065'] });
  assert.deepEqual(stored('AT', 'TIME'), { vr: 'AT', values: [] });
  assert.deepEqual(stored('AT', '(0018,1063)\\TIME'), { vr: 'AT', values: [] });
  assert.deepEqual(stored('US', 'many'), { vr: 'US', values: [] });
  assert.deepEqual(stored('CS', 'SCHÄDEL'), { vr: 'CS', values: [] });
  assert.deepEqual(stored('LO', 'Schädel'), { vr: 'LO', values: ['Schädel'] });
});
