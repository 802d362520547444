import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DitagError, type ErrorCode } from '../errors/errors.ts';
import { makeQuery, type QueryText } from './query.ts';

const bounds = async (text: QueryText) => {
  const { from, to } = await makeQuery(text);
  return [from, to];
};

test('dates are ANDed', async () => {
  assert.deepEqual(await bounds({}), [undefined, undefined]);
  assert.deepEqual(await bounds({ sdate: '20200101' }), [20200101, undefined]);
  assert.deepEqual(await bounds({ edate: ' 20200101 ' }), [undefined, 20200101]);
  assert.deepEqual(await bounds({ date: '20200101' }), [20200101, 20200101]);
  assert.deepEqual(await bounds({ sdate: '20190101', edate: '20210101', date: '20200101' }), [20200101, 20200101]);
  assert.deepEqual(await bounds({ sdate: '20190101', edate: '20190101' }), [20190101, 20190101]);
});

test('conditions', async () => {
  const { conditions, columns } = await makeQuery({
    targets: 'PatientID,PatientName',
    pattern: '',
    where: ['Modality=^MR$', 'PatientID=a=b'],
    whereNot: ['(0019,xx10,A,B)='],
    columns: 'Modality,EchoTime',
  });
  assert.deepEqual(
    conditions.map(({ targets, pattern, negate }) => [targets.map((target) => target.name), pattern.source, negate]),
    [
      [['PatientID', 'PatientName'], '', false],
      [['Modality'], '^MR$', false],
      [['PatientID'], 'a=b', false],
      [['(0019,xx10,A,B)'], '', true],
    ],
  );
  assert.deepEqual(
    columns.map((target) => target.name),
    ['Modality', 'EchoTime'],
  );
});

test('what is refused', async () => {
  const wrong: [QueryText, ErrorCode][] = [
    [{ sdate: 'x' }, 'bad-date'],
    [{ edate: '' }, 'bad-date'],
    [{ date: '20200230' }, 'bad-date'],
    [{ sdate: '20200102', edate: '20200101' }, 'date-order'],
    [{ sdate: '20200102', edate: '20200101', date: '20200101' }, 'date-order'],
    [{ pattern: 'x' }, 'pattern-without-targets'],
    [{ pattern: 'x', targets: '' }, 'pattern-without-targets'],
    [{ pattern: '[', targets: 'PatientID' }, 'bad-pattern'],
    [{ targets: 'Nonsense' }, 'unknown-tag'],
    [{ columns: 'Nonsense' }, 'unknown-tag'],
    [{ where: ['PatientID'] }, 'bad-where'],
    [{ where: ['PatientID=['] }, 'bad-pattern'],
    [{ whereNot: ['Nonsense=x'] }, 'unknown-tag'],
  ];
  for (const [text, code] of wrong) {
    await assert.rejects(
      makeQuery(text),
      (error) => error instanceof DitagError && error.code === code && error.exitCode === 2,
      JSON.stringify(text),
    );
  }
});
