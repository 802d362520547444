// Looks things up by their whole value instead of testing all: codes of values by their digest, series by the hash of
// their UID. What a condition such as "StudyInstanceUID is one of these" needs.
import type { DatabaseSync } from 'node:sqlite';
import { nameHash } from '../../core/instance/folder-chunks.ts';

/** Loaded when it is first needed: most queries do without. */
let crypto: typeof import('node:crypto') | undefined;

/** Twelve bytes of MD5: an index, not a proof, but no two values of any archive will share them. */
export function digestOf(text: string): Uint8Array {
  crypto ??= process.getBuiltinModule('node:crypto');
  return crypto.hash('md5', text, 'buffer').subarray(0, 12);
}

/** The codes of those of the texts that an attribute has. */
export function codesOf(database: DatabaseSync, attribute: number, texts: Iterable<string>): number[] {
  const find = database.prepare('SELECT code FROM value_code WHERE attribute = ? AND digest = ?');
  const codes: number[] = [];
  for (const text of texts) {
    const code = text === '' ? 0 : (find.get(attribute, digestOf(text)) as { code: number } | undefined)?.code;
    if (code !== undefined) codes.push(code);
  }
  return codes;
}

/** Series by their ids, and the first and last date of their rows. */
export interface FoundSeries {
  readonly ids: ReadonlySet<number>;
  readonly from: number;
  readonly to: number;
}

/** The series of these UIDs, one for each archive that has it. */
export function seriesOf(database: DatabaseSync, uids: Iterable<string>): FoundSeries {
  const find = database.prepare('SELECT id, date FROM series WHERE hash = ? AND uid = ?');
  const ids = new Set<number>();
  let from = Number.MAX_SAFE_INTEGER;
  let to = -1;
  for (const uid of uids) {
    for (const { id, date } of find.all(nameHash(uid), uid) as { id: number; date: number }[]) {
      ids.add(id);
      from = Math.min(from, date);
      to = Math.max(to, date);
    }
  }
  return { ids, from, to };
}
