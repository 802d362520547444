// Prints docs/errors.md from the registry of errors. `--check` compares instead of writing.
import { ERRORS } from '../core/errors/errors.ts';
import { writeOrCheck } from './write-or-check.ts';

const EXIT_CODES =
  '| exit code | means |\n| --- | --- |\n| 0 | done: no rows, or files that were skipped, included |\n| 1 | ran, but something is missing or failed |\n| 2 | input or configuration is wrong |\n| 130 | interrupted |\n';

const rows = Object.entries(ERRORS)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(
    ([code, { message, exitCode, retry }]) =>
      `| \`${code}\` | ${message.replaceAll('|', '\\|')} | ${exitCode} | ${retry} |`,
  );

const page = `# Errors

Printed by \`node scripts/make-errors-page.ts\` from \`core/errors/errors.ts\`: change it there.

${EXIT_CODES}
Words in braces stand for the values at hand. "Try again" says whether the same command can succeed later without a change.

| code | message | exit code | try again |
| --- | --- | --- | --- |
${rows.join('\n')}
`;

writeOrCheck('docs/errors.md', page);
