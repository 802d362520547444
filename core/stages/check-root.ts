// Whether the root of an archive is there, and is the archive that is known: a missing mount is not an empty archive, and
// another mount is not this archive. Recognised by a sample of names, since device numbers change on network mounts.
import { ditagError } from '../errors/errors.ts';
import { fileReason } from '../errors/file-failure.ts';
import { type ArchiveFiles, failureCode } from '../ports/archive-files.ts';
import type { KnownArchive } from '../ports/index-writer.ts';

const OF_FOLDERS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder',
  ENOTDIR: 'it is not a folder',
};

/** What lies in a root: the number of its entries, and whether one of the sample is among them. */
export interface RootListing {
  readonly entries: number;
  readonly hasKnown: boolean;
}

/** Lists the root. Throws `archive-missing`. @param archive its name in messages */
export async function listRoot(
  files: ArchiveFiles,
  archive: string,
  sample: ReadonlySet<string>,
): Promise<RootListing> {
  let entries = 0;
  let hasKnown = false;
  const entry = (name: string) => {
    entries++;
    hasKnown ||= sample.has(name);
  };
  try {
    await files.run(
      (function* () {
        yield { call: 'list', path: '', entry } as const;
      })(),
    );
  } catch (error) {
    const reason = OF_FOLDERS[failureCode(error)] ?? fileReason(error);
    throw ditagError('archive-missing', { archive, reason }, error);
  }
  return { entries, hasKnown };
}

/** Throws `archive-missing`, `archive-empty` and `archive-other`. */
export async function checkRoot(files: ArchiveFiles, archive: string, known: KnownArchive | undefined): Promise<void> {
  const sample = new Set(known?.rootSample);
  const { entries, hasKnown } = await listRoot(files, archive, sample);
  if (entries === 0) {
    const before =
      known === undefined || known.files === 0 ? '' : `, but ${known.files} files were indexed there before`;
    throw ditagError('archive-empty', { archive, known: before });
  }
  if (sample.size > 0 && !hasKnown) throw ditagError('archive-other', { archive });
}
