import { compareUtf8 } from "@pharos/base";
import { formatFloat } from "./go-float.ts";
import { DEFAULT_LAYOUT, formatGoTime, type ZonedTime } from "./go-time.ts";

/**
 * What a template computes with. A plain number is Go's float64; integers are a case of their own because Go prints,
 * compares and formats them differently.
 */
export type Value =
  | string
  | number
  | boolean
  | null
  | IntValue
  | TimeValue
  | DurationValue
  | MapValue
  | ListValue
  | StructValue
  | SafeValue;

export interface IntValue {
  readonly kind: "int";
  readonly value: number;
}

export interface TimeValue extends ZonedTime {
  readonly kind: "time";
  /** The zone that `.Local` turns to; UTC where it is absent. */
  readonly local?: string;
}

export interface DurationValue {
  readonly kind: "duration";
  readonly seconds: number;
}

export interface MapValue {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Value>;
  /** What a key that is not there gives: "" in a map of strings, nothing in a map of anything. */
  readonly missing: "" | null;
  /** With the methods of Alertmanager's label sets. */
  readonly type?: "KV";
}

export interface ListValue {
  readonly kind: "list";
  readonly items: readonly Value[];
  /** What it is a list of where Go would know; Alertmanager's lists have methods. */
  readonly type?: "string" | "Pairs" | "Alerts" | "Alert";
}

/** Fields that are known: another one is an error, where a map gives an empty value. */
export interface StructValue {
  readonly kind: "struct";
  readonly fields: ReadonlyMap<string, Value>;
  /** JSON has the fields' names with a small first letter; absent where it has them as they are. */
  readonly json?: "lower";
}

/** Text that its author says needs no escaping where HTML, or a URL in it, is written. */
export interface SafeValue {
  readonly kind: "safe";
  readonly as: "html" | "url";
  readonly text: string;
}

export function int(value: number): IntValue {
  return { kind: "int", value };
}

/** A map of strings, as `$labels` is. */
export function stringMap(entries: Iterable<readonly [string, string]>): MapValue {
  return { kind: "map", entries: new Map(entries), missing: "" };
}

/** Go's name of the type, for `%T` and error messages. */
export function typeName(value: Value): string {
  if (value === null) return "<nil>";
  if (typeof value === "string") return "string";
  if (typeof value === "number") return "float64";
  if (typeof value === "boolean") return "bool";
  switch (value.kind) {
    case "int":
      return "int";
    case "time":
      return "time.Time";
    case "duration":
      return "time.Duration";
    case "map":
      if (value.type === "KV") return "template.KV";
      return value.missing === "" ? "map[string]string" : "map[string]interface {}";
    case "list":
      return value.type === undefined ? "[]interface {}" : LIST_TYPES[value.type];
    case "struct":
      return "struct";
    case "safe":
      return value.as === "html" ? "template.HTML" : "template.URL";
  }
}

const LIST_TYPES: Readonly<Record<NonNullable<ListValue["type"]>, string>> = {
  string: "[]string",
  Pairs: "template.Pairs",
  Alerts: "template.Alerts",
  Alert: "[]template.Alert",
};

/** What `if`, `with`, `and`, `or` and `not` go by: zero, empty and nothing are false. */
export function isTrue(value: Value): boolean {
  if (value === null) return false;
  if (typeof value !== "object") return Boolean(value) || Number.isNaN(value);
  switch (value.kind) {
    case "int":
      return value.value !== 0;
    case "duration":
      return value.seconds !== 0;
    case "map":
      return value.entries.size > 0;
    case "list":
      return value.items.length > 0;
    case "safe":
      return value.text !== "";
    case "time":
    case "struct":
      return true;
  }
}

/** As Go's `%v`. */
export function formatGoValue(value: Value): string {
  if (value === null) return "<no value>";
  if (typeof value === "string") return value;
  if (typeof value === "number") return formatFloat(value, "g", -1);
  if (typeof value === "boolean") return String(value);
  switch (value.kind) {
    case "int":
      return String(value.value);
    case "time":
      return formatGoTime(value, DEFAULT_LAYOUT);
    case "duration":
      return formatGoDuration(value.seconds);
    case "safe":
      return value.text;
    case "map":
      if (value.type === "KV") return formatKv(value);
      return `map[${sortedEntries(value)
        .map(([key, entry]) => `${key}:${formatGoValue(entry)}`)
        .join(" ")}]`;
    case "list":
      if (value.type === "Pairs") return value.items.map(formatPair).join(", ");
      return `[${value.items.map(formatGoValue).join(" ")}]`;
    case "struct":
      return `{${[...value.fields.values()].map(formatGoValue).join(" ")}}`;
  }
}

export function sortedEntries(map: MapValue): readonly (readonly [string, Value])[] {
  return [...map.entries].sort(([a], [b]) => compareUtf8(a, b));
}

/** As Alertmanager prints label sets: `alertname=Down, job=api`. */
function formatKv(map: MapValue): string {
  const entries = sortedEntries(map);
  const name = entries.filter(([key]) => key === "alertname");
  const rest = entries.filter(([key]) => key !== "alertname");
  return [...name, ...rest].map(([key, value]) => `${key}=${formatGoValue(value)}`).join(", ");
}

function formatPair(pair: Value): string {
  if (typeof pair !== "object" || pair?.kind !== "struct") return formatGoValue(pair);
  return [...pair.fields.values()].map(formatGoValue).join("=");
}

/** As Go prints a duration: `1h30m0s`, `1.5s`, `20ms`. */
export function formatGoDuration(seconds: number): string {
  if (seconds === 0) return "0s";
  const sign = seconds < 0 ? "-" : "";
  const abs = Math.abs(seconds);
  if (abs < 1e-6) return `${sign}${trimNumber(abs * 1e9)}ns`;
  if (abs < 1e-3) return `${sign}${trimNumber(abs * 1e6)}µs`;
  if (abs < 1) return `${sign}${trimNumber(abs * 1e3)}ms`;
  const hours = Math.floor(abs / 3600);
  const minutes = Math.floor(abs / 60) % 60;
  const rest = `${trimNumber(abs - hours * 3600 - minutes * 60)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${sign}${minutes}m${rest}` : sign + rest;
}

/** At most nine digits after the point, as nanoseconds allow. */
function trimNumber(value: number): string {
  return String(Number(value.toFixed(9)));
}
