// The adapters over SQLite keep the contracts of the ports that they share with others.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { accessStoreContract } from '../../test/contracts/access-store.ts';
import { projectStoreContract } from '../../test/contracts/project-store.ts';
import { SqliteAccessStore } from './access-store.ts';
import { SqliteProjectStore } from './project-store.ts';

const folder = temporaryFolder({ after });
let projects = 0;

projectStoreContract('sqlite', async () => {
  const file = path.join(folder, `${++projects}/p.state.db`);
  return async () => new SqliteProjectStore(file);
});

accessStoreContract('sqlite', async () => {
  const file = path.join(folder, `access-${++projects}`);
  return async () => new SqliteAccessStore(file);
});

test("the file of tokens and the trail is its owner's alone, and lets nobody change the trail", async () => {
  const file = path.join(folder, 'access');
  const store = new SqliteAccessStore(file);
  await store.record({ id: '', at: '', who: '', from: '', what: '', detail: '', status: 200 });
  await store.close();
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const database = new DatabaseSync(file);
  assert.throws(() => database.exec('DELETE FROM audit'), /only grows/);
  assert.throws(() => database.exec("UPDATE audit SET entry = ''"), /only grows/);
  database.close();
});
