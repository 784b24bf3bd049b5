import { compareUtf8, compileRegexSearch } from "@pharos/base";
import { formatGoTime, isTimeZone, parseGoTime } from "./go-time.ts";
import { humanizeDuration } from "./humanize.ts";
import { stringsOf, ZERO_TIME_MS } from "./members.ts";
import {
  arg,
  escapeHtml,
  fixed,
  GO_FUNCTIONS,
  onText,
  queryEscape,
  sprint,
  TemplateCallError,
  type TemplateFunction,
  toLower,
  toNumber,
  toText,
  toUpper,
  variadic,
} from "./template-functions.ts";
import { type TimeValue, typeName, type Value } from "./value.ts";

/** What the functions of notifications know beside their arguments. */
export interface NotificationContextValues {
  /** Unix epoch, ms: `now`. */
  readonly nowMs: number;
  /** An IANA name: what `.Local` turns times to. */
  readonly timeZone: string;
  readonly routeLabels: ReadonlyMap<string, string>;
}

/** How many values a list or map that a template builds may hold, those of lists in it counted. */
const BUILT_VALUES_MAX = 100_000;

/** Functions of Go's text/template and of Alertmanager, by name. */
export const NOTIFICATION_FUNCTIONS: ReadonlyMap<
  string,
  TemplateFunction<NotificationContextValues>
> = new Map<string, TemplateFunction<NotificationContextValues>>([
  ...GO_FUNCTIONS,
  // What they escaped is not to be escaped again in HTML.
  ["html", variadic(0, (args) => ({ kind: "safe", as: "html", text: escapeHtml(sprint(args)) }))],
  [
    "urlquery",
    variadic(0, (args) => ({ kind: "safe", as: "url", text: queryEscape(sprint(args)) })),
  ],
  ["toUpper", onText(toUpper)],
  ["toLower", onText(toLower)],
  ["title", onText(titleCase)],
  ["trimSpace", onText((text) => text.trim())],
  ["join", fixed(2, ([separator, list]) => stringsOf(arg(list)).join(toText(separator)))],
  ["match", fixed(2, ([pattern, text]) => compileRegexSearch(toText(pattern)).found(toText(text)))],
  [
    "reReplaceAll",
    fixed(3, ([pattern, replacement, text]) =>
      compileRegexSearch(toText(pattern)).replaceAll(toText(text), toText(replacement)),
    ),
  ],
  ["safeHtml", fixed(1, ([text]) => ({ kind: "safe", as: "html", text: toText(text) }))],
  ["safeUrl", fixed(1, ([text]) => ({ kind: "safe", as: "url", text: toText(text) }))],
  ["urlUnescape", onText(urlUnescape)],
  [
    "stringSlice",
    variadic(0, (args) => ({ kind: "list", items: args.map(toText), type: "string" })),
  ],
  ["routeLabels", fixed(1, ([name], { routeLabels }) => routeLabels.get(toText(name)) ?? "")],
  ["date", fixed(2, ([layout, time]) => formatGoTime(toTime(time), toText(layout)))],
  ["tz", fixed(2, ([zone, time]) => inZone(toText(zone), toTime(time)))],
  ["now", fixed(0, (_args, { nowMs, timeZone }) => localTime(nowMs, timeZone))],
  [
    "since",
    fixed(1, ([time], { nowMs }) => ({
      kind: "duration",
      seconds: (nowMs - toTime(time).ms) / 1000,
    })),
  ],
  ["humanizeDuration", fixed(1, ([value]) => humanizeDuration(toNumber(value)))],
  [
    "toDate",
    fixed(2, ([layout, text]) => ({
      kind: "time",
      ms: parseGoTime(toText(layout), toText(text)) ?? ZERO_TIME_MS,
    })),
  ],
  ["mustToDate", fixed(2, ([layout, text]) => mustToDate(toText(layout), toText(text)))],
  ["toJson", fixed(1, ([value]) => toJson(arg(value)))],
  ["base64encode", onText(base64Encode)],
  ["base64decode", onText(base64Decode)],
  ["list", variadic(0, (items) => built({ kind: "list", items }))],
  [
    "append",
    variadic(1, ([list, ...items]) => built({ kind: "list", items: [...toItems(list), ...items] })),
  ],
  ["dict", variadic(0, (args) => built(dict(args)))],
]);

/** A moment on the clocks of a zone. */
export function localTime(ms: number, timeZone: string): TimeValue {
  return timeZone === "UTC"
    ? { kind: "time", ms }
    : { kind: "time", ms, zone: timeZone, local: timeZone };
}

function titleCase(text: string): string {
  return text
    .toLowerCase()
    .replace(/(^|[^\p{L}\p{M}\p{N}_'’])(\p{Ll})/gu, (_whole, before: string, letter: string) => {
      return before + letter.toUpperCase();
    });
}

/** Go's `url.QueryUnescape`. */
function urlUnescape(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new TemplateCallError(`invalid URL escape in ${JSON.stringify(text)}`);
  }
}

function toTime(value: Value | undefined): TimeValue {
  if (typeof value === "object" && value?.kind === "time") return value;
  throw new TemplateCallError(
    `wrong type for value; expected time.Time; got ${typeName(arg(value))}`,
  );
}

function inZone(zone: string, time: TimeValue): TimeValue {
  if (zone === "" || zone === "UTC") return { kind: "time", ms: time.ms };
  if (zone === "Local") return localTime(time.ms, time.local ?? "UTC");
  if (!isTimeZone(zone)) throw new TemplateCallError(`unknown time zone ${zone}`);
  return { ...time, zone };
}

function mustToDate(layout: string, text: string): TimeValue {
  const ms = parseGoTime(layout, text);
  if (ms === undefined)
    throw new TemplateCallError(
      `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: it does not fit`,
    );
  return { kind: "time", ms };
}

function toItems(value: Value | undefined): readonly Value[] {
  if (typeof value === "object" && value?.kind === "list") return value.items;
  throw new TemplateCallError(`wrong type for value; expected a list; got ${typeName(arg(value))}`);
}

function dict(args: readonly Value[]): Value {
  if (args.length % 2 !== 0)
    throw new TemplateCallError("dict requires an even number of arguments");
  const entries = new Map<string, Value>();
  for (let i = 0; i < args.length; i += 2) {
    const key = arg(args[i]);
    if (typeof key !== "string") throw new TemplateCallError("dict keys must be strings");
    entries.set(key, arg(args[i + 1]));
  }
  return { kind: "map", entries, missing: null };
}

/** How many values there are in a value: a list that holds the same list twice prints it twice. */
const sizes = new WeakMap<object, number>();

function sizeOf(value: Value): number {
  if (typeof value !== "object" || value === null) return 1;
  const known = sizes.get(value);
  if (known !== undefined) return known;
  let size = 1;
  for (const part of partsOf(value)) size += sizeOf(part);
  sizes.set(value, size);
  return size;
}

function partsOf(value: Exclude<Value, string | number | boolean | null>): Iterable<Value> {
  if (value.kind === "list") return value.items;
  if (value.kind === "map") return value.entries.values();
  return value.kind === "struct" ? value.fields.values() : [];
}

function built(value: Value): Value {
  if (sizeOf(value) > BUILT_VALUES_MAX)
    throw new TemplateCallError(`more than ${BUILT_VALUES_MAX} values`);
  return value;
}

/** As Go's `json.Marshal` writes it: keys of maps sorted, `<`, `>` and `&` escaped. */
function toJson(value: Value): string {
  return json(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function json(value: Value): string {
  if (value === null || typeof value !== "object") {
    if (typeof value === "number" && !Number.isFinite(value))
      throw new TemplateCallError(`json: unsupported value: ${value}`);
    return JSON.stringify(value);
  }
  switch (value.kind) {
    case "int":
      return String(value.value);
    case "safe":
      return JSON.stringify(value.text);
    case "time":
      return JSON.stringify(formatGoTime(value, "2006-01-02T15:04:05.999999999Z07:00"));
    case "duration":
      return String(Math.round(value.seconds * 1e9));
    case "list":
      return `[${value.items.map(json).join(",")}]`;
    case "map":
      return `{${[...value.entries]
        .sort(([a], [b]) => compareUtf8(a, b))
        .map(([key, entry]) => `${JSON.stringify(key)}:${json(entry)}`)
        .join(",")}}`;
    case "struct":
      return `{${[...value.fields]
        .map(([name, entry]) => `${JSON.stringify(jsonName(name, value.json))}:${json(entry)}`)
        .join(",")}}`;
  }
}

/** As in the bodies of webhooks: `GroupLabels` is `groupLabels`. */
function jsonName(name: string, style: "lower" | undefined): string {
  if (style === undefined) return name;
  if (name === "NotificationReason") return "notification_reason";
  return name.replace(/^[A-Z]+(?![a-z])|^[A-Z]/, (capitals) => capitals.toLowerCase());
}

function base64Encode(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function base64Decode(text: string): string {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
    throw new TemplateCallError("illegal base64 data");
  return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
}
