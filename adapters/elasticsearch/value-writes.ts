// The distinct values of the indexed attributes, written before the series that have them: a pattern is tested against
// these. They are a superset: a value stays when its last series goes, until the index is rebuilt.
import type { Client } from '@elastic/elasticsearch';
import { type DocumentWrite, writeDocuments } from './bulk.ts';
import { documentId } from './document-id.ts';

/** Values that are remembered as written; beyond, all are forgotten and written again, which changes nothing. */
const REMEMBERED = 100_000;

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
        const key = `${attribute}=${value}`;
        // The empty value is tested in any case.
        if (value === '' || this.known.has(key) || added.has(key)) return;
        added.add(key);
        writes.push({
          action: `{"create":{"_id":"${documentId(key)}"}}`,
          body: JSON.stringify({ attribute, value }),
        });
      });
    }
    if (writes.length === 0) return;
    // A value that is refused makes its series refused as well, which is reported there.
    await writeDocuments(this.client, this.index, writes);
    if (this.known.size + added.size > REMEMBERED) this.known.clear();
    for (const key of added) this.known.add(key);
  }
}
