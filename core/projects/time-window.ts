// The hours in which a download may ask the PACS, such as 19:00-06:00, by the clock of this machine.

const DAY = 24 * 60;

export interface TimeWindow {
  /** Minutes after midnight; it may end on the next day. */
  readonly from: number;
  readonly to: number;
}

/** Undefined for what is no window. */
export function parseWindow(text: string): TimeWindow | undefined {
  const found = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text.trim());
  if (found === null) return undefined;
  const [fromHour, fromMinute, toHour, toMinute] = found.slice(1).map(Number) as [number, number, number, number];
  const isTime = (hour: number, minute: number) => (hour < 24 ? minute < 60 : hour === 24 && minute === 0);
  const [from, to] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
  return isTime(fromHour, fromMinute) && isTime(toHour, toMinute) && from !== to
    ? { from: from % DAY, to: to % DAY }
    : undefined;
}

/** Milliseconds until the window opens; 0 within it. */
export function untilOpen({ from, to }: TimeWindow, now: Date): number {
  const minute = now.getHours() * 60 + now.getMinutes();
  const isOpen = from < to ? minute >= from && minute < to : minute >= from || minute < to;
  if (isOpen) return 0;
  const opens = new Date(now);
  opens.setHours(Math.floor(from / 60), from % 60, 0, 0);
  if (opens <= now) opens.setDate(opens.getDate() + 1);
  return opens.getTime() - now.getTime();
}

/** Milliseconds until the window closes, from a moment within it. */
export function untilClosed({ to }: TimeWindow, now: Date): number {
  const closes = new Date(now);
  closes.setHours(Math.floor(to / 60), to % 60, 0, 0);
  if (closes <= now) closes.setDate(closes.getDate() + 1);
  return closes.getTime() - now.getTime();
}
