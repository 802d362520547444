import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { dicomFile, element, instance } from '../../test/reader/dicom-bytes.ts';
import type { InstanceFiles } from '../ports/instance-files.ts';
import { readInstanceNumber } from './read-instance-number.ts';

/** The one file there is. */
function holding(bytes: Buffer): InstanceFiles & { closed: number } {
  const files = {
    closed: 0,
    open: async () => ({
      size: bytes.length,
      read: async (buffer: Uint8Array, length: number, position: number) =>
        bytes.copy(buffer, 0, position, position + length),
      close: async () => void files.closed++,
    }),
  };
  return files;
}

const whole = dicomFile({ dataSet: instance(element(0x00200013, 'IS', ' 7 ')) });
const SOPInstanceUID = uidOf(whole);
const file = { SeriesInstanceUID: '', SOPInstanceUID, SOPClassUID: '', archive: '', path: '', size: 0, mtime: 0 };

function uidOf(bytes: Buffer): string {
  const at = bytes.indexOf(Buffer.from([0x08, 0x00, 0x18, 0x00]));
  return bytes.toString('latin1', at + 8, at + 8 + bytes.readUInt16LE(at + 6)).replace(/\0/g, '');
}

test('the number of the file, without blanks', async () => {
  const files = holding(whole);
  assert.equal(await readInstanceNumber(file, files), '7');
  assert.equal(files.closed, 1);
});

test('nothing where there is none, or what is no number', async () => {
  for (const parts of [[], [element(0x00200013, 'IS', 'seven')], [element(0x00200013, 'IS', '1'.repeat(100))]]) {
    const files = holding(dicomFile({ dataSet: instance(...parts) }));
    assert.equal(await readInstanceNumber(file, files), '');
  }
});

test('not known of a file that is gone, is cut short, or holds another instance by now', async () => {
  const gone = { open: () => Promise.reject(Object.assign(new Error('gone'), { code: 'ENOENT' })) };
  assert.equal(await readInstanceNumber(file, gone), undefined);
  assert.equal(await readInstanceNumber(file, holding(whole.subarray(0, 150))), undefined);
  assert.equal(await readInstanceNumber({ ...file, SOPInstanceUID: '1.2.3.99.1' }, holding(whole)), undefined);
});
