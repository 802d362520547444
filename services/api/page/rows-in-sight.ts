// Which rows of a long table stand in the document: those in sight and some beyond. Browsers end an element at some ten
// million pixels; a table that would be higher is scrolled in larger steps, so that its end can be reached.

/** Height of a row, as the style sheet has it. */
export const ROW = 30;
/** Rows beyond those in sight, above and below. */
const BEYOND = 10;
/** Pixels that every browser can have: Chromium ends at 33,554,428, others before. */
const HIGHEST = 15_000_000;

export interface RowsInSight {
  readonly first: number;
  /** Behind the last. */
  readonly last: number;
  /** Pixels in the place of the rows before and after: so those between keep theirs. */
  readonly before: number;
  readonly after: number;
}

/** @param top pixels that are scrolled @param height pixels in sight */
export function rowsInSight(count: number, top: number, height: number): RowsInSight {
  const whole = Math.min(count * ROW, HIGHEST);
  const most = Math.max(0, whole - height);
  const scrolled = Math.min(Math.max(top, 0), most);
  const seen = height / ROW;
  // The row at the upper edge, and its fraction that is out of sight.
  const at = whole === count * ROW ? scrolled / ROW : (scrolled / most) * (count - seen);
  const first = Math.max(0, Math.floor(at) - Math.min(BEYOND, Math.floor(scrolled / ROW)));
  const last = Math.min(count, Math.ceil(at + seen) + Math.min(BEYOND, Math.floor((most - scrolled) / ROW)));
  const before = Math.max(0, scrolled - (at - first) * ROW);
  return { first, last, before, after: Math.max(0, whole - before - (last - first) * ROW) };
}
