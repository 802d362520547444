/**
 * Decodes what pydicom has encoded (oracle.generated.json) and the text of pydicom's character set files (files/,
 * names.generated.json); both JSON files are made by make-oracle.py. The examples of the standard and broken text are in
 * core/dicom/character-sets.test.ts.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTextDecoder, trimPadding } from '../../core/dicom/character-sets.ts';

const read = (name: string): Buffer => readFileSync(join(import.meta.dirname, name));

/** Characters that Python's codec and TextDecoder take for different ones. Theirs to ours. */
const differences: Record<string, Record<string, string>> = {
  // GB 2312 0xA1A4, 0xA1AA: Python follows GB2312.TXT, TextDecoder GBK and GB 18030 (the middle dot of names).
  '\\ISO 2022 IR 58': { '\u30fb': '\u00b7', '\u2015': '\u2014' },
};

test('decodes what pydicom encodes, for every defined term', () => {
  const rows: [string, string, string, string][] = JSON.parse(read('oracle.generated.json').toString());
  assert.ok(rows.length > 400);
  for (const [charset, vr, base64, text] of rows) {
    const expected = [...text].map((character) => differences[charset]?.[character] ?? character).join('');
    const decoder = makeTextDecoder(charset);
    assert.equal(decoder.decode(Buffer.from(base64, 'base64'), vr), expected, `${charset} ${vr}`);
    assert.equal(decoder.textIssue, false, `${charset} ${vr} ${base64}`);
    assert.equal(decoder.declaredIssue, undefined, charset);
  }
});

test('every text of the character set files of pydicom reads as in pydicom', () => {
  const rows: [string, string, string, string, string, string][] = JSON.parse(read('names.generated.json').toString());
  const files = new Set(rows.map(([file]) => file));
  assert.equal(files.size, 17);
  for (const [file, tag, charset, vr, hex, text] of rows) {
    const bytes = Buffer.from(hex, 'hex');
    assert.ok(read(`files/${file}`).includes(bytes), `${file} ${tag} has other bytes`);
    assert.equal(trimPadding(makeTextDecoder(charset).decode(bytes, vr)), text, `${file} ${tag} ${charset}`);
  }
});
