import { type Label, type Labels, OperatingError } from "@pharos/base";
import {
  bitmapSize,
  COLUMNS_VERSION,
  type ColumnsEnd,
  type ColumnsGrid,
  type ColumnsHistogram,
  FRAME,
  FRAME_HEAD_SIZE,
  type HistogramJson,
} from "./format.ts";

/** A series of a range query. The arrays are views of what was decoded. */
export interface GridSeries {
  readonly labels: Labels;
  /** A bit a step: whether it has a value; `valuesOnGrid` puts the two together. */
  readonly present: Uint8Array;
  /** The values of those steps, in order. */
  readonly values: Float64Array;
  readonly histograms: readonly ColumnsHistogram[];
}

/** A series with its own times. The arrays are views of what was decoded. */
export interface RunSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly histograms: readonly ColumnsHistogram[];
}

/** A line of an instant query's vector: a value or a histogram. */
export interface VectorEntry {
  readonly labels: Labels;
  readonly value: number | undefined;
  readonly histogram: HistogramJson | undefined;
}

export type DecodedColumns = ColumnsEnd &
  (
    | {
        readonly resultType: "scalar" | "string";
        readonly timestampMs: number;
        readonly value: string;
      }
    | {
        readonly resultType: "vector";
        readonly timestampMs: number;
        readonly entries: readonly VectorEntry[];
      }
    | {
        readonly resultType: "matrix";
        readonly grid: ColumnsGrid;
        readonly series: readonly GridSeries[];
      }
    | {
        readonly resultType: "matrix";
        readonly grid: undefined;
        readonly series: readonly RunSeries[];
      }
  );

/** The longest grid; far more than a server gives, so that a broken count allocates nothing large. */
const GRID_COUNT_MAX = 2 ** 24;

/**
 * Reads a whole answer. Nothing is copied where `bytes` begins at a multiple of 8 in its buffer.
 *
 * @throws OperatingError `input.invalid` for bytes that are no answer, or not all of one.
 */
export function decodeQueryColumns(bytes: Uint8Array): DecodedColumns {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const frames = new Frames(aligned);
  const head = objectOf(frames.json(FRAME.head));
  if (head["version"] !== COLUMNS_VERSION) throw invalid(`version ${String(head["version"])}`);
  const { resultType } = head;
  switch (resultType) {
    case "scalar":
    case "string": {
      const answer = { timestampMs: numberOf(head["timestampMs"]), value: textOf(head["value"]) };
      return { resultType, ...answer, ...endOf(frames) };
    }
    case "vector": {
      const entries: VectorEntry[] = [];
      while (frames.next === FRAME.labels) readVectorPiece(frames, entries);
      const timestampMs = numberOf(head["timestampMs"]);
      return { resultType, timestampMs, entries, ...endOf(frames) };
    }
    case "matrix": {
      const grid = head["grid"] === undefined ? undefined : gridOf(objectOf(head["grid"]));
      if (grid === undefined) {
        const series: RunSeries[] = [];
        while (frames.next === FRAME.labels) readRunsPiece(frames, series);
        return { resultType, grid, series, ...endOf(frames) };
      }
      const series: GridSeries[] = [];
      while (frames.next === FRAME.labels) readGridPiece(frames, grid, series);
      return { resultType, grid, series, ...endOf(frames) };
    }
    default:
      throw invalid(`result type ${JSON.stringify(resultType)}`);
  }
}

/** The value of each of `count` steps, null where there is none. */
export function valuesOnGrid({ present, values }: GridSeries, count: number): (number | null)[] {
  const out = new Array<number | null>(count);
  if (values.length === count) for (let i = 0; i < count; i++) out[i] = values[i] as number;
  else
    for (let i = 0, at = 0; i < count; i++)
      out[i] = hasBit(present, i) ? (values[at++] as number) : null;
  return out;
}

function readVectorPiece(frames: Frames, entries: VectorEntry[]): void {
  const labels = labelsOf(frames.json(FRAME.labels));
  const column = frames.columns(FRAME.column);
  const present = column.bitmap(labels.length);
  const values = column.floats(countBits(present, labels.length));
  column.done();
  const histograms = new Map<number, HistogramJson>();
  readHistograms(frames, labels.length, (series, { histogram }) =>
    histograms.set(series, histogram),
  );
  let at = 0;
  for (const [i, set] of labels.entries()) {
    const value = hasBit(present, i) ? (values[at++] as number) : undefined;
    entries.push({ labels: set, value, histogram: histograms.get(i) });
  }
}

function readRunsPiece(frames: Frames, series: RunSeries[]): void {
  const labels = labelsOf(frames.json(FRAME.labels));
  const columns = frames.columns(FRAME.runs);
  const lists = labels.map((): ColumnsHistogram[] => []);
  for (const [i, set] of labels.entries()) {
    const count = columns.floats(1)[0] as number;
    if (!Number.isInteger(count) || count < 0) throw invalid(`${count} samples`);
    const [timestampsMs, values] = [columns.floats(count), columns.floats(count)];
    series.push({ labels: set, timestampsMs, values, histograms: lists[i] ?? [] });
  }
  columns.done();
  readHistograms(frames, labels.length, (at, one) => lists[at]?.push(one));
}

function readGridPiece(frames: Frames, { count }: ColumnsGrid, series: GridSeries[]): void {
  const labels = labelsOf(frames.json(FRAME.labels));
  const columns = frames.columns(FRAME.grid);
  const lists = labels.map((): ColumnsHistogram[] => []);
  for (const [i, set] of labels.entries()) {
    const present = columns.bitmap(count);
    const values = columns.floats(countBits(present, count));
    series.push({ labels: set, present, values, histograms: lists[i] ?? [] });
  }
  columns.done();
  readHistograms(frames, labels.length, (at, one) => lists[at]?.push(one));
}

/** The frame of histograms, where there is one. */
function readHistograms(
  frames: Frames,
  seriesCount: number,
  found: (series: number, histogram: ColumnsHistogram) => void,
): void {
  if (frames.next !== FRAME.histograms) return;
  for (const entry of listOf(frames.json(FRAME.histograms))) {
    const [series, timestampMs, histogram] = listOf(entry);
    const at = numberOf(series);
    if (!Number.isInteger(at) || at < 0 || at >= seriesCount) throw invalid(`series ${at}`);
    found(at, { timestampMs: numberOf(timestampMs), histogram: histogramOf(histogram) });
  }
}

function endOf(frames: Frames): ColumnsEnd {
  const { warnings, infos, stats } = objectOf(frames.json(FRAME.end));
  frames.done();
  const texts = (list: unknown): string[] => listOf(list).map(textOf);
  return {
    warnings: texts(warnings),
    infos: texts(infos),
    ...(stats === undefined ? {} : { stats }),
  };
}

/** The frames of an answer, one after another. */
class Frames {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The next frame's kind; 0 at the end. */
  get next(): number {
    return this.#at + FRAME_HEAD_SIZE <= this.#bytes.length
      ? this.#view.getUint32(this.#at, true)
      : 0;
  }

  #payload(kind: number): Uint8Array {
    if (this.next === 0) throw invalid("it has been cut off");
    if (this.next !== kind) throw invalid(`a frame of kind ${this.next} where ${kind} belongs`);
    const size = this.#view.getUint32(this.#at + 4, true);
    const from = this.#at + FRAME_HEAD_SIZE;
    if (from + size > this.#bytes.length) throw invalid("it has been cut off");
    this.#at = from + Math.ceil(size / 8) * 8;
    return this.#bytes.subarray(from, from + size);
  }

  json(kind: number): unknown {
    const payload = this.#payload(kind);
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    } catch {
      throw invalid(`frame of kind ${kind} is not JSON`);
    }
  }

  columns(kind: number): Columns {
    return new Columns(this.#payload(kind));
  }

  done(): void {
    if (this.#at !== this.#bytes.length) throw invalid("there is more behind its end");
  }
}

/** Arrays one after another. */
class Columns {
  readonly #payload: Uint8Array;
  #at = 0;

  constructor(payload: Uint8Array) {
    this.#payload = payload;
  }

  bitmap(count: number): Uint8Array {
    return this.#take(bitmapSize(count));
  }

  floats(count: number): Float64Array {
    const { buffer, byteOffset } = this.#take(count * 8);
    return new Float64Array(buffer, byteOffset, count);
  }

  #take(size: number): Uint8Array {
    const from = this.#at;
    if (from + size > this.#payload.length) throw invalid("a frame is too short");
    this.#at = from + size;
    return this.#payload.subarray(from, this.#at);
  }

  done(): void {
    if (this.#at !== this.#payload.length) throw invalid("a frame is too long");
  }
}

function hasBit(bitmap: Uint8Array, bit: number): boolean {
  return ((bitmap[bit >>> 3] as number) & (1 << (bit & 7))) !== 0;
}

function countBits(bitmap: Uint8Array, count: number): number {
  let bits = 0;
  for (let i = 0; i < count; i++) if (hasBit(bitmap, i)) bits++;
  return bits;
}

function gridOf(value: Readonly<Record<string, unknown>>): ColumnsGrid {
  const [startMs, stepMs] = [numberOf(value["startMs"]), numberOf(value["stepMs"])];
  const count = numberOf(value["count"]);
  if (!Number.isInteger(count) || count < 1 || count > GRID_COUNT_MAX)
    throw invalid(`a grid of ${count} steps`);
  return { startMs, stepMs, count };
}

function labelsOf(value: unknown): Labels[] {
  return listOf(value).map((flat) => {
    const texts = listOf(flat).map(textOf);
    if (texts.length % 2 !== 0) throw invalid("a label without a value");
    const labels: Label[] = [];
    for (let i = 0; i < texts.length; i += 2)
      labels.push([texts[i] as string, texts[i + 1] as string]);
    return labels;
  });
}

function histogramOf(value: unknown): HistogramJson {
  const { count, sum, buckets } = objectOf(value);
  const histogram = { count: textOf(count), sum: textOf(sum) };
  if (buckets === undefined) return histogram;
  const read = listOf(buckets).map((bucket) => {
    const [rule, lower, upper, held] = listOf(bucket);
    return [numberOf(rule), textOf(lower), textOf(upper), textOf(held)] as const;
  });
  return { ...histogram, buckets: read };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("an object is missing");
  return value as Readonly<Record<string, unknown>>;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid("a list is missing");
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw invalid("a text is missing");
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== "number") throw invalid("a number is missing");
  return value;
}

function invalid(problem: string): OperatingError {
  return new OperatingError("input.invalid", `not an answer in columns: ${problem}`);
}
