/**
 * Folders into which a benchmark receives files. They are removed only when it
 * has ended: ext4 leaves the places of inodes that were removed in the last
 * minutes unused, and looks at each of them again for every new file. With
 * 5,000 files of the run before removed, that costs several times what
 * receiving a file does, of every receiver.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchOptions, workingFolder } from './options.ts';

/** To look at fewer costs next to nothing. */
const FEW = 500;
/** How long ext4 remembers a removal (seconds): RECENTCY_MIN and RECENTCY_DIRTY of its ialloc.c. */
const REMEMBERED = 360;

const folders: string[] = [];
let marker: string | undefined;

/** A new folder. What was removed by the benchmark before is waited for first. @param prefix of its name */
export async function receivedFolder(options: BenchOptions, prefix: string): Promise<string> {
  const parent = workingFolder(options, 'received');
  marker ??= join(parent, 'removed');
  const removed = existsSync(marker) ? statSync(marker).mtimeMs : 0;
  const left = Math.ceil(REMEMBERED - (Date.now() - removed) / 1000);
  if (left > 0) {
    console.error(`Waiting ${left} s: files were removed a moment ago, and ext4 would be slow to make new ones.`);
    await sleep(left * 1000);
  }
  return mkdtempSync(join(parent, prefix));
}

/** To be called when what is in it has been counted: few large files need not be kept until the end. */
export function doneWith(folder: string): void {
  if (readdirSync(folder, { recursive: true }).length < FEW) rmSync(folder, { recursive: true, force: true });
  else folders.push(folder);
}

/** Removes what is left. To be called when all is measured. */
export function removeReceived(): void {
  if (marker === undefined || folders.length === 0) return;
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  writeFileSync(marker, 'When files were removed here is the time of this file.\n');
}
