// Dates of StudyDate and of the date options, as whole numbers (20260131) that compare in order.

/** A date that is absent or unreadable: sorts before every date and matches no date filter. */
export const NO_DATE = 0;

/** StudyDate as found in a file: `20260131`, or the form of ACR-NEMA, `2026.01.31` (PS3.5 section 6.2, DA). */
export function dateNumber(text: string): number {
  const match = /^\s*(\d{4})(\.?)(\d{2})\2(\d{2})(?:$|[\s\\])/.exec(text);
  if (match === null) return NO_DATE;
  return isDay(Number(match[1]), Number(match[3]), Number(match[4]))
    ? Number(match[1]! + match[3]! + match[4]!)
    : NO_DATE;
}

/** An option's value, strictly YYYYMMDD; undefined for anything else. */
export function parseDateOption(text: string): number | undefined {
  return /^\d{8}$/.test(text) && dateNumber(text) !== NO_DATE ? Number(text) : undefined;
}

function isDay(year: number, month: number, day: number): boolean {
  // The calendar begins with year 1; 0 stands for no date.
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day <= [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}
