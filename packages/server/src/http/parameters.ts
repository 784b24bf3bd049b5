import { OperatingError, parseDuration, quote } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import { badData, invalidParameter } from "./errors.ts";

/** The furthest times that `Date` knows, far beyond any sample. */
export const TIME_MS_MIN = -8.64e15;
export const TIME_MS_MAX = 8.64e15;

/** How Prometheus writes the ends of time; its clients send them for "everything". */
const END_OF_TIME = new Map([
  ["-292273086-05-16T16:47:06Z", TIME_MS_MIN],
  ["292277025-08-18T07:12:54.999999999Z", TIME_MS_MAX],
]);

const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const RFC3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;

/** The methods whose body may be a form, as in Go. */
const FORM_METHODS: readonly string[] = ["POST", "PUT"];
const FORM_TYPE = "application/x-www-form-urlencoded";
/** A form may have so many bytes; Go's own limit. */
export const FORM_SIZE_MAX = 10 * 1024 * 1024;

/** A form can be read once, and several may look at it. */
const read = new WeakMap<Request, Promise<URLSearchParams>>();

/**
 * The parameters of a request: those of a form-encoded body, then those of the URL. May be asked for again.
 *
 * @throws OperatingError `input.too_large` for a form above `FORM_SIZE_MAX`.
 */
export function parametersOf(request: Request): Promise<URLSearchParams> {
  return read.getOrInsertComputed(request, readParameters);
}

async function readParameters(request: Request): Promise<URLSearchParams> {
  const fromUrl = new URL(request.url).searchParams;
  if (!isForm(request.method, request.headers.get("Content-Type") ?? "")) return fromUrl;
  return new URLSearchParams([...new URLSearchParams(await formText(request)), ...fromUrl]);
}

/** Whether the body of a request is a form. */
export function isForm(method: string, contentType: string): boolean {
  return FORM_METHODS.includes(method) && contentType.startsWith(FORM_TYPE);
}

/** A sender that streams does not say how long its form is, so it is counted as it arrives. */
async function formText(request: Request): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of formChunks(request)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/** The bytes of a request's form as they come. @throws OperatingError `input.too_large`. */
export async function* formChunks({ headers, body }: Request): AsyncGenerator<Uint8Array> {
  if (Number(headers.get("Content-Length") ?? 0) > FORM_SIZE_MAX) throw formTooLarge();
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > FORM_SIZE_MAX) throw formTooLarge();
    yield chunk;
  }
}

export function formTooLarge(): OperatingError {
  const text = `a request to this API has at most ${FORM_SIZE_MAX} bytes`;
  return new OperatingError("input.too_large", text);
}

/** Unix seconds (with fractions) or RFC 3339, as ms; undefined for anything else. */
export function parseTime(text: string): number | undefined {
  if (FLOAT.test(text)) {
    const seconds = Number(text);
    // The fraction is rounded by itself, which is more exact than rounding a large product.
    const whole = Math.trunc(seconds);
    const timestampMs = whole * 1000 + Math.round((seconds - whole) * 1000);
    return Math.abs(timestampMs) <= TIME_MS_MAX ? timestampMs : undefined;
  }
  const end = END_OF_TIME.get(text);
  if (end !== undefined) return end;
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, date, time, fraction = "", zone] = match;
  const wholeMs = Date.parse(`${date}T${time}${zone}`);
  if (Number.isNaN(wholeMs)) return undefined;
  // `Date` carries 30 February over into March; here it is a mistake.
  const utc = new Date(Date.parse(`${date}T00:00:00Z`));
  if (Number.isNaN(utc.getTime()) || !utc.toISOString().startsWith(date ?? "")) return undefined;
  return wholeMs + Number(fraction.slice(0, 3).padEnd(3, "0"));
}

/** A time; `absent` where the request does not say, which is a mistake where `absent` is undefined. */
export function timeParameter(
  parameters: URLSearchParams,
  name: string,
  absent: number | undefined,
): number {
  const text = parameters.get(name) ?? "";
  if (text === "" && absent !== undefined) return absent;
  const timestampMs = parseTime(text);
  if (timestampMs !== undefined) return timestampMs;
  const reason = `cannot parse ${quote(text)} to a valid timestamp`;
  // Prometheus words it longer where the parameter may be left out.
  const optional = absent === undefined ? "" : `invalid time value for '${name}': `;
  throw invalidParameter(name, optional + reason);
}

/** `start` and `end`, everything where they are absent. */
export function rangeParameters(parameters: URLSearchParams): TimeRange {
  const minMs = timeParameter(parameters, "start", TIME_MS_MIN);
  const maxMs = timeParameter(parameters, "end", TIME_MS_MAX);
  return { minMs, maxMs };
}

const NANOSECONDS_MAX = 2 ** 63;

/** Seconds (with fractions) or a Prometheus duration, in ms. @throws OperatingError `input.invalid`. */
export function parseDurationText(text: string): number {
  const problem = `cannot parse ${quote(text)} to a valid duration`;
  if (FLOAT.test(text)) {
    const seconds = Number(text);
    if (Math.abs(seconds * 1e9) >= NANOSECONDS_MAX) throw badData(`${problem}. It overflows int64`);
    return seconds * 1000;
  }
  const durationMs = parseDuration(text);
  if (durationMs === undefined) throw badData(problem);
  return durationMs;
}

/** A duration; undefined where the request does not say. */
export function durationParameter(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name) ?? "";
  if (text === "") return undefined;
  try {
    return parseDurationText(text);
  } catch (error) {
    throw error instanceof OperatingError ? invalidParameter(name, error.message) : error;
  }
}

/** How many results at most; 0 for all of them. */
export function limitParameter(parameters: URLSearchParams): number {
  const text = parameters.get("limit") ?? "";
  if (text === "") return 0;
  if (!/^[+-]?\d{1,15}$/.test(text))
    throw invalidParameter("limit", `strconv.Atoi: parsing ${quote(text)}: invalid syntax`);
  if (Number(text) < 0) throw invalidParameter("limit", "limit must be non-negative");
  return Number(text);
}

/** One of some words; undefined where the request does not say. */
export function choiceParameter<T extends string>(
  parameters: URLSearchParams,
  name: string,
  values: readonly T[],
): T | undefined {
  const text = parameters.get(name) ?? "";
  if (text === "") return undefined;
  const value = values.find((known) => known === text);
  if (value === undefined)
    throw invalidParameter(name, `${quote(text)} is none of ${values.join(", ")}`);
  return value;
}

/** What Go's `strconv.ParseBool` takes. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, false] as const),
]);

/** Undefined for what is neither. */
export function parseBoolean(text: string): boolean | undefined {
  return BOOLEANS.get(text);
}

/** Whether an answer may come from a cache, by the header `Cache-Control`. Steps one by one are only told of what is evaluated. */
export function mayUseCache(control: string, parameters: URLSearchParams): boolean {
  if (/\bno-(?:cache|store)\b/i.test(control) || parameters.get("stats") === "all") return false;
  return !optionalBoolean(parameters, "nocache", false);
}

/** Yes or no; `absent` where the request does not say. */
export function optionalBoolean(
  parameters: URLSearchParams,
  name: string,
  absent: boolean,
): boolean {
  const text = parameters.get(name) ?? "";
  if (text === "") return absent;
  const value = parseBoolean(text);
  if (value === undefined) throw badData(`invalid ${name} ${quote(text)}: must be boolean`);
  return value;
}
