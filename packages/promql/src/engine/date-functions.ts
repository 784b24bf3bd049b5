const SECONDS_PER_DAY = 86_400;
/** Times are whole seconds in 64 bits, as in Prometheus; what is not is no time. */
const SECONDS_END = 2 ** 63;

/** Calendar functions of a Unix time in seconds, UTC; NaN for what is no time. */
const DATES: ReadonlyMap<string, (seconds: number) => number> = new Map([
  ["minute", (seconds) => Math.floor(secondOfDay(seconds) / 60) % 60],
  ["hour", (seconds) => Math.floor(secondOfDay(seconds) / 3600)],
  // 1970-01-01 was a Thursday; Sunday is 0.
  ["day_of_week", (seconds) => modulo(dayOf(seconds) + 4, 7)],
  ["day_of_month", (seconds) => civil(dayOf(seconds)).day],
  ["day_of_year", (seconds) => dayOfYear(dayOf(seconds))],
  ["days_in_month", (seconds) => daysInMonth(civil(dayOf(seconds)))],
  ["month", (seconds) => civil(dayOf(seconds)).month],
  ["year", (seconds) => civil(dayOf(seconds)).year],
]);

export function dateFunction(name: string): ((seconds: number) => number) | undefined {
  return DATES.get(name);
}

/** Days since 1970-01-01. */
function dayOf(seconds: number): number {
  // The difference is exact, where a rounded quotient might already be the next day.
  const whole = wholeSeconds(seconds);
  return (whole - modulo(whole, SECONDS_PER_DAY)) / SECONDS_PER_DAY;
}

function secondOfDay(seconds: number): number {
  return modulo(wholeSeconds(seconds), SECONDS_PER_DAY);
}

/** Fractions of a second are cut off towards zero, as Prometheus does. */
function wholeSeconds(seconds: number): number {
  return Math.abs(seconds) < SECONDS_END ? Math.trunc(seconds) : Number.NaN;
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

interface CivilDate {
  year: number;
  /** 1 to 12. */
  month: number;
  /** 1 to 31. */
  day: number;
}

const date: CivilDate = { year: 1970, month: 1, day: 1 };

/**
 * The Gregorian date of a day, by arithmetic instead of a Date per sample. Years are counted from 1 March, so that the
 * leap day is a year's last and months have a regular pattern. The result is overwritten by the next call.
 */
function civil(day: number): Readonly<CivilDate> {
  const fromMarch = day + 719_468; // Days since 0000-03-01.
  const era = Math.floor(fromMarch / 146_097); // 400 years each.
  const dayOfEra = fromMarch - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfMarchYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfMarchYear + 2) / 153);
  date.day = dayOfMarchYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  date.month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  date.year = yearOfEra + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysInMonth({ year, month }: Readonly<CivilDate>): number {
  return month === 2 && isLeap(year) ? 29 : (MONTH_DAYS[month - 1] ?? Number.NaN);
}

function dayOfYear(day: number): number {
  const { year, month, day: dayOfMonth } = civil(day);
  let total = dayOfMonth;
  for (let m = 1; m < month; m++) total += daysInMonth({ year, month: m, day: 1 });
  return total;
}
