// Makes generated files of the tree anew and compares. What needs pydicom is left out with a word where it cannot be
// had; with DITAG_REQUIRE_PARTS=1 that is a failure.
import { MissingPart } from './parts/parts.ts';
import { installPydicom } from './parts/python-packages.ts';
import { run } from './run-command.ts';

interface Generator {
  readonly file: string;
  readonly command: readonly [string, ...string[]];
  readonly needsPydicom?: true;
}

const GENERATORS: readonly Generator[] = [
  { file: 'docs/errors.md', command: ['node', 'scripts/make-errors-page.ts', '--check'] },
  { file: 'docs/wire.md', command: ['node', 'scripts/make-wire-page.ts', '--check'] },
  { file: 'docs/cluster.md', command: ['node', 'scripts/make-settings-table.ts', '--check'] },
  { file: 'docs/conformance.md', command: ['node', 'scripts/make-conformance-page.ts', '--check'] },
  { file: 'docs/performance.md', command: ['node', 'bench/main.ts', 'report', '--check'] },
  { file: 'deploy/kibana/ditag.ndjson', command: ['node', 'scripts/make-kibana-view.ts', '--check'] },
  { file: 'core/dicom/*.generated.ts', command: ['node', 'scripts/make-dictionary.ts', '--check'], needsPydicom: true },
  { file: 'the oracles', command: ['node', 'scripts/make-oracles.ts', '--check'], needsPydicom: true },
];

let failed = false;
for (const { file, command, needsPydicom } of GENERATORS) {
  const missing = needsPydicom === true ? await missingPydicom() : undefined;
  if (missing !== undefined) {
    process.stdout.write(`${file}: not compared. ${missing}\n`);
    failed ||= process.env.DITAG_REQUIRE_PARTS === '1';
    continue;
  }
  const [program, ...args] = command;
  if ((await run(program, args)) !== 0) failed = true;
}
process.exitCode = failed ? 1 : 0;

async function missingPydicom(): Promise<string | undefined> {
  try {
    await installPydicom();
    return undefined;
  } catch (error) {
    if (!(error instanceof MissingPart)) throw error;
    return error.message;
  }
}
