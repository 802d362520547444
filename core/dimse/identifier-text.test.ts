// Identifiers and the character sets of their text: the examples of PS3.5 annexes H and I, and DCMTK as another reader.

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { hasProgram } from '../../test/programs.ts';
import {
  BIG,
  dicomFile,
  EXPLICIT,
  element,
  encode,
  encodingOf,
  IMPLICIT,
  type Part,
  raw,
  sequence,
} from '../../test/reader/dicom-bytes.ts';
import { dump } from '../../test/reader/oracle/dcmdump.ts';
import type { OracleElement } from '../../test/reader/oracle/oracle-rows.ts';
import { tagDigits } from '../dicom/tag-digits.ts';
import { transferSyntax } from '../dicom/transfer-syntaxes.ts';
import { type Identifier, identifierOf, text, values } from './identifier.ts';
import { decodeIdentifier } from './identifier-decoding.ts';
import { type EncodingOptions, encodeIdentifier } from './identifier-encoding.ts';

const SYNTAXES = [IMPLICIT, EXPLICIT, BIG];
const encoded = (identifier: Identifier, syntax = EXPLICIT, options: EncodingOptions = {}) =>
  encodeIdentifier(identifier, transferSyntax(syntax)!, options);
const decoded = (bytes: Buffer, syntax = EXPLICIT) => decodeIdentifier(bytes, transferSyntax(syntax)!);
/** Bytes that others would write. */
const written = (parts: readonly Part[], syntax = EXPLICIT) => encode(parts, encodingOf(syntax));
const UNDEFINED = { undefinedLength: true, undefinedItems: true } as const;
const latin1 = (characters: string) => Buffer.from(characters, 'latin1');

/** [asked for, PatientName, declared in the answer, its bytes; undefined: not looked at] */
const CHARACTER_SETS: readonly (readonly [asked: string, name: string, declared: string[], bytes?: string])[] = [
  ['ISO_IR 100', 'Doe', [], 'Doe '],
  ['', 'Müller', ['ISO_IR 192'], 'M\xc3\xbcller '],
  ['ISO_IR 100', 'Müller', ['ISO_IR 100'], 'M\xfcller'],
  ['ISO_IR 100', '山', ['ISO_IR 192'], '\xe5\xb1\xb1 '],
  ['ISO 8859-1', 'Müller', ['ISO_IR 192']],
  ['GB18030', 'Müller', ['ISO_IR 192']],
  ['ISO_IR 144', 'Люкceмбypг', ['ISO_IR 144'], '\xbb\xee\xdace\xdc\xd1yp\xd3'],
  ['ISO_IR 13', 'ﾔﾏﾀﾞ^ﾀﾛｳ', ['ISO_IR 13'], '\xd4\xcf\xc0\xde^\xc0\xdb\xb3'],
  // PS3.5 H.3.1 and H.3.2
  [
    '\\ISO 2022 IR 87',
    'Yamada^Tarou=山田^太郎=やまだ^たろう',
    ['', 'ISO 2022 IR 87'],
    'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B',
  ],
  [
    'ISO 2022 IR 13\\ISO 2022 IR 87',
    'ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう',
    ['ISO 2022 IR 13', 'ISO 2022 IR 87'],
    '\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J',
  ],
  // PS3.5 I.2
  [
    '\\ISO 2022 IR 149',
    'Hong^Gildong=洪^吉洞=홍^길동',
    ['', 'ISO 2022 IR 149'],
    'Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf',
  ],
  [
    'ISO 2022 IR 100\\ISO 2022 IR 144',
    'éЛé^é',
    ['ISO 2022 IR 100', 'ISO 2022 IR 144'],
    '\xe9\x1b-L\xbb\x1b-A\xe9^\xe9 ',
  ],
];

test('text is written in the character set that is asked for, if it has the characters', () => {
  for (const [characterSet, name, declared, wanted] of CHARACTER_SETS) {
    const bytes = encoded(identifierOf({ PatientName: name }), EXPLICIT, { characterSet });
    const again = decoded(bytes);
    assert.equal(text(again, 'PatientName'), name);
    assert.deepEqual(values(again, 'SpecificCharacterSet'), declared, `${characterSet}: ${name}`);
    if (wanted !== undefined) assert.equal(bytes.toString('latin1').split('PN')[1]!.slice(2), wanted);
  }
  // What the identifier itself says of it is of the bytes it came in; VRs without characters beyond ASCII stay so.
  const foreign = identifierOf({ SpecificCharacterSet: 'ISO_IR 100', PatientName: 'Doe', Modality: 'é𠮷' });
  assert.equal(encoded(foreign).toString('latin1'), '\x08\0\x60\0CS\x02\0??\x10\0\x10\0PN\x04\0Doe ');
});

test('items have the character set of the data set around them, or their own', () => {
  const name = element(0x00100010, 'PN', latin1('\xe9 '));
  const bytes = written([
    element(0x00080005, 'CS', 'ISO_IR 100'),
    sequence(0x00081110, [[name], [element(0x00080005, 'CS', 'ISO_IR 144'), name], [name]]),
    name,
  ]);
  const found = decoded(bytes);
  const studies = found.get(0x00081110)!;
  assert.ok('items' in studies);
  assert.deepEqual(
    [...studies.items, found].map((one) => text(one, 'PatientName')),
    ['é', 'щ', 'é', 'é'],
  );
});

/** An identifier in the form of an oracle, without (0008,0005), which DCMTK changes where it converts. */
function oracleForm(identifier: Identifier): OracleElement[] {
  return [...identifier]
    .sort(([a], [b]) => a - b)
    .map(([tag, found]) => ({ tag: tagDigits(tag), found }))
    .filter(({ tag }) => tag !== '00080005')
    .map(({ tag, found }) => {
      if ('items' in found) return { tag, vr: 'SQ', text: '', items: found.items.map(oracleForm) };
      const shown = found.values.map((value) => (found.vr === 'AT' ? value.replace(/(.{4})(.{4})/, '($1,$2)') : value));
      return { tag, vr: found.vr, text: shown.join('\\') };
    });
}

test('DCMTK reads what is written here, and reads the same as is read here', (t) => {
  if (!hasProgram(t, 'dcmdump', 'dcmtk')) return;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const cases = new Map<string, { bytes: Buffer; syntax: string }>();
  const add = (bytes: Buffer, syntax: string) => {
    const file = path.join(folder, `${cases.size}.dcm`);
    fs.writeFileSync(file, dicomFile({ syntax, dataSet: [raw(bytes)] }));
    cases.set(file, { bytes, syntax });
  };
  const others = [
    element(0x00080005, 'CS', '\\ISO 2022 IR 87'),
    sequence(0x00081110, [[element(0x00081155, 'UI', '1.2.3')], []], UNDEFINED),
    element(0x00100010, 'PN', latin1('Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B')),
    element(0x00280009, 'AT', [0x00181063]),
    element(0x00280010, 'US', 512),
  ];
  for (const syntax of SYNTAXES) {
    add(written(others, syntax), syntax);
    for (const [characterSet, name] of CHARACTER_SETS.filter(([asked]) => !asked.includes('IR 13'))) {
      const full = {
        StudyInstanceUID: '1.2.3',
        StudyDate: '',
        PatientName: name,
        ModalitiesInStudy: 'CT\\MR',
        RequestAttributesSequence: [{ PatientName: name }],
      };
      add(
        encoded(identifierOf({ ...full, Rows: '512', FrameIncrementPointer: '00181063' }), syntax, { characterSet }),
        syntax,
      );
    }
  }
  const dumped = dump([...cases.keys()]);
  let raws = 0;
  for (const [file, { bytes, syntax }] of cases) {
    const found = decoded(bytes, syntax);
    const { elements, isRaw } = dumped.get(file)!;
    // JIS X 0208 is not among the sets that Debian's DCMTK converts; it is what ISO-2022-JP is made of.
    assert.equal(isRaw, values(found, 'SpecificCharacterSet').includes('ISO 2022 IR 87'));
    const dataSet = elements.filter(({ tag }) => tag >= '0008' && tag !== '00080005');
    assert.deepEqual(isRaw ? fromIso2022Jp(dataSet) : dataSet, oracleForm(found));
    if (isRaw) raws++;
  }
  t.diagnostic(`${cases.size} identifiers, of ${raws} the text was raw`);
});

function fromIso2022Jp(elements: readonly OracleElement[]): OracleElement[] {
  return elements.map((one) => ({
    ...one,
    text: new TextDecoder('iso-2022-jp').decode(latin1(one.text)),
    ...(one.items && { items: one.items.map(fromIso2022Jp) }),
  }));
}
