// Names of the indices and what is done with them as wholes: created, put in the place of an older generation, deleted.
// Each kind is an index PREFIX-KIND-GENERATION behind the alias PREFIX-KIND; queries use the alias only to find the
// generation. Fields are in mappings.ts.
import { type Client, errors } from '@elastic/elasticsearch';
import { ditagError } from '../../core/errors/errors.ts';
import {
  INDEX_FORMAT,
  INDEX_KINDS,
  type IndexKind,
  type IndexSettings,
  indexDefinition,
  indexProperties,
} from './mappings.ts';

export const DEFAULT_PREFIX = 'ditag';

/** Which indices: several installations may share a cluster by prefix, a rebuild has a generation of its own. */
export interface Generation {
  readonly prefix: string;
  readonly generation: number;
}

/** Names of the indices of one generation. */
export type IndexNames = Readonly<Record<IndexKind, string>>;

export function indexNames({ prefix, generation }: Generation): IndexNames {
  return namesBy((kind) => `${prefix}-${kind}-${generation}`);
}

function namesBy(name: (kind: IndexKind) => string): IndexNames {
  return Object.fromEntries(INDEX_KINDS.map((kind) => [kind, name(kind)])) as Record<IndexKind, string>;
}

/**
 * Creates what is missing of a generation, and makes it the one that answers where there is none yet. May be called
 * at any time, by several at once. Throws `newer-database` for indices of a newer format.
 */
export async function ensureIndices(
  client: Client,
  generation: Generation,
  settings: IndexSettings = {},
): Promise<void> {
  const names = indexNames(generation);
  for (const kind of INDEX_KINDS) {
    const index = names[kind];
    try {
      await client.indices.create({ index, ...indexDefinition(kind, settings) });
    } catch (error) {
      if (!isError(error, 'resource_already_exists_exception')) throw error;
      await refuseNewerFormat(client, index);
      await client.indices.putMapping({ index, ...indexProperties(kind) });
    }
    const alias = aliasOf(kind, generation.prefix);
    if (!(await client.indices.existsAlias({ name: alias })))
      await client.indices.updateAliases({ actions: [{ add: { index, alias } }] });
  }
}

/** Makes a generation the one that answers, in one step for all its indices, then deletes the others. */
export async function switchGeneration(client: Client, generation: Generation): Promise<void> {
  const names = indexNames(generation);
  const others = await otherGenerations(client, generation);
  const add = INDEX_KINDS.map((kind) => ({ add: { index: names[kind], alias: aliasOf(kind, generation.prefix) } }));
  const remove = others.map(({ index, kind }) => ({
    remove: { index, alias: aliasOf(kind, generation.prefix), must_exist: false },
  }));
  await client.indices.updateAliases({ actions: [...remove, ...add] });
  for (const { index } of others) await client.indices.delete({ index, ignore_unavailable: true });
}

async function otherGenerations(client: Client, { prefix, generation }: Generation) {
  const found: { index: string; kind: IndexKind }[] = [];
  for (const kind of INDEX_KINDS) {
    const known = await client.indices.get({ index: `${prefix}-${kind}-*`, filter_path: ['*.aliases'] });
    for (const index of Object.keys(known)) {
      // A longer prefix may go on where this one ends.
      const suffix = index.slice(`${prefix}-${kind}-`.length);
      if (/^\d+$/.test(suffix) && Number(suffix) !== generation) found.push({ index, kind });
    }
  }
  return found;
}

/** The generation that answers now; the first where there is none yet. */
export async function currentGeneration(client: Client, prefix: string = DEFAULT_PREFIX): Promise<Generation> {
  const index = (await aliases(client, prefix)).get(aliasOf('series', prefix));
  return { prefix, generation: index === undefined ? 1 : Number(index.slice(aliasOf('series', prefix).length + 1)) };
}

/** The indices that answer now. Throws `no-index` where there are none. */
export async function answeringIndices(client: Client, prefix: string): Promise<IndexNames> {
  const found = await aliases(client, prefix);
  return namesBy((kind) => {
    const index = found.get(aliasOf(kind, prefix));
    if (index === undefined) throw ditagError('no-index', { database: aliasOf(kind, prefix) });
    return index;
  });
}

/** The index behind each alias that there is. */
async function aliases(client: Client, prefix: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  try {
    const known = await client.indices.getAlias({ name: INDEX_KINDS.map((kind) => aliasOf(kind, prefix)) });
    for (const [index, { aliases }] of Object.entries(known))
      for (const alias of Object.keys(aliases)) found.set(alias, index);
  } catch (error) {
    // One that is missing hides the others: they are made together.
    if (!(error instanceof errors.ResponseError && error.statusCode === 404)) throw error;
  }
  return found;
}

/** Throws `newer-database` where an index is of a format that this ditag does not know. Gives its format. */
async function refuseNewerFormat(client: Client, index: string): Promise<number> {
  const { mappings } = (await client.indices.getMapping({ index }))[index]!;
  const format = mappings._meta?.['format'] as number | undefined;
  if (format === undefined || format > INDEX_FORMAT)
    throw ditagError('newer-database', { database: index, found: String(format), known: INDEX_FORMAT });
  return format;
}

/** Throws `newer-database`, and `older-index` where the documents of an index lack what answers are made of. */
export async function refuseOtherFormats(client: Client, index: string): Promise<void> {
  const format = await refuseNewerFormat(client, index);
  if (format < INDEX_FORMAT) throw ditagError('older-index', { index, found: format, known: INDEX_FORMAT });
}

function aliasOf(kind: IndexKind, prefix: string): string {
  return `${prefix}-${kind}`;
}

function isError(error: unknown, type: string): boolean {
  return (
    error instanceof errors.ResponseError &&
    (error.body as { error?: { type?: string } } | undefined)?.error?.type === type
  );
}
