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
    for (const one of counts) one.addRows(page.codes(one.attribute), columns.instances, rows);
    // Rows come in the order of their dates: many of the same in a row.
    let [key, date] = [Number.NaN, { series: 0, instances: 0 }];
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const files = columns.instances[row]!;
      series++;
      instances += files;
      const own = Math.floor(columns.dates[row]! / divisor);
      if (own !== key) {
        key = own;
        const known = dates.get(key);
        if (known === undefined) dates.set(key, (date = { series: 0, instances: 0 }));
        else date = known;
      }
      date.series++;
      date.instances += files;
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
