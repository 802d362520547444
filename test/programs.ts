// Programs of others that tests compare with.
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { isHere } from '../scripts/parts/parts.ts';

/** Whether a program is here; where it is not, the test is skipped with the package that has it, or fails in CI. */
export function hasProgram(t: TestContext, program: string, debianPackage: string): boolean {
  const isThere = spawnSync(program, ['--version']).status === 0;
  return isHere(t, isThere, `there is no ${program} (Debian package ${debianPackage})`);
}
