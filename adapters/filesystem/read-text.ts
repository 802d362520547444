// Text files that settings name: certificates and their keys.
import fs from 'node:fs';
import { ditagError } from '../../core/errors/errors.ts';

/** Throws `cannot-read`. */
export function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw ditagError('cannot-read', { path: file, reason: (error as Error).message }, error);
  }
}
