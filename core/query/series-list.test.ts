import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { BadList } from './csv-reader.ts';
import { readColumns, readSeriesList } from './series-list.ts';

const HEADER = 'StudyDescription,SeriesDescription,PatientName,PatientID,StudyDate,SeriesInstanceUID';

const read = (text: string | Uint8Array) => readSeriesList([Buffer.from(text)]);
const column = async (text: string) => {
  const found: string[] = [];
  await readColumns([Buffer.from(text)], ['b', 'a'], (values) => found.push(values.join('|')));
  return found;
};

test('what ditag query prints is read, in any order of columns and with more of them', async () => {
  assert.deepEqual(await read(`${HEADER}\nHead,T1,Doe^J,7,20260131,1.2.3\n,,,,,1.2.4\n`), ['1.2.3', '1.2.4']);
  assert.deepEqual(await read('Modality,SeriesInstanceUID,PatientID\nMR,1.2.3,1.9.9\nCT,1.2.4,1.9.8\n'), [
    '1.2.3',
    '1.2.4',
  ]);
  assert.deepEqual(await read('SeriesInstanceUID\n1.2.3'), ['1.2.3']);
  assert.deepEqual(await read('note, SeriesInstanceUID \nx, 1.2.3 \n'), ['1.2.3']);
});

test('a list without a header is read in the order of the six columns', async () => {
  assert.deepEqual(await read('Head,T1,Doe^J,7,20260131,1.2.3\nHead,T2,Doe^J,7,20260131,1.2.4\n'), ['1.2.3', '1.2.4']);
  assert.deepEqual(await read('Head,T1,Doe^J,7,20260131,1.2.3,more,2.5.6\n'), ['1.2.3']);
});

test('BOM, CRLF, lone CR, empty lines and quotes with line ends in them change nothing', async () => {
  const lines = [HEADER, '"A ""B"", C","two\r\nlines","D\nE",7,20260131,1.2.3', '', ',,,,,"1.2.4"', ''];
  for (const end of ['\n', '\r\n', '\r']) {
    assert.deepEqual(await read(`\uFEFF${lines.join(end)}`), ['1.2.3', '1.2.4'], JSON.stringify(end));
  }
  assert.deepEqual(await read('\uFEFF"SeriesInstanceUID"\r\n"1.2.3"\r\n'), ['1.2.3']);
});

test('it is the same in single bytes', async () => {
  const bytes = Buffer.from(`\uFEFF${HEADER}\r\n"Kopf, grün\r\n",T1,Müller^J,7,20260131,1.2.3\r\n,,,,,1.2.4\r\n`);
  const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
  assert.deepEqual(await readSeriesList(pieces), ['1.2.3', '1.2.4']);
});

test('each series is given once, in the order of the list', async () => {
  assert.deepEqual(await read('SeriesInstanceUID,x\n1.5,1\n1.2,2\n1.5,3\n1.2,4\n1.3,5\n'), ['1.5', '1.2', '1.3']);
});

test('a list that is only a header is one of nothing; without even that something has failed', async () => {
  for (const text of [`${HEADER}\n`, HEADER]) assert.deepEqual(await read(text), []);
  for (const text of ['', '\n', '\uFEFF']) await assert.rejects(read(text), { message: 'it is empty' });
});

test('what is no list of series is refused', async () => {
  const none = { message: 'its first line has no column SeriesInstanceUID', column: 'SeriesInstanceUID' };
  await assert.rejects(read('PatientID,StudyDate\n7,20260131\n'), none);
  await assert.rejects(read('PatientName,PatientID,a,b,c,Modality\n'), none);
  await assert.rejects(read('1.2.3\n'), none);
  const separated = (by: string) => ({ message: `its columns are separated by ${by}, not by commas` });
  await assert.rejects(read('PatientID;SeriesInstanceUID\n7;1.2.3\n'), separated('semicolons'));
  await assert.rejects(read('PatientID\tSeriesInstanceUID\n7\t1.2.3\n'), separated('tabs'));
  await assert.rejects(read(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0xff, 0xfe, 10, 0, 0])), BadList);
  await assert.rejects(read(Buffer.alloc(200_000, 0xee)), BadList);
  await assert.rejects(read(Buffer.alloc(200_000)), BadList);
});

test('a line without a series is told by its number', async () => {
  const missing = (line: number) => ({ message: `line ${line} has no SeriesInstanceUID` });
  await assert.rejects(read('SeriesInstanceUID,x\n1.2.3,1\n,2\n'), missing(3));
  await assert.rejects(read('SeriesInstanceUID,x\r\n1.2.3,1\r\n\r\n"",2\r\n'), missing(4));
  await assert.rejects(read('x,SeriesInstanceUID\n1,1.2.3\nshort\n'), missing(3));
  await assert.rejects(read('SeriesInstanceUID,x\n1.2.3,"a\nb"\n ,2\n1.2.4,\n'), missing(4));
});

test('what is no CSV is told by the number of its line', async () => {
  await assert.rejects(read('SeriesInstanceUID,x\n1.2.3,1\n1.2.4,"open\n'), /^Error: line \d+ is no CSV$/);
  await assert.rejects(read('SeriesInstanceUID,x\n1.2.3,a"b\n'), { message: 'line 2 is no CSV' });
});

test('a huge line, and very many lines, are read', async () => {
  const huge = 'x'.repeat(8 * 1024 * 1024);
  assert.deepEqual(await read(`note,SeriesInstanceUID\n${huge},1.2.3\n`), ['1.2.3']);
  const many = Array.from({ length: 50_000 }, (_, i) => `a,1.2.${i}\n`);
  assert.equal((await read(`note,SeriesInstanceUID\n${many.join('')}`)).length, 50_000);
});

test('what fails while it is read, and what stops it early, ends it', async () => {
  async function* broken() {
    yield Buffer.from('SeriesInstanceUID\n1.2.3\n');
    throw new Error('EIO');
  }
  await assert.rejects(readSeriesList(broken()), /EIO/);
  let given = 0;
  async function* endless() {
    for (;;) {
      given++;
      yield Buffer.from('PatientID\n1.2.3\n');
    }
  }
  await assert.rejects(readSeriesList(endless()), BadList);
  assert.ok(given < 100, `${given} pieces were taken of a list that is none`);
});

test('columns are found by their names; what a cut line lacks is empty', async () => {
  assert.deepEqual(await column('a,x,b\n1,2,3\n4,5,6\n'), ['3|1', '6|4']);
  assert.deepEqual(await column('a,x,b\n1,2\n'), ['|1']);
  await assert.rejects(column('a,x\n1,2\n'), { message: 'its first line has no column b', column: 'b' });
  await assert.rejects(column(''), { message: 'it is empty', column: 'b' });
});
