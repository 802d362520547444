// Programs of others in Python, fetched once by pip into the parts folder: pynetdicom, a strict DICOM peer; Schemathesis,
// which asks an API whatever its own description allows; and pydicom, whose tables and readings are in generated files.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath, installOnce, lastLines, MissingPart, partsFolder, runToEnd } from './parts.ts';

/**
 * Gives the folder that PYTHONPATH has to name, which is made first where it is not here. Rejects with MissingPart where
 * that cannot be.
 */
async function installPackage(name: string, version: string): Promise<string> {
  const home = join(partsFolder(), `${name}-${version}`);
  if (existsSync(home)) return home;
  const python = findOnPath('python3');
  if (python === undefined) throw new MissingPart(`${name} needs python3 with pip, which is not here.`);
  await installOnce(home, async (empty) => {
    const wanted = ['--quiet', '--disable-pip-version-check', '--only-binary', ':all:', `${name}==${version}`];
    const { code, output } = await runToEnd(python, ['-m', 'pip', 'install', '--target', empty, ...wanted]);
    if (code !== 0)
      throw new MissingPart(`${name} ${version} is not here, and pip could not fetch it:\n${lastLines(output)}`);
  });
  return home;
}

export const installPynetdicom = () => installPackage('pynetdicom', '3.0.4');
export const installSchemathesis = () => installPackage('schemathesis', '4.32.5');

/** Generated files say that they were made from this one. */
export const PYDICOM_VERSION = '3.0.2';
export const installPydicom = () => installPackage('pydicom', PYDICOM_VERSION);
