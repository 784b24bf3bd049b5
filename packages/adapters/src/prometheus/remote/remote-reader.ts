import {
  compareLabels,
  errorText,
  type Labels,
  labelsKey,
  type Matcher,
  OperatingError,
  type TimedHistogram,
  withoutLabels,
} from "@pharos/base";
import type {
  HttpClient,
  HttpResponse,
  Selection,
  SelectOptions,
  SeriesColumns,
  TimeRange,
  TlsOptions,
} from "@pharos/ports";
import { decodeChunkStream } from "./read-chunks.ts";
import { encodeReadRequest } from "./read-request.ts";
import { decodeSamplesResponse, type ReceivedSeries } from "./read-samples.ts";

/** Another system that is asked for samples. Plain data. */
export interface RemoteReadSettings {
  readonly name: string;
  readonly url: string;
  readonly timeoutMs: number;
  /** With what authenticates. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions | undefined;
  /** Only selections with these equality matchers go there. */
  readonly requiredMatchers: readonly (readonly [name: string, value: string])[];
  /** Asked for, unless the selection says something of the label, and taken away from what is answered. */
  readonly externalLabels: Labels;
  /** Only what is before is asked for, since our own store has the rest; undefined asks for everything. */
  readonly untilMs: number | undefined;
}

/** An answer may have so many bytes. Chunks take one or two bytes a sample. */
const ANSWER_SIZE_MAX = 512 * 1024 * 1024;
const SHOWN_LENGTH_MAX = 512;

const PROTOCOL_HEADERS = {
  "Content-Type": "application/x-protobuf",
  "Content-Encoding": "snappy",
  "Accept-Encoding": "identity",
  "X-Prometheus-Remote-Read-Version": "0.1.0",
};

/** Reads from one other system by Prometheus's remote read, streamed chunks or samples, whichever it has. */
export class RemoteReader {
  readonly #settings: RemoteReadSettings;
  readonly #http: HttpClient;
  readonly #userAgent: string;

  constructor(settings: RemoteReadSettings, http: HttpClient, userAgent: string) {
    this.#settings = settings;
    this.#http = http;
    this.#userAgent = userAgent;
  }

  /**
   * As `SeriesReader.select`; nothing where the system is not to be asked. All of the answer is in memory before the
   * first series comes.
   *
   * @throws OperatingError `http.failed` in words for people, `input.invalid`, `query.too_many_samples`.
   */
  async *select(range: TimeRange, matchers: readonly Matcher[], options: SelectOptions): Selection {
    const { requiredMatchers, externalLabels, untilMs } = this.#settings;
    const isWanted = requiredMatchers.every(([name, value]) =>
      matchers.some((one) => one.type === "=" && one.name === name && one.value === value),
    );
    if (!isWanted || (untilMs !== undefined && range.minMs > untilMs)) return;
    const asked = { ...range, maxMs: Math.min(range.maxMs, untilMs ?? range.maxMs) };
    const added = externalLabels.filter(([name]) => !matchers.some((one) => one.name === name));
    const all = [
      ...matchers.map(({ type, name, value }): Matcher => ({ type, name, value })),
      ...added.map(([name, value]): Matcher => ({ type: "=", name, value })),
    ];
    const response = await this.#request(asked, all, options.signal);
    const names = new Set(added.map(([name]) => name));
    const series = new CollectedSeries(asked, names, options);
    await this.#read(response, asked, series);
    yield* series.sorted();
  }

  async #request(
    range: TimeRange,
    matchers: readonly Matcher[],
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { url, timeoutMs, headers, tls } = this.#settings;
    const accepted = ["STREAMED_XOR_CHUNKS", "SAMPLES"] as const;
    let response: HttpResponse;
    try {
      response = await this.#http.request(
        {
          ...{ method: "POST", url, timeoutMs, bodySizeMax: ANSWER_SIZE_MAX },
          headers: { "User-Agent": this.#userAgent, ...headers, ...PROTOCOL_HEADERS },
          body: encodeReadRequest({ queries: [{ range, matchers }], accepted }),
          ...(tls === undefined ? {} : { tls }),
        },
        signal,
      );
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      throw this.#failed(`error sending request: ${errorText(error)}`);
    }
    if (response.status >= 200 && response.status < 300) return response;
    const [line = ""] = new TextDecoder().decode(response.body).trim().split("\n", 1);
    throw this.#failed(
      `remote server ${url} returned http status ${response.status}: ${line.slice(0, SHOWN_LENGTH_MAX)}`,
    );
  }

  async #read(response: HttpResponse, range: TimeRange, to: CollectedSeries): Promise<void> {
    const type = response.headers["content-type"] ?? "";
    try {
      if (type.startsWith("application/x-streamed-protobuf"))
        for await (const part of decodeChunkStream(only(response.body), range)) to.add(part);
      else if (type.startsWith("application/x-protobuf"))
        for (const one of decodeSamplesResponse(response.body).flat()) to.add(one);
      else throw this.#failed(`remote server answers with ${type === "" ? "no type" : type}`);
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== "input.invalid") throw error;
      throw this.#failed(errorText(error));
    }
  }

  #failed(what: string): OperatingError {
    return new OperatingError("http.failed", `remote_read: ${what}`);
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

/** The series of an answer: parts of one put together, in order of labels. */
class CollectedSeries {
  readonly #range: TimeRange;
  readonly #without: ReadonlySet<string>;
  readonly #options: SelectOptions;
  readonly #parts = new Map<string, ReceivedSeries[]>();
  #samples = 0;

  constructor(range: TimeRange, without: ReadonlySet<string>, options: SelectOptions) {
    this.#range = range;
    this.#without = without;
    this.#options = options;
  }

  /** @throws OperatingError `query.too_many_samples`. */
  add(series: ReceivedSeries): void {
    const labels = withoutLabels(series.labels, this.#without);
    this.#samples += series.timestampsMs.length;
    if (this.#options.histograms === true) this.#samples += series.histograms.length;
    if (this.#samples > this.#options.samplesMax)
      throw new OperatingError(
        "query.too_many_samples",
        `another system answers with more than ${this.#options.samplesMax} samples`,
      );
    const part = { ...series, labels };
    const key = labelsKey(labels);
    const known = this.#parts.get(key);
    if (known === undefined) this.#parts.set(key, [part]);
    else known.push(part);
  }

  *sorted(): Generator<SeriesColumns, void, undefined> {
    const list = [...this.#parts.values()].map((parts) => this.#whole(parts));
    list.sort((a, b) => compareLabels(a.labels, b.labels));
    for (const series of list)
      if (series.timestampsMs.length > 0 || series.histograms !== undefined) yield series;
  }

  /** Samples within the range, rising in time, the first of several at a time. */
  #whole(parts: readonly ReceivedSeries[]): SeriesColumns {
    const labels = parts[0]?.labels ?? [];
    const samples = parts.flatMap(({ timestampsMs, values, stale }) =>
      Array.from(timestampsMs, (timestampMs, i) => ({
        timestampMs,
        value: values[i] as number,
        isStale: stale?.[i] === 1,
      })),
    );
    const kept = this.#inOrder(samples);
    const columns = {
      labels,
      timestampsMs: Float64Array.from(kept, ({ timestampMs }) => timestampMs),
      values: Float64Array.from(kept, ({ value }) => value),
      stale: kept.some(({ isStale }) => isStale)
        ? Uint8Array.from(kept, ({ isStale }) => Number(isStale))
        : null,
    };
    const histograms = this.#inOrder(parts.flatMap((part) => part.histograms));
    if (this.#options.histograms !== true || histograms.length === 0) return columns;
    const timestampsMs = Float64Array.from(histograms, ({ timestampMs }) => timestampMs);
    const at = (index: number) => (histograms[index] as TimedHistogram).histogram;
    return { ...columns, histograms: { timestampsMs, at } };
  }

  #inOrder<T extends { readonly timestampMs: number }>(list: readonly T[]): readonly T[] {
    const { minMs, maxMs } = this.#range;
    return list
      .filter(({ timestampMs }) => timestampMs >= minMs && timestampMs <= maxMs)
      .sort((a, b) => a.timestampMs - b.timestampMs)
      .filter(({ timestampMs }, i, sorted) => timestampMs !== sorted[i - 1]?.timestampMs);
  }
}
