// The API of `ditag serve`: over the index of a workspace, whichever that is.
import { addHealth } from '../../adapters/http/health-server.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import { buildApi, isLoopback } from '../../services/api/app.ts';
import type { ServeOptions } from './workspace.ts';

/** Serves until the signal aborts. Throws what opening the index throws, `not-loopback`, `cannot-listen`. */
export async function serveIndex(
  open: () => Promise<InstanceIndex>,
  { host, port, onReady, signal }: ServeOptions,
): Promise<void> {
  // Whoever reaches it may read all: there are no tokens yet.
  if (!isLoopback(host)) throw ditagError('not-loopback', { host });
  // An index that is not there is told now, and not to each who asks.
  await (await open()).close();
  const server = buildApi({ open, isLocal: true });
  addHealth(server, {
    isReady: async () => {
      await (await open()).close();
      return true;
    },
    numbers: () => ({}),
  });
  try {
    onReady(await server.listen({ host, port }));
  } catch (error) {
    await server.close();
    throw ditagError(
      'cannot-listen',
      { host, port, reason: (error as NodeJS.ErrnoException).code ?? 'unknown' },
      error,
    );
  }
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
  await server.close();
}
