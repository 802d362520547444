// Counts of the rows that a query selects, by the values of attributes and by date: each selected row is looked at once,
// and only the columns that are counted are read.
import type { DatabaseSync } from 'node:sqlite';
import { DATE_UNITS, type Facets, type FacetsRequest } from '../../core/ports/instance-index.ts';
import type { Query } from '../../core/query/query.ts';
import { CodeCounts } from './code-counts.ts';
import { selectPages } from './search.ts';
import type { TextsOf } from './value-texts.ts';

export function countFacets(
  database: DatabaseSync,
  query: Query,
  { attributes, mostValues, dates: unit }: FacetsRequest,
  texts: TextsOf,
): Facets {
  const counts = attributes.map((attribute) => new CodeCounts(database, attribute, texts));
  const dates = new Map<number, { series: number; instances: number }>();
  const divisor = DATE_UNITS[unit];
  let series = 0;
  let instances = 0;
  for (const { page, rows } of selectPages(database, query, { texts })) {
    const { columns } = page;
    for (const one of counts) {
      const codes = page.codes(one.attribute);
      for (const row of rows) one.add(codes[row]!, columns.instances[row]!);
    }
    for (const row of rows) {
      const files = columns.instances[row]!;
      series++;
      instances += files;
      const key = Math.floor(columns.dates[row]! / divisor);
      const date = dates.get(key);
      if (date === undefined) dates.set(key, { series: 1, instances: files });
      else {
        date.series++;
        date.instances += files;
      }
    }
  }
  return {
    series,
    instances,
    attributes: counts.map((one, i) => {
      const values = one.counted(mostValues);
      const told = values.reduce((sum, { series: n }) => sum + n, 0);
      return { attribute: attributes[i]!, values, otherSeries: series - told };
    }),
    dates: [...dates]
      .sort(([a], [b]) => a - b)
      .map(([date, count]) => ({ value: date === 0 ? '' : String(date), ...count })),
  };
}
