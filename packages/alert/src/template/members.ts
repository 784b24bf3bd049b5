import { compareUtf8 } from "@pharos/base";
import { dayOfYear, formatGoTime, MONTHS, partsOf, WEEKDAYS } from "./go-time.ts";
import { TemplateCallError } from "./template-functions.ts";
import {
  type DurationValue,
  formatGoDuration,
  int,
  type ListValue,
  type MapValue,
  type TimeValue,
  typeName,
  type Value,
} from "./value.ts";

/** What `.name` is: a key of a map, a field, or a method without arguments. Undefined where there is none. */
export function memberOf(value: Value, name: string): Value | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  switch (value.kind) {
    case "map":
      return (
        (value.type === "KV" ? kvMethod(value, name) : undefined) ??
        value.entries.get(name) ??
        value.missing
      );
    case "struct":
      return value.fields.get(name);
    case "list":
      return listMethod(value, name);
    case "time":
      return timeMethod(value, name);
    case "duration":
      return durationMethod(value, name);
    case "int":
    case "safe":
      return undefined;
  }
}

/**
 * `.name arg …`, for the methods of Go's types that take arguments; undefined where there is no such method.
 *
 * @throws TemplateCallError
 */
export function callMethod(value: Value, name: string, args: readonly Value[]): Value | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value.kind === "map" && value.type === "KV" && name === "Remove") {
    const removed = new Set(stringsOf(only(args)));
    return kv([...value.entries].filter(([key]) => !removed.has(key)));
  }
  if (value.kind === "time") return callTimeMethod(value, name, args);
  if (value.kind === "duration" && (name === "Round" || name === "Truncate")) {
    const unit = durationOf(only(args)).seconds;
    if (unit <= 0) return value;
    const count = value.seconds / unit;
    const whole =
      name === "Round" ? Math.sign(count) * Math.round(Math.abs(count)) : Math.trunc(count);
    return { kind: "duration", seconds: whole * unit };
  }
  return undefined;
}

/** A map of strings with the methods that Alertmanager gives to labels and annotations. */
export function kv(entries: Iterable<readonly [string, Value]>): MapValue {
  return { kind: "map", entries: new Map(entries), missing: "", type: "KV" };
}

/** The texts of a list of strings. */
export function stringsOf(value: Value): string[] {
  if (typeof value !== "object" || value?.kind !== "list")
    throw new TemplateCallError(`wrong type for value; expected []string; got ${typeName(value)}`);
  return value.items.map((item) => {
    if (typeof item === "string") return item;
    throw new TemplateCallError(`wrong type for value; expected string; got ${typeName(item)}`);
  });
}

function kvMethod(map: MapValue, name: string): Value | undefined {
  switch (name) {
    case "SortedPairs":
      return { kind: "list", items: sortedPairs(map), type: "Pairs" };
    case "Names":
    case "Values":
      return column(sortedPairs(map), name);
    case "Remove":
      throw new TemplateCallError("wrong number of args for Remove: want 1 got 0");
    default:
      return undefined;
  }
}

/** By name, but the alert's own name first. */
function sortedPairs(map: MapValue): Value[] {
  const pairs = [...map.entries].sort(([a], [b]) => {
    if (a === "alertname" || b === "alertname") return a === b ? 0 : a === "alertname" ? -1 : 1;
    return compareUtf8(a, b);
  });
  return pairs.map(([name, value]) => ({
    kind: "struct",
    fields: new Map<string, Value>([
      ["Name", name],
      ["Value", value],
    ]),
  }));
}

function column(pairs: readonly Value[], name: "Names" | "Values"): ListValue {
  const field = name === "Names" ? "Name" : "Value";
  return { kind: "list", items: pairs.map((pair) => memberOf(pair, field) ?? ""), type: "string" };
}

function listMethod(list: ListValue, name: string): Value | undefined {
  if (list.type === "Pairs" && (name === "Names" || name === "Values"))
    return column(list.items, name);
  if (list.type !== "Alerts" || (name !== "Firing" && name !== "Resolved")) return undefined;
  const status = name.toLowerCase();
  const items = list.items.filter((alert) => memberOf(alert, "Status") === status);
  return { kind: "list", items, type: "Alert" };
}

/** Go's zero time, which stands for "not known". */
export const ZERO_TIME_MS = -62_135_596_800_000;

/** The methods of `time.Time` that take no arguments and that texts for people use. */
function timeMethod(time: TimeValue, name: string): Value | undefined {
  const parts = partsOf(time);
  switch (name) {
    case "Unix":
      return int(Math.floor(time.ms / 1000));
    case "UnixMilli":
      return int(time.ms);
    case "UnixMicro":
      return int(time.ms * 1e3);
    case "UnixNano":
      return int(time.ms * 1e6);
    case "Year":
      return int(parts.year);
    case "Month":
      return MONTHS[parts.month - 1];
    case "Day":
      return int(parts.day);
    case "YearDay":
      return int(dayOfYear(parts));
    case "Weekday":
      return WEEKDAYS[parts.weekday];
    case "Hour":
      return int(parts.hour);
    case "Minute":
      return int(parts.minute);
    case "Second":
      return int(parts.second);
    case "Nanosecond":
      return int(parts.millisecond * 1e6);
    case "IsZero":
      return time.ms === ZERO_TIME_MS;
    case "UTC":
      return { kind: "time", ms: time.ms };
    case "Local":
      return { kind: "time", ms: time.ms, ...(time.local === undefined ? {} : zoned(time.local)) };
    case "String":
      return formatGoTime(time, "2006-01-02 15:04:05.999999999 -0700 MST");
    default:
      return undefined;
  }
}

function zoned(zone: string): Pick<TimeValue, "zone" | "local"> {
  return { zone, local: zone };
}

function callTimeMethod(time: TimeValue, name: string, args: readonly Value[]): Value | undefined {
  switch (name) {
    case "Format": {
      const layout = only(args);
      if (typeof layout !== "string") throw wrongType("string", layout);
      return formatGoTime(time, layout);
    }
    case "Before":
      return time.ms < timeOf(only(args)).ms;
    case "After":
      return time.ms > timeOf(only(args)).ms;
    case "Equal":
      return time.ms === timeOf(only(args)).ms;
    case "Compare":
      return int(Math.sign(time.ms - timeOf(only(args)).ms));
    case "Sub":
      return { kind: "duration", seconds: (time.ms - timeOf(only(args)).ms) / 1000 };
    case "Add":
      return { ...time, ms: time.ms + durationOf(only(args)).seconds * 1000 };
    default:
      return undefined;
  }
}

function durationMethod({ seconds }: DurationValue, name: string): Value | undefined {
  switch (name) {
    case "Hours":
      return seconds / 3600;
    case "Minutes":
      return seconds / 60;
    case "Seconds":
      return seconds;
    case "Milliseconds":
      return int(Math.trunc(seconds * 1e3));
    case "String":
      return formatGoDuration(seconds);
    default:
      return undefined;
  }
}

function only(args: readonly Value[]): Value {
  const [first] = args;
  if (first === undefined || args.length > 1)
    throw new TemplateCallError(`wrong number of args: want 1 got ${args.length}`);
  return first;
}

function timeOf(value: Value): TimeValue {
  if (typeof value === "object" && value?.kind === "time") return value;
  throw wrongType("time.Time", value);
}

/** A plain integer is nanoseconds, as constants are in Go. */
function durationOf(value: Value): DurationValue {
  if (typeof value === "object" && value?.kind === "duration") return value;
  if (typeof value === "object" && value?.kind === "int")
    return { kind: "duration", seconds: value.value / 1e9 };
  throw wrongType("time.Duration", value);
}

function wrongType(expected: string, value: Value): TemplateCallError {
  return new TemplateCallError(
    `wrong type for value; expected ${expected}; got ${typeName(value)}`,
  );
}
