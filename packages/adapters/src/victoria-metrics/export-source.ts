import { type Label, type Labels, labelsFrom, OperatingError } from "@pharos/base";
import type { ImportedBatch, TimeRange, UnorderedSource } from "@pharos/ports";
import { httpFailed, timeParameters, type VictoriaMetricsClient } from "./export-client.ts";

const PATH = "/api/v1/export";
/** So many samples are in a line at most; VictoriaMetrics has all of a series in one unless told. */
const LINE_SAMPLES_MAX = 10_000;
/** Room for those samples, at 60 characters each, and the labels. */
const LINE_SIZE_MAX = 4 * 1024 * 1024;
const LINE_FEED = 10;
/** The bits of Prometheus's staleness marker, the only NaN that VictoriaMetrics keeps. */
const STALE_LOW = 2;
const STALE_HIGH = 0x7ff0_0000;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The samples of some time that a VictoriaMetrics has, as its export gives them: a line of JSON for each series. */
export class VictoriaMetricsExport implements UnorderedSource {
  readonly skipped: ReadonlyMap<string, number> = new Map();
  readonly #client: VictoriaMetricsClient;
  readonly #match: readonly string[];
  readonly #range: TimeRange;

  /** @param match selectors, of which a series needs one. */
  constructor(client: VictoriaMetricsClient, match: readonly string[], range: TimeRange) {
    this.#client = client;
    this.#match = match;
    this.#range = range;
  }

  async *batches(
    _resumeAt: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<ImportedBatch, void, undefined> {
    const parameters = {
      "match[]": this.#match,
      ...timeParameters(this.#range),
      max_rows_per_line: String(LINE_SAMPLES_MAX),
    };
    const body = await this.#client.get(PATH, parameters, signal);
    let rest: Uint8Array = new Uint8Array(0);
    try {
      for await (const bytes of body) {
        const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
        let from = 0;
        for (let end = all.indexOf(LINE_FEED); end >= 0; end = all.indexOf(LINE_FEED, from)) {
          if (end > from) yield parseLine(all.subarray(from, end));
          from = end + 1;
        }
        rest = all.slice(from);
        if (rest.length > LINE_SIZE_MAX)
          throw new OperatingError(
            "input.too_large",
            `${PATH}: a line of over ${LINE_SIZE_MAX} bytes`,
          );
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof OperatingError) throw error;
      throw httpFailed(PATH, error);
    }
    if (rest.length > 0) yield parseLine(rest);
  }
}

/** `{"metric":{"__name__":"up"},"values":[1,null],"timestamps":[1700000000000,1700000015000]}` */
function parseLine(bytes: Uint8Array): ImportedBatch {
  const line = decoder.decode(bytes);
  const { metric, values, timestamps } = parseJson(line);
  const labels = labelsOf(metric);
  if (labels === undefined || !Array.isArray(values) || !Array.isArray(timestamps))
    throw malformed(line);
  if (values.length !== timestamps.length) throw malformed(line);
  const { length } = values;
  const columns = {
    labelSets: [labels],
    series: new Uint32Array(length),
    timestampsMs: new Float64Array(length),
    valueBits: new Uint32Array(length * 2),
  };
  const floats = new Float64Array(columns.valueBits.buffer);
  for (let i = 0; i < length; i++) {
    const [value, timestamp]: unknown[] = [values[i], timestamps[i]];
    if (typeof timestamp !== "number") throw malformed(line);
    columns.timestampsMs[i] = timestamp;
    if (typeof value === "number") floats[i] = value;
    else if (value === null || value === "NaN")
      columns.valueBits.set([STALE_LOW, STALE_HIGH], i * 2);
    else if (value === "Infinity" || value === "+Inf") floats[i] = Number.POSITIVE_INFINITY;
    else if (value === "-Infinity" || value === "-Inf") floats[i] = Number.NEGATIVE_INFINITY;
    else throw malformed(line);
  }
  return columns;
}

interface ExportLine {
  readonly metric?: unknown;
  readonly values?: unknown;
  readonly timestamps?: unknown;
}

function parseJson(line: string): ExportLine {
  try {
    return JSON.parse(line) as ExportLine;
  } catch {
    // Older versions write infinities and NaN bare, which JSON does not have. No label can hold what is looked for
    // here, since its quotes would be escaped.
    const from = line.indexOf('},"values":[');
    const to = line.indexOf("]", from);
    if (from < 0 || to < 0) throw malformed(line);
    const values = line.slice(from, to).replaceAll(/[+-]?Inf|NaN/g, '"$&"');
    try {
      return JSON.parse(line.slice(0, from) + values + line.slice(to)) as ExportLine;
    } catch {
      throw malformed(line);
    }
  }
}

function labelsOf(metric: unknown): Labels | undefined {
  if (typeof metric !== "object" || metric === null) return undefined;
  const labels: Label[] = [];
  for (const [name, value] of Object.entries(metric)) {
    if (typeof value !== "string") return undefined;
    labels.push([name, value]);
  }
  return labels.length === 0 ? undefined : labelsFrom(labels);
}

function malformed(line: string): OperatingError {
  return new OperatingError(
    "input.invalid",
    `${PATH}: not a line of an export: ${line.slice(0, 200)}`,
  );
}
