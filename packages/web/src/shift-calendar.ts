import { type TimeZone, timestampAt, wallTimeAt } from "./time-zone.ts";

const DAY_MS = 86_400_000;
export const CALENDAR_DAYS = 14;

/** A day of the calendar: from its midnight to the next, which are 23 to 25 hours apart. */
export interface CalendarDay {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  /** `21`, or `1 Dec` on the first day shown and the first of a month. */
  readonly text: string;
  readonly isWeekend: boolean;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The days from that of `nowMs` on, or from `firstDay` days after it, as the clock of `zone` has them. */
export function calendarDays(
  nowMs: number,
  zone: TimeZone,
  count: number = CALENDAR_DAYS,
  firstDay = 0,
): CalendarDay[] {
  const today = dateAfter(wallTimeAt(nowMs, zone), firstDay);
  const midnight = (days: number) =>
    timestampAt({ ...dateAfter(today, days), hour: 0, minute: 0, second: 0 }, zone);
  return Array.from({ length: count }, (_, index) => {
    const { year, month, day } = dateAfter(today, index);
    const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay();
    return {
      startsAtMs: midnight(index),
      endsAtMs: midnight(index + 1),
      text: index === 0 || day === 1 ? `${day} ${MONTHS[month - 1]}` : String(day),
      isWeekend: weekday === 0 || weekday === 6,
    };
  });
}

function dateAfter(date: { year: number; month: number; day: number }, days: number) {
  const moved = new Date(Date.UTC(date.year, date.month - 1, date.day) + days * DAY_MS);
  return {
    year: moved.getUTCFullYear(),
    month: moved.getUTCMonth() + 1,
    day: moved.getUTCDate(),
  };
}
