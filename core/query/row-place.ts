// The place of a row in an order, as text: what a caller gives back to have the rows behind it.
import { ditagError } from '../errors/errors.ts';

export interface RowPlace {
  /** The value by which rows are ordered; '' where that is the date. */
  readonly value: string;
  /** StudyDate as a number, 0 where it is missing or unreadable. */
  readonly date: number;
  readonly SeriesInstanceUID: string;
}

export function placeText({ value, date, SeriesInstanceUID }: RowPlace): string {
  return JSON.stringify([value, date, SeriesInstanceUID]);
}

/** Throws `bad-place`. */
export function parsePlace(text: string): RowPlace {
  try {
    const [value, date, SeriesInstanceUID] = JSON.parse(text) as [unknown, unknown, unknown];
    if (typeof value === 'string' && Number.isSafeInteger(date) && typeof SeriesInstanceUID === 'string')
      return { value, date: date as number, SeriesInstanceUID };
  } catch {
    // As one that is of another shape.
  }
  throw ditagError('bad-place', {});
}
