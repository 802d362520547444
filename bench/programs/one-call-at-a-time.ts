/**
 * What a plain loop does on a network mount: each call waits for the one before
 * it. The other side of the benchmark `slow-mount`.
 *
 *   node one-call-at-a-time.ts DIR LIMIT first|again
 *
 * `first`: readdir, then stat, open, read of 16 kB and close of every file.
 * `again`: readdir and stat only, as for files that are known.
 * Stops after LIMIT files; prints files and seconds as JSON.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';

const [root, limitText, pass] = process.argv.slice(2) as [string, string, 'first' | 'again'];
const limit = Number(limitText);
const buffer = Buffer.alloc(16_384);
let files = 0;

function visit(folder: string): void {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    if (files >= limit) return;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) visit(path);
    else {
      fs.statSync(path);
      if (pass === 'first') {
        const fd = fs.openSync(path, 'r');
        fs.readSync(fd, buffer, 0, buffer.length, 0);
        fs.closeSync(fd);
      }
      files++;
    }
  }
}

const start = performance.now();
visit(root);
console.log(JSON.stringify({ files, seconds: (performance.now() - start) / 1000 }));
