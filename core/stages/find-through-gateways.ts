// The stage that has a PACS asked by the gateways of a cluster: it puts accession numbers into the queue, some at a time, and
// tells what becomes of each as the project knows it.
import { ditagError } from '../errors/errors.ts';
import type { PacsAddress } from '../ports/work-queue.ts';
import type { AccessionOutcome, Target } from '../projects/expected.ts';
import { type ItemPorts, untilDone } from './gateway-items.ts';

/** Accession numbers of an item: little is lost with it, and an association is opened for it. */
const TOGETHER = 20;
export interface GatewayFindPorts extends ItemPorts {
  /** What became of accession numbers of the project since a place, and the next place. */
  readonly changes: (from: number) => AsyncIterable<{
    readonly target: { readonly accession: string; readonly outcome: AccessionOutcome };
    readonly next: number;
  }>;
  /** The place from which on there are changes. */
  readonly end: () => Promise<number>;
}

export interface GatewayFindOptions {
  /** An id that nothing else has. */
  readonly send: string;
  readonly project: string;
  readonly pacs: PacsAddress;
  readonly associations: number;
  readonly onAnswer: (answer: { readonly accession: string; readonly outcome: AccessionOutcome }) => void;
  readonly signal: AbortSignal;
}

/** Resolves when no item is left, or `signal` has aborted: what was not asked for stays open. Throws `no-gateway`, `gateways-gone`. */
export async function findThroughGateways(
  targets: readonly Target[],
  { queue, gateways, changes, end }: GatewayFindPorts,
  { send, project, pacs, associations, onAnswer, signal }: GatewayFindOptions,
): Promise<void> {
  if (targets.length === 0) return;
  // Only they make what a queue needs: they are called first.
  if ((await gateways.call()) === undefined) throw ditagError('no-gateway', {});
  const name = await queue.open(pacs, associations);
  let next = await end();
  const look = async () => {
    const before = next;
    for await (const { target, next: after } of changes(next)) {
      next = after;
      onAnswer(target);
    }
    return next > before;
  };
  try {
    for (let at = 0, item = 0; at < targets.length && !signal.aborted; at += TOGETHER, item++) {
      const accessions = targets.slice(at, at + TOGETHER).map(({ accession }) => accession);
      await queue.add({ send, item, pacs, project, accessions });
    }
    await gateways.call(name);
    const isThere = async () => (await gateways.call(name)) !== undefined;
    await untilDone({ queue }, { send, isThere, signal }, look);
  } finally {
    await queue.drop(send).catch(() => {});
    await gateways.cancel(send).catch(() => {});
  }
}
