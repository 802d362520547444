/**
 * Memory that is quick to take. A virtual machine gets memory that it has not
 * used for some seconds from its host, page by page, which takes ten times as
 * long as writing to it does: whoever happened to be the first to take such
 * memory would seem slow.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchOptions, workingFolder } from './options.ts';

const BLOCK = Buffer.alloc(1024 * 1024, 1);
const MOST_PASSES = 5;
/** Of all passes the quickest (milliseconds a block). */
let quickest = Number.POSITIVE_INFINITY;

/** Uses and frees so much memory, as pages of a file, until that is quick. To be called right before a run. */
export function warmMemory(options: BenchOptions, bytes: number): void {
  const path = join(workingFolder(options, 'memory'), 'pages');
  const blocks = Math.ceil(bytes / BLOCK.length);
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const start = performance.now();
    const file = openSync(path, 'w');
    try {
      for (let block = 0; block < blocks; block++) writeSync(file, BLOCK);
    } finally {
      closeSync(file);
      rmSync(path);
    }
    const took = (performance.now() - start) / blocks;
    quickest = Math.min(quickest, took);
    if (took < 2 * quickest && pass > 0) return;
  }
}
