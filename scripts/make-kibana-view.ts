// Makes deploy/kibana/ditag.ndjson, Kibana's data view of the series and a dashboard over it, from the table of
// Elasticsearch's fields; with --check compares only. It is the format of Kibana's own exports, as its documentation has it. It was not tried on a
// real Kibana.
import { DEFAULT_PREFIX } from '../adapters/elasticsearch/indices.ts';
import { indexProperties } from '../adapters/elasticsearch/mappings.ts';
import { writeOrCheck } from './write-or-check.ts';

const { properties } = indexProperties('series');

/** Fields with a property, such as a type. */
function fieldsWith(property: string, value: unknown): string[] {
  return Object.keys(properties).filter((field) => (properties[field] as Record<string, unknown>)[property] === value);
}

const times = fieldsWith('type', 'date');
if (times.length !== 1) throw new Error(`The series have ${times.length} fields with a time, a data view takes one`);

/** What answers are made of and what nobody searches is not shown. */
const hidden = [...fieldsWith('type', 'binary'), ...fieldsWith('store', true)];

const wholeNumber = { id: 'number', params: { pattern: '0' } };
const formats = {
  // Without separators: 20240131 is a day.
  date: wholeNumber,
  bytes: { id: 'bytes' },
};
const descriptions = {
  alive: 'False for a series that has no files any more: filter by alive: true',
  date: 'StudyDate as a number, 0 where it is missing or unreadable',
  [times[0]!]: 'StudyDate as a time',
  header: 'The full header; one element is TAG=VR value, as in 00180015=CS HEAD',
};
for (const field of [...Object.keys(formats), ...Object.keys(descriptions)])
  if (!(field in properties)) throw new Error(`The series have no field ${field} any more`);

const view = {
  attributes: {
    title: `${DEFAULT_PREFIX}-series`,
    name: 'ditag series',
    timeFieldName: times[0],
    // Kibana reads the fields from the index itself; here stands only what differs from it, each as text in itself.
    fields: '[]',
    fieldAttrs: JSON.stringify(
      Object.fromEntries(
        Object.entries(descriptions).map(([field, customDescription]) => [field, { customDescription }]),
      ),
    ),
    fieldFormatMap: JSON.stringify(formats),
    sourceFilters: JSON.stringify(hidden.map((value) => ({ value }))),
    runtimeFieldMap: '{}',
    typeMeta: '{}',
  },
  coreMigrationVersion: '8.8.0',
  id: `${DEFAULT_PREFIX}-series`,
  managed: false,
  references: [],
  type: 'index-pattern',
  typeMigrationVersion: '8.0.0',
};

const NOT_TRIED = 'Made from the mapping of ditag in the format of Kibana 8. It was not tried on a real Kibana.';
/** Of the living series only. */
const searchSource = JSON.stringify({
  query: { query: 'alive: true', language: 'kuery' },
  filter: [],
  indexRefName: 'kibanaSavedObjectMeta.searchSourceJSON.index',
});

/** A saved visualization. @param aggs what is counted and by what, as Kibana's editor keeps it */
function visualization(name: string, title: string, type: string, aggs: readonly object[]) {
  return {
    attributes: {
      title: `ditag: ${title}`,
      description: NOT_TRIED,
      visState: JSON.stringify({ title, type, aggs, params: {} }),
      uiStateJSON: '{}',
      version: 1,
      kibanaSavedObjectMeta: { searchSourceJSON: searchSource },
    },
    coreMigrationVersion: '8.8.0',
    id: `${DEFAULT_PREFIX}-${name}`,
    managed: false,
    references: [{ id: view.id, name: 'kibanaSavedObjectMeta.searchSourceJSON.index', type: 'index-pattern' }],
    type: 'visualization',
    typeMigrationVersion: '8.5.0',
  };
}

const series = { id: '1', enabled: true, type: 'count', schema: 'metric', params: { customLabel: 'series' } };
const instances = {
  ...{ id: '2', enabled: true, type: 'sum', schema: 'metric' },
  params: { field: field('instances'), customLabel: 'instances' },
};

/** Fails where the mapping does not have the field any more. */
function field(name: string): string {
  if (!(name in properties)) throw new Error(`The series have no field ${name} any more`);
  return name;
}

/** A table of the most frequent values of an attribute. */
function table(attribute: string) {
  const terms = { field: field(attribute), orderBy: '1', order: 'desc', size: 20, missingBucket: true };
  const bucket = { id: '3', enabled: true, type: 'terms', schema: 'bucket', params: terms };
  return visualization(attribute.toLowerCase(), attribute, 'table', [series, instances, bucket]);
}

const years = { field: times[0], interval: 'y', min_doc_count: 1, useNormalizedEsInterval: true };
/** What the dashboard shows, and how wide each is, of 48 columns. */
const panels = [
  { width: 12, shown: visualization('totals', 'series and instances', 'metric', [series, instances]) },
  {
    width: 36,
    shown: visualization('years', 'series by StudyDate', 'histogram', [
      series,
      { id: '3', enabled: true, type: 'date_histogram', schema: 'segment', params: years },
    ]),
  },
  ...['Modality', 'Manufacturer', 'BodyPartExamined', 'StationName', 'StudyDescription', 'SeriesDescription'].map(
    (attribute) => ({ width: 16, shown: table(attribute) }),
  ),
];

const HEIGHT = 15;
const COLUMNS = 48;
let [x, y] = [0, 0];
const placed = panels.map(({ width }, n) => {
  if (x + width > COLUMNS) [x, y] = [0, y + HEIGHT];
  const i = String(n + 1);
  const panel = {
    ...{ type: 'visualization', gridData: { x, y, w: width, h: HEIGHT, i }, panelIndex: i, embeddableConfig: {} },
    panelRefName: `panel_${i}`,
  };
  x += width;
  return panel;
});

const dashboard = {
  attributes: {
    title: 'ditag: series of the archives',
    description: NOT_TRIED,
    panelsJSON: JSON.stringify(placed),
    optionsJSON: JSON.stringify({ useMargins: true, hidePanelTitles: false }),
    timeRestore: true,
    timeFrom: 'now-50y',
    timeTo: 'now',
    version: 1,
    kibanaSavedObjectMeta: {
      searchSourceJSON: JSON.stringify({ query: { query: '', language: 'kuery' }, filter: [] }),
    },
  },
  coreMigrationVersion: '8.8.0',
  id: `${DEFAULT_PREFIX}-dashboard`,
  managed: false,
  references: panels.map(({ shown }, n) => ({ id: shown.id, name: `${n + 1}:panel_${n + 1}`, type: 'visualization' })),
  type: 'dashboard',
  typeMigrationVersion: '8.9.0',
};

const objects = [view, ...panels.map(({ shown }) => shown), dashboard];
writeOrCheck('deploy/kibana/ditag.ndjson', `${objects.map((object) => JSON.stringify(object)).join('\n')}\n`);
