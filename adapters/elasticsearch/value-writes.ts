// The distinct values of the indexed attributes, written before the series that have them: a pattern is tested against
// these. They are a superset: a value stays when its last series goes, until the index is rebuilt.
import { createHash } from 'node:crypto';
import type { Client } from '@elastic/elasticsearch';
import { type DocumentWrite, writeDocuments } from './bulk.ts';

/** Values that are remembered as written; beyond, all are forgotten and written again, which changes nothing. */
const REMEMBERED = 100_000;
/** Longer values have their hash in the `_id`, of which 512 bytes are allowed. */
const LONGEST_IN_ID = 120;

export class ValueWrites {
  private readonly client: Client;
  private readonly index: string;
  private readonly known = new Set<string>();

  constructor(client: Client, index: string) {
    this.client = client;
    this.index = index;
  }

  /** Makes sure that the values of some series, in the order of INDEXED_ATTRIBUTES, are there. */
  async add(rows: readonly (readonly string[])[]): Promise<void> {
    const writes: DocumentWrite[] = [];
    const added = new Set<string>();
    for (const row of rows) {
      row.forEach((value, attribute) => {
        const id = valueId(attribute, value);
        // The empty value is tested in any case.
        if (value === '' || this.known.has(id) || added.has(id)) return;
        added.add(id);
        writes.push({
          action: `{"create":{"_id":${JSON.stringify(id)}}}`,
          body: JSON.stringify({ attribute, value }),
        });
      });
    }
    if (writes.length === 0) return;
    // A value that is refused makes its series refused as well, which is reported there.
    await writeDocuments(this.client, this.index, writes);
    if (this.known.size + added.size > REMEMBERED) this.known.clear();
    for (const id of added) this.known.add(id);
  }
}

function valueId(attribute: number, value: string): string {
  if (value.length <= LONGEST_IN_ID) return `${attribute}=${value}`;
  return `${attribute}#${createHash('sha256').update(value).digest('base64url')}`;
}
