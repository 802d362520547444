// `ditag jobs retry` on a cluster: what was put aside is tried again where that can help. Work of a scan that has ended
// cannot: no scanner takes it any more, and the next scan of the archive makes its own.
import type { FailedMessages } from '../../../core/ports/failed-messages.ts';
import type { ScanRegistry } from '../../../core/ports/scan-registry.ts';
import type { RetryOutcome } from '../workspace.ts';

/** Undefined where nothing of this id was put aside. */
export async function retryFailed(
  id: string,
  failed: FailedMessages,
  registry: ScanRegistry,
): Promise<RetryOutcome | undefined> {
  const found = (await failed.list()).find((each) => each.id === id);
  if (found === undefined) return undefined;
  const { scan } = found;
  if (scan !== undefined) {
    const state = (await registry.find(scan))?.state;
    if (state?.status !== 'starting' && state?.status !== 'scanning') {
      await failed.forget(id);
      return { is: 'scan-ended', scan, archive: state?.archive.name };
    }
  }
  const outcome = await failed.retry(id);
  return outcome === undefined ? undefined : { is: outcome };
}
