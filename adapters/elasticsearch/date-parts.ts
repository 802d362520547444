// A long answer in parts that can be asked for at the same time: ranges of dates, as far as possible of one page each. Within
// a page Elasticsearch uses one processor, and nobody can say where the next one begins before it is there.

/** Dates are numbers such as 20260301; 0 for none. */
export interface DatePart {
  /** From this date on; undefined: from where the answer has got to. */
  readonly from: number | undefined;
  /** Before this date; undefined: to the end. */
  readonly before: number | undefined;
}

/** Dates with this many in common are of one month. */
export const MONTH = 100;

/** How many series there are of a month, by its first number. */
export interface MonthCount {
  readonly month: number;
  readonly series: number;
}

/** Parts in order, without a gap. @param months ascending, from where the answer has got to on @param size series of a page */
export function datePartsOf(months: readonly MonthCount[], size: number): DatePart[] {
  const parts: DatePart[] = [];
  let from: number | undefined;
  let within = 0;
  for (const { month, series } of months) {
    // Before the first month is nothing but what has come.
    if (within > 0 && within + series > size) {
      parts.push({ from, before: month });
      from = month;
      within = 0;
    }
    within += series;
  }
  parts.push({ from, before: undefined });
  return parts;
}
