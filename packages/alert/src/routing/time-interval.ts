/** Both ends belong to it. */
export interface InclusiveRange {
  readonly begin: number;
  readonly end: number;
}

/** Minutes of a day on the clock of the zone; the end does not belong to it and may be 1440. */
export interface TimeRange {
  readonly startMinute: number;
  readonly endMinute: number;
}

/**
 * When something holds, as Alertmanager's `time_intervals` say it. A field that is absent holds always; one that is
 * there holds where any of its ranges does; the interval holds where all its fields do.
 */
export interface TimeInterval {
  readonly times?: readonly TimeRange[];
  /** From 0 for Sunday to 6. */
  readonly weekdays?: readonly InclusiveRange[];
  /** From 1; negative ones count from the end of the month, which is -1. */
  readonly daysOfMonth?: readonly InclusiveRange[];
  /** From 1 for January. */
  readonly months?: readonly InclusiveRange[];
  readonly years?: readonly InclusiveRange[];
  /** A zone of the IANA database, such as "Europe/Berlin". UTC where absent. */
  readonly location?: string;
}

/** Whether any of the intervals holds at that time; none of none. */
export function isActiveAt(intervals: readonly TimeInterval[], timeMs: number): boolean {
  return intervals.some((interval) => containsTime(interval, timeMs));
}

function containsTime(interval: TimeInterval, timeMs: number): boolean {
  const at = Temporal.Instant.fromEpochMilliseconds(Math.floor(timeMs)).toZonedDateTimeISO(
    interval.location ?? "UTC",
  );
  const minute = at.hour * 60 + at.minute;
  return (
    isIn(interval.times, (range) => range.startMinute <= minute && minute < range.endMinute) &&
    isIn(interval.daysOfMonth, (range) => containsDay(range, at.day, at.daysInMonth)) &&
    isIn(interval.months, (range) => contains(range, at.month)) &&
    isIn(interval.weekdays, (range) => contains(range, at.dayOfWeek % 7)) &&
    isIn(interval.years, (range) => contains(range, at.year))
  );
}

function isIn<R>(ranges: readonly R[] | undefined, holds: (range: R) => boolean): boolean {
  return ranges === undefined || ranges.some(holds);
}

function contains(range: InclusiveRange, value: number): boolean {
  return range.begin <= value && value <= range.end;
}

/** A range beyond the end of a short month ends with it; one that only begins there is not in that month. */
function containsDay(range: InclusiveRange, day: number, dayCount: number): boolean {
  const begin = range.begin < 0 ? dayCount + range.begin + 1 : range.begin;
  const end = range.end < 0 ? dayCount + range.end + 1 : range.end;
  return begin <= day && day <= end;
}
