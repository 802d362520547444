/**
 * Starts programs/consume-records.ts, which takes entries of the log as an
 * indexer does: in a process of its own, as in a cluster.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Consumed {
  entries: number;
  /** From the first batch to the last. */
  seconds: number;
  cpuSeconds: number;
}

export interface RecordConsumer extends Disposable {
  /** Resolves when all entries were taken. */
  readonly done: Promise<Consumed>;
}

/** Resolves when the program waits for entries. */
export async function startConsumer(url: string, generation: number, entries: number): Promise<RecordConsumer> {
  const program = join(import.meta.dirname, 'programs/consume-records.ts');
  const child = spawn(process.execPath, [program, url, String(generation), String(entries)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const next = await lines.next();
    if (next.done === true) throw new Error('consume-records.ts ended before it had all entries');
    return next.value;
  };
  await line();
  const whole = async () => {
    const consumed = JSON.parse(await line()) as Consumed;
    if (child.exitCode === null) await once(child, 'exit');
    return consumed;
  };
  const done = whole();
  // Whoever waits for it hears of a failure; nobody may be waiting yet.
  done.catch(() => {});
  return {
    done,
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}
