// `ditag copies`: instances that lie in several files, and how far these are the same.
import { shownPath } from '../../core/instance/byte-path.ts';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import { csvLine } from '../../core/query/csv.ts';
import { COPY_KINDS, type CopyKind, findCopies } from '../../core/stages/find-copies.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { fileOutput, streamOutput } from '../output.ts';
import { grouped } from '../reporters/statistics-text.ts';

export interface CopiesOptions {
  readonly output?: string;
  readonly quiet?: boolean;
}

const FILE_COLUMNS = ['SeriesInstanceUID', 'archive', 'path', 'size'];
const COLUMNS = ['SOPInstanceUID', 'kind', ...FILE_COLUMNS, ...FILE_COLUMNS.map((name) => `other_${name}`)];
const TEXTS: Readonly<Record<CopyKind, string>> = {
  same: 'have the size and the header of the first',
  'other-series': 'belong to another series',
  'other-size': 'have another size',
  'other-header': 'have another header',
  'not-compared': 'have the same size; their headers could not be compared from here',
};

export async function copies(
  { output: file, quiet = false }: CopiesOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { workspace, stdout, stderr, signal } = context;
  const progress = await context.progress(quiet);
  const index = await workspace.openIndex(undefined);
  const counts = new Map<CopyKind, number>();
  const output = file === undefined ? streamOutput(stdout) : fileOutput(file);
  try {
    const files = await workspace.instanceFiles();
    const onProgress = (read: number, all: number) =>
      progress.update(() => {
        const text = `${grouped(read)} files of the index`;
        return { step: 'comparing', done: all === 0 ? 1 : read / all, text, unit: 'files', amount: read };
      });
    await output.write(csvLine(COLUMNS));
    for await (const { kind, first, file: other } of findCopies(index, { files, onProgress, signal })) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      await output.write(csvLine([first.SOPInstanceUID, kind, ...shown(first), ...shown(other)]));
    }
    await output.finish();
  } catch (error) {
    await output.abandon();
    throw error;
  } finally {
    progress.stop();
    await index.close();
  }
  const told = COPY_KINDS.filter((kind) => counts.has(kind)).map(
    (kind) => `${grouped(counts.get(kind)!)} ${TEXTS[kind]}`,
  );
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (!quiet)
    stderr.write(
      `${grouped(all)} files hold an instance that another file holds too${all === 0 ? '' : `: ${told.join(', ')}`}.\n`,
    );
  return signal.aborted ? 130 : 0;
}

function shown({ SeriesInstanceUID, archive, path, size }: SeriesFile): string[] {
  return [SeriesInstanceUID, shownPath(archive), shownPath(path), String(size)];
}
