import { assert, type Labels, OperatingError } from "@pharos/base";
import { BODY_LIMITS, type BodyLimits } from "./body-limits.ts";
import { readExemplars, type SampleLines } from "./exposition-exemplars.ts";
import { CommentError, type ExpositionComments, readComments } from "./exposition-metadata.ts";
import type { FamilyMetadata } from "./family-metadata.ts";
import type { Kernels } from "./kernels.ts";
import { createPowersOfTen } from "./powers-of-ten.ts";
import type { SampleColumns } from "./sample-columns.ts";
import { ScratchBlock } from "./scratch-block.ts";
import {
  HEAD_NAMESPACE,
  SERIES_BYTES_MAX,
  type SeriesTable,
  VALUE_REFUSED,
} from "./series-table.ts";
import {
  type ExpositionFormat,
  normalizeBounds,
  readSeries,
  SeriesTextError,
} from "./series-text.ts";
import type { ExemplarEntries } from "./written-attachments.ts";

export interface ExpositionOptions {
  readonly format: ExpositionFormat;
  /** The target's own, from `SeriesTable.openNamespace`. One format a namespace: the same text may mean different labels. */
  readonly namespace: number;
  /** For lines without a timestamp, an integer. */
  readonly defaultTimestampMs: number;
  /** Whether timestamps in the body count. If not they are checked and every sample has the default. */
  readonly honorTimestamps: boolean;
}

/** What a body held beside the samples that are now in the columns. */
export interface ExpositionSummary {
  /** Samples in the columns. */
  readonly samples: number;
  /** Samples left out, because their series is dropped. */
  readonly dropped: number;
  /** Lines, dropped ones included, with a timestamp that counts. */
  readonly withTimestamp: number;
  /** What the comments say, or null when this namespace's comments are those of its last body. */
  readonly metadata: readonly FamilyMetadata[] | null;
  /** Those of series in the columns; undefined if there are none. */
  readonly exemplars: ExemplarEntries | undefined;
}

/**
 * Says what a series is: a reference of the head's series, `VALUE_DROPPED` or `VALUE_REFUSED`. Given the labels as the target wrote them,
 * the metric name among them. May throw an OperatingError to refuse the body. Must not remove from the table.
 */
export type ResolveLabels = (labels: Labels) => number;

// Shared with as/exposition.ts.
const JOB_SIZE = 96;
const JOB_DEFAULT_TIMESTAMP = 48;
const JOB_ERROR_AT = 14;
const JOB_LINES = 15;
const JOB_UNKNOWN = 16;
const JOB_HARD = 17;
const JOB_DROPPED = 18;
const JOB_WITH_TIMESTAMP = 19;
const JOB_COMMENT_HASH = 20;
const RECORD_SIZE = 24;
const RECORD_WORDS = RECORD_SIZE / 4;
const RECORD_TEXT = 0;
const RECORD_LENGTH = 1;
const RECORD_ENTRY = 2;
const RECORD_VALUE = 3;
const RECORD_FLAGS = 4;
const HARD_VALUE = 2;
const HARD_TIMESTAMP = 4;
const VALUE_UNKNOWN = -(2 ** 31);
const STATUS_TOO_MANY_LINES = 15;
const STATUS_TEXTS = [
  "",
  "expected a metric name",
  "the labels are not closed on this line",
  "a string is not closed on this line",
  "expected a space before the value",
  "expected a value: a decimal number, NaN, +Inf or -Inf",
  "expected a timestamp",
  "the timestamp is out of range",
  "expected the end of the line",
  "a blank line, which OpenMetrics does not allow",
  'a comment that is not "# HELP", "# TYPE", "# UNIT" or "# EOF"',
  'the body does not end with "# EOF"',
  'text after "# EOF"',
  "the exemplar's labels are malformed",
  `the series takes more than ${SERIES_BYTES_MAX} bytes`,
];
const TIMESTAMP_MS_MAX = 2 ** 53;
const LINE_FEED = 10;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes scraped bodies, Prometheus text 0.0.4 and OpenMetrics 1.0, into columns. A line whose series is the one that
 * followed last time costs a comparison and a number; labels are parsed once in a series' life. One for each thread.
 */
export class ExpositionDecoder {
  /** The table's entry of each sample in the columns. */
  readonly entries: Uint32Array<SharedArrayBuffer>;
  /** 1 for each sample in the columns whose line had a timestamp that counts. */
  readonly explicitTimestamps: Uint8Array<SharedArrayBuffer>;
  readonly #kernels: Kernels;
  readonly #table: SeriesTable;
  readonly #columns: SampleColumns;
  readonly #limits: Pick<BodyLimits, "bodySizeMax">;
  readonly #body: ScratchBlock;
  readonly #records: Int32Array;
  readonly #job: Uint32Array;
  readonly #powersAt: number;

  /** @throws OperatingError `memory.full`. */
  constructor(
    kernels: Kernels,
    table: SeriesTable,
    columns: SampleColumns,
    limits: Pick<BodyLimits, "bodySizeMax"> = BODY_LIMITS,
  ) {
    assert(limits.bodySizeMax <= 2 ** 28, () => `bodySizeMax ${limits.bodySizeMax}`);
    this.#kernels = kernels;
    this.#table = table;
    this.#columns = columns;
    this.#limits = limits;
    this.#body = new ScratchBlock(kernels);
    const { capacity } = columns;
    const recordsAt = kernels.allocate(capacity * RECORD_SIZE);
    const entriesAt = kernels.allocate(capacity * 4);
    const explicitAt = kernels.allocate(capacity);
    const jobAt = kernels.allocate(JOB_SIZE);
    this.#powersAt = createPowersOfTen(kernels);
    this.#records = new Int32Array(kernels.buffer, recordsAt, capacity * RECORD_WORDS);
    this.entries = new Uint32Array(kernels.buffer, entriesAt, capacity);
    this.explicitTimestamps = new Uint8Array(kernels.buffer, explicitAt, capacity);
    this.#job = new Uint32Array(kernels.buffer, jobAt, JOB_SIZE / 4);
  }

  /**
   * Fills the columns with a body's samples, in its order. A series that comes twice is there twice. `resolve` is called once for each series that the table does not know, after the whole body
   * was found well-formed.
   *
   * @throws OperatingError `input.invalid` with line and column for a malformed body, `input.too_large` beyond a limit,
   *   `memory.full`, and whatever `resolve` throws. The columns are then empty.
   */
  decode(body: Uint8Array, options: ExpositionOptions, resolve: ResolveLabels): ExpositionSummary {
    try {
      return this.#decode(body, options, resolve);
    } finally {
      this.#body.trim();
    }
  }

  #decode(body: Uint8Array, options: ExpositionOptions, resolve: ResolveLabels): ExpositionSummary {
    const { namespace, format } = options;
    assert(namespace !== HEAD_NAMESPACE, "a target has a namespace of its own");
    this.#table.sizeOf(namespace);
    const columns = this.#columns;
    columns.clear();
    const bodyAt = this.#load(body);
    this.#scan(bodyAt, body, options);
    const job = this.#job;
    if (job[JOB_HARD] !== 0) this.#readHardNumbers(body, bodyAt, format);

    // The hash is of the comments alone, so samples may change without their being read again.
    const note = this.#note(namespace);
    const sameComments = note[0] === job[JOB_COMMENT_HASH] && note[1] === job[JOB_COMMENT_HASH + 1];
    const comments =
      sameComments && job[JOB_UNKNOWN] === 0 ? null : this.#readComments(body, format);
    if (job[JOB_UNKNOWN] !== 0 && comments !== null)
      this.#resolveUnknown(body, bodyAt, options, comments, resolve);

    columns.length = this.#kernels.call(
      "expositionExpand",
      job.byteOffset,
      columns.series.byteOffset,
      this.entries.byteOffset,
      this.explicitTimestamps.byteOffset,
    );
    // Fetched again: resolving may have moved the namespaces.
    this.#note(namespace).set(job.subarray(JOB_COMMENT_HASH, JOB_COMMENT_HASH + 2));
    return {
      samples: columns.length,
      dropped: job[JOB_DROPPED] as number,
      withTimestamp: job[JOB_WITH_TIMESTAMP] as number,
      metadata: sameComments || comments === null ? null : comments.families,
      exemplars: format === "openmetrics" ? this.#exemplars(body, bodyAt, options) : undefined,
    };
  }

  #exemplars(
    body: Uint8Array,
    bodyAt: number,
    { defaultTimestampMs }: ExpositionOptions,
  ): ExemplarEntries | undefined {
    const records = this.#records;
    const startOf = (line: number): number =>
      ((records[line * RECORD_WORDS + RECORD_TEXT] as number) >>> 0) - bodyAt;
    const lines: SampleLines = {
      count: this.#job[JOB_LINES] as number,
      startOf,
      endOf: (line) => startOf(line) + (records[line * RECORD_WORDS + RECORD_LENGTH] as number),
      referenceOf: (line) => records[line * RECORD_WORDS + RECORD_VALUE] as number,
    };
    return readExemplars(body, lines, defaultTimestampMs);
  }

  #load(body: Uint8Array): number {
    const { bodySizeMax } = this.#limits;
    if (body.length > bodySizeMax)
      throw tooLarge(`a body of ${body.length} bytes; at most ${bodySizeMax} are allowed`);
    const bodyAt = this.#body.reserve(body.length);
    this.#kernels.bytes.set(body, bodyAt);
    // Every scan for the end of a line stops here at the latest.
    this.#kernels.bytes[bodyAt + body.length] = LINE_FEED;
    return bodyAt;
  }

  #scan(bodyAt: number, body: Uint8Array, options: ExpositionOptions): void {
    const { capacity, pointers } = this.#columns;
    const [, timestampsAt, valuesAt] = pointers;
    const { namespace, format, honorTimestamps, defaultTimestampMs } = options;
    assert(Number.isSafeInteger(defaultTimestampMs), () => `timestamp ${defaultTimestampMs}`);
    const job = this.#job;
    job.set([
      this.#table.pointer,
      namespace,
      bodyAt,
      body.length,
      this.#records.byteOffset,
      capacity,
      timestampsAt,
      valuesAt,
      this.#powersAt,
      format === "openmetrics" ? 1 : 0,
      honorTimestamps ? 1 : 0,
    ]);
    const view = new DataView(job.buffer, job.byteOffset);
    view.setFloat64(JOB_DEFAULT_TIMESTAMP, defaultTimestampMs, true);
    const status = this.#kernels.call("expositionScan", job.byteOffset);
    if (status === STATUS_TOO_MANY_LINES)
      throw tooLarge(`more than ${capacity} samples in one body`);
    if (status !== 0)
      throw invalidAt(body, (job[JOB_ERROR_AT] as number) - bodyAt, STATUS_TEXTS[status] as string);
  }

  /** Numbers with more digits than the kernel reads, and some that it cannot round. */
  #readHardNumbers(body: Uint8Array, bodyAt: number, format: ExpositionFormat): void {
    const { values, timestampsMs } = this.#columns;
    const lines = this.#job[JOB_LINES] as number;
    for (let i = 0; i < lines; i++) {
      const flags = this.#records[i * RECORD_WORDS + RECORD_FLAGS] as number;
      if ((flags & HARD_VALUE) !== 0) {
        const [value, offset] = this.#readNumber(values, i, bodyAt);
        if (!Number.isFinite(value)) throw invalidAt(body, offset, "the value is out of range");
        values[i] = value;
      }
      if ((flags & HARD_TIMESTAMP) !== 0) {
        assert(format === "openmetrics", "only seconds can be hard to read");
        const [seconds, offset] = this.#readNumber(timestampsMs, i, bodyAt);
        const milliseconds = Math.trunc(seconds * 1000);
        if (!(Math.abs(milliseconds) <= TIMESTAMP_MS_MAX))
          throw invalidAt(body, offset, "the timestamp is out of range");
        timestampsMs[i] = milliseconds;
      }
    }
  }

  #readNumber(column: Float64Array, at: number, bodyAt: number): [value: number, offset: number] {
    const [pointer, length] = new Uint32Array(column.buffer, column.byteOffset + at * 8, 2);
    const text = decoder.decode(new Uint8Array(column.buffer, pointer, length));
    return [Number(text), (pointer as number) - bodyAt];
  }

  /** The hash of the namespace's last comments. */
  #note(namespace: number): Uint32Array {
    const at = this.#kernels.call("namespaceNote", this.#table.pointer, namespace) >>> 0;
    return new Uint32Array(this.#kernels.buffer, at, 2);
  }

  #readComments(body: Uint8Array, format: ExpositionFormat): ExpositionComments {
    try {
      return readComments(body, format);
    } catch (error) {
      if (!(error instanceof CommentError)) throw error;
      throw invalidAt(body, error.offset, error.message);
    }
  }

  #resolveUnknown(
    body: Uint8Array,
    bodyAt: number,
    { namespace, format }: ExpositionOptions,
    comments: ExpositionComments,
    resolve: ResolveLabels,
  ): void {
    const records = this.#records;
    const lines = this.#job[JOB_LINES] as number;
    const unknown: { at: number; text: Uint8Array; labels: Labels }[] = [];
    let typeIndex = -1;
    for (let i = 0; i < lines; i++) {
      const at = i * RECORD_WORDS;
      if (records[at + RECORD_ENTRY] !== -1) continue;
      const pointer = (records[at + RECORD_TEXT] as number) >>> 0;
      const offset = pointer - bodyAt;
      while ((comments.types[typeIndex + 1]?.offset ?? Infinity) < offset) typeIndex++;
      const text = new Uint8Array(this.#kernels.buffer, pointer, records[at + RECORD_LENGTH]);
      const labels = this.#readSeries(body, offset, text, format);
      const type = comments.types[typeIndex]?.type ?? "unknown";
      unknown.push({ at, text, labels: normalizeBounds(labels, type) });
    }
    for (const { at, text, labels } of unknown) {
      let entry = this.#table.find(namespace, text);
      let value: number;
      if (entry >= 0) {
        // The same series came before in this body.
        value = this.#table.valueOf(entry);
      } else {
        value = resolve(labels);
        assert(Number.isInteger(value) && value >= VALUE_REFUSED, () => `resolved to ${value}`);
        if (value >= 0) entry = this.#table.insert(namespace, text, value);
        else if (value !== VALUE_REFUSED) entry = this.#table.remember(namespace, text, value);
      }
      assert(records[at + RECORD_VALUE] === VALUE_UNKNOWN, "it was not known");
      records[at + RECORD_ENTRY] = entry;
      records[at + RECORD_VALUE] = value;
    }
  }

  #readSeries(
    body: Uint8Array,
    offset: number,
    text: Uint8Array,
    format: ExpositionFormat,
  ): Labels {
    let series: string;
    try {
      series = decoder.decode(text);
    } catch {
      throw invalidAt(body, offset, "the series is not UTF-8");
    }
    try {
      return readSeries(series, format);
    } catch (error) {
      if (!(error instanceof SeriesTextError)) throw error;
      const before = new TextEncoder().encode(series.slice(0, error.index)).length;
      throw invalidAt(body, offset + before, error.message);
    }
  }
}

/** Names line and column (in bytes, from 1) of an offset. */
function invalidAt(body: Uint8Array, offset: number, message: string): OperatingError {
  let line = 1;
  let lineStart = 0;
  for (
    let at = body.indexOf(LINE_FEED);
    at >= 0 && at < offset;
    at = body.indexOf(LINE_FEED, at + 1)
  ) {
    line++;
    lineStart = at + 1;
  }
  const column = offset - lineStart + 1;
  return new OperatingError("input.invalid", `line ${line}, column ${column}: ${message}`);
}

function tooLarge(message: string): OperatingError {
  return new OperatingError("input.too_large", message);
}
