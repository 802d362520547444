// An index that stays open sees what others write to it, and remembers nothing of the state before.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import { makeQuery } from '../../core/query/query.ts';
import { runDitag, temporaryFolder } from '../../test/cli/run-ditag.ts';
import { scannedChunk } from '../../test/contracts/scans.ts';
import { makeArchive, plainSeries } from '../../test/index/make-archive.ts';
import { SqliteIndexWriter } from './index-writer.ts';
import { SqliteInstanceIndex } from './instance-index.ts';
import { putArchive } from './test-index.ts';

test('a pattern that was tested is tested against new values, too', async () => {
  const home = temporaryFolder({ after });
  const archive = path.join(home, 'archive');
  const write = async (uid: string, SeriesDescription: string) => {
    makeArchive(archive, plainSeries(uid, uid, 1, { SeriesDescription }));
    assert.equal((await runDitag(['index', '--archive', archive, '--quiet'], { home })).code, 0);
  };
  await write('1.2.1', 'AX T1');
  const index = new SqliteInstanceIndex(path.join(home, '.ditag/dicom.db'), 'config');
  const query = await makeQuery({ where: ['SeriesDescription=T[12]'] });
  const request = { attributes: ['SeriesDescription'], mostValues: 5, dates: 'year' } as const;
  const told = async () => (await index.facets(query, request)).attributes[0]!.values.map(({ value }) => value).sort();
  assert.deepEqual(await told(), ['AX T1']);
  assert.deepEqual(await told(), ['AX T1']);
  await write('1.2.2', 'SAG T2');
  await write('1.2.3', 'LOCALIZER');
  assert.deepEqual(await told(), ['AX T1', 'SAG T2']);
  assert.equal(await index.count(query), 2);
  await index.close();
});

test('a header that cannot be read when it is published is read in the next run', async () => {
  const database = path.join(temporaryFolder({ after }), 'dicom.db');
  const files = [{ name: '1', SeriesInstanceUID: '1.2.3', SOPInstanceUID: '1' }];
  const chunk = { ...scannedChunk('folder', files), headers: [] };
  let asked = 0;
  const put = (chunks: readonly (typeof chunk)[]) =>
    putArchive(database, { archive: '/archive', chunks }, async (at, archive, append) => {
      const readHeader = () =>
        asked++ < 2 ? undefined : { elements: [{ key: '00080060', vr: 'CS', text: 'MR' }], issues: 0 };
      return new SqliteIndexWriter(at, archive, {
        append,
        config: 'config',
        ports: { readHeader, progress: () => {} },
      });
    });
  const found = async () => {
    const index = new SqliteInstanceIndex(database, 'config');
    try {
      return await index.count(await makeQuery({ where: ['Modality=^MR$'] }));
    } finally {
      await index.close();
    }
  };
  await put([chunk]);
  assert.deepEqual([asked, await found()], [1, 0]);
  // Nothing has changed, and it still cannot be read.
  await put([]);
  assert.deepEqual([asked, await found()], [2, 0]);
  await put([]);
  assert.deepEqual([asked, await found()], [3, 1]);
  await put([]);
  assert.equal(asked, 3);
});
