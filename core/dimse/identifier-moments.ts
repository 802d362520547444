// Dates, times and date-times of identifiers (PS3.5 section 6.2: DA TM DT), and ranges of them (PS3.4 C.2.2.2.5), as
// digits that compare in order. A text of less than full precision, such as an hour, is the whole period.

/** The first and the last instant of a period: 8 digits in DA, 12 in TM, 20 in DT. */
interface Moment {
  readonly first: string;
  readonly last: string;
  /** DT only: minutes from UTC. */
  readonly offset: number | undefined;
}

/** Both ends belong to it; an open end is undefined. */
export interface MomentRange {
  readonly from: Moment | undefined;
  readonly to: Moment | undefined;
}

const DATE = /^(\d{4})(\.?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])$/;
const TIME = /^([01]\d|2[0-3])(?:(:?)([0-5]\d)(?:\2([0-5]\d|60)(?:\.(\d{1,6}))?)?)?$/;
const DATE_TIME =
  /^(\d{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?)?)?)?)([+-]\d{4})?$/;
/** PS3.5 section 6.2: from -1200 to +1400, so that a year behind a hyphen is none. */
const [LEAST_OFFSET, MOST_OFFSET] = [-12 * 60, 14 * 60];

/** The period that a value stands for, old forms (1997.01.31, 10:30:00) included; undefined if it is none. */
function momentOf(text: string, vr: string): Moment | undefined {
  if (vr === 'DA') {
    const [, year, , month, day] = DATE.exec(text) ?? [];
    return year === undefined ? undefined : { first: year + month + day, last: year + month + day, offset: undefined };
  }
  if (vr === 'TM') {
    const [, hour, , minute = '', second = '', fraction = ''] = TIME.exec(text) ?? [];
    return hour === undefined ? undefined : { ...periodOfTime(hour + minute + second, fraction), offset: undefined };
  }
  const [, dateTime, zone] = DATE_TIME.exec(text) ?? [];
  if (dateTime === undefined) return undefined;
  const offset = zone === undefined ? undefined : minutesOf(zone);
  if (offset !== undefined && (offset < LEAST_OFFSET || offset > MOST_OFFSET)) return undefined;
  const [whole = '', fraction = ''] = dateTime.split('.');
  const year = whole.slice(0, 4);
  const [firstMonth, lastMonth] = [whole.slice(4, 6) || '01', whole.slice(4, 6) || '12'];
  const [firstDay, lastDay] = [whole.slice(6, 8) || '01', whole.slice(6, 8) || lastDayOf(year, lastMonth)];
  const { first, last } = periodOfTime(whole.slice(8), fraction);
  return { first: year + firstMonth + firstDay + first, last: year + lastMonth + lastDay + last, offset };
}

function periodOfTime(time: string, fraction: string): { first: string; last: string } {
  return {
    first: time + '000000'.slice(time.length) + fraction.padEnd(6, '0'),
    last: time + '235959'.slice(time.length) + fraction.padEnd(6, '9'),
  };
}

function minutesOf(zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3));
  return zone.startsWith('-') ? -minutes : minutes;
}

function lastDayOf(year: string, month: string): string {
  return String(new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate());
}

/** Two date-times with a hyphen have 53 characters; some may be blanks. */
const MOST_CHARACTERS = 64;

/** What a key of VR DA, TM or DT asks for: one period, or a range; undefined if it is neither. */
export function momentRange(key: string, vr: string): MomentRange | undefined {
  if (key.length > MOST_CHARACTERS) return undefined;
  const one = momentOf(key, vr);
  if (one !== undefined) return { from: one, to: one };
  for (let at = key.indexOf('-'); at >= 0; at = key.indexOf('-', at + 1)) {
    const [before, after] = [key.slice(0, at).trim(), key.slice(at + 1).trim()];
    const [from, to] = [momentOf(before, vr), momentOf(after, vr)];
    const isWhole = (from !== undefined || before === '') && (to !== undefined || after === '');
    if (isWhole && (from ?? to) !== undefined) return { from, to };
  }
  return undefined;
}

/** Does a stored value, by its first instant, lie in the range? */
export function isInRange(stored: string, vr: string, { from, to }: MomentRange): boolean {
  const moment = momentOf(stored, vr);
  if (moment === undefined) return false;
  const isAfter = from === undefined || compare(moment.first, moment.offset, from.first, from.offset) >= 0;
  return isAfter && (to === undefined || compare(moment.first, moment.offset, to.last, to.offset) <= 0);
}

/** Where one of them says nothing of its time zone, the clock that it was read from is taken for the other's. */
function compare(a: string, offsetOfA: number | undefined, b: string, offsetOfB: number | undefined): number {
  const hasZones = offsetOfA !== undefined && offsetOfB !== undefined;
  const [x, y] = hasZones ? [inUtc(a, offsetOfA), inUtc(b, offsetOfB)] : [a, b];
  return x < y ? -1 : x > y ? 1 : 0;
}

function inUtc(digits: string, offset: number): string {
  const part = (start: number, end: number) => Number(digits.slice(start, end));
  const minute = new Date(0);
  minute.setUTCFullYear(part(0, 4), part(4, 6) - 1, part(6, 8));
  minute.setUTCHours(part(8, 10), part(10, 12) - offset);
  const year = String(minute.getUTCFullYear()).padStart(4, '0');
  return year + minute.toISOString().slice(-19, -8).replaceAll(/\D/g, '') + digits.slice(12);
}

/** The range that a key of VR DA asks for as numbers (20260131); undefined: an open end, or no date at all. */
export function rangeOf(key: string): { from: number | undefined; to: number | undefined } | undefined {
  const range = momentRange(key.trim(), 'DA');
  const number = (moment: Moment | undefined) => (moment === undefined ? undefined : Number(moment.first));
  return range && { from: number(range.from), to: number(range.to) };
}
