// pynetdicom, a strict DICOM peer of others: fetched once by pip into the parts folder.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath, installOnce, lastLines, MissingPart, partsFolder, runToEnd } from './parts.ts';

const VERSION = '3.0.4';

/**
 * Gives the folder that PYTHONPATH has to name, which is made first where it is not here. Rejects with MissingPart where
 * that cannot be.
 */
export async function installPynetdicom(): Promise<string> {
  const home = join(partsFolder(), `pynetdicom-${VERSION}`);
  if (existsSync(home)) return home;
  const python = findOnPath('python3');
  if (python === undefined) throw new MissingPart('pynetdicom needs python3 with pip, which is not here.');
  await installOnce(home, async (empty) => {
    const wanted = ['--quiet', '--disable-pip-version-check', '--only-binary', ':all:', `pynetdicom==${VERSION}`];
    const { code, output } = await runToEnd(python, ['-m', 'pip', 'install', '--target', empty, ...wanted]);
    if (code !== 0) {
      throw new MissingPart(`pynetdicom ${VERSION} is not here, and pip could not fetch it:\n${lastLines(output)}`);
    }
  });
  return home;
}
