// An index for one request: opened, asked, closed, whatever comes.
import type { InstanceIndex } from '../../core/ports/instance-index.ts';

export type OpenIndex = () => Promise<InstanceIndex>;

export async function asking<T>(open: OpenIndex, ask: (index: InstanceIndex) => Promise<T>): Promise<T> {
  const index = await open();
  try {
    return await ask(index);
  } finally {
    await index.close();
  }
}

/** Closes the index when all was taken, or no more is wanted. */
export async function* askingAll<T>(
  open: OpenIndex,
  ask: (index: InstanceIndex) => AsyncIterable<T>,
): AsyncIterable<T> {
  const index = await open();
  try {
    yield* ask(index);
  } finally {
    await index.close();
  }
}
