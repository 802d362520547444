// Asks an API whatever its own description allows, and what it does not: no answer may be a failure of its own, or of another
// shape than the description says. DITAG_LONG=1 has twenty times as many examples of each route.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { findOnPath, partOrSkip, runToEnd } from '../../scripts/parts/parts.ts';
import { installSchemathesis } from '../../scripts/parts/python-packages.ts';

const EXAMPLES = process.env['DITAG_LONG'] === '1' ? 100 : 5;
const CHECKS = [
  'not_a_server_error',
  'response_schema_conformance',
  'status_code_conformance',
  'content_type_conformance',
];

export interface Fuzzed {
  readonly url: string;
  /** One that may do all. */
  readonly token: string;
  /** A folder of the test's, in which it leaves what it found. */
  readonly home: string;
}

/** Says how many requests there were. */
export async function fuzz(t: TestContext, { url, token, home }: Fuzzed): Promise<void> {
  const folder = await partOrSkip(t, installSchemathesis);
  if (folder === undefined) return;
  const { code, output } = await runToEnd(
    findOnPath('python3')!,
    [
      ...['-m', 'schemathesis.cli', 'run', `${url}/openapi.json`],
      ...['--header', `Authorization: Bearer ${token}`, '--checks', CHECKS.join(',')],
      ...['--max-examples', String(EXAMPLES), '--no-color', '--suppress-health-check', 'all'],
    ],
    { ...process.env, HOME: home, PYTHONPATH: folder },
    home,
  );
  assert.equal(code, 0, output.slice(-6_000));
  const [, generated, passed] = /(\d+) generated, (\d+) passed/.exec(output) ?? [];
  assert.ok(Number(generated) > 200 && generated === passed, output.slice(-3_000));
  t.diagnostic(`${generated} requests`);
}
