// The adapters over SQLite keep the contracts of the ports that they share with others.
import path from 'node:path';
import { after } from 'node:test';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { projectStoreContract } from '../../test/contracts/project-store.ts';
import { SqliteProjectStore } from './project-store.ts';

const folder = temporaryFolder({ after });
let projects = 0;

projectStoreContract('sqlite', async () => {
  const file = path.join(folder, `${++projects}/p.state.db`);
  return async () => new SqliteProjectStore(file);
});
