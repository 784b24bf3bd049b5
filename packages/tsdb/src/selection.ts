import { decodeHistogram, type Labels, OperatingError } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { HistogramColumn, SelectOptions, SeriesColumns } from "@pharos/ports";
import type { BytesColumn, ColumnSet } from "./block/column-set.ts";
import { ColumnSetBuffer, sliceBytes } from "./block/column-set-buffer.ts";
import { ColumnBuffer } from "./column-buffer.ts";
import { type LabelledSeries, LabelMerge } from "./label-merge.ts";
import { StartColumns } from "./start-columns.ts";

/**
 * One place that samples of a selection come from, such as the head or a block: the series that match there, in the
 * order of their labels.
 */
export interface SelectionSource extends LabelledSeries {
  /** Adds the samples of a series in the selection's range; a promise only where they come from afar. */
  read(at: number, out: ColumnBuffer): Promise<void> | void;
  /** Whether any of its series may have native histograms. */
  readonly hasHistograms: boolean;
  /** The same as `read` for native histograms. */
  readHistograms(at: number, out: ColumnSetBuffer): Promise<void> | void;
  /** Whether any of its series may have start timestamps. */
  readonly hasStarts: boolean;
  /** The same as `read` for when the counting of samples began. */
  readStarts(at: number, out: StartColumns): Promise<void> | void;
}

type Reading = Promise<void> | undefined | void;

/** Goes through the series of several sources in the order of labels, and puts their samples together. */
export class SourceMerge extends LabelMerge<SelectionSource> {
  /**
   * Puts the samples of the current series together; of two at the same time that of the earlier source stands. A promise
   * only where a source has to fetch some: a wait for each series would cost more than reading it.
   */
  read(out: ColumnBuffer): Promise<void> | undefined {
    return this.#readCurrent(0, (source, at) => source.read(at, out));
  }

  /** The same for native histograms. */
  readHistograms(out: ColumnSetBuffer): Promise<void> | undefined {
    return this.#readCurrent(0, (source, at) =>
      source.hasHistograms ? source.readHistograms(at, out) : undefined,
    );
  }

  /** The same for start timestamps. */
  readStarts(out: StartColumns): Promise<void> | undefined {
    return this.#readCurrent(0, (source, at) =>
      source.hasStarts ? source.readStarts(at, out) : undefined,
    );
  }

  #readCurrent(
    from: number,
    read: (source: SelectionSource, at: number) => Reading,
  ): Promise<void> | undefined {
    for (let number = from; number < this.currentCount; number++) {
      const reading = read(this.currentSource(number), this.currentPosition(number));
      if (reading !== undefined) return reading.then(() => this.#readCurrent(number + 1, read));
    }
    return undefined;
  }
}

/** What a selection holds while it is read. */
export interface Hold {
  /** @throws OperatingError where what is read may be gone. */
  check(): void;
  release(): void;
}

/** So many series are read without a wait, */
const LOT_SERIES_MAX = 256;
/** of about so many samples: some milliseconds' work. */
const LOT_SAMPLES_MAX = 100_000;

/**
 * Reads a selection in lots, as `Selection.inLots` says; every series overwrites the one before, in the kernels' memory.
 * Releases that and the hold at the end.
 */
export async function* readSelection(
  sources: readonly SelectionSource[],
  options: SelectOptions,
  hold: Hold,
  kernels: Kernels,
): AsyncGenerator<Iterable<SeriesColumns>, void, undefined> {
  const reading = new SelectionReading(sources, options, kernels);
  try {
    for (;;) {
      options.signal.throwIfAborted();
      hold.check();
      const first = await reading.next();
      if (first === undefined) return;
      yield lotOf(first, reading);
    }
  } finally {
    reading.release();
    hold.release();
  }
}

function* lotOf(first: SeriesColumns, reading: SelectionReading): Generator<SeriesColumns> {
  yield first;
  const samplesBefore = reading.samplesRead;
  for (let count = 1; count < LOT_SERIES_MAX; count++) {
    const columns = reading.nextAtHand();
    if (columns === undefined) return;
    yield columns;
    if (reading.samplesRead - samplesBefore >= LOT_SAMPLES_MAX) return;
  }
}

/** Histograms of a series that there is room for at first: most series have none. */
const HISTOGRAMS_ROOM = 16;
const NO_TIMES = new Float64Array(0);

/** One pass over a selection. */
class SelectionReading {
  readonly #merge: SourceMerge;
  readonly #samplesMax: number;
  readonly #out: ColumnBuffer;
  readonly #histograms: ColumnSetBuffer | undefined;
  readonly #starts: StartColumns | undefined;
  /** What is being fetched of the current series, whose labels are known. */
  #fetching: { readonly labels: Labels; readonly done: Promise<void> } | undefined;
  samplesRead = 0;

  constructor(
    sources: readonly SelectionSource[],
    { samplesMax, histograms = false, starts = false }: SelectOptions,
    kernels: Kernels,
  ) {
    this.#merge = new SourceMerge(sources);
    this.#out = new ColumnBuffer(kernels);
    this.#samplesMax = samplesMax;
    if (histograms && sources.some((source) => source.hasHistograms))
      this.#histograms = new ColumnSetBuffer("histograms", HISTOGRAMS_ROOM);
    if (starts && sources.some((source) => source.hasStarts)) this.#starts = new StartColumns();
  }

  /** What was read is gone. */
  release(): void {
    this.#out.release();
  }

  /** The next series that has samples; undefined at the end. */
  async next(): Promise<SeriesColumns | undefined> {
    for (;;) {
      // What a lot ended at comes first.
      const columns = this.#fetching === undefined ? this.nextAtHand() : undefined;
      if (columns !== undefined || this.#fetching === undefined) return columns;
      const { labels, done } = this.#fetching;
      await done;
      this.#fetching = undefined;
      const fetched = this.#columnsOf(labels);
      if (fetched !== undefined) return fetched;
    }
  }

  /** As `next`; undefined also where a part of the next one has to be fetched. */
  nextAtHand(): SeriesColumns | undefined {
    const merge = this.#merge;
    for (let labels = merge.next(); labels !== undefined; labels = merge.next()) {
      this.#out.clear();
      this.#histograms?.clear();
      const reading = merge.read(this.#out);
      if (reading !== undefined) {
        this.#fetching = { labels, done: reading.then(() => this.#readRest()) };
        return undefined;
      }
      const rest = this.#readRest();
      if (rest !== undefined) {
        this.#fetching = { labels, done: rest };
        return undefined;
      }
      const columns = this.#columnsOf(labels);
      if (columns !== undefined) return columns;
    }
    return undefined;
  }

  /** What there is beside float samples, whose times are known by now. */
  #readRest(): Promise<void> | undefined {
    const reading = this.#histograms && this.#merge.readHistograms(this.#histograms);
    if (this.#starts === undefined) return reading;
    return reading === undefined ? this.#readStarts() : reading.then(() => this.#readStarts());
  }

  #readStarts(): Promise<void> | undefined {
    if (this.#starts === undefined) return undefined;
    const histogramTimesMs = this.#histograms?.columns.timestampsMs ?? NO_TIMES;
    this.#starts.begin(this.#out.timestampsMs, histogramTimesMs);
    return this.#merge.readStarts(this.#starts);
  }

  /** What was read of a series; undefined for nothing. */
  #columnsOf(labels: Labels): SeriesColumns | undefined {
    const out = this.#out;
    const histogramCount = this.#histograms?.length ?? 0;
    const count = out.length + histogramCount;
    if (count === 0) return undefined;
    this.samplesRead += count;
    if (this.samplesRead > this.#samplesMax)
      throw new OperatingError(
        "query.too_many_samples",
        `the selection holds more than ${this.#samplesMax} samples`,
      );
    const { timestampsMs, values } = out;
    const plain = { labels, timestampsMs, values, stale: out.staleFlags() };
    const startsMs = this.#starts?.floats;
    const columns = startsMs === undefined ? plain : { ...plain, startsMs };
    if (this.#histograms === undefined || histogramCount === 0) return columns;
    const histograms = histogramColumn(this.#histograms.columns, this.#starts?.histograms);
    return { ...columns, histograms };
  }
}

function histogramColumn(
  { timestampsMs, bytes }: ColumnSet,
  startsMs: Float64Array | undefined,
): HistogramColumn {
  const [encoded] = bytes as [BytesColumn];
  return {
    timestampsMs,
    ...(startsMs === undefined ? {} : { startsMs }),
    at(index) {
      const histogram = decodeHistogram(sliceBytes(encoded, index, index + 1).bytes);
      if (histogram === undefined)
        throw new OperatingError("disk.corrupt", "the bytes of a native histogram do not decode");
      return histogram;
    },
  };
}
