import { compareUtf8, compileRegexSearch, DURATION_HINT, parseDuration } from "@pharos/base";
import { formatFloat } from "./go-float.ts";
import { humanize, humanize1024, humanizeDuration, humanizePercentage } from "./humanize.ts";
import { sprintf } from "./printf.ts";
import { formatGoValue, int, isTrue, type ListValue, typeName, type Value } from "./value.ts";

/** What functions know beside their arguments. */
export interface FunctionContext {
  /** The evaluation's time, Unix epoch, ms: `now`. */
  readonly timestampMs: number;
  /** Where this server is reached from outside, without a slash at the end. */
  readonly externalUrl: string;
  /** Answers `query`; without it, asking fails. @throws TemplateCallError */
  readonly query?: ((expr: string) => ListValue) | undefined;
}

/** Thrown by functions; the message says what is wrong with the arguments. */
export class TemplateCallError extends Error {
  override readonly name = "TemplateCallError";
}

export interface TemplateFunction<Context> {
  readonly argsMin: number;
  readonly argsMax: number;
  /** @throws TemplateCallError or OperatingError where the arguments are wrong. */
  readonly call: (args: readonly Value[], context: Context) => Value;
}

type Call<Context> = TemplateFunction<Context>["call"];

export function fixed<Context>(count: number, call: Call<Context>): TemplateFunction<Context> {
  return { argsMin: count, argsMax: count, call };
}

export function variadic<Context>(argsMin: number, call: Call<Context>): TemplateFunction<Context> {
  return { argsMin, argsMax: Number.POSITIVE_INFINITY, call };
}

export function onText(change: (text: string) => string): TemplateFunction<unknown> {
  return fixed(1, ([text]) => change(toText(text)));
}

function onNumber(format: (value: number) => string): TemplateFunction<unknown> {
  return fixed(1, ([value]) => format(toNumber(value)));
}

/** What Go's text/template has of itself, by name. `and` and `or` are in the evaluator: they stop early. */
export const GO_FUNCTIONS: readonly (readonly [string, TemplateFunction<unknown>])[] = [
  ["print", variadic(0, (args) => sprint(args))],
  ["println", variadic(0, (args) => `${args.map(formatGoValue).join(" ")}\n`)],
  ["printf", variadic(1, ([format, ...args]) => sprintf(toText(format), args))],
  ["html", variadic(1, (args) => escapeHtml(sprint(args)))],
  ["js", variadic(1, (args) => escapeJs(sprint(args)))],
  ["urlquery", variadic(1, (args) => queryEscape(sprint(args)))],
  ["urlQueryEscape", onText(queryEscape)],
  ["len", fixed(1, ([value]) => int(lengthOf(value)))],
  ["index", variadic(1, ([value, ...keys]) => keys.reduce<Value>(indexValue, arg(value)))],
  ["slice", { argsMin: 1, argsMax: 3, call: ([value, ...range]) => sliceValue(value, range) }],
  ["not", fixed(1, ([value]) => !isTrue(arg(value)))],
  ["eq", variadic(2, ([first, ...rest]) => rest.some((other) => equalValues(arg(first), other)))],
  ["ne", fixed(2, ([a, b]) => !equalValues(arg(a), arg(b)))],
  ["lt", fixed(2, ([a, b]) => compareValues(a, b) < 0)],
  ["le", fixed(2, ([a, b]) => compareValues(a, b) <= 0)],
  ["gt", fixed(2, ([a, b]) => compareValues(a, b) > 0)],
  ["ge", fixed(2, ([a, b]) => compareValues(a, b) >= 0)],
];

/** Functions of Go's text/template and of Prometheus, by name. */
export const TEMPLATE_FUNCTIONS: ReadonlyMap<string, TemplateFunction<FunctionContext>> = new Map<
  string,
  TemplateFunction<FunctionContext>
>([
  ...GO_FUNCTIONS,
  ["humanize", onNumber(humanize)],
  ["humanize1024", onNumber(humanize1024)],
  ["humanizeDuration", onNumber(humanizeDuration)],
  ["humanizePercentage", onNumber(humanizePercentage)],
  ["humanizeTimestamp", onNumber(humanizeTimestamp)],
  ["toTime", fixed(1, ([seconds]) => ({ kind: "time", ms: timeOf(toNumber(seconds)) }))],
  ["toDuration", fixed(1, ([seconds]) => ({ kind: "duration", seconds: toNumber(seconds) }))],
  ["now", fixed(0, (_args, context) => context.timestampMs / 1000)],
  ["title", onText((text) => text.replace(/(^|[^\p{L}\p{Nd}_'])(\p{Ll})/gu, upperSecond))],
  ["toUpper", onText(toUpper)],
  ["toLower", onText(toLower)],
  ["stripPort", onText((text) => splitHostPort(text)?.host ?? text)],
  ["stripDomain", onText(stripDomain)],
  ["match", fixed(2, ([pattern, text]) => compileRegexSearch(toText(pattern)).found(toText(text)))],
  [
    "reReplaceAll",
    fixed(3, ([pattern, replacement, text]) =>
      compileRegexSearch(toText(pattern)).replaceAll(toText(text), toText(replacement)),
    ),
  ],
  ["parseDuration", fixed(1, ([text]) => durationSeconds(toText(text)))],
  ["graphLink", onText((expr) => `/graph?g0.expr=${queryEscape(expr)}&g0.tab=0`)],
  ["tableLink", onText((expr) => `/graph?g0.expr=${queryEscape(expr)}&g0.tab=1`)],
  ["externalURL", fixed(0, (_args, context) => context.externalUrl)],
  ["pathPrefix", fixed(0, (_args, context) => pathOf(context.externalUrl))],
  ["safeHtml", onText((text) => text)],
  [
    "args",
    variadic(0, (args) => ({
      kind: "map",
      entries: new Map(args.map((value, i) => [`arg${i}`, value])),
      missing: null,
    })),
  ],
  ["query", fixed(1, ([expr], context) => queried(toText(expr), context))],
  ["first", fixed(1, ([list]) => firstOf(toList(list)))],
  ["label", fixed(2, ([name, sample]) => labelOf(toText(name), arg(sample)))],
  ["value", fixed(1, ([sample]) => fieldOf(arg(sample), "Value"))],
  ["strvalue", fixed(1, ([sample]) => labelOf("__value__", arg(sample)))],
  ["sortByLabel", fixed(2, ([name, list]) => sortByLabel(toText(name), toList(list)))],
]);

/** Known in Go, but there is nothing to call. */
export const UNSUPPORTED_FUNCTIONS: ReadonlySet<string> = new Set(["call"]);

export function arg(value: Value | undefined): Value {
  return value ?? null;
}

export function toText(value: Value | undefined): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value?.kind === "safe") return value.text;
  throw new TemplateCallError(`wrong type for value; expected string; got ${typeName(arg(value))}`);
}

function toList(value: Value | undefined): ListValue {
  if (typeof value === "object" && value !== null && value.kind === "list") return value;
  throw new TemplateCallError(`wrong type for value; expected a list; got ${typeName(arg(value))}`);
}

/** Prometheus lets its number functions take strings too, as label values are. */
export function toNumber(value: Value | undefined): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") {
    const number = parseGoFloat(value);
    if (number === undefined)
      throw new TemplateCallError(
        `strconv.ParseFloat: parsing ${JSON.stringify(value)}: invalid syntax`,
      );
    return number;
  }
  if (typeof value === "object" && value !== null) {
    if (value.kind === "int") return value.value;
    if (value.kind === "duration") return value.seconds;
  }
  throw new TemplateCallError(`can't convert ${typeName(arg(value))} to float`);
}

function parseGoFloat(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special === null) return undefined;
  if (special[2]?.toLowerCase() === "nan") return Number.NaN;
  return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** Go's `Sprint`: a space only between two operands that are no strings. */
export function sprint(args: readonly Value[]): string {
  let out = "";
  for (const [at, value] of args.entries()) {
    const before = args[at - 1];
    if (at > 0 && typeof value !== "string" && typeof before !== "string") out += " ";
    out += formatGoValue(value);
  }
  return out;
}

function lengthOf(value: Value | undefined): number {
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  if (typeof value === "object" && value !== null) {
    if (value.kind === "map") return value.entries.size;
    if (value.kind === "list") return value.items.length;
  }
  throw new TemplateCallError(`len of type ${typeName(arg(value))}`);
}

function indexValue(value: Value, key: Value): Value {
  if (typeof value === "object" && value !== null) {
    if (value.kind === "map") return value.entries.get(toText(key)) ?? value.missing;
    if (value.kind === "list") return arg(value.items[indexOf(key, value.items.length)]);
  }
  if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    return int(bytes[indexOf(key, bytes.length)] as number);
  }
  throw new TemplateCallError(`can't index item of type ${typeName(value)}`);
}

function indexOf(key: Value, size: number): number {
  if (typeof key !== "object" || key === null || key.kind !== "int")
    throw new TemplateCallError(`cannot index slice/array with type ${typeName(key)}`);
  if (key.value < 0 || key.value >= size)
    throw new TemplateCallError(`index out of range: ${key.value}`);
  return key.value;
}

function sliceValue(value: Value | undefined, range: readonly Value[]): Value {
  const size = lengthOf(value);
  const [from = int(0), to = int(size)] = range;
  const start = indexOf(from, size + 1);
  const end = indexOf(to, size + 1);
  if (start > end) throw new TemplateCallError(`invalid slice index: ${start} > ${end}`);
  if (typeof value === "string")
    return new TextDecoder().decode(new TextEncoder().encode(value).slice(start, end));
  if (typeof value === "object" && value !== null && value.kind === "list")
    return { kind: "list", items: value.items.slice(start, end) };
  throw new TemplateCallError(`can't slice item of type ${typeName(arg(value))}`);
}

/** Go compares like with like only: `eq $value 0` is an error, `eq $value 0.0` is not. */
function basic(value: Value): string | number | boolean {
  if (value === null) throw new TemplateCallError("missing argument for comparison");
  if (typeof value !== "object") return value;
  if (value.kind === "int") return value.value;
  if (value.kind === "duration") return value.seconds;
  throw new TemplateCallError("invalid type for comparison");
}

function checkComparable(a: Value, b: Value): void {
  if (typeName(a) !== typeName(b)) throw new TemplateCallError("incompatible types for comparison");
}

function equalValues(a: Value, b: Value): boolean {
  if (a === null || b === null) return a === b;
  const left = basic(a);
  const right = basic(b);
  checkComparable(a, b);
  return left === right;
}

function compareValues(a: Value | undefined, b: Value | undefined): number {
  const left = basic(arg(a));
  const right = basic(arg(b));
  checkComparable(arg(a), arg(b));
  if (typeof left === "boolean") throw new TemplateCallError("invalid type for comparison");
  return left < right ? -1 : left > right ? 1 : left === right ? 0 : Number.NaN;
}

function timeOf(seconds: number): number {
  if (!Number.isFinite(seconds)) throw new TemplateCallError("value is NaN or Inf");
  // The range of 64-bit nanoseconds, as in Go.
  if (Math.abs(seconds) * 1e9 > 2 ** 63)
    throw new TemplateCallError(
      `${formatFloat(seconds, "g", -1)} cannot be represented as a nanoseconds timestamp since it overflows int64`,
    );
  return Math.floor(seconds * 1000);
}

function humanizeTimestamp(seconds: number): string {
  if (!Number.isFinite(seconds)) return formatFloat(seconds, "g", 4);
  return formatGoValue({ kind: "time", ms: timeOf(seconds) });
}

function durationSeconds(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new TemplateCallError(
      `not a valid duration string: ${JSON.stringify(text)}; want ${DURATION_HINT}`,
    );
  return ms / 1000;
}

/** Go changes each character for one other, or leaves it: `ß` does not become `SS`. */
export function toUpper(text: string): string {
  return text.replace(/\P{ASCII}|[a-z]/gu, (char) => oneOrSame(char.toUpperCase(), char));
}

export function toLower(text: string): string {
  return text.replace(/\P{ASCII}|[A-Z]/gu, (char) => oneOrSame(char.toLowerCase(), char));
}

function oneOrSame(changed: string, char: string): string {
  return changed.length > char.length ? char : changed;
}

function upperSecond(_whole: string, before: string, letter: string): string {
  return before + letter.toUpperCase();
}

/** Go's `net.SplitHostPort`; undefined where the text is not `host:port`, `[v6]:port` or `:port`. */
function splitHostPort(text: string): { host: string; port: string } | undefined {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(text);
  if (match === null) return undefined;
  return { host: match[1] ?? match[2] ?? "", port: match[3] ?? "" };
}

function stripDomain(text: string): string {
  const split = splitHostPort(text);
  const host = split?.host ?? text;
  const isAddress = /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || host.includes(":");
  if (isAddress) return text;
  const name = host.split(".")[0] ?? "";
  return split === undefined || split.port === "" ? name : `${name}:${split.port}`;
}

/** Go's `url.QueryEscape`: a space becomes `+`. */
export function queryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

function pathOf(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? "";
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => HTML_ESCAPES[char] as string);
}

function escapeJs(text: string): string {
  return text.replace(/[\\'"<>&=\p{Cc}]/gu, (char) => {
    if (char === "\\" || char === "'" || char === '"') return `\\${char}`;
    return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

function queried(expr: string, { query }: FunctionContext): ListValue {
  if (query === undefined) throw new TemplateCallError("queries cannot be asked here");
  return query(expr);
}

function firstOf(list: ListValue): Value {
  const [first] = list.items;
  if (first === undefined) throw new TemplateCallError("first() called on vector with no elements");
  return first;
}

function fieldOf(sample: Value, name: string): Value {
  if (typeof sample === "object" && sample !== null && sample.kind === "struct") {
    const field = sample.fields.get(name);
    if (field !== undefined) return field;
  }
  throw new TemplateCallError(`wrong type for value; expected a sample; got ${typeName(sample)}`);
}

function labelOf(name: string, sample: Value): Value {
  return indexValue(fieldOf(sample, "Labels"), name);
}

function sortByLabel(name: string, list: ListValue): Value {
  const key = (sample: Value): string => formatGoValue(labelOf(name, sample));
  const items = [...list.items].sort((a, b) => compareUtf8(key(a), key(b)));
  return { kind: "list", items };
}
