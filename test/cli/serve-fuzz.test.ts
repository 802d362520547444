// The API of one machine is asked whatever its own description allows, and what it does not.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fuzz } from './fuzzing.ts';
import { runDitag, temporaryFolder } from './run-ditag.ts';
import { type Serving, startServing } from './serving.ts';

const SAMPLES = path.join(import.meta.dirname, '..', 'samples');
const home = temporaryFolder({ after });
let served: Serving;

before(async () => {
  assert.equal((await runDitag(['index', '--archive', SAMPLES, '--quiet'], { home })).code, 0);
  served = await startServing(home);
});
after(() => served.stop());

test('no request ends in a failure of the API, or in an answer that its description does not have', async (t) => {
  const { stdout } = await runDitag(['token', 'create', 'fuzz', '--role', 'admin'], { home });
  await fuzz(t, { url: served.url, token: stdout.trim(), home });
});
