// Makes deploy/kibana/ditag.ndjson, Kibana's data view of the series, from the table of Elasticsearch's fields; with
// --check compares only. It is the format of Kibana's own exports, as its documentation has it. It was not tried on a
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

writeOrCheck('deploy/kibana/ditag.ndjson', `${JSON.stringify(view)}\n`);
