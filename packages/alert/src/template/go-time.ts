/** A moment as templates show it: where no zone is set, in UTC. */
export interface ZonedTime {
  readonly ms: number;
  /** An IANA name, such as `Europe/Paris`. */
  readonly zone?: string | undefined;
}

/** The parts of a time that layouts name, on the clocks of its zone. */
interface Parts {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  /** From 0, a Sunday. */
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
  readonly offsetMinutes: number;
  /** `CEST`, `UTC`, or as Go where there is none, `+07`. */
  readonly zoneName: string;
}

export const MONTHS: readonly string[] = [
  ...["January", "February", "March", "April", "May", "June", "July"],
  ...["August", "September", "October", "November", "December"],
];
export const WEEKDAYS: readonly string[] = [
  ...["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
];

/** How Go prints a time without being told: `2015-07-01 02:03:04.5 +0000 UTC`. */
export const DEFAULT_LAYOUT = "2006-01-02 15:04:05.999999999 -0700 MST";

/** What JavaScript's dates can hold. */
const TIME_MS_MAX = 8.64e15;
const MINUTE_MS = 60_000;

const LAYOUT =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|_2(?!006)|002|0[1-6]|15|PM|pm|[-Z]07:00:00|[-Z]070000|[-Z]07:00|[-Z]0700|[-Z]07|[.,](?:0+|9+)(?!\d)|[1-5]/g;

/** Go's `time.Format`: the layout is how the moment of Mon Jan 2 15:04:05 -0700 MST 2006 is written. */
export function formatGoTime(time: ZonedTime, layout: string): string {
  if (!(Math.abs(time.ms) <= TIME_MS_MAX)) return `${time.ms} ms`;
  const parts = partsOf(time);
  return layout.replace(LAYOUT, (token) => formatToken(token, parts));
}

/** Go's `time.Parse`, in UTC unless the text has an offset; undefined where it does not fit the layout. */
export function parseGoTime(layout: string, text: string): number | undefined {
  const tokens: string[] = [];
  let pattern = "";
  let at = 0;
  for (const match of layout.matchAll(LAYOUT)) {
    pattern += escapeRegex(layout.slice(at, match.index)) + patternOf(match[0]);
    tokens.push(match[0]);
    at = match.index + match[0].length;
  }
  const found = new RegExp(`^${pattern}${escapeRegex(layout.slice(at))}$`).exec(text);
  if (found === null) return undefined;
  const parsed = { ...EMPTY };
  for (const [i, token] of tokens.entries())
    if (!readToken(token, found[i + 1] ?? "", parsed)) return undefined;
  return timeOf(parsed);
}

/** Whether the name is one of a time zone. */
export function isTimeZone(name: string): boolean {
  return zoneFormats(name) !== undefined;
}

/** The date and time on the clocks of the time's zone. */
export function partsOf({ ms, zone }: ZonedTime): Parts {
  const { offsetMinutes, zoneName } = zoneAt(ms, zone);
  const date = new Date(ms + offsetMinutes * MINUTE_MS);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    millisecond: date.getUTCMilliseconds(),
    offsetMinutes,
    zoneName,
  };
}

/** From 1, in the zone's year. */
export function dayOfYear({ year, month, day }: Pick<Parts, "year" | "month" | "day">): number {
  return Math.round((utcMs(year, month, day) - utcMs(year, 1, 1)) / 86_400_000) + 1;
}

function formatToken(token: string, parts: Parts): string {
  const hour12 = parts.hour % 12 === 0 ? 12 : parts.hour % 12;
  switch (token) {
    case "2006":
      return String(parts.year).padStart(4, "0");
    case "06":
      return twoDigits(parts.year % 100);
    case "January":
      return MONTHS[parts.month - 1] ?? "";
    case "Jan":
      return (MONTHS[parts.month - 1] ?? "").slice(0, 3);
    case "01":
      return twoDigits(parts.month);
    case "1":
      return String(parts.month);
    case "02":
      return twoDigits(parts.day);
    case "_2":
      return String(parts.day).padStart(2, " ");
    case "2":
      return String(parts.day);
    case "002":
      return String(dayOfYear(parts)).padStart(3, "0");
    case "__2":
      return String(dayOfYear(parts)).padStart(3, " ");
    case "Monday":
      return WEEKDAYS[parts.weekday] ?? "";
    case "Mon":
      return (WEEKDAYS[parts.weekday] ?? "").slice(0, 3);
    case "15":
      return twoDigits(parts.hour);
    case "03":
      return twoDigits(hour12);
    case "3":
      return String(hour12);
    case "04":
      return twoDigits(parts.minute);
    case "4":
      return String(parts.minute);
    case "05":
      return twoDigits(parts.second);
    case "5":
      return String(parts.second);
    case "PM":
      return parts.hour >= 12 ? "PM" : "AM";
    case "pm":
      return parts.hour >= 12 ? "pm" : "am";
    case "MST":
      return parts.zoneName;
    default:
      return /^[.,]/.test(token)
        ? formatFraction(token, parts.millisecond)
        : formatOffset(token, parts.offsetMinutes);
  }
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** `.000` always shows its digits, `.999` only those that are not zeros at the end. */
function formatFraction(token: string, millisecond: number): string {
  const digits = String(millisecond)
    .padStart(3, "0")
    .padEnd(9, "0")
    .slice(0, token.length - 1)
    .padEnd(token.length - 1, "0");
  if (token.charAt(1) === "0") return token.charAt(0) + digits;
  const trimmed = digits.replace(/0+$/, "");
  return trimmed === "" ? "" : token.charAt(0) + trimmed;
}

function formatOffset(token: string, offsetMinutes: number): string {
  if (token.startsWith("Z") && offsetMinutes === 0) return "Z";
  const sign = offsetMinutes < 0 ? "-" : "+";
  const hours = twoDigits(Math.floor(Math.abs(offsetMinutes) / 60));
  const minutes = twoDigits(Math.abs(offsetMinutes) % 60);
  switch (token.slice(1)) {
    case "07":
      return sign + hours;
    case "07:00":
      return `${sign}${hours}:${minutes}`;
    case "07:00:00":
      return `${sign}${hours}:${minutes}:00`;
    case "070000":
      return `${sign}${hours}${minutes}00`;
    default:
      return sign + hours + minutes;
  }
}

interface ZoneFormats {
  readonly parts: Intl.DateTimeFormat;
  /** English has no abbreviation for all zones in every country; one of these may. */
  readonly names: readonly Intl.DateTimeFormat[];
}

/** Formats are slow to make. There are a few hundred zones, but names have other spellings too. */
const ZONES_REMEMBERED_MAX = 1000;
const zones = new Map<string, ZoneFormats>();

function zoneFormats(zone: string): ZoneFormats | undefined {
  const known = zones.get(zone);
  if (known !== undefined) return known;
  let formats: ZoneFormats;
  try {
    const named = (country: string): Intl.DateTimeFormat =>
      new Intl.DateTimeFormat(`en-${country}`, { timeZone: zone, timeZoneName: "short" });
    formats = {
      parts: new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" }),
      names: ["US", "GB", "AU", "IN", "NZ", "ZA"].map(named),
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined; // How Intl says that there is no such zone.
    throw error;
  }
  if (zones.size >= ZONES_REMEMBERED_MAX) zones.clear();
  zones.set(zone, formats);
  return formats;
}

function zoneAt(
  ms: number,
  zone: string | undefined,
): { readonly offsetMinutes: number; readonly zoneName: string } {
  const formats = zone === undefined || zone === "UTC" ? undefined : zoneFormats(zone);
  if (formats === undefined) return { offsetMinutes: 0, zoneName: "UTC" };
  const offset = /^GMT(?:([+-])(\d{2}):(\d{2}))?/.exec(zonePart(formats.parts, ms));
  const minutes = Number(offset?.[2] ?? 0) * 60 + Number(offset?.[3] ?? 0);
  const offsetMinutes = offset?.[1] === "-" ? -minutes : minutes;
  const names = formats.names.map((format) => zonePart(format, ms));
  const zoneName = names.find((name) => /^[A-Z]{2,5}$/.test(name));
  return { offsetMinutes, zoneName: zoneName ?? formatOffset("-07", offsetMinutes) };
}

function zonePart(format: Intl.DateTimeFormat, ms: number): string {
  return format.formatToParts(ms).find(({ type }) => type === "timeZoneName")?.value ?? "";
}

interface ParsedTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  ms: number;
  offsetMinutes: number;
  afternoon: boolean | undefined;
}

const EMPTY: ParsedTime = {
  year: 0,
  month: 1,
  day: 1,
  hour: 0,
  minute: 0,
  second: 0,
  ms: 0,
  offsetMinutes: 0,
  afternoon: undefined,
};

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

function patternOf(token: string): string {
  switch (token) {
    case "2006":
      return "(\\d{4})";
    case "January":
    case "Jan":
    case "Monday":
    case "Mon":
      return "([A-Za-z]+)";
    case "1":
    case "2":
    case "15":
    case "3":
    case "4":
    case "5":
      return "(\\d{1,2})";
    case "_2":
      return "( ?\\d{1,2})";
    case "002":
      return "(\\d{3})";
    case "__2":
      return "( {0,2}\\d{1,3})";
    case "PM":
      return "([AP]M)";
    case "pm":
      return "([ap]m)";
    case "MST":
      return "([A-Z]{3,5}|[+-]\\d{2})";
    default:
      if (/^[.,]/.test(token)) return token.charAt(1) === "9" ? "([.,]\\d+)?" : "([.,]\\d+)";
      if (token.startsWith("Z")) return "(Z|[+-]\\d{2}(?::?\\d{2}){0,2})";
      return token.startsWith("-") ? "([+-]\\d{2}(?::?\\d{2}){0,2})" : "(\\d{2})";
  }
}

/** False where the text does not mean anything there. */
function readToken(token: string, text: string, time: ParsedTime): boolean {
  const number = Number(text);
  switch (token) {
    case "2006":
      time.year = number;
      return true;
    case "06":
      time.year = number >= 69 ? 1900 + number : 2000 + number;
      return true;
    case "January":
    case "Jan": {
      const short = token === "Jan";
      const names = short ? MONTHS.map((name) => name.slice(0, 3)) : MONTHS;
      time.month = names.findIndex((name) => name.toLowerCase() === text.toLowerCase()) + 1;
      return time.month > 0;
    }
    case "01":
    case "1":
      time.month = number;
      return number >= 1 && number <= 12;
    case "02":
    case "2":
    case "_2":
      time.day = number;
      return number >= 1 && number <= 31;
    case "15":
      time.hour = number;
      return number < 24;
    case "03":
    case "3":
      time.hour = number;
      return number <= 12;
    case "04":
    case "4":
      time.minute = number;
      return number < 60;
    case "05":
    case "5":
      time.second = number;
      return number < 60;
    case "PM":
    case "pm":
      time.afternoon = text.toUpperCase() === "PM";
      return true;
    default:
      if (/^[-Z]07/.test(token)) time.offsetMinutes = readOffset(text);
      else if (/^[.,]/.test(token))
        time.ms = Math.floor(Number(`0.${text.slice(1) || "0"}`) * 1000);
      return true; // Names of weekdays and zones, and days of the year, say nothing more.
  }
}

function readOffset(text: string): number {
  const match = /^([+-])(\d{2}):?(\d{2})?/.exec(text);
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  return match[1] === "-" ? -minutes : minutes;
}

function timeOf(time: ParsedTime): number | undefined {
  let { hour } = time;
  if (time.afternoon === true && hour < 12) hour += 12;
  else if (time.afternoon === false && hour === 12) hour = 0;
  const midnight = utcMs(time.year, time.month, time.day);
  if (new Date(midnight).getUTCDate() !== time.day) return undefined; // The 31st of February.
  const minutes = hour * 60 + time.minute - time.offsetMinutes;
  return midnight + minutes * MINUTE_MS + time.second * 1000 + time.ms;
}

/** `Date.UTC` takes years below 100 for those of the twentieth century. */
function utcMs(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day);
}
