/** Look-ups in the generated dictionary, and that the generated tables are whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributeLines, privateLines, repeaterLines } from './dictionary.generated.ts';
import {
  allUids,
  entryOfTag,
  entryOfUid,
  isAmbiguous,
  isPrivate,
  keywordOfTag,
  namedEntries,
  privateEntry,
  resolveVr,
  tagOfKeyword,
  vrOfTag,
} from './dictionary.ts';
import { valueRepresentation } from './value-representations.ts';

test('searching the text finds what the tables have (the tables are built after some searches)', () => {
  const words = [
    'CommandGroupLength',
    'Rows',
    'OverlayData',
    'CS',
    'R',
    '1',
    'PatientNam',
    'CommandLengthToEnd',
    'Rows R',
  ];
  const tags = [0x00000000, 0x00280010, 0x60003000, 0xfffee0dd, 0x00080001, 0x00091001, 0x00000001, 0xffffffff];
  const search = () => [words.map(tagOfKeyword), tags.map(entryOfTag)];
  const searched = search();
  for (let round = 0; round < 10; round++) assert.deepEqual(search(), searched);
  assert.deepEqual(searched[0], [0, 0x00280010, 0x60003000, undefined, undefined, undefined, undefined, 1, undefined]);
});

test('an attribute by tag and by keyword', () => {
  const entry = { tag: 0x00080005, vr: 'CS', vrs: ['CS'], vm: '1-n', keyword: 'SpecificCharacterSet', retired: false };
  assert.deepEqual(entryOfTag(0x00080005), entry);
  assert.equal(tagOfKeyword('SpecificCharacterSet'), 0x00080005);
  assert.equal(tagOfKeyword('specificcharacterset'), undefined);
  assert.equal(tagOfKeyword(''), undefined);
  assert.equal(tagOfKeyword('-'), undefined);
  assert.equal(keywordOfTag(0x00100010), 'PatientName');
  assert.equal(keywordOfTag(0x00080202), undefined); // retired without a keyword
  assert.equal(entryOfTag(0x00080202)?.retired, true);
  assert.equal(entryOfTag(0xffff0000 + 2), undefined);
});

test('every keyword finds its tag, every VR is one of the table', () => {
  let count = 0;
  for (const { tag, keyword, vrs, vr } of namedEntries()) {
    count += 1;
    assert.equal(tagOfKeyword(keyword), tag, keyword);
    assert.equal(keywordOfTag(tag), keyword);
    for (const each of [vr, ...vrs]) assert.ok(valueRepresentation(each), `${keyword}: ${each}`);
  }
  assert.equal(count, 5085 + 88);
});

test('repeating groups', () => {
  assert.equal(keywordOfTag(0x60003000), 'OverlayData');
  assert.equal(keywordOfTag(0x601e3000), 'OverlayData');
  assert.equal(tagOfKeyword('OverlayData'), 0x60003000);
  assert.equal(keywordOfTag(0x00280410), 'RowsForNthOrderCoefficients');
  assert.equal(keywordOfTag(0x00280400), 'TransformLabel');
  assert.equal(vrOfTag(0x60020010), 'US');
  assert.equal(vrOfTag(0x50005000 & 0xffff0000), 'UL');
  assert.equal(vrOfTag(0x50000022), 'LO');
  assert.equal(vrOfTag(0x00203100), 'CS');
  assert.equal(keywordOfTag(0x60013000), undefined); // odd: private
});

test('VRs that no dictionary lists', () => {
  assert.equal(vrOfTag(0x00080000), 'UL'); // group length
  assert.equal(vrOfTag(0x00090000), 'UL');
  assert.equal(vrOfTag(0x00090010), 'LO'); // private creator
  assert.equal(vrOfTag(0x000900ff), 'LO');
  assert.equal(vrOfTag(0x00090001), 'UN');
  assert.equal(vrOfTag(0x00091001), 'UN');
  assert.equal(vrOfTag(0x00080004), 'UN');
  assert.equal(vrOfTag(0xfffee000), 'UN'); // an item has no VR
  assert.equal(isPrivate(0x00091001), true);
  assert.equal(isPrivate(0x00100010), false);
});

test('attributes of several VRs', () => {
  assert.equal(vrOfTag(0x7fe00010), 'OW');
  assert.equal(vrOfTag(0x00283006), 'OW'); // US or OW
  assert.equal(vrOfTag(0x00280106), 'US');
  assert.equal(isAmbiguous(0x00280106), true);
  assert.equal(isAmbiguous(0x00100010), false);
  assert.equal(isAmbiguous(0x00091001), false);
  assert.equal(resolveVr(0x00280106, 1), 'SS');
  assert.equal(resolveVr(0x00280106, 0), 'US');
  assert.equal(resolveVr(0x00280106, undefined), 'US');
  assert.equal(resolveVr(0x00280010, 1), 'US'); // Rows are US whatever the pixels are
});

test('private attributes, in whichever block', () => {
  const entry = privateEntry('SIEMENS CSA HEADER', 0x00291010);
  assert.deepEqual([entry?.vr, entry?.vm, entry?.name], ['OB', '1', 'CSA Image Header Info']);
  assert.deepEqual(privateEntry(' SIEMENS CSA HEADER ', 0x0029ff10), entry);
  assert.equal(privateEntry('SIEMENS CSA HEADER', 0x00311010), undefined);
  assert.equal(privateEntry('NOBODY', 0x00291010), undefined);
  assert.equal(privateEntry('', 0x00291010), undefined);
  assert.equal(privateEntry('FDMS 1.0', 0x00251034)?.name, 'tan θ');
});

test('the generated tables are whole', () => {
  assert.equal(attributeLines().split('\n').length, 5091);
  assert.equal(repeaterLines().split('\n').length, 88);
  const lines = privateLines().split('\n');
  assert.equal(lines.filter((line) => line.startsWith('=')).length, 449);
  assert.equal(lines.filter((line) => !line.startsWith('=')).length, 10545);
  for (const line of lines) assert.match(line, /^=.|^[0-9A-Fx]{8} [A-Z/]+ [0-9n-]+ /);
  assert.equal(allUids().size, 482);
  assert.equal(entryOfUid('1.2.840.10008.5.1.4.1.1.2')?.keyword, 'CTImageStorage');
  assert.equal(entryOfUid('1.2.3'), undefined);
});
