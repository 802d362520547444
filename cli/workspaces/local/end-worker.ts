// Ends a worker thread as gently as it lets itself be ended.
import type { Worker } from 'node:worker_threads';

/** How long a worker has to end by itself (milliseconds). */
const PATIENCE = 3_000;

/**
 * Sends a worker its last message and waits until it has ended; one that does not is terminated, such as one whose mount
 * does not answer. It is not done at once, because Node aborts the whole process where a thread is terminated while
 * zlib sets up the state for Zstandard.
 *
 * @param patience milliseconds
 */
export async function endWorker(worker: Worker, lastMessage: unknown, patience = PATIENCE): Promise<void> {
  worker.removeAllListeners();
  if (worker.threadId === -1) return;
  // Whatever still fails in it fails what has ended.
  worker.on('error', () => {});
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.postMessage(lastMessage);
  const timer = setTimeout(() => void worker.terminate(), patience);
  await ended;
  clearTimeout(timer);
}
