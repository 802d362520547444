// One writer an index, by whatever name it is called.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { lockIndex } from './index-lock.ts';

test('a link to an index is that index', (t) => {
  const home = temporaryFolder(t);
  const [index, link] = [path.join(home, 'dicom.db'), path.join(home, 'link.db')];
  fs.writeFileSync(index, '');
  fs.symlinkSync(index, link);
  {
    using _ = lockIndex(index);
    assert.throws(() => lockIndex(link), { code: 'already-running' });
    assert.throws(() => lockIndex(index), { code: 'already-running' });
  }
  lockIndex(link)[Symbol.dispose]();
  assert.deepEqual(
    fs.readdirSync(home).filter((name) => name.startsWith('link.db-')),
    [],
  );
});
