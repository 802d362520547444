// The files that are not in the index, out of the records of the folder chunks that have any.
import type { Client } from '@elastic/elasticsearch';
import { joinPath } from '../../core/instance/byte-path.ts';
import type { SkippedFile } from '../../core/ports/instance-index.ts';
import { FolderReader } from './folder-reader.ts';
import type { IndexNames } from './indices.ts';

/** Every skipped file, by number of its archive and path of its folder. */
export async function* skippedFiles(client: Client, names: IndexNames): AsyncIterable<SkippedFile> {
  const reader = await FolderReader.open(client, names.folders);
  try {
    for await (const { archive, folder, record } of reader.chunks({ exists: { field: 'skipped' } })) {
      for (const file of record.files) {
        const reason = record.kinds[file.kind]!.skipped;
        if (reason !== '') yield { archive, path: joinPath(folder, file.name), reason };
      }
    }
  } finally {
    await reader.close();
  }
}
