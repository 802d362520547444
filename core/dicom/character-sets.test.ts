/**
 * The examples of PS3.5 Annexes H-K byte by byte, the reset rules, and text that is not what it is declared to be.
 * Mass comparison with pydicom: test/character-sets/.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { makeTextDecoder, trimPadding } from './character-sets.ts';

/** Bytes from parts: text is ASCII, `ESC` stands for 0x1B, words of hex digits in angle brackets are bytes. */
function bytes(description: string): Buffer {
  const parts = description.split(/(<[0-9a-f ]+>|ESC)/).filter((part) => part !== '');
  return Buffer.concat(
    parts.map((part) => {
      if (part === 'ESC') return Buffer.of(0x1b);
      return part.startsWith('<') ? Buffer.from(part.replaceAll(/[<> ]/g, ''), 'hex') : Buffer.from(part, 'latin1');
    }),
  );
}

function decode(charset: string, description: string, vr = 'PN') {
  const decoder = makeTextDecoder(charset);
  const text = decoder.decode(bytes(description), vr);
  return { text, declared: decoder.declaredIssue, issue: decoder.textIssue };
}

const fine = (text: string) => ({ text, declared: undefined, issue: false });

describe('examples of PS3.5', () => {
  test('H.3.1: Japanese, kanji and hiragana in JIS X 0208', () => {
    const name =
      'Yamada^Tarou=' +
      'ESC$B<3b 33 45 44>ESC(B^ESC$B<42 40 4f 3a>ESC(B=' + // 山 田 ^ 太 郎
      'ESC$B<24 64 24 5e 24 40>ESC(B^ESC$B<24 3f 24 6d 24 26>ESC(B'; // や ま だ ^ た ろ う; 24 5e has a ^ in it
    assert.deepEqual(decode('\\ISO 2022 IR 87', name), fine('Yamada^Tarou=山田^太郎=やまだ^たろう'));
  });

  test('H.3.2: Japanese, half-width katakana of JIS X 0201 as value 1', () => {
    const name =
      '<d4 cf c0 de>^<c0 db b3>=' + // ﾔ ﾏ ﾀ ﾞ ^ ﾀ ﾛ ｳ
      'ESC$B<3b 33 45 44>ESC(J^ESC$B<42 40 4f 3a>ESC(J=' +
      'ESC$B<24 64 24 5e 24 40>ESC(J^ESC$B<24 3f 24 6d 24 26>ESC(J';
    assert.deepEqual(decode('ISO 2022 IR 13\\ISO 2022 IR 87', name), fine('ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう'));
  });

  test('I.2: Korean, KS X 1001 in G1, designated anew behind each delimiter', () => {
    const name =
      'Hong^Gildong=' +
      'ESC$)C<fb f3>^ESC$)C<d1 ce d4 d7>=' + // 洪 ^ 吉 洞
      'ESC$)C<c8 ab>^ESC$)C<b1 e6 b5 bf>'; // 홍 ^ 길 동
    assert.deepEqual(decode('\\ISO 2022 IR 149', name), fine('Hong^Gildong=洪^吉洞=홍^길동'));
  });

  test('I.3: Korean, a text of several lines', () => {
    const text =
      'ESC$)CThe 1st line includes <b1 e6 b5 bf>.\r\n' +
      'ESC$)CThe 2nd line includes <b1 e6 b5 bf>, too.\r\n' +
      'The 3rd line.';
    const expected = 'The 1st line includes 길동.\r\nThe 2nd line includes 길동, too.\r\nThe 3rd line.';
    assert.deepEqual(decode('\\ISO 2022 IR 149', text, 'LT'), fine(expected));
  });

  test('J.1: Chinese in UTF-8', () => {
    const name = 'Wang^XiaoDong=<e7 8e 8b>^<e5 b0 8f e6 9d b1>='; // 王 ^ 小 東
    assert.deepEqual(decode('ISO_IR 192', name), fine('Wang^XiaoDong=王^小東='));
  });

  test('J.3: Chinese in GB18030, and the same bytes as GBK', () => {
    const name = 'Wang^XiaoDong=<cd f5>^<d0 a1 b6 ab>='; // 王 ^ 小 东
    assert.deepEqual(decode('GB18030', name), fine('Wang^XiaoDong=王^小东='));
    assert.deepEqual(decode('GBK', name), fine('Wang^XiaoDong=王^小东='));
  });

  test('K.2: Chinese in GB 2312 with code extensions', () => {
    const name = 'Zhang^XiaoDong=ESC$)A<d5 c5>^ESC$)A<d0 a1 b6 ab>='; // 张 ^ 小 东
    assert.deepEqual(decode('\\ISO 2022 IR 58', name), fine('Zhang^XiaoDong=张^小东='));
  });
});

describe('code extensions (PS3.5 6.1.2.5)', () => {
  const charset = 'ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126';

  test('an escape sequence reaches to the delimiters of the VR', () => {
    // 0xE9 is é in ISO 8859-1 and щ in ISO 8859-5.
    assert.equal(decode(charset, '<e9>ESC-L<e9>^<e9>=<e9>').text, 'éщ^é=é');
    assert.equal(decode(charset, 'ESC-L<e9>^<e9>=<e9>', 'LO').text, 'щ^щ=щ');
    assert.equal(decode(charset, 'ESC-L<e9>\\<e9>', 'LO').text, 'щ\\é');
    for (const vr of ['ST', 'LT', 'UT']) assert.equal(decode(charset, 'ESC-L<e9>\\<e9>', vr).text, 'щ\\щ');
    for (const control of ['\t', '\n', '\f', '\r']) {
      assert.equal(decode(charset, `ESC-L<e9>${control}<e9>`, 'LT').text, `щ${control}é`);
    }
    assert.equal(decode(charset, 'ESC-L<e9>ESC-F<e9>').text, 'щι');
  });

  test('a backslash inside a character is no delimiter', () => {
    assert.equal(decode('\\ISO 2022 IR 87', 'ESC$B<3b 5c 24 5c>ESC(B\\a', 'LO').text, '施ぼ\\a');
    for (const charset of ['GB18030', 'GBK']) assert.equal(decode(charset, '<81 5c>\\<81 5c>', 'LO').text, '乗\\乗');
    assert.equal(decode('ISO_IR 13', '<83 5c>\\<b1>', 'LO').text, 'ソ\\ｱ'); // Shift JIS
  });

  test('IR 13: 0x5C stays the backslash and 0x7E the tilde, not yen and overline', () => {
    assert.deepEqual(decode('ISO_IR 13', '<b1>\\~', 'LO'), fine('ｱ\\~'));
    assert.deepEqual(decode('ISO 2022 IR 13\\ISO 2022 IR 87', 'ESC(J\\~ESC)I<b1>', 'LO'), fine('\\~ｱ'));
  });

  test('escape sequences that are not repeated behind a delimiter, or not declared, still count', () => {
    const korean = decode('\\ISO 2022 IR 149', 'ESC$)C<b1 e6>^<b5 bf>');
    assert.deepEqual(korean, { text: '길^동', declared: undefined, issue: 'outside' });
    assert.deepEqual(decode('ISO_IR 100', 'ESC$B<3b 33>ESC(B'), { text: '山', declared: undefined, issue: 'outside' });
    assert.deepEqual(decode('ISO_IR 192', 'ESC$B<3b 33>ESC(B').text, '山');
  });

  test('a multi-byte set as the only value is valid from the start', () => {
    assert.deepEqual(decode('ISO 2022 IR 149', '<b1 e6 b5 bf>^A'), fine('길동^A'));
    assert.deepEqual(decode('ISO 2022 IR 58', '<d5 c5>^<d0 a1>'), fine('张^小'));
  });

  test('text that ends or turns back in the middle of a character', () => {
    assert.deepEqual(decode('\\ISO 2022 IR 87', 'ESC$B<3b>').text, ';');
    assert.deepEqual(decode('\\ISO 2022 IR 87', 'ESC$B<3b 33>^ESC(BA'), {
      text: '山^A',
      declared: undefined,
      issue: 'malformed',
    });
    assert.equal(decode('\\ISO 2022 IR 87', 'ESC').text, '');
    assert.equal(decode('\\ISO 2022 IR 87', 'ESC%GA').issue, 'malformed');
  });
});

describe('single-byte sets', () => {
  test('UTF-8 under the name of one stays legible, and is marked', () => {
    for (const charset of ['ISO_IR 100', 'ISO_IR 101', 'ISO_IR 144', 'ISO_IR 148'])
      assert.deepEqual(decode(charset, '<c3 96>sterreich'), {
        text: 'Österreich',
        declared: undefined,
        issue: 'outside',
      });
  });

  test('0x80-0x9F are C1 controls, and suspicious', () => {
    for (const charset of ['ISO_IR 100', 'ISO_IR 148', 'ISO_IR 166']) {
      assert.deepEqual(decode(charset, 'a<80 92 9f>'), {
        text: 'a\x80\x92\x9f',
        declared: undefined,
        issue: 'outside',
      });
    }
  });

  test('what the set has no character for', () => {
    assert.deepEqual(decode('ISO_IR 127', '<a1 c7>'), { text: '\ufffdا', declared: undefined, issue: 'malformed' });
  });

  test('declared ISO 8859-1 is read so even if the bytes are UTF-8: the standard decides', () => {
    assert.equal(decode('ISO_IR 100', '<c3 bc>').text, 'Ã¼');
  });
});

describe('text outside of the declared character set', () => {
  const outside = (text: string) => ({ text, declared: undefined, issue: 'outside' });

  test('the default is ASCII; other text is UTF-8, or else Latin', () => {
    for (const charset of ['', 'ISO_IR 6', 'ISO 2022 IR 6']) {
      assert.deepEqual(decode(charset, 'M<c3 bc>ller'), outside('Müller'));
      assert.deepEqual(decode(charset, 'M<fc>ller'), outside('Müller'));
      assert.deepEqual(decode(charset, 'O<92>Neill'), outside('O’Neill')); // windows-1252
    }
  });

  test('text in a declared extension without its escape sequence', () => {
    assert.deepEqual(decode('\\ISO 2022 IR 149', '<b1 e6 b5 bf>'), outside('길동'));
    assert.deepEqual(decode('\\ISO 2022 IR 87', '<8e 52 93 63>'), outside('山田')); // Shift JIS
    assert.deepEqual(decode('\\ISO 2022 IR 144', '<e9>'), outside('щ'));
  });

  test('Shift JIS declared as its katakana half', () => {
    assert.deepEqual(decode('ISO_IR 13', '<8e 52 93 63>^<c0 db b3>'), outside('山田^ﾀﾛｳ'));
  });

  test('declared UTF-8 that is Latin, and UTF-8 that is cut off', () => {
    assert.deepEqual(decode('ISO_IR 192', 'M<fc>ller'), outside('Müller'));
    assert.deepEqual(decode('ISO_IR 192', '<e7 8e 8b e5 b0>'), {
      text: '王\ufffd',
      declared: undefined,
      issue: 'malformed',
    });
  });

  test('declared GB18030 or GBK that is UTF-8', () => {
    assert.equal(decode('GB18030', '<e7 8e 8b>').text, '王');
    assert.equal(decode('GBK', '<e7 8e 8b>').text, '王');
  });

  test('declared as a multi-byte set that does not fit', () => {
    assert.equal(decode('ISO 2022 IR 149', '<e7 8e 8b>').text, '王'); // UTF-8
    assert.equal(decode('ISO 2022 IR 58', '<81 5c>').text, '乗'); // GBK
    assert.deepEqual(decode('ISO 2022 IR 149', '<b1 e6 b5>'), {
      text: '길\ufffd',
      declared: undefined,
      issue: 'malformed',
    });
  });

  test('a byte order mark is a character of its value, wherever it stands', () => {
    assert.deepEqual(decode('ISO_IR 192', '<ef bb bf c3 bc>\\<ef bb bf>A', 'LO'), fine('\ufeffü\\\ufeffA'));
  });

  test('textIssue stays until the caller resets it, and is per decoder', () => {
    const decoder = makeTextDecoder('');
    decoder.decode(Buffer.of(0xfc), 'LO');
    decoder.decode(Buffer.from('A'), 'LO');
    assert.equal(decoder.textIssue, 'outside');
    decoder.textIssue = false;
    decoder.decode(Buffer.from('A'), 'LO');
    assert.equal(decoder.textIssue, false);
    assert.equal(makeTextDecoder('').textIssue, false);
  });
});

describe('declarations', () => {
  // 0xE1 reads differently in most sets: á (IR 100), с (IR 144), 山 as <e5 b1 b1> in UTF-8 ...
  const misspelt: [string, string, string][] = [
    ...['ISO-IR 100', 'ISO_IR_100', 'ISO IR 100', 'iso_ir 100', 'ISO_IR100', 'ISOIR100', 'IR 100', 'latin1'].map(
      (charset): [string, string, string] => [charset, '<e1>', 'á'],
    ),
    ...['ISO 8859-1', 'ISO-8859-1', 'iso8859_1', 'ISO/IEC 8859-1', 'ISO 2022-IR 100', 'WINDOWS_1252'].map(
      (charset): [string, string, string] => [charset, '<e1>', 'á'],
    ),
    ...['UTF-8', 'utf8', 'UTF 8', 'ISO_IR_192', 'ISO 2022 IR 192', 'ISO-IR-192', '\\ISO_IR 192'].map(
      (charset): [string, string, string] => [charset, '<e5 b1 b1>', '山'],
    ),
    ...['ISO2022IR87', 'ISO 2022-IR 87', '\\ISO2022IR87', 'ISO_IR 87', '\\iso_2022_ir_87'].map(
      (charset): [string, string, string] => [charset, 'ESC$B<3b 33>ESC(B', '山'],
    ),
    ['GB2312', '<d5 c5>', '张'],
    ['gb18030', '<d5 c5>', '张'],
    ['GB18030-2000', '<d5 c5>', '张'],
    ['EUC-KR', '<b1 e6>', '길'],
    ['Shift_JIS', '<8e 52>', '山'],
    ['windows-1251', '<e1>', 'б'],
    ['ISO 8859-5', '<e1>', 'с'],
    ['KOI8-R', '<e1>', 'А'],
  ];
  for (const [charset, description, text] of misspelt) {
    test(`${JSON.stringify(charset)} is taken by what it means`, () => {
      assert.deepEqual(decode(charset, description), { text, declared: 'misspelt', issue: false });
    });
  }

  test('blanks and NULs around a defined term are padding, not a mistake', () => {
    assert.deepEqual(decode('ISO_IR 192 ', '<c3 bc>'), fine('ü'));
    assert.deepEqual(decode(' ISO_IR 100\0', '<fc>'), fine('ü'));
    assert.deepEqual(decode(' \\ISO 2022 IR 87 ', 'ESC$B<3b 33>ESC(B'), fine('山'));
  });

  test('an unknown term: text is guessed', () => {
    for (const charset of ['ISO_IR 999', 'KLINGON', 'ISO_IR', 'utf-16', 'replacement', '__proto__', 'constructor']) {
      assert.deepEqual(decode(charset, 'M<c3 bc>'), { text: 'Mü', declared: 'unknown', issue: false });
      assert.deepEqual(decode(charset, 'M<fc>'), { text: 'Mü', declared: 'unknown', issue: false });
    }
  });

  test('a stand-alone encoding as value 1 makes further values meaningless', () => {
    assert.deepEqual(decode('ISO_IR 192\\ISO 2022 IR 87', '<e5 b1 b1>'), {
      text: '山',
      declared: 'misspelt',
      issue: false,
    });
  });
});

describe('any bytes under any declaration', () => {
  const charsets = ['', 'ISO_IR 100', 'ISO_IR 13', 'ISO_IR 192', 'GB18030', 'GBK', 'ISO 2022 IR 149', 'ISO_IR 999'];
  charsets.push(
    '\\ISO 2022 IR 87\\ISO 2022 IR 159',
    'ISO 2022 IR 13\\ISO 2022 IR 87',
    '\\ISO 2022 IR 149',
    '\\ISO 2022 IR 58',
  );
  const fragment = fc.oneof(
    fc
      .constantFrom('ESC$B', 'ESC$(D', 'ESC$)C', 'ESC$)A', 'ESC(B', 'ESC(J', 'ESC)I', 'ESC-L', '^', '=', '\\', '\r\n')
      .map(bytes),
    fc.uint8Array({ maxLength: 6 }).map((array) => Buffer.from(array)),
  );

  test('decode without an exception, ASCII as itself', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...charsets),
        fc.constantFrom('PN', 'LO', 'LT'),
        fc.array(fragment),
        (charset, vr, parts) => {
          assert.equal(typeof makeTextDecoder(charset).decode(Buffer.concat(parts), vr), 'string');
        },
      ),
      { numRuns: 2000, seed: 1 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...charsets), fc.string({ unit: 'binary-ascii' }), (charset, text) => {
        const plain = text.replaceAll('\x1b', '');
        const decoder = makeTextDecoder(charset);
        assert.equal(decoder.decode(new TextEncoder().encode(plain), 'PN'), plain);
        assert.equal(decoder.textIssue, false);
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});

test('trimPadding removes blanks and NULs at the end only', () => {
  assert.equal(trimPadding(' a b \0 '), ' a b');
  assert.equal(trimPadding(' \0'), '');
  assert.equal(trimPadding('a'), 'a');
});
