/**
 * Opens and reads every file of a folder as a scanner does, with so many calls
 * at a time at most. slow-calls.test.ts runs it under c/slow-calls.c, which
 * counts how many there were.
 *
 *   node slow-reads.ts DIR CALLS
 */
import { readdirSync } from 'node:fs';
import { FilesystemArchiveFiles } from '../../adapters/filesystem/archive-files.ts';
import { typedPath } from '../../core/instance/byte-path.ts';
import type { FileTask } from '../../core/ports/archive-files.ts';

const [folder, calls] = process.argv.slice(2) as [string, string];
// The thread pool is made at its first use.
process.env.UV_THREADPOOL_SIZE = calls;
const files = new FilesystemArchiveFiles(typedPath(folder), { mostCalls: Number(calls) });

function* read(path: string): FileTask<void> {
  const file = (yield { call: 'open', path }) as number;
  const buffer = Buffer.alloc(1024);
  yield { call: 'read', file, buffer, offset: 0, length: buffer.length, position: 0 };
  yield { call: 'close', file };
}

await files.runAll(readdirSync(folder).map(read));
