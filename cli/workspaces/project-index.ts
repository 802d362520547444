// The index of a project, in either mode: a file made of what the project knows.
import { SqliteIndexWriter } from '../../adapters/sqlite/index-writer.ts';
import type { ProjectStore } from '../../core/ports/project-store.ts';
import { projectEvents } from '../../core/stages/index-project.ts';

/** Makes the index anew. @param pacs its AE title @param config the configuration file, to be named in messages */
export async function writeProjectIndex(
  store: ProjectStore,
  databasePath: string,
  { pacs, config }: { readonly pacs: string; readonly config: string },
): Promise<void> {
  // Another name each time: so nothing of what was known before is left.
  const archive = `${pacs}, asked ${new Date().toISOString()}`;
  const ports = { readHeader: () => undefined, progress: () => {} };
  const writer = new SqliteIndexWriter(databasePath, archive, { append: false, config, ports });
  try {
    await projectEvents(store, (events) => writer.stage(events));
    await writer.publish({ append: false, acceptDeletions: true });
  } finally {
    await writer.close();
  }
}
