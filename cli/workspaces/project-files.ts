// The index of a project, in either mode: a file made of what the project knows.
import fs from 'node:fs';
import path from 'node:path';
import { SqliteIndexWriter } from '../../adapters/sqlite/index-writer.ts';
import { ditagError } from '../../core/errors/errors.ts';
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

/** Writes the report beside the project's other files. Throws `cannot-write`. */
export function writeReportFile(file: string, text: string): string {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const temporary = `${file}.${process.pid}.tmp`;
    fs.writeFileSync(temporary, text, { mode: 0o600 });
    fs.renameSync(temporary, file);
  } catch (error) {
    throw ditagError('cannot-write', { path: file, reason: (error as Error).message }, error);
  }
  return path.resolve(file);
}
