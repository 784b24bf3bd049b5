import { crc32 } from "node:zlib";
import { type Labels, OperatingError } from "@pharos/base";
import { type ExpositionFormat, parseSeriesText } from "@pharos/kernels";
import type { ImportedBatch, UnorderedSource } from "@pharos/ports";

/** A line may have so many bytes. */
const LINE_SIZE_MAX = 4 * 1024 * 1024;
/** Series whose labels are remembered; beyond it they are read again. */
const SERIES_MAX = 1_000_000;
const LINE_FEED = 10;
/** The bits of the NaN that Prometheus has for an ordinary one. */
const NAN_LOW = 1;
const NAN_HIGH = 0x7ff8_0000;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A stream of bytes of text. */
export interface TextBytes {
  /** Whether `open` can begin anywhere. If not, what was read before is read again, and compared. */
  readonly isSeekable: boolean;
  /** The bytes from an offset on, in pieces of any size. Only a seekable stream is opened elsewhere than at 0. */
  open(offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * The samples of a text that was written to a file, as `promtool tsdb dump-openmetrics` does, or as scraped with
 * timestamps: OpenMetrics 1.0, whose timestamps are seconds and which ends with "# EOF", or Prometheus's text format,
 * whose timestamps are milliseconds. Every sample must have one. Comments and exemplars are passed over.
 */
export class TextSamples implements UnorderedSource {
  readonly skipped: ReadonlyMap<string, number> = new Map();
  readonly #bytes: TextBytes;
  readonly #format: ExpositionFormat;
  #offset = 0;
  #line = 0;
  #checksum = 0;
  #hasEnded = false;
  readonly #series = new SeriesCache();

  constructor(bytes: TextBytes, format: ExpositionFormat) {
    this.#bytes = bytes;
    this.#format = format;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** @throws OperatingError `input.invalid` with the line, or where the text is another than at the first time. */
  async *batches(
    resumeAt: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<ImportedBatch, void, undefined> {
    const skipTo = this.#goTo(resumeAt);
    for await (const lines of this.#pieces(skipTo, signal)) {
      const batch = this.#parse(lines);
      // Where "# EOF" was seen there is nothing to go on with but the check that nothing follows.
      yield { ...batch, resumeAt: this.#place };
    }
    if (this.#format === "openmetrics" && !this.#hasEnded)
      throw new OperatingError(
        "input.invalid",
        `line ${this.#line}: the text does not end with "# EOF": it is cut short, or it is in Prometheus's text format`,
      );
  }

  get #place(): string {
    return [this.#offset, this.#line, this.#checksum, this.#hasEnded ? 1 : 0].join(" ");
  }

  /** Answers how many bytes come again. */
  #goTo(resumeAt: string | undefined): number {
    const [offset = 0, line = 0, checksum = 0, ended = 0] = (resumeAt ?? "0")
      .split(" ")
      .map(Number);
    this.#line = line;
    this.#hasEnded = ended === 1;
    this.#checksum = checksum;
    this.#offset = offset;
    return this.#bytes.isSeekable ? 0 : offset;
  }

  /** Whole lines, with what they end in. */
  async *#pieces(skipTo: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    let left = skipTo;
    let again = 0;
    let rest: Uint8Array = new Uint8Array(0);
    for await (const bytes of this.#bytes.open(skipTo === 0 ? this.#offset : 0, signal)) {
      const skipped = bytes.subarray(0, left);
      left -= skipped.length;
      again = crc32(skipped, again);
      if (skipTo > 0 && left === 0 && skipped.length > 0 && again !== this.#checksum)
        throw new OperatingError("input.invalid", "this is another text than at the first time");
      const fresh = bytes.subarray(skipped.length);
      const end = fresh.lastIndexOf(LINE_FEED) + 1;
      if (rest.length + (end === 0 ? fresh.length : 0) > LINE_SIZE_MAX)
        throw this.#error(1, `a line of more than ${LINE_SIZE_MAX} bytes`);
      if (end > 0) yield this.#taken(joined(rest, fresh.subarray(0, end)));
      rest = end > 0 ? fresh.slice(end) : joined(rest, fresh).slice();
    }
    if (left > 0)
      throw new OperatingError("input.invalid", "this is a shorter text than at the first time");
    if (rest.length > 0) yield this.#taken(rest);
  }

  #taken(bytes: Uint8Array): Uint8Array {
    this.#offset += bytes.length;
    this.#checksum = crc32(bytes, this.#checksum);
    return bytes;
  }

  #parse(bytes: Uint8Array): ImportedBatch {
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw new OperatingError("input.invalid", `after line ${this.#line}: the text is not UTF-8`);
    }
    this.#series.beginBatch();
    const columns = new TextColumns();
    for (let at = 0; at < text.length; ) {
      const found = text.indexOf("\n", at);
      const end = found < 0 ? text.length : found;
      this.#line++;
      const line = text.slice(at, text[end - 1] === "\r" ? end - 1 : end);
      this.#parseLine(line, columns);
      at = end + 1;
    }
    return { labelSets: this.#series.labelSets, ...columns.views };
  }

  #parseLine(line: string, columns: TextColumns): void {
    if (this.#hasEnded) throw this.#error(0, 'text after "# EOF"');
    if (line === "" && this.#format === "text") return;
    if (line.startsWith("#")) {
      this.#hasEnded = line === "# EOF" && this.#format === "openmetrics";
      return;
    }
    const seriesEnd = endOfSeries(line);
    if (seriesEnd < 0) throw this.#error(0, "expected a series, a value and a timestamp");
    const series = this.#series.placeOf(line.slice(0, seriesEnd), (text) => this.#labelsOf(text));
    const exemplarAt = line.indexOf(" # ", seriesEnd);
    const rest = line.slice(seriesEnd, exemplarAt < 0 ? undefined : exemplarAt).trim();
    const [value = "", timestamp, ...more] = rest.split(/[ \t]+/);
    if (timestamp === undefined)
      throw this.#error(0, "the sample has no timestamp, so nobody knows when it was");
    if (more.length > 0) throw this.#error(0, "unexpected text after the timestamp");
    if (!NUMBER.test(timestamp)) throw this.#error(0, `timestamp ${timestamp} is not a number`);
    const time = Number(timestamp);
    if (this.#format === "text" && !Number.isInteger(time))
      throw this.#error(0, `timestamp ${timestamp} is not a whole number of milliseconds`);
    const timeMs = this.#format === "text" ? time : Math.round(time * 1000);
    if (!columns.push(series, timeMs, value))
      throw this.#error(0, `value ${value} is not a decimal number, NaN, +Inf or -Inf`);
  }

  #labelsOf(text: string): Labels {
    try {
      return parseSeriesText(text, this.#format);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      throw this.#error(0, error.message);
    }
  }

  /** @param further how many lines after the one that was read last. */
  #error(further: number, what: string): OperatingError {
    return new OperatingError("input.invalid", `line ${this.#line + further}: ${what}`);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Where the series of a line ends: at the blank after its name, or behind its closing brace; -1 for none. */
function endOfSeries(line: string): number {
  const blank = line.search(/[ \t{]/);
  if (blank < 0) return -1;
  const open = line[blank] === "{" ? blank : line.search(/[^ \t]/);
  if (line[open] !== "{") {
    // Prometheus's text may have blanks before the brace.
    const next = line.slice(blank).search(/[^ \t]/) + blank;
    if (line[next] !== "{") return blank;
    return endOfBraces(line, next);
  }
  return endOfBraces(line, open);
}

function endOfBraces(line: string, open: number): number {
  let isQuoted = false;
  for (let i = open + 1; i < line.length; i++) {
    const unit = line[i];
    if (isQuoted && unit === "\\") i++;
    else if (unit === '"') isQuoted = !isQuoted;
    else if (unit === "}" && !isQuoted) return i + 1;
  }
  return -1;
}

/** The labels of series by their text, and their places among the label sets of the batch. */
class SeriesCache {
  readonly #entries = new Map<string, { readonly labels: Labels; batch: number; place: number }>();
  #batch = 0;
  labelSets: Labels[] = [];

  beginBatch(): void {
    this.#batch++;
    this.labelSets = [];
    if (this.#entries.size > SERIES_MAX) this.#entries.clear();
  }

  placeOf(text: string, parse: (text: string) => Labels): number {
    let entry = this.#entries.get(text);
    if (entry === undefined) {
      entry = { labels: parse(text), batch: 0, place: 0 };
      this.#entries.set(text, entry);
    }
    if (entry.batch !== this.#batch) {
      entry.batch = this.#batch;
      entry.place = this.labelSets.push(entry.labels) - 1;
    }
    return entry.place;
  }
}

/** The samples of a piece of text. */
class TextColumns {
  #series = new Uint32Array(1024);
  #timestampsMs = new Float64Array(1024);
  #values = new Float64Array(1024);
  #length = 0;

  get views(): Pick<ImportedBatch, "series" | "timestampsMs" | "valueBits"> {
    return {
      series: this.#series.subarray(0, this.#length),
      timestampsMs: this.#timestampsMs.subarray(0, this.#length),
      valueBits: new Uint32Array(this.#values.buffer, 0, this.#length * 2),
    };
  }

  /** Answers whether the value is one. */
  push(series: number, timeMs: number, value: string): boolean {
    if (this.#length === this.#series.length) this.#grow();
    const at = this.#length;
    this.#series[at] = series;
    this.#timestampsMs[at] = timeMs;
    if (NUMBER.test(value)) this.#values[at] = Number(value);
    else if (/^nan$/i.test(value))
      new Uint32Array(this.#values.buffer).set([NAN_LOW, NAN_HIGH], at * 2);
    else if (/^[+-]?inf(?:inity)?$/i.test(value))
      this.#values[at] = value.startsWith("-")
        ? Number.NEGATIVE_INFINITY
        : Number.POSITIVE_INFINITY;
    else return false;
    this.#length++;
    return true;
  }

  #grow(): void {
    const capacity = this.#length * 2;
    const series = new Uint32Array(capacity);
    series.set(this.#series);
    this.#series = series;
    const timestampsMs = new Float64Array(capacity);
    timestampsMs.set(this.#timestampsMs);
    this.#timestampsMs = timestampsMs;
    // As words, since a NaN's bits may not survive as a number.
    const values = new Float64Array(capacity);
    new Uint32Array(values.buffer).set(new Uint32Array(this.#values.buffer));
    this.#values = values;
  }
}
