import {
  compareUtf8,
  isLegacyLabelName,
  isLegacyMetricName,
  type Label,
  type Labels,
  labelsFrom,
  METRIC_NAME,
  OperatingError,
} from "@pharos/base";

/** The two text formats of metrics: Prometheus text 0.0.4 and OpenMetrics 1.0. */
export type ExpositionFormat = "text" | "openmetrics";

/** Where in a text something is wrong, before it is known which line that text is. */
export class SeriesTextError extends Error {
  override readonly name = "SeriesTextError";
  /** In UTF-16 units from the start of the series. */
  readonly index: number;

  constructor(index: number, message: string) {
    super(message);
    this.index = index;
  }
}

const METRIC_NAME_PATTERN = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL_NAME_PATTERN = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const BLANKS_PATTERN = /[ \t]*/y;
const STRING_PATTERN = /"(?:[^"\\\n]|\\[^\n])*"/y;

/** `\"`, `\\` and `\n`; any other backslash stands for itself. */
export function unescapeText(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\(["\\n])/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

/**
 * The labels of a series as the text formats write it: `up`, `up{job="api"}`, `{"with.dots","a b"="c"}`.
 * @throws OperatingError `input.invalid` that says at which column.
 */
export function parseSeriesText(text: string, format: ExpositionFormat = "text"): Labels {
  try {
    return readSeries(text, format);
  } catch (error) {
    if (!(error instanceof SeriesTextError)) throw error;
    throw new OperatingError("input.invalid", `column ${error.index + 1}: ${error.message}`);
  }
}

/** As `parseSeriesText`. @throws SeriesTextError for the caller to say which line it is. */
export function readSeries(text: string, format: ExpositionFormat): Labels {
  return readPlain(text) ?? readAny(text, format);
}

/**
 * A series as nearly all targets write it, `name{label="value",...}` without blanks and escapes; undefined for others,
 * and for those that are malformed. Many times faster than patterns.
 */
function readPlain(text: string): Labels | undefined {
  const open = text.indexOf("{");
  const name = open < 0 ? text : text.slice(0, open);
  if (!isLegacyMetricName(name)) return undefined;
  const labels: Label[] = [[METRIC_NAME, name]];
  if (open < 0) return labels;
  const close = text.length - 1;
  if (text[close] !== "}" || text.includes("\\")) return undefined;
  let hasEmpty = false;
  for (let at = open + 1; at < close; ) {
    const equals = text.indexOf('="', at);
    const end = equals < 0 ? -1 : text.indexOf('"', equals + 2);
    if (end < 0) return undefined;
    const label = text.slice(at, equals);
    if (!isLegacyLabelName(label)) return undefined;
    if (end === equals + 2) hasEmpty = true;
    labels.push([label, text.slice(equals + 2, end)]);
    at = end + 1;
    if (at < close && text[at++] !== ",") return undefined;
  }
  if (!areSorted(labels)) labels.sort((a, b) => compareUtf8(a[0], b[0]));
  // The same name twice is for the other reader to complain of.
  if (!areSorted(labels)) return undefined;
  return hasEmpty ? labels.filter(([, value]) => value !== "") : labels;
}

/** By rising names, none twice. */
function areSorted(labels: readonly Label[]): boolean {
  for (let i = 1; i < labels.length; i++)
    if (compareUtf8((labels[i - 1] as Label)[0], (labels[i] as Label)[0]) >= 0) return false;
  return true;
}

function readAny(text: string, format: ExpositionFormat): Labels {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  // OpenMetrics has no blanks within a series.
  const skipBlanks = (): void => {
    if (format === "text") take(BLANKS_PATTERN);
  };
  const fail = (message: string, index = at): never => {
    throw new SeriesTextError(index, message);
  };
  const string = (): string | undefined => {
    if (text[at] !== '"') return undefined;
    const quoted = take(STRING_PATTERN);
    return quoted === undefined
      ? fail("a string is not closed")
      : unescapeText(quoted.slice(1, -1));
  };

  let name = take(METRIC_NAME_PATTERN);
  const pairs: Label[] = [];
  const names = new Set<string>([METRIC_NAME]);
  skipBlanks();
  if (text[at] === "{") {
    at++;
    skipBlanks();
    while (text[at] !== "}") {
      const start = at;
      const quoted = string();
      skipBlanks();
      if (quoted !== undefined && (text[at] === "," || text[at] === "}")) {
        if (name !== undefined) fail("the metric name comes twice", start);
        if (quoted === "") fail("the metric name is empty", start);
        name = quoted;
        if (text[at] === ",") at++;
        skipBlanks();
        continue;
      }
      const label = quoted ?? take(LABEL_NAME_PATTERN);
      if (label === undefined) return fail('expected a label name or "}"');
      if (label === "") fail("a label name is empty", start);
      if (names.has(label)) fail(`label ${label} comes twice`, start);
      names.add(label);
      skipBlanks();
      if (text[at] !== "=") fail('expected "=" after a label name');
      at++;
      skipBlanks();
      const value = string();
      if (value === undefined) return fail("expected a label value in double quotes");
      pairs.push([label, value]);
      skipBlanks();
      if (text[at] === ",") at++;
      // Prometheus reads `{a="1" b="2"}` in text, so we do.
      else if (format === "openmetrics" && text[at] !== "}") fail('expected "," or "}"');
      skipBlanks();
    }
    at++;
  }
  if (name === undefined) return fail("a series has no metric name", 0);
  skipBlanks();
  if (at < text.length) fail("unexpected text after the series");
  return labelsFrom([[METRIC_NAME, name], ...pairs]);
}

/**
 * The labels with the bounds of histograms (`le`) and quantiles written as Prometheus 3 stores them, whatever way the
 * target wrote them: `1.0` for `1`, `1e+06` for `1000000`. `type` is the type in effect at that line.
 */
export function normalizeBounds(labels: Labels, type: string): Labels {
  const bound = type === "histogram" ? "le" : type === "summary" ? "quantile" : undefined;
  if (bound === undefined || !labels.some(([name]) => name === bound)) return labels;
  return labels.map(([name, value]) => [name, name === bound ? normalizeBound(value) : value]);
}

function normalizeBound(text: string): string {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    if (/^[+]?inf(?:inity)?$/i.test(text)) return "+Inf";
    if (/^-inf(?:inity)?$/i.test(text)) return "-Inf";
    return /^nan$/i.test(text) ? "NaN" : text;
  }
  const value = Number(text);
  if (!Number.isFinite(value)) return text;
  if (Object.is(value, -0)) return "-0.0";
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  // Go's shortest %g: an exponent, of at least two digits, below 1e-4 and from 1e+06 on.
  if (value !== 0 && (power < -4 || power >= 6))
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  const plain = String(value);
  return plain.includes(".") ? plain : `${plain}.0`;
}
