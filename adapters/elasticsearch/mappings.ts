// THE table of Elasticsearch's indices: their settings and the type of every field, derived from the tables of core.
// Changing the meaning of a field means a new INDEX_FORMAT and a rebuild; a new attribute or reason is only a new field.
// Binaries are never searched: they are what answers are made of.
import type { estypes } from '@elastic/elasticsearch';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { SKIP_REASONS } from '../../core/instance/skipped.ts';

/** Version of the documents. An older one is written until it has been rebuilt, but not read; a newer one is refused. */
export const INDEX_FORMAT = 4;

/** `folders`: one document a folder chunk. `series`: one a series. `values`: one a distinct value. `archives`: one each. */
export const INDEX_KINDS = ['folders', 'series', 'values', 'archives'] as const;
export type IndexKind = (typeof INDEX_KINDS)[number];

type Properties = Record<string, estypes.MappingProperty>;

const keyword = { type: 'keyword' } as const;
const integer = { type: 'integer' } as const;
/** Numbers that are added up and shown, not searched for. */
const sum = { type: 'long', index: false } as const;
const boolean = { type: 'boolean' } as const;
const binary = { type: 'binary', doc_values: true } as const;

/** Longest path that is found by its value; Lucene's limit is 32,766 bytes, of which a character takes one or two. */
const LONGEST_PATH = 16_000;
/** Longer SeriesInstanceUIDs are only in the folder's record. */
export const LONGEST_LISTED_UID = 512;
/** Terms of one `terms` query: names alone may be several 100,000. */
const MOST_TERMS = 20_000_000;

const PROPERTIES: Record<IndexKind, Properties> = {
  folders: {
    archive: keyword,
    number: integer,
    /** Byte path, a character a byte. */
    path: { type: 'keyword', ignore_above: LONGEST_PATH, index: false },
    bits: integer,
    index: integer,
    /** True for a chunk that is no more: it stays, so that an older entry cannot bring it back. */
    gone: boolean,
    files: sum,
    instances: sum,
    series: { type: 'keyword', ignore_above: LONGEST_LISTED_UID },
    skipped: { properties: Object.fromEntries(SKIP_REASONS.map((reason) => [reason, integer])) },
    /** See core/instance/folder-record.ts. */
    record: binary,
  },
  series: {
    SeriesInstanceUID: keyword,
    ...Object.fromEntries(INDEXED_ATTRIBUTES.map((attribute) => [attribute, keyword])),
    /** False for a series without files: it stays for the same reason. */
    alive: boolean,
    /** StudyDate as a number, 0 where it is missing or unreadable: the order of answers. */
    date: integer,
    /** The same as a time, for Kibana. */
    StudyDateTime: { type: 'date', format: 'strict_date_optional_time', ignore_malformed: true },
    instances: sum,
    bytes: sum,
    mixed: boolean,
    issues: keyword,
    /** Both as one text: what patterns and columns see; missing where there are none. */
    issuesText: keyword,
    /** The archive that speaks, and all that have the series. */
    archive: keyword,
    archives: keyword,
    /** The folder chunks that have files of the series: see series-state.ts. */
    places: keyword,
    /**
     * The CSV line; where it ends in a comma, the SeriesInstanceUID is to follow. Not a stored field: of those
     * Elasticsearch unpacks a block of many series for each one that it gives out.
     */
    line: binary,
    /** The full header, `KEY=VR text` for each element that can be searched: see header-fields.ts. */
    header: { type: 'keyword', index: false },
    /** The other elements, and the keys of those that have a value. */
    headerRest: binary,
    longKeys: keyword,
    /** What each place has: see series-state.ts. */
    parts: binary,
  },
  values: { attribute: integer, value: keyword },
  archives: { name: keyword, number: integer, indexedAt: { type: 'keyword' }, removed: boolean },
};

/** What an installation may choose. */
export interface IndexSettings {
  /** Copies of each shard; one where there are several nodes, if nothing is said. */
  readonly replicas?: number | undefined;
  /** Shards of `series` and of `folders`; the other two have one. */
  readonly shards?: number | undefined;
}

/** Settings and mapping with which an index is created. */
export function indexDefinition(kind: IndexKind, { replicas, shards = 1 }: IndexSettings) {
  const settings = {
    number_of_shards: kind === 'series' || kind === 'folders' ? shards : 1,
    ...(replicas === undefined ? { auto_expand_replicas: '0-1' } : { number_of_replicas: replicas }),
    // The end of a scan refreshes; so does a pattern's query, the values.
    refresh_interval: '30s',
    max_terms_count: MOST_TERMS,
    // Series lie in the order of answers: a page of an answer is read where the last one ended, not looked for among all.
    ...(kind === 'series' ? { sort: { field: ['date', 'SeriesInstanceUID'], order: ['asc', 'asc'] } } : {}),
    // Documents are put together from their fields when they are asked for, instead of being stored a second time.
    mapping: { source: { mode: 'synthetic' } },
  } as const satisfies estypes.IndicesIndexSettings;
  return {
    settings,
    mappings: { _meta: { format: INDEX_FORMAT }, dynamic: 'strict', ...indexProperties(kind) } as const,
  };
}

/** The fields of an index. */
export function indexProperties(kind: IndexKind): { readonly properties: Properties } {
  return { properties: PROPERTIES[kind] };
}
