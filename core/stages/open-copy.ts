// An instance may stand in several files: the first that can be sent whole goes. One that is cut off goes only where there
// is no other.
import type { InstanceFiles } from '../ports/instance-files.ts';
import type { SeriesFile } from '../ports/instance-index.ts';
import { type OutgoingInstance, openOutgoing, Unsendable } from './outgoing-instance.ts';

/** A file that another one goes for. */
export interface OtherCopy {
  readonly file: SeriesFile;
  /** Why it cannot go; undefined: it may be able to. */
  readonly why: Unsendable | undefined;
}

/** The file that goes; undefined where none can: then each of the others has a reason. */
export interface OpenedCopy {
  readonly opened: OutgoingInstance | undefined;
  readonly others: readonly OtherCopy[];
}

/** @param copies files of one instance, in path order */
export async function openCopy(copies: readonly SeriesFile[], files: InstanceFiles): Promise<OpenedCopy> {
  const failed = new Map<SeriesFile, Unsendable>();
  let cut: OutgoingInstance | undefined;
  let whole: OutgoingInstance | undefined;
  for (const file of copies) {
    try {
      const opened = await openOutgoing(file, files);
      if (!opened.isCut) whole = opened;
      else if (cut === undefined) cut = opened;
      else await opened.close();
    } catch (error) {
      if (!(error instanceof Unsendable)) throw error;
      failed.set(file, error);
    }
    if (whole !== undefined) break;
  }
  if (whole !== undefined) await cut?.close();
  const opened = whole ?? cut;
  const others = copies.filter((file) => file !== opened?.file);
  return { opened, others: others.map((file) => ({ file, why: failed.get(file) })) };
}
