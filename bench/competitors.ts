/**
 * Gets the programs that a benchmark compares with, on need: our own C programs
 * by the C compiler, Python packages into a virtual environment of the working
 * folder, GDCM from the system's packages. What cannot be had is a sentence in
 * the table ("not here: ..."), never a failure.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { type BenchOptions, root, workingFolder } from './options.ts';

/** A program that is here, or the sentence that says how to get it. */
export type Found = { command: string[]; version: string } | { missing: string };

function attempt(command: string, args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  } catch {
    return undefined;
  }
}

/** Builds c/NAME.c into the working folder, unless it is there and newer; gives the path. */
export function buildC(options: BenchOptions, name: 'walk' | 'measure' | 'slow-calls' | 'disk'): string {
  const shared = name === 'slow-calls';
  const source = resolve(import.meta.dirname, 'c', `${name}.c`);
  const built = join(workingFolder(options, 'bin'), shared ? `${name}.so` : name);
  if (existsSync(built) && statSync(built).mtimeMs > statSync(source).mtimeMs) return built;
  execFileSync(
    'cc',
    [
      '-O2',
      '-Wall',
      '-pthread',
      ...(shared ? ['-fPIC', '-shared'] : []),
      '-o',
      built,
      source,
      ...(shared ? ['-ldl'] : []),
    ],
    {
      stdio: 'inherit',
    },
  );
  return built;
}

/** Python with these packages, in a virtual environment that is made when it is not there. */
export function findPython(options: BenchOptions, packages: string[]): Found {
  const venv = join(options.directory, 'venv');
  const python = join(venv, 'bin/python');
  const imports = ['sqlite3', ...packages].join(', ');
  const isWhole = () => attempt(python, ['-c', `import ${imports}`]) !== undefined;
  if (!isWhole()) {
    console.error(`Installing ${packages.join(', ') || 'Python'} into ${venv}`);
    if (!existsSync(python)) attempt('python3', ['-m', 'venv', venv]);
    if (packages.length > 0) attempt(python, ['-m', 'pip', 'install', '--quiet', ...packages]);
    const pip = relative(root, join(venv, 'bin/pip'));
    if (!isWhole())
      return { missing: `not here: python3 -m venv ${relative(root, venv)}; ${pip} install ${packages.join(' ')}` };
  }
  const said = ['"Python " + sys.version.split()[0]', '"SQLite " + sqlite3.sqlite_version'];
  for (const name of packages) said.push(`"${name} " + ${name}.__version__`);
  const version = attempt(python, ['-c', `import sys, ${imports}; print(", ".join([${said.join(', ')}]))`]) ?? 'Python';
  return { command: [python], version };
}

/** GDCM's scanner, from the package libgdcm-tools where this runs as root on Debian. */
export function findGdcmScanner(): Found {
  if (attempt('which', ['gdcmscanner']) === undefined && process.getuid?.() === 0) {
    console.error('Installing libgdcm-tools');
    if (attempt('apt-get', ['install', '-y', 'libgdcm-tools']) === undefined) {
      attempt('apt-get', ['update']);
      attempt('apt-get', ['install', '-y', 'libgdcm-tools']);
    }
  }
  const path = attempt('which', ['gdcmscanner']);
  if (path === undefined) return { missing: 'not here: apt-get install libgdcm-tools' };
  const version = /gdcm (\d+\.\d+\.\d+)/i.exec(attempt(path, ['--version']) ?? '')?.[1];
  return { command: [path], version: version ? `GDCM ${version}` : 'GDCM' };
}

/** A program on the path, or the package of Debian that has it. */
export function findProgram(program: string, debianPackage: string): Found {
  const path = attempt('which', [program]);
  return path === undefined
    ? { missing: `not here: apt-get install ${debianPackage}` }
    : { command: [path], version: '' };
}

/** Once in a run is enough. */
let isBuilt = false;

/** The compiled command, run by the Node that runs this. */
export function findDitag(options: BenchOptions): Found {
  const main = resolve(root, 'dist/main.js');
  if (options.build && !isBuilt) {
    console.error('Compiling dist/');
    try {
      execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    } catch {
      return { missing: 'not here: npm run build failed' };
    }
    isBuilt = true;
  }
  if (!existsSync(main)) return { missing: 'not here: npm run build' };
  return { command: [process.execPath, main], version: `Node ${process.version.slice(1)}` };
}
