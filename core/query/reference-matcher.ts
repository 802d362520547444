// Whether one series matches a query, said in the plainest way: no index, no codes, no shortcuts. It is the oracle
// against which every adapter of the index is tested, and the order of rows besides.
import type { HeaderElement } from '../dicom/header-element.ts';
import { creatorName } from '../dicom/kept-text.ts';
import { INDEXED_ATTRIBUTES } from '../instance/attributes.ts';
import { dateNumber } from './dates.ts';
import type { Query } from './query.ts';
import { type Target, targetText } from './target.ts';

/** A series as its full header has it. */
export interface ReferenceSeries {
  readonly SeriesInstanceUID: string;
  readonly elements: readonly HeaderElement[];
  /** Values of INDEXED_ATTRIBUTES by keyword; a missing one is ''. */
  readonly attributes: Readonly<Record<string, string>>;
  /** See core/instance/series-issues.ts. */
  readonly issues: string;
}

/** Does the series match? */
export function matches(query: Query, series: ReferenceSeries): boolean {
  const date = dateOf(series);
  const { from, to } = query;
  if ((from !== undefined || to !== undefined) && date === 0) return false;
  if (from !== undefined && date < from) return false;
  if (to !== undefined && date > to) return false;
  return query.conditions.every(({ targets, pattern, negate }) => {
    const found = targets.some((target) => pattern.test(textOfTarget(series, target)));
    return found !== negate;
  });
}

/** The order of answers: StudyDate (missing first), then SeriesInstanceUID, by code points. */
export function compareSeries(a: ReferenceSeries, b: ReferenceSeries): number {
  const byDate = dateOf(a) - dateOf(b);
  if (byDate !== 0) return byDate;
  return a.SeriesInstanceUID < b.SeriesInstanceUID ? -1 : a.SeriesInstanceUID > b.SeriesInstanceUID ? 1 : 0;
}

/** The text of a target: what patterns and columns see. */
export function textOfTarget(series: ReferenceSeries, target: Target): string {
  const { SeriesInstanceUID, elements, attributes, issues } = series;
  if (target.isSeriesInstanceUID) return SeriesInstanceUID;
  if (target.isIssues) return issues;
  if (target.attribute >= 0) return attributes[INDEXED_ATTRIBUTES[target.attribute]!] ?? '';
  const [first] = target.path;
  const textOf = (key: string) => elements.find((element) => element.key === key)?.text ?? '';
  const creator = first!.block === undefined ? '' : creatorName(textOf(first!.block.creatorKey));
  const byCreator = creator === '' ? '' : textOf(`${first!.block!.prefix}${creator}`);
  return targetText(byCreator === '' ? textOf(first!.key) : byCreator, target.path);
}

function dateOf({ attributes }: ReferenceSeries): number {
  return dateNumber(attributes.StudyDate ?? '');
}
