// The client of Elasticsearch as ditag uses it: one address, an API key and a certificate authority where there are
// some. What the client sends is in the other files of this folder.
import fs from 'node:fs';
import { Client, errors } from '@elastic/elasticsearch';
import { ditagError } from '../../core/errors/errors.ts';
import { readFailure } from '../../core/errors/file-failure.ts';
import type { ElasticsearchSettings } from '../../core/settings/settings.ts';

/** Where Elasticsearch answers. */
export interface ElasticsearchAddress {
  readonly node: string;
  /** Base64, as Elasticsearch gives it out. */
  readonly apiKey?: string | undefined;
  /** The authority that signed the node's certificate, as PEM; undefined: one that the system trusts. */
  readonly ca?: string | undefined;
}

/** The address that settings say, with what is in their files. Throws `cannot-read`. */
export function addressOf({ url, apiKeyFile, caFile }: ElasticsearchSettings): ElasticsearchAddress {
  const read = (file: string | undefined) => {
    try {
      return file === undefined ? undefined : fs.readFileSync(file, 'utf8').trim();
    } catch (error) {
      throw readFailure(file!, error);
    }
  };
  return { node: url, apiKey: read(apiKeyFile), ca: read(caFile) };
}

/** A request for a large answer, or one that waits for a busy node. */
const REQUEST_TIMEOUT = 120_000;

/** Makes a client. Nothing is sent before it is used; `close()` ends its connections. */
export function elasticsearchClient({ node, apiKey, ca }: ElasticsearchAddress): Client {
  return new Client({
    node,
    requestTimeout: REQUEST_TIMEOUT,
    ...(apiKey === undefined ? {} : { auth: { apiKey } }),
    ...(ca === undefined ? {} : { tls: { ca } }),
  });
}

/** Resolves when the cluster answers. Throws `elasticsearch-refused` where it does not let this client in. */
export async function reachElasticsearch(client: Client, { node }: ElasticsearchAddress): Promise<void> {
  try {
    await client.cluster.health({ timeout: '5s' });
  } catch (error) {
    const status = error instanceof errors.ResponseError ? error.statusCode : undefined;
    if (status === 401 || status === 403) throw ditagError('elasticsearch-refused', { url: node, status }, error);
    throw error;
  }
}
