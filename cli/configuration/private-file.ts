// Files of the user's that only the user can read, and that are whole at any time.
import fs from 'node:fs';
import path from 'node:path';
import { makeFolders } from '../../adapters/system/make-folders.ts';
import { writeFailure } from '../../core/errors/file-failure.ts';

/** Writes a file in the place of the one that is there; its folder is made if need be. Throws `cannot-write`, `no-room`. */
export function replaceFile(file: string, text: string): void {
  try {
    makeFolders(path.dirname(file), 0o700);
    const temporary = `${file}.${process.pid}-${Date.now()}.tmp`;
    fs.writeFileSync(temporary, text, { mode: 0o600 });
    fs.renameSync(temporary, file);
  } catch (error) {
    throw writeFailure(file, error);
  }
}
