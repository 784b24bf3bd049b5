import { assert, OperatingError, ProtoFields } from "@pharos/base";
import { BODY_LIMITS, type BodyLimits } from "./body-limits.ts";
import { type FamilyMetadata, METRIC_TYPES, type MetricType } from "./family-metadata.ts";
import type { Kernels } from "./kernels.ts";
import type { LabelLimits } from "./label-check.ts";
import type { SampleColumns } from "./sample-columns.ts";
import { ScratchBlock } from "./scratch-block.ts";
import {
  HEAD_NAMESPACE,
  SERIES_BYTES_MAX,
  type SeriesTable,
  VALUE_REFUSED,
} from "./series-table.ts";
import {
  isMarkedForStarts,
  readAttachments,
  type WrittenAttachments,
} from "./written-attachments.ts";

/** What a remote-write body held beside the samples that are now in the columns. */
export interface RemoteWriteSummary {
  /** TimeSeries messages, with and without samples. */
  readonly series: number;
  /** Samples in the columns. */
  readonly samples: number;
  /** Samples left out, because their series is dropped. */
  readonly dropped: number;
  /** Exemplars and native histograms in the body. */
  readonly exemplars: number;
  readonly histograms: number;
  /** These, and start timestamps; null where there are none. */
  readonly attachments: WrittenAttachments | null;
  readonly metadata: readonly FamilyMetadata[];
}

/**
 * Says what a raw series is: a reference of the head's series, `VALUE_DROPPED` or `VALUE_REFUSED`. Given the label bytes as the sender
 * wrote them (a view, valid during the call): not checked yet, not necessarily canonical. May throw an OperatingError
 * to refuse the body. May insert into the table, and must not remove from it.
 */
export type ResolveLabelBytes = (labelBytes: Uint8Array) => number;

/** References for new series, and where they begin. */
export interface OfferedReferences {
  /** The address of the head's chunks. */
  readonly head: number;
  /** The address of the references, u32. */
  readonly references: number;
  readonly count: number;
}

/** Lets a decoder begin new series without asking for each: whoever owns the references. */
export interface SeriesStarter {
  /** Up to `wanted` references; fewer where no more series may begin. @throws OperatingError `memory.full`. */
  offer(wanted: number): OfferedReferences;
  /** The first `count` of those offered last are series now, in the table and in the head. */
  take(count: number): void;
}

/** What new series may begin, and by whom. */
export interface NewSeries {
  readonly starter: SeriesStarter;
  readonly limits: LabelLimits;
}

/** A body may describe so many metric families; Prometheus sends 2,000 at a time. */
const METADATA_MAX = 65_536;

/** Snappy's best: 64 bytes for a copy that takes 3. A body that promises more is lying. */
const SNAPPY_RATIO_MAX = 22;

// Shared with as/remote-write.ts.
const RECORD_SIZE = 32;
const RECORD_LABELS = 0;
const RECORD_LENGTH = 1;
const RECORD_SAMPLES = 3;
const RECORD_ENTRY = 6;
const RECORD_VALUE = 7;
const VALUE_UNKNOWN = -(2 ** 31);
const RESULT_SIZE = 32;
const RESULT_ERROR_AT = 0;
const RESULT_SERIES = 1;
const RESULT_SAMPLES = 2;
const RESULT_EXEMPLARS = 3;
const RESULT_HISTOGRAMS = 4;
const RESULT_METADATA = 5;
const RESULT_DROPPED = 6;
const RESULT_BEGUN = 7;
const STATUS_TOO_MANY_SAMPLES = 7;
const STATUS_TOO_MANY_SERIES = 8;
const STATUS_TEXTS = [
  "",
  "a number is cut short or longer than 64 bits",
  "a field goes beyond the end of its message",
  "a field has a wire type that it cannot have",
  "a field has the number 0 or one too large",
  "a timestamp is beyond 2^53 ms",
  `the labels of a series take more than ${SERIES_BYTES_MAX} bytes`,
];

/**
 * Decodes bodies of Prometheus remote write 1.0 into columns. One for each thread; it holds buffers of the size of the
 * largest body between 0 and 8 MiB, and 32 bytes for each sample that fits the columns.
 */
export class RemoteWriteDecoder {
  readonly #kernels: Kernels;
  readonly #table: SeriesTable;
  readonly #columns: SampleColumns;
  readonly #limits: BodyLimits;
  readonly #body: ScratchBlock;
  readonly #decoded: ScratchBlock;
  readonly #records: Int32Array;
  readonly #result: Uint32Array;

  /** @throws OperatingError `memory.full`. */
  constructor(
    kernels: Kernels,
    table: SeriesTable,
    columns: SampleColumns,
    limits: BodyLimits = BODY_LIMITS,
  ) {
    assert(limits.bodySizeMax <= 2 ** 28, () => `bodySizeMax ${limits.bodySizeMax}`);
    assert(limits.decodedSizeMax <= 2 ** 30, () => `decodedSizeMax ${limits.decodedSizeMax}`);
    this.#kernels = kernels;
    this.#table = table;
    this.#columns = columns;
    this.#limits = limits;
    this.#body = new ScratchBlock(kernels);
    this.#decoded = new ScratchBlock(kernels);
    const recordsAt = kernels.allocate(columns.capacity * RECORD_SIZE);
    const resultAt = kernels.allocate(RESULT_SIZE);
    this.#records = new Int32Array(
      kernels.buffer,
      recordsAt,
      (columns.capacity * RECORD_SIZE) / Int32Array.BYTES_PER_ELEMENT,
    );
    this.#result = new Uint32Array(kernels.buffer, resultAt, RESULT_SIZE / 4);
  }

  /**
   * Fills the columns with the samples of a body (snappy block format, a `prometheus.WriteRequest` inside). Values are
   * moved as bits. `resolve` is called once for each raw series that the table does not know, and not for series without
   * anything; what it says is remembered. Where `newSeries` is given, series with canonical label bytes, a metric name
   * and labels within the limits begin without its being called, as long as there are references.
   *
   * @throws OperatingError `input.invalid` for a malformed body, `input.too_large` beyond a limit, and whatever
   *   `resolve` throws. The columns are then empty.
   */
  decode(body: Uint8Array, resolve: ResolveLabelBytes, newSeries?: NewSeries): RemoteWriteSummary {
    try {
      return this.#decode(body, resolve, newSeries);
    } finally {
      this.#body.trim();
      this.#decoded.trim();
    }
  }

  #decode(
    body: Uint8Array,
    resolve: ResolveLabelBytes,
    newSeries: NewSeries | undefined,
  ): RemoteWriteSummary {
    const columns = this.#columns;
    columns.clear();
    const decodedSize = this.#uncompress(body);
    this.#walk(decodedSize);
    const series = this.#result[RESULT_SERIES] as number;
    const metadata =
      this.#result[RESULT_METADATA] === 0
        ? []
        : this.#metadata(this.#decoded.reserve(0), decodedSize);

    const kernels = this.#kernels;
    const recordsAt = this.#records.byteOffset;
    const table = this.#table.pointer;
    let unknown = kernels.call("remoteWriteLookUp", table, recordsAt, series);
    if (unknown > 0 && newSeries !== undefined) unknown = this.#begin(series, unknown, newSeries);
    if (unknown > 0) this.#resolveUnknown(series, resolve);
    const resultAt = this.#result.byteOffset;
    const { pointers } = columns;
    const samples = kernels.call(
      "remoteWriteExpand",
      resultAt,
      table,
      recordsAt,
      series,
      ...pointers,
    );
    columns.length = samples;
    const exemplars = this.#result[RESULT_EXEMPLARS] as number;
    const histograms = this.#result[RESULT_HISTOGRAMS] as number;
    const dropped = this.#result[RESULT_DROPPED] as number;
    const request = new Uint8Array(kernels.buffer, this.#decoded.reserve(0), decodedSize);
    const attachments =
      exemplars + histograms > 0 || isMarkedForStarts(request)
        ? this.#attachments(body, decodedSize, resolve)
        : null;
    return {
      series,
      samples,
      dropped,
      exemplars,
      histograms,
      attachments,
      metadata,
    };
  }

  #uncompress(body: Uint8Array): number {
    const { bodySizeMax, decodedSizeMax } = this.#limits;
    if (body.length > bodySizeMax)
      throw tooLarge(`a body of ${body.length} bytes; at most ${bodySizeMax} are allowed`);
    const kernels = this.#kernels;
    const bodyAt = this.#body.place(body); // Decoded where it lies, if that is the kernels' memory.
    const size = kernels.call("snappySize", bodyAt, body.length);
    if (size < 0) throw invalid("snappy, byte 0: no decoded size");
    if (size > decodedSizeMax)
      throw tooLarge(`a body of ${size} bytes decoded; at most ${decodedSizeMax} are allowed`);
    if (size > body.length * SNAPPY_RATIO_MAX)
      throw invalid(`snappy, byte 0: ${size} bytes cannot come out of ${body.length}`);
    const decodedAt = this.#decoded.reserve(size);
    const wrongAt = kernels.call("snappyDecode", bodyAt, body.length, decodedAt, size);
    if (wrongAt >= 0)
      throw invalid(
        wrongAt === body.length
          ? `snappy, byte ${wrongAt}: the end comes before ${size} bytes are decoded`
          : `snappy, byte ${wrongAt}: a literal or copy that does not fit`,
      );
    return size;
  }

  #walk(size: number): void {
    const { capacity, pointers } = this.#columns;
    const [, timestampsAt, valuesAt] = pointers;
    const decodedAt = this.#decoded.reserve(size);
    const status = this.#kernels.call(
      "remoteWriteWalk",
      this.#result.byteOffset,
      decodedAt,
      size,
      this.#records.byteOffset,
      capacity,
      timestampsAt,
      valuesAt,
      capacity,
    );
    if (status === 0) {
      assert((this.#result[RESULT_SAMPLES] as number) <= capacity, "the samples fit the columns");
      return;
    }
    if (status === STATUS_TOO_MANY_SAMPLES)
      throw tooLarge(`more than ${capacity} samples in one body; send smaller ones`);
    if (status === STATUS_TOO_MANY_SERIES)
      throw tooLarge(`more than ${capacity} series in one body; send smaller ones`);
    const at = (this.#result[RESULT_ERROR_AT] as number) - decodedAt;
    throw invalid(`write request, byte ${at}: ${STATUS_TEXTS[status]}`);
  }

  /** Answers how many are unknown still. */
  #begin(series: number, unknown: number, { starter, limits }: NewSeries): number {
    const { head, references, count } = starter.offer(unknown);
    const { labelsPerSeriesMax, labelNameSizeMax, labelValueSizeMax } = limits;
    const left = this.#kernels.call(
      "remoteWriteBegin",
      this.#result.byteOffset,
      this.#table.pointer,
      head,
      this.#records.byteOffset,
      series,
      references,
      count,
      labelsPerSeriesMax,
      labelNameSizeMax,
      labelValueSizeMax,
    );
    starter.take(this.#result[RESULT_BEGUN] as number);
    return left;
  }

  #resolveUnknown(series: number, resolve: ResolveLabelBytes): void {
    const records = this.#records;
    for (let i = 0; i < series; i++) {
      const at = i * (RECORD_SIZE / 4);
      if (records[at + RECORD_VALUE] !== VALUE_UNKNOWN || records[at + RECORD_SAMPLES] === 0)
        continue;
      const pointer = (records[at + RECORD_LABELS] as number) >>> 0;
      const labels = new Uint8Array(this.#kernels.buffer, pointer, records[at + RECORD_LENGTH]);
      const { entry, value } = this.#resolveOne(labels, resolve);
      records[at + RECORD_ENTRY] = entry;
      records[at + RECORD_VALUE] = value;
    }
  }

  #resolveOne(
    labels: Uint8Array,
    resolve: ResolveLabelBytes,
  ): { readonly entry: number; readonly value: number } {
    let entry = this.#table.find(HEAD_NAMESPACE, labels);
    // The same series came before in this body.
    if (entry >= 0) return { entry, value: this.#table.valueOf(entry) };
    const value = resolve(labels);
    assert(Number.isInteger(value) && value >= VALUE_REFUSED, () => `resolved to ${value}`);
    // The resolver inserts the canonical bytes of a new series, which may be these.
    if (value >= 0) entry = this.#table.find(HEAD_NAMESPACE, labels);
    if (entry < 0 && value !== VALUE_REFUSED)
      entry = this.#table.remember(HEAD_NAMESPACE, labels, value);
    return { entry, value };
  }

  /** Exemplars and histograms, which few bodies have. */
  #attachments(body: Uint8Array, size: number, resolve: ResolveLabelBytes): WrittenAttachments {
    // Again, since the walk may have moved labels over what stood between them.
    this.#uncompress(body);
    const request = new Uint8Array(this.#kernels.buffer, this.#decoded.reserve(size), size);
    try {
      return readAttachments(request, (place, labelBytes) => {
        const value = this.#records[place * (RECORD_SIZE / 4) + RECORD_VALUE] as number;
        if (value !== VALUE_UNKNOWN) return value;
        if (labelBytes.length > SERIES_BYTES_MAX) return VALUE_REFUSED;
        return this.#resolveOne(labelBytes, resolve).value;
      });
    } catch (error) {
      this.#columns.clear();
      throw error;
    }
  }

  #metadata(pointer: number, size: number): FamilyMetadata[] {
    const bytes = new Uint8Array(this.#kernels.buffer, pointer, size);
    const fields = new ProtoFields("write request", bytes);
    const families: FamilyMetadata[] = [];
    while (!fields.done) {
      const tag = fields.varint();
      if (tag !== 0x1a) {
        fields.skip(tag);
        continue;
      }
      if (families.length === METADATA_MAX)
        throw tooLarge(`more than ${METADATA_MAX} metric families in one body; send smaller ones`);
      families.push(readMetadata(fields.message()));
    }
    return families;
  }
}

function readMetadata(fields: ProtoFields): FamilyMetadata {
  let type: MetricType = "unknown";
  let family = "";
  let help = "";
  let unit = "";
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x08) type = METRIC_TYPES[fields.varint()] ?? "unknown";
    else if (tag === 0x12) family = fields.text();
    else if (tag === 0x22) help = fields.text();
    else if (tag === 0x2a) unit = fields.text();
    else fields.skip(tag);
  }
  return { family, type, help, unit };
}

function invalid(message: string): OperatingError {
  return new OperatingError("input.invalid", message);
}

function tooLarge(message: string): OperatingError {
  return new OperatingError("input.too_large", message);
}
