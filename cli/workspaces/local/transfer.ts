// Records cross threads without being copied.
import type { Transferable } from 'node:worker_threads';
import type { ScanEvent } from '../../../core/jobs/jobs.ts';

/** The buffers of events that may be handed over: those that own their memory whole. */
export function transferablesOf(events: readonly ScanEvent[]): Transferable[] {
  const buffers: Transferable[] = [];
  const add = (bytes: Uint8Array | undefined) => {
    // A slice of a pool must be copied: handing it over would take the pool along.
    if (bytes !== undefined && bytes.byteLength === bytes.buffer.byteLength) buffers.push(bytes.buffer as ArrayBuffer);
  };
  for (const event of events) {
    if (event.event === 'chunk') add(event.record);
  }
  return buffers;
}
