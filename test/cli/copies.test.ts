// `ditag copies` over an archive with files that hold the same instance.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { makeArchive, plainSeries } from '../index/make-archive.ts';
import { runDitag, temporaryFolder } from './run-ditag.ts';

test('more instances than are compared at once: each with its own files', async () => {
  const home = temporaryFolder({ after });
  const archive = path.join(home, 'archive');
  const names = Array.from({ length: 20 }, (_, n) => `Doe^${String.fromCharCode(65 + n)}`);
  makeArchive(
    archive,
    Object.fromEntries(
      names.map((PatientName, n) => [
        `${n}.dcm`,
        { StudyInstanceUID: `1.2.${n}`, SeriesInstanceUID: `1.2.${n}.1`, SOPInstanceUID: `1.2.${n}.1.1`, PatientName },
      ]),
    ),
  );
  for (const n of names.keys()) fs.copyFileSync(path.join(archive, `${n}.dcm`), path.join(archive, `${n}-copy.dcm`));
  assert.equal((await runDitag(['index', '--archive', archive, '--quiet'], { home })).code, 0);
  const { stdout } = await runDitag(['copies'], { home });
  const kinds = stdout
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((row) => row.split(',')[1]);
  assert.deepEqual(
    kinds,
    names.map(() => 'same'),
  );
});

test('files with the same instance are told, and how far they are the same', async () => {
  const home = temporaryFolder({ after });
  const archive = path.join(home, 'archive');
  makeArchive(archive, {
    ...plainSeries('a', '1.2.1', 3, { PatientName: 'Doe^Jane' }),
    ...plainSeries('b', '1.2.2', 2),
    // The same size with another value; another size.
    'a/changed.dcm': {
      StudyInstanceUID: '1.2.1.9',
      SeriesInstanceUID: '1.2.1',
      SOPInstanceUID: '1.2.1.2',
      PatientName: 'Doe^Jack',
    },
    'a/longer.dcm': {
      StudyInstanceUID: '1.2.1.9',
      SeriesInstanceUID: '1.2.1',
      SOPInstanceUID: '1.2.1.3',
      PatientName: 'Doe^Jane^Maria',
    },
  });
  fs.copyFileSync(path.join(archive, 'a/0001.dcm'), path.join(archive, 'a/copy.dcm'));
  fs.copyFileSync(path.join(archive, 'a/0001.dcm'), path.join(archive, 'b/copy.dcm'));
  // Another archive: a file of a series that the first speaks for, and one that says it is of another series.
  const other = path.join(home, 'other');
  makeArchive(other, {
    'x.dcm': { StudyInstanceUID: '1.2.7.9', SeriesInstanceUID: '1.2.7', SOPInstanceUID: '1.2.2.2' },
  });
  fs.copyFileSync(path.join(archive, 'b/0001.dcm'), path.join(other, 'y.dcm'));
  for (const one of [archive, other, path.join(archive, 'a')])
    assert.equal((await runDitag(['index', '--archive', one, '--append', '--quiet'], { home })).code, 0);
  const { code, stdout, stderr } = await runDitag(['copies'], { home });
  assert.equal(code, 0, stderr);
  const [head, ...rows] = stdout.trimEnd().split('\n');
  assert.equal(
    head,
    'SOPInstanceUID,kind,SeriesInstanceUID,archive,path,size,other_SeriesInstanceUID,other_archive,other_path,other_size',
  );
  const told = rows
    .map((row) => row.split(','))
    .map(([uid, kind, , inOne, one, , , inOther, file]) =>
      [uid, kind, ...[inOne, inOther].map((name) => path.basename(name!)), one, file].join(' '),
    );
  assert.deepEqual(told.sort(), [
    '1.2.1.1 same archive archive a/0001.dcm a/copy.dcm',
    '1.2.1.1 same archive archive a/0001.dcm b/copy.dcm',
    '1.2.1.2 other-header archive archive a/0002.dcm a/changed.dcm',
    '1.2.1.3 other-size archive archive a/0003.dcm a/longer.dcm',
    '1.2.2.1 same archive other b/0001.dcm y.dcm',
    '1.2.2.2 other-series archive other b/0002.dcm x.dcm',
  ]);
  assert.match(
    stderr,
    /^6 files hold an instance .*: 3 have the size and the header of the first, 1 belong to another series, 1 have another size, 1 have another header\.$/m,
  );
  fs.rmSync(path.join(archive, 'a/copy.dcm'));
  const gone = (await runDitag(['copies', '--quiet'], { home })).stdout;
  assert.match(gone, /^1\.2\.1\.1,not-compared,.*a\/copy\.dcm/m);
});
