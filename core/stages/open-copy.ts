// An instance may stand in several files: the first that can be sent whole goes. One that is cut off goes only where there
// is no other.
import type { InstanceFiles } from '../ports/instance-files.ts';
import type { SeriesFile } from '../ports/instance-index.ts';
import { type OutgoingInstance, openOutgoing, Unsendable } from './outgoing-instance.ts';

/** The file that goes; undefined where none can. The others, with why they do not. */
export interface OpenedCopy {
  readonly opened: OutgoingInstance | undefined;
  readonly others: readonly {
    readonly file: SeriesFile;
    readonly outcome: 'copy' | 'missing' | 'failed';
    readonly reason: string;
  }[];
}

const GOES_FOR_IT = 'the same instance stands in another file, which goes for it';

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
  return {
    opened,
    others: others.map((file) => {
      const why = failed.get(file);
      if (opened === undefined) return { file, outcome: why!.outcome, reason: why!.message };
      const reason = why === undefined ? GOES_FOR_IT : `${GOES_FOR_IT} (${why.message})`;
      return { file, outcome: 'copy', reason };
    }),
  };
}
