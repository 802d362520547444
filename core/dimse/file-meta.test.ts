import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { dataSetStart, encodeFileMeta } from './file-meta.ts';

const META = {
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
  SOPInstanceUID: '1.2.3',
  transferSyntaxUID: '1.2.840.10008.1.2.1',
  sourceAETitle: 'CT1',
};

test('every byte of a file meta', () => {
  const elements = Buffer.concat([
    Buffer.from('\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01', 'latin1'),
    Buffer.from('\x02\0\x02\0UI\x1a\x001.2.840.10008.5.1.4.1.1.2\0', 'latin1'),
    Buffer.from('\x02\0\x03\0UI\x06\x001.2.3\0', 'latin1'),
    Buffer.from('\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0', 'latin1'),
    Buffer.from('\x02\0\x12\0UI\x2c\x002.25.133020230261470885219358794203789941894', 'latin1'),
    Buffer.from('\x02\0\x13\0SH\x06\0DITAG ', 'latin1'),
    Buffer.from('\x02\0\x16\0AE\x04\0CT1 ', 'latin1'),
  ]);
  const groupLength = Buffer.from('\x02\0\0\0UL\x04\0\0\0\0\0', 'latin1');
  groupLength.writeUInt32LE(elements.length, 8);
  const expected = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), groupLength, elements]);
  assert.deepEqual(encodeFileMeta(META), expected);
});

test('no AE title, no element for it', () => {
  const bytes = encodeFileMeta({ ...META, sourceAETitle: '' });
  assert.equal(bytes.length, encodeFileMeta(META).length - 12);
  assert.ok(!bytes.includes('AE'));
});

test('where the data set begins', () => {
  const bytes = encodeFileMeta(META);
  assert.equal(dataSetStart(Buffer.concat([bytes, Buffer.from('data set')])), bytes.length);
  assert.equal(dataSetStart(bytes.subarray(0, 143)), undefined);
  assert.equal(dataSetStart(Buffer.alloc(200)), undefined);
  const withoutGroupLength = Buffer.from(bytes);
  withoutGroupLength[134] = 1;
  assert.equal(dataSetStart(withoutGroupLength), undefined);
});
