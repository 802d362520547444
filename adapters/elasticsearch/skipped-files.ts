// The files that are not in the index, out of the records of the folder chunks that have any.
import type { Client, estypes } from '@elastic/elasticsearch';
import { joinPath } from '../../core/instance/byte-path.ts';
import type { SkippedFile } from '../../core/ports/instance-index.ts';
import { recordOfFolder } from './folder-document.ts';
import type { IndexNames } from './indices.ts';

/** Chunks that are read at once: a record of 8,192 files has some 200 kB. */
const PAGE = 100;
const KEEP_ALIVE = '15m';

/** Every skipped file, by number of its archive and path of its folder. */
export async function* skippedFiles(client: Client, names: IndexNames): AsyncIterable<SkippedFile> {
  let { id } = await client.openPointInTime({ index: names.folders, keep_alive: KEEP_ALIVE });
  try {
    let after: estypes.SortResults | undefined;
    for (;;) {
      const { pit_id, hits } = await client.search<{ archive: string; path: string; record: string }>({
        pit: { id, keep_alive: KEEP_ALIVE },
        size: PAGE,
        query: { exists: { field: 'skipped' } },
        // Chunks whose path is too long to be sorted come last.
        sort: [{ number: 'asc' }, { path: 'asc' }, { index: 'asc' }],
        _source: ['archive', 'path', 'record'],
        track_total_hits: false,
        ...(after === undefined ? {} : { search_after: after }),
      });
      id = pit_id ?? id;
      for (const { _source } of hits.hits) {
        const { archive, path, record } = _source!;
        const { kinds, files } = recordOfFolder({ record })!;
        for (const file of files) {
          const reason = kinds[file.kind]!.skipped;
          if (reason !== '') yield { archive, path: joinPath(path, file.name), reason };
        }
      }
      if (hits.hits.length < PAGE) return;
      after = hits.hits.at(-1)!.sort;
    }
  } finally {
    await client.closePointInTime({ id }).catch(() => undefined);
  }
}
