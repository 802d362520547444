/**
 * Makes what other programs say and this one is compared with: the verdicts and tables of CPython's `re`, and what pydicom
 * reads of samples and decodes of texts.
 *
 *   node scripts/make-oracles.ts [--check]
 *
 * --check writes nothing and exits 1 if a file differs from what would be written. Needs python3 with pip. What CPython
 * says of characters depends on its version: with another one than 3.11 that part is left out, with a word.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPydicom } from './parts/python-packages.ts';
import { writeOrCheck } from './write-or-check.ts';

const top = join(import.meta.dirname, '..');
const PATTERN_PYTHON = 'Python 3.11.';
const WITH_PYDICOM = ['test/reader/oracle/make-oracle.py', 'test/character-sets/make-oracle.py'];

const into = mkdtempSync(join(tmpdir(), 'ditag-oracles-'));
try {
  const make = (script: string, env: NodeJS.ProcessEnv) =>
    execFileSync('python3', [join(top, script), into], { stdio: ['ignore', 'inherit', 'inherit'], env });
  const python = execFileSync('python3', ['--version'], { encoding: 'utf8' }).trim();
  if (python.startsWith(PATTERN_PYTHON)) make('scripts/make-pattern-oracle.py', process.env);
  else
    process.stdout.write(
      `Tables and verdicts of patterns are those of ${PATTERN_PYTHON}x: left out, this is ${python}\n`,
    );
  const env = { ...process.env, PYTHONPATH: await installPydicom(), PYTHONDONTWRITEBYTECODE: '1' };
  for (const script of WITH_PYDICOM) make(script, env);
  for (const entry of readdirSync(into, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const made = join(entry.parentPath, entry.name);
    writeOrCheck(join(top, made.slice(into.length)), readFileSync(made, 'utf8'));
  }
} finally {
  rmSync(into, { recursive: true });
}
