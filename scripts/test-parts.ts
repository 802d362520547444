// Real parts that tests run against, and how they come onto the machine. A test that lacks its part says so and is
// skipped; with DITAG_REQUIRE_PARTS=1 it fails.
import { installElasticsearch } from './parts/elasticsearch-node.ts';
import { installNatsServer } from './parts/nats-server.ts';
import { MissingPart } from './parts/parts.ts';
import { installPynetdicom, installSchemathesis } from './parts/python-packages.ts';
import { exists, run } from './run-command.ts';

/** A program that tests use, and the Debian package that has it. */
const PROGRAMS: readonly (readonly [string, string])[] = [
  ['dcmdump', 'dcmtk'],
  ['Orthanc', 'orthanc'],
  ['python3', 'python3'],
  ['cc', 'gcc libc6-dev'],
  ['openssl', 'openssl'],
  ['chromium', 'chromium'],
];

/** Installs what is missing, where that is possible; says what to do where it is not. */
export async function installParts(): Promise<void> {
  await installPrograms();
  for (const install of [installNatsServer, installElasticsearch, installPynetdicom, installSchemathesis]) {
    try {
      await install();
    } catch (error) {
      if (!(error instanceof MissingPart)) throw error;
      process.stdout.write(`Not here: ${error.message}\n`);
    }
  }
}

/** By Debian's packages, as root. */
async function installPrograms(): Promise<void> {
  const missing = PROGRAMS.filter(([program]) => !exists(program));
  if (missing.length === 0) return;
  const packages = missing.flatMap(([, names]) => names.split(' '));
  if (process.getuid?.() === 0 && exists('apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-qq'], env);
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], env);
  }
  const still = missing.filter(([program]) => !exists(program));
  if (still.length > 0) {
    process.stdout.write(
      `Not here: ${still.map(([program]) => program).join(', ')}. Install ${still.map(([, name]) => name).join(', ')} to run the tests that need them.\n`,
    );
  }
}
