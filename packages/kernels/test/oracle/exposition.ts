// Both text formats read the plain way: line by line, with regular expressions, numbers with `Number`. A body that the
// format does not allow throws a RangeError.
export interface ReadSample {
  /** Name and labels, sorted, as JSON. */
  readonly series: string;
  readonly value: number;
  readonly timestampMs: number | undefined;
}

type Format = "text" | "openmetrics";

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = "[a-zA-Z_][a-zA-Z0-9_]*";
const STRING = '"(?:[^"\\\\]|\\\\.)*"';
export const NUMBER = "(?:[+-]?(?:(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?|inf(?:inity)?)|nan)";
const EXEMPLAR = ` # \\{(?:${LABEL}=${STRING}(?:,${LABEL}=${STRING})*,?)?\\} ${NUMBER}(?: (${NUMBER}))?`;
const B = "[ \\t]*";
const TEXT_LABELS = `\\{${B}(?:(?:${LABEL}|${STRING})${B}=${B}${STRING}${B},?${B}|${STRING}${B}(?:,${B}|(?=\\})))*\\}`;
const OPEN_LABELS = `\\{(?:(?:${LABEL}|${STRING})=${STRING}(?:,|(?=\\}))|${STRING}(?:,|(?=\\})))*\\}`;
const LINES: Readonly<Record<Format, RegExp>> = {
  text: new RegExp(
    `^${B}(?:(${NAME})${B}(${TEXT_LABELS})${B}|(${TEXT_LABELS})${B}|(${NAME})[ \\t]${B})(${NUMBER})(?:[ \\t]+(\\d+))?${B}$`,
    "is",
  ),
  openmetrics: new RegExp(
    `^(?:(${NAME})(${OPEN_LABELS})|(${OPEN_LABELS})|(${NAME})) (${NUMBER})(?: (${NUMBER}))?(?:${EXEMPLAR})?$`,
    "is",
  ),
};
const PAIR = new RegExp(`(${LABEL}|${STRING})(?:${B}=${B}(${STRING}))?`, "gs");
const COMMENTS: Readonly<Record<Format, RegExp>> = {
  text: /^[ \t]*#[ \t]+(HELP|TYPE)[ \t]+(.*)$/s,
  openmetrics: /^# (HELP|TYPE|UNIT) (.*)$/s,
};
const TYPES: Readonly<Record<Format, RegExp>> = {
  text: /^[ \t]*(?:counter|gauge|histogram|summary|untyped)[ \t]*$/,
  openmetrics: /^(?:counter|gauge|histogram|gaugehistogram|summary|info|stateset|unknown)$/,
};

function refuse(): never {
  throw new RangeError("malformed");
}

function unquote(text: string): string {
  return text.replace(/^"(.*)"$/s, (_, inner: string) =>
    inner.replace(/\\([\\n"])/g, (__, c: string) => (c === "n" ? "\n" : c)),
  );
}

function readNumber(text: string): number {
  if (/inf/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  if (/nan/i.test(text)) return NaN;
  const value = Number(text);
  return Number.isFinite(value) ? value : refuse();
}

function readSeriesText(name: string | undefined, labels: string | undefined): string {
  const pairs: [string, string][] = [];
  let metric = name;
  for (const [, key, value] of (labels ?? "").matchAll(PAIR)) {
    if (value === undefined) {
      if (metric !== undefined) refuse();
      metric = unquote(key as string);
      if (metric === "") refuse();
    } else pairs.push([unquote(key as string), unquote(value)]);
  }
  if (metric === undefined || pairs.some(([label]) => label === "")) refuse();
  pairs.push(["__name__", metric]);
  if (new Set(pairs.map(([label]) => label)).size < pairs.length) refuse();
  const present = pairs.filter(([, value]) => value !== "");
  return JSON.stringify(present.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readComment(line: string, bytes: Uint8Array, format: Format): void {
  const found = COMMENTS[format].exec(line);
  if (found === null && format === "text") return;
  if (found === null) refuse();
  if (!isUtf8(bytes)) refuse();
  const named = new RegExp(`^(${NAME}|${STRING})(?:([ \\t])(.*))?$`, "s").exec(found[2] as string);
  if (named === null) refuse();
  const [, family, blank, text] = named;
  if (format === "openmetrics" && blank !== " ") refuse();
  if (found[1] === "TYPE" && !TYPES[format].test(text ?? "")) refuse();
  if (found[1] === "UNIT" && text !== "" && !unquote(family as string).endsWith(`_${text}`))
    refuse();
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function splitLines(body: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (const [at, byte] of body.entries()) {
    if (byte !== 10) continue;
    lines.push(body.subarray(start, at));
    start = at + 1;
  }
  lines.push(body.subarray(start));
  return lines;
}

export function readExposition(body: Uint8Array, format: Format): ReadSample[] {
  const samples: ReadSample[] = [];
  const lines = splitLines(body);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  if (format === "openmetrics") {
    // What follows the last line feed is no line, except for an end without one.
    if (lines.at(-1)?.length === 0) lines.pop();
    const last = lines.pop();
    if (last === undefined || decoder.decode(last) !== "# EOF") refuse();
  }
  for (const bytes of lines) {
    const line = decoder.decode(bytes);
    if (/^[ \t]*$/.test(line)) {
      if (format === "text") continue;
      refuse();
    }
    if (/^[ \t]*#/.test(line)) {
      readComment(line, bytes, format);
      continue;
    }
    const found = LINES[format].exec(line);
    if (found === null || !isUtf8(bytes)) refuse();
    const [, named, labels, unnamed, bare, value, timestamp, exemplarTime] = found;
    if (exemplarTime !== undefined && /inf|nan/i.test(exemplarTime)) refuse();
    let timestampMs: number | undefined;
    if (timestamp !== undefined) {
      if (format === "text" && BigInt(timestamp) > 2n ** 53n) refuse();
      const scale = format === "text" ? 1 : 1000;
      timestampMs = Math.trunc(readNumber(timestamp) * scale);
      if (!(Math.abs(timestampMs) <= 2 ** 53)) refuse();
    }
    const series = readSeriesText(named ?? bare, labels ?? unnamed);
    samples.push({ series, value: readNumber(value as string), timestampMs });
  }
  return samples;
}
