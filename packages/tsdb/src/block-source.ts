import { compareLabels, type Labels, type Matcher } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import type { Block, ChunkDecoder } from "./block.ts";
import type { BlockIndex } from "./block-index.ts";
import type { ColumnBuffer } from "./column-buffer.ts";
import { selectSeries } from "./label-index.ts";
import type { SelectionSource } from "./selection.ts";

/** Reads a block's part of a selection. */
export class BlockSource implements SelectionSource {
  readonly seriesCount: number;
  readonly #block: Block;
  readonly #index: BlockIndex;
  readonly #range: TimeRange;
  readonly #decoder: ChunkDecoder;
  /** The block's numbers of the series, in the order of labels. */
  readonly #series: Uint32Array;

  /** @throws OperatingError `disk.corrupt`. */
  constructor(
    block: Block,
    index: BlockIndex,
    range: TimeRange,
    matchers: readonly Matcher[],
    decoder: ChunkDecoder,
  ) {
    this.#block = block;
    this.#index = index;
    this.#range = range;
    this.#decoder = decoder;
    this.#series = inLabelOrder(index, selectSeries(index, matchers));
    this.seriesCount = this.#series.length;
  }

  labelsAt(at: number): Labels {
    return this.#index.labelsOf(this.#series[at] as number);
  }

  read(at: number, out: ColumnBuffer): void {
    const { minMs, maxMs } = this.#range;
    const series = this.#series[at] as number;
    this.#block.readSeries(this.#index, series, minMs, maxMs, this.#decoder, out);
  }
}

function inLabelOrder(index: BlockIndex, series: Uint32Array): Uint32Array {
  const labels = new Map<number, Labels>();
  for (const one of series) labels.set(one, index.labelsOf(one));
  return series.sort((a, b) => compareLabels(labels.get(a) as Labels, labels.get(b) as Labels));
}
