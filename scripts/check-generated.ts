// Makes generated files of the tree anew and compares: all but the oracles, which are what other programs said once
// (test/**/*.generated.json, and core/query/pattern/tables.generated.ts, what one version of Python says of each character; each says how it was made). What needs Python, pip or a registry is left out with a
// word where these are missing; with DITAG_REQUIRE_PARTS=1 that is a failure.
import { exists, run } from './run-command.ts';

interface Generator {
  readonly file: string;
  readonly command: readonly [string, ...string[]];
  /** Programs that it needs. */
  readonly needs: readonly string[];
}

const GENERATORS: readonly Generator[] = [
  { file: 'docs/errors.md', command: ['node', 'scripts/make-errors-page.ts', '--check'], needs: [] },
  { file: 'docs/wire.md', command: ['node', 'scripts/make-wire-page.ts', '--check'], needs: [] },
  { file: 'docs/cluster.md', command: ['node', 'scripts/make-settings-table.ts', '--check'], needs: [] },
  { file: 'docs/conformance.md', command: ['node', 'scripts/make-conformance-page.ts', '--check'], needs: [] },
  { file: 'docs/performance.md', command: ['node', 'bench/main.ts', 'report', '--check'], needs: [] },
  { file: 'deploy/kibana/ditag.ndjson', command: ['node', 'scripts/make-kibana-view.ts', '--check'], needs: [] },
  { file: 'core/dicom/*.generated.ts', command: ['node', 'scripts/make-dictionary.ts', '--check'], needs: ['python3'] },
];

let failed = false;
for (const { file, command, needs } of GENERATORS) {
  const missing = needs.filter((program) => !exists(program));
  if (missing.length > 0) {
    const required = process.env.DITAG_REQUIRE_PARTS === '1';
    process.stdout.write(`${file}: not compared, ${missing.join(', ')} is not here\n`);
    failed ||= required;
    continue;
  }
  const [program, ...args] = command;
  if ((await run(program, args)) !== 0) failed = true;
}
process.exitCode = failed ? 1 : 0;
