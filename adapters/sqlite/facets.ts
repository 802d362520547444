// Counts of the rows that a query selects, by the values of attributes and by date: each selected row is looked at once,
// and only the columns that are counted are read.
import type { DatabaseSync } from 'node:sqlite';
import { attributeIndex } from '../../core/instance/attributes.ts';
import { DATE_UNITS, type Facets, type FacetsRequest } from '../../core/ports/instance-index.ts';
import type { Query } from '../../core/query/query.ts';
import { CodeCounts } from './code-counts.ts';
import { type Known, selectPages } from './search.ts';

interface DateCount {
  series: number;
  studies: number;
}

const emptyCount = (): DateCount => ({ series: 0, studies: 0 });

export function countFacets(
  database: DatabaseSync,
  query: Query,
  { attributes, mostValues, dates: unit }: FacetsRequest,
  known: Known,
): Facets {
  const { texts } = known;
  const counts = attributes.map((attribute) => new CodeCounts(database, attribute, texts));
  const dates = new Map<number, DateCount>();
  const divisor = DATE_UNITS[unit];
  const studyAttribute = attributeIndex('StudyInstanceUID');
  /** Of each study the day at which it was last seen. */
  const lastSeen = new Int32Array(texts(studyAttribute).count).fill(-1);
  let series = 0;
  let instances = 0;
  for (const { page, rows } of selectPages(database, query, { known })) {
    const { columns } = page;
    for (const one of counts) one.addSeries(page.codes(one.attribute), rows);
    // Rows come in the order of their dates: many of the same in a row.
    const studies = page.codes(studyAttribute);
    let [key, date] = [Number.NaN, emptyCount()];
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const files = columns.instances[row]!;
      series++;
      instances += files;
      const day = columns.dates[row]!;
      const own = Math.floor(day / divisor);
      if (own !== key) {
        key = own;
        const known = dates.get(key);
        if (known === undefined) dates.set(key, (date = emptyCount()));
        else date = known;
      }
      date.series++;
      const study = studies[row]!;
      if (study === 0 || lastSeen[study] === day) continue;
      lastSeen[study] = day;
      date.studies++;
    }
  }
  return {
    series,
    instances,
    attributes: counts.map((one, i) => {
      const values = one.counted(mostValues).map(({ value, series: n }) => ({ value, series: n }));
      const told = values.reduce((sum, { series: n }) => sum + n, 0);
      return { attribute: attributes[i]!, values, otherSeries: series - told };
    }),
    dates: [...dates]
      .sort(([a], [b]) => a - b)
      .map(([date, count]) => ({ value: date === 0 ? '' : String(date), ...count })),
    areStudiesExact: true,
  };
}
