// The API of `ditag serve`: over a workspace, whichever that is.
import { readTls } from '../../adapters/filesystem/read-tls.ts';
import { addHealth } from '../../adapters/http/health-server.ts';
import { ThreadedPreviews } from '../../adapters/imaging/previews.ts';
import { listenFailure } from '../../core/errors/listen-failure.ts';
import { buildApi, isOnlyLocal, PROBLEMS } from '../../services/api/app.ts';
import type { ServeOptions, Workspace } from './workspace.ts';

/** Serves until the signal aborts. Throws what opening the index throws, `not-private`, `cannot-read`, `cannot-listen`. */
export async function serveIndex(
  workspace: Workspace,
  { host, port, tls, isPlain, proxies, operations, onReady, signal }: ServeOptions,
): Promise<void> {
  const isLocal = isOnlyLocal({ host, isEncrypted: tls !== undefined, isPlain, proxies });
  const open = () => workspace.openIndex(undefined);
  // An index that is not there is told now, and not to each who asks.
  await (await open()).close();
  const certificate = tls && readTls(tls);
  const files = await workspace.instanceFiles();
  const previews = files && new ThreadedPreviews(files);
  const access = await workspace.access();
  try {
    const server = await buildApi({ open, access, operations, previews, isLocal, proxies, tls: certificate });
    addHealth(server, {
      isReady: async () => {
        await (await open()).close();
        return true;
      },
      numbers: () => server.readNumbers(),
      problems: PROBLEMS,
    });
    try {
      onReady(await server.listen({ host, port }));
    } catch (error) {
      await server.close();
      throw listenFailure(host, port, error);
    }
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    await server.close();
  } finally {
    await access.close();
  }
}
