// Text files that settings name: certificates and their keys.
import fs from 'node:fs';
import { readFailure } from '../../core/errors/file-failure.ts';

/** Throws `cannot-read`. */
export function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw readFailure(file, error);
  }
}
