/**
 * Times every way in which Node can open, read, stat and list a file below a
 * folder, in the main thread (through the thread pool for the asynchronous
 * forms) and again in a worker thread. slow-calls.test.ts runs it under
 * c/slow-calls.c and looks at the times: a call that is not slowed would make
 * the benchmark `slow-mount` say too much.
 *
 *   node slow-calls-probe.ts DIR    DIR holds a file named `file`
 */
import * as fs from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** What one call took, and in how many calls to the file server it should end. */
export interface ProbedCall {
  thread: 'main' | 'worker';
  name: string;
  milliseconds: number;
}

const buffer = Buffer.alloc(1024);

async function probe(folder: string, thread: ProbedCall['thread']): Promise<ProbedCall[]> {
  const file = `${folder}/file`;
  const times: ProbedCall[] = [];
  /** The quickest of three, so that a busy machine does not look like a slowed call. */
  async function time(name: string, call: () => unknown): Promise<void> {
    let milliseconds = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      const start = performance.now();
      await call();
      milliseconds = Math.min(milliseconds, performance.now() - start);
    }
    times.push({ thread, name, milliseconds });
  }
  const fds: number[] = [];
  await time('openSync', () => fds.push(fs.openSync(file, 'r')));
  const fd = fds[0]!;
  await time('readSync', () => fs.readSync(fd, buffer, 0, 1024, 0));
  await time('readSync without position', () => fs.readSync(fd, buffer, 0, 1, null));
  await time('readvSync', () => fs.readvSync(fd, [buffer, Buffer.alloc(10)], 0));
  await time('statSync', () => fs.statSync(file));
  await time('statSync bigint', () => fs.statSync(file, { bigint: true }));
  await time('lstatSync', () => fs.lstatSync(file));
  await time('existsSync', () => fs.existsSync(file));
  await time('accessSync', () => fs.accessSync(file));
  await time('realpathSync.native', () => fs.realpathSync.native(file));
  await time('readdirSync', () => fs.readdirSync(folder));
  await time('readdirSync withFileTypes', () => fs.readdirSync(folder, { withFileTypes: true }));
  await time('opendirSync', () => fs.opendirSync(folder).closeSync());
  await time('readFileSync', () => fs.readFileSync(file));
  await time('fstatSync', () => fs.fstatSync(fd));

  await time('open', () => new Promise((resolve) => fs.open(file, 'r', (_, opened) => resolve(fds.push(opened)))));
  await time('read', () => new Promise<unknown>((resolve) => fs.read(fd, buffer, 0, 1024, 0, resolve)));
  await time('stat', () => new Promise((resolve) => fs.stat(file, resolve)));
  await time('lstat', () => new Promise((resolve) => fs.lstat(file, resolve)));
  await time('readdir', () => new Promise((resolve) => fs.readdir(folder, resolve)));
  await time('opendir', () => new Promise((resolve) => fs.opendir(folder, (_, dir) => dir.close(() => resolve(0)))));
  await time('fstat', () => new Promise((resolve) => fs.fstat(fd, resolve)));

  const handle = await fs.promises.open(file);
  await time('promises.open', async () => (await fs.promises.open(file, 'r')).close());
  await time('promises read', () => handle.read(buffer, 0, 1024, 0));
  await time('promises.stat', () => fs.promises.stat(file));
  await time('promises.lstat', () => fs.promises.lstat(file));
  await time('promises.readdir', () => fs.promises.readdir(folder));
  await time('promises.opendir', async () => (await fs.promises.opendir(folder)).close());
  await time('promises.readFile', () => fs.promises.readFile(file));
  await handle.close();
  for (const opened of fds) fs.closeSync(opened);
  return times;
}

if (isMainThread) {
  const folder = process.argv[2]!;
  const times = await probe(folder, 'main');
  const worker = new Worker(new URL(import.meta.url), { workerData: folder });
  worker.on('message', (more: ProbedCall[]) => console.log(JSON.stringify([...times, ...more])));
} else {
  parentPort!.postMessage(await probe(workerData as string, 'worker'));
}
