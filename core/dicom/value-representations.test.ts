/** The table of value representations against the lists of PS3.5 section 7.1.2. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EXPLICIT_VR_KNOWN,
  EXPLICIT_VR_LONG,
  explicitVrFlags,
  lengthBytesOf,
  valueRepresentation,
  valueRepresentations,
} from './value-representations.ts';

const vrs = (accept: (entry: (typeof valueRepresentations)[number]) => boolean): string =>
  valueRepresentations
    .filter(accept)
    .map(({ vr }) => vr)
    .join(' ');

test('all VRs are there, with the length fields of Tables 7.1-1 and 7.1-2', () => {
  assert.equal(valueRepresentations.length, 34);
  assert.equal(
    vrs(({ lengthBytes }) => lengthBytes === 4),
    'OB OD OF OL OV OW SQ SV UC UN UR UT UV',
  );
  assert.equal(lengthBytesOf('ZZ'), 4); // "all other VRs"
});

test('kinds', () => {
  assert.equal(
    vrs(({ kind }) => kind === 'text'),
    'LO LT PN SH ST UC UT',
  );
  assert.equal(
    vrs(({ kind }) => kind === 'number'),
    'FL FD SL SS SV UL US UV',
  );
  assert.equal(
    vrs(({ kind, multiValued }) => (kind === 'text' || kind === 'plain') && !multiValued),
    'LT ST UR UT',
  );
  assert.equal(
    vrs(({ kind, padding }) => (kind === 'text' || kind === 'plain') && padding === 0),
    'UI',
  );
  for (const { vr, kind, unit, format } of valueRepresentations) {
    assert.equal(kind === 'number', format !== undefined, vr);
    if (format !== undefined) assert.equal(Number(format.slice(1)), unit * 8, vr);
  }
});

test('flags by the two bytes', () => {
  const flags = (vr: string): number => explicitVrFlags[(vr.charCodeAt(0) << 8) | vr.charCodeAt(1)]!;
  for (const { vr, lengthBytes } of valueRepresentations) {
    assert.equal(flags(vr), lengthBytes === 2 ? EXPLICIT_VR_KNOWN : EXPLICIT_VR_KNOWN | EXPLICIT_VR_LONG, vr);
    assert.equal(valueRepresentation(vr)?.vr, vr);
  }
  for (const vr of ['ZZ', 'us', '\0\0', '  ', '??']) assert.equal(flags(vr), 0);
  assert.equal(explicitVrFlags.filter((flag) => flag !== 0).length, 34);
  assert.equal(valueRepresentation('ZZ'), undefined);
});
