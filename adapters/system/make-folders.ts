// Makes a folder with those that it is in. Not by node:fs's own `recursive`, which tries again without end where the parent
// is there and nothing can be made in it (/proc), and tells of a disk that is read-only that there is no such folder.
import fs from 'node:fs';
import path from 'node:path';
import { failureCode } from '../../core/ports/archive-files.ts';

/** Gives those that were made, as absolute paths. Throws the error of node:fs. @param mode of those that are made */
export function makeFolders(folder: string, mode: number): string[] {
  return makeWithParents(path.resolve(folder), mode);
}

function makeWithParents(folder: string, mode: number): string[] {
  const outcome = makeOne(folder, mode);
  if (outcome === 'made') return [folder];
  if (outcome === 'there') return [];
  const parent = path.dirname(folder);
  const made = parent === folder ? [] : makeWithParents(parent, mode);
  // Its parent is there now: whatever is wrong still is wrong with it.
  fs.mkdirSync(folder, mode);
  return [...made, folder];
}

/** @returns `no-parent`: there is nothing that it could be made in */
function makeOne(folder: string, mode: number): 'made' | 'there' | 'no-parent' {
  try {
    fs.mkdirSync(folder, mode);
    return 'made';
  } catch (error) {
    if (failureCode(error) === 'ENOENT') return 'no-parent';
    // What is there may be a folder, also on a file system that says first that it is read-only.
    if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return 'there';
    throw error;
  }
}
