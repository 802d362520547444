// The API is asked whatever its own description allows, and what it does not: no answer may be a failure of its own, or of
// another shape than the description says. DITAG_LONG=1 has twenty times as many examples of each route.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { findOnPath, partOrSkip, runToEnd } from '../../scripts/parts/parts.ts';
import { installSchemathesis } from '../../scripts/parts/python-packages.ts';
import { runDitag, temporaryFolder } from './run-ditag.ts';
import { type Serving, startServing } from './serving.ts';

const SAMPLES = path.join(import.meta.dirname, '..', 'samples');
const EXAMPLES = process.env['DITAG_LONG'] === '1' ? 100 : 5;
const CHECKS = [
  'not_a_server_error',
  'response_schema_conformance',
  'status_code_conformance',
  'content_type_conformance',
];
const home = temporaryFolder({ after });
let served: Serving;

before(async () => {
  assert.equal((await runDitag(['index', '--archive', SAMPLES, '--quiet'], { home })).code, 0);
  served = await startServing(home);
});
after(() => served.stop());

test('no request ends in a failure of the API, or in an answer that its description does not have', async (t) => {
  const folder = await partOrSkip(t, installSchemathesis);
  if (folder === undefined) return;
  const { stdout } = await runDitag(['token', 'create', 'fuzz', '--role', 'admin'], { home });
  const { code, output } = await runToEnd(
    findOnPath('python3')!,
    [
      ...['-m', 'schemathesis.cli', 'run', `${served.url}/openapi.json`],
      ...['--header', `Authorization: Bearer ${stdout.trim()}`, '--checks', CHECKS.join(',')],
      ...['--max-examples', String(EXAMPLES), '--no-color', '--suppress-health-check', 'all'],
    ],
    { ...process.env, HOME: home, PYTHONPATH: folder },
    // It leaves what it found where it runs.
    home,
  );
  assert.equal(code, 0, output.slice(-6_000));
  const [, generated, passed] = /(\d+) generated, (\d+) passed/.exec(output) ?? [];
  assert.ok(Number(generated) > 200 && generated === passed, output.slice(-3_000));
  t.diagnostic(`${generated} requests`);
});
