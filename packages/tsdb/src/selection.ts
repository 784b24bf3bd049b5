import { compareLabels, decodeHistogram, type Labels, OperatingError } from "@pharos/base";
import type { HistogramColumn, SelectOptions, SeriesColumns } from "@pharos/ports";
import type { BytesColumn, ColumnSet } from "./block/column-set.ts";
import { ColumnSetBuffer, sliceBytes } from "./block/column-set-buffer.ts";
import { ColumnBuffer } from "./column-buffer.ts";

/**
 * One place that samples of a selection come from, such as the head or a block: the series that match there, in the
 * order of their labels.
 */
export interface SelectionSource {
  readonly seriesCount: number;
  labelsAt(at: number): Labels;
  /** Adds the samples of a series in the selection's range; a promise only where they come from afar. */
  read(at: number, out: ColumnBuffer): Promise<void> | void;
  /** The same for native histograms. */
  readHistograms(at: number, out: ColumnSetBuffer): Promise<void> | void;
}

/** Goes through the series of several sources in the order of labels; the same series of several is one. */
export class SourceMerge {
  readonly #sources: readonly SelectionSource[];
  /** How many series of each source are behind. */
  readonly #positions: Uint32Array;
  /** The labels at each position; undefined at the end. */
  readonly #heads: (Labels | undefined)[];
  /** The sources that have the current series. */
  readonly #current: number[] = [];

  constructor(sources: readonly SelectionSource[]) {
    this.#sources = sources;
    this.#positions = new Uint32Array(sources.length);
    this.#heads = sources.map((source) =>
      source.seriesCount > 0 ? source.labelsAt(0) : undefined,
    );
  }

  /** Goes to the next series, and answers its labels; undefined at the end. */
  next(): Labels | undefined {
    for (const at of this.#current) this.#advance(at);
    this.#current.length = 0;
    let least: Labels | undefined;
    // One pass finds the least and all that have it: most series are in nearly every source.
    for (let at = 0; at < this.#heads.length; at++) {
      const labels = this.#heads[at];
      if (labels === undefined) continue;
      const order = least === undefined ? -1 : compareLabels(labels, least);
      if (order > 0) continue;
      if (order < 0) this.#current.length = 0;
      this.#current.push(at);
      least = labels;
    }
    return least;
  }

  #advance(at: number): void {
    const source = this.#sources[at] as SelectionSource;
    const position = (this.#positions[at] as number) + 1;
    this.#positions[at] = position;
    this.#heads[at] = position < source.seriesCount ? source.labelsAt(position) : undefined;
  }

  /** Puts the samples of the current series together; of two at the same time that of the earlier source stands. */
  async read(out: ColumnBuffer): Promise<void> {
    for (const at of this.#current) {
      const source = this.#sources[at] as SelectionSource;
      const reading = source.read(this.#positions[at] as number, out);
      // Most sources have everything at hand, and a wait for each series would cost more than reading it.
      if (reading !== undefined) await reading;
    }
  }

  /** The same for native histograms. */
  async readHistograms(out: ColumnSetBuffer): Promise<void> {
    for (const at of this.#current)
      await (this.#sources[at] as SelectionSource).readHistograms(
        this.#positions[at] as number,
        out,
      );
  }
}

/** What a selection holds while it is read. */
export interface Hold {
  /** @throws OperatingError where what is read may be gone. */
  check(): void;
  release(): void;
}

/** Reads a selection series by series; every series overwrites the one before. Releases the hold at the end. */
export async function* readSelection(
  sources: readonly SelectionSource[],
  { samplesMax, signal, ...wishes }: SelectOptions,
  hold: Hold,
): AsyncGenerator<SeriesColumns, void, undefined> {
  const out = new ColumnBuffer();
  const histograms = wishes.histograms === true ? new ColumnSetBuffer("histograms") : undefined;
  const merge = new SourceMerge(sources);
  let total = 0;
  try {
    for (let labels = merge.next(); labels !== undefined; labels = merge.next()) {
      signal.throwIfAborted();
      hold.check();
      out.clear();
      await merge.read(out);
      if (histograms !== undefined) {
        histograms.clear();
        await merge.readHistograms(histograms);
      }
      const histogramCount = histograms?.length ?? 0;
      if (out.length + histogramCount === 0) continue;
      total += out.length + histogramCount;
      if (total > samplesMax)
        throw new OperatingError(
          "query.too_many_samples",
          `the selection holds more than ${samplesMax} samples`,
        );
      const { timestampsMs, values } = out;
      const columns = { labels, timestampsMs, values, stale: out.staleFlags() };
      if (histograms === undefined || histogramCount === 0) yield columns;
      else yield { ...columns, histograms: histogramColumn(histograms.columns) };
    }
  } finally {
    hold.release();
  }
}

function histogramColumn({ timestampsMs, bytes }: ColumnSet): HistogramColumn {
  const [encoded] = bytes as [BytesColumn];
  return {
    timestampsMs,
    at(index) {
      const histogram = decodeHistogram(sliceBytes(encoded, index, index + 1).bytes);
      if (histogram === undefined)
        throw new OperatingError("disk.corrupt", "the bytes of a native histogram do not decode");
      return histogram;
    },
  };
}
