// The stage that has the gateways of a cluster make the zips of a download: an item for each subject that is whole.
import { ditagError } from '../errors/errors.ts';
import type { DownloadStore, ProjectStore } from '../ports/project-store.ts';
import type { RetrieveItem } from '../ports/work-queue.ts';
import { type ItemPorts, untilDone } from './gateway-items.ts';
import { wholeSubjects } from './whole-subjects.ts';

export interface GatewayZipPorts extends ItemPorts {
  readonly store: Pick<ProjectStore, 'series' | 'instancesOf'>;
  readonly download: Pick<DownloadStore, 'begun' | 'receivedOf' | 'reasonOf' | 'setReason'>;
}

export interface GatewayZipOptions {
  /** What all items have in common. */
  readonly item: Omit<RetrieveItem, 'item' | 'series' | 'zip'>;
  /** Zips at a time: the gateways give each an association's place in the queue of the PACS. */
  readonly associations: number;
  readonly onSubject: (done: number, all: number) => void;
  readonly signal: AbortSignal;
}

/** The `send` of the items that make the zips of a download, by that of the download. */
export function zipsOf(send: string): string {
  return `${send}-zip`;
}

/** Gives why there is no zip of some subjects. Throws `gateways-gone`. */
export async function zipThroughGateways(
  ports: GatewayZipPorts,
  { item, associations, onSubject, signal }: GatewayZipOptions,
): Promise<readonly string[]> {
  const { queue, gateways, store, download } = ports;
  const whole = [...(await wholeSubjects(store, download))];
  if (whole.length === 0) return [];
  const { send } = item;
  const name = await queue.open(item.pacs, associations);
  const isThere = async () => {
    await gateways.call(name);
    return gateways.canDownload();
  };
  try {
    for (const [number, [zip, series]] of whole.entries()) {
      if (signal.aborted) return [];
      // Whoever makes it takes that back: what nobody says is not taken for made.
      const reason = 'no gateway has made it';
      await download.setReason(series[0]!, ditagError('zip-failed', { path: `${zip}.zip`, reason }).message);
      await queue.add({ ...item, item: number, series, zip });
    }
    await gateways.call(name);
    let done = 0;
    await untilDone(ports, { send, isThere, signal }, async () => {
      const before = done;
      done = whole.length - (await queue.left(send));
      onSubject(done, whole.length);
      return done > before;
    });
  } finally {
    await queue.drop(send).catch(() => {});
    await gateways.cancel(send).catch(() => {});
  }
  if (signal.aborted) return [];
  const failures: string[] = [];
  for (const [, series] of whole) {
    const reason = await download.reasonOf(series[0]!);
    if (reason !== '') failures.push(reason);
  }
  return failures;
}
