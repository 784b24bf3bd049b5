import { type Labels, type Matcher, OperatingError } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import type { Block, OnDamage } from "./block/block.ts";
import type { ColumnDecoder } from "./block/column-decoder.ts";
import type { ColumnSetBuffer } from "./block/column-set-buffer.ts";
import type { ColumnBuffer } from "./column-buffer.ts";
import type { SelectionSource } from "./selection.ts";
import type { Pause } from "./slices.ts";

/**
 * Reads a block's part of a selection. What is damaged in it is left out and reported: the gap that leaves is that of a
 * chunk, and an answer without it is worth more than none.
 */
export class BlockSource implements SelectionSource {
  readonly #block: Block;
  readonly #range: TimeRange;
  readonly #decoder: ColumnDecoder;
  readonly #damaged: OnDamage;
  /** The block's numbers of the series, in the order of labels, and their labels. */
  readonly #series: number[] = [];
  readonly #labels: Labels[] = [];

  private constructor(block: Block, range: TimeRange, decoder: ColumnDecoder, damaged: OnDamage) {
    this.#block = block;
    this.#range = range;
    this.#decoder = decoder;
    this.#damaged = damaged;
  }

  /** @throws OperatingError `disk.failed`; what `pause` throws, which is awaited between series. */
  static async select(
    block: Block,
    range: TimeRange,
    matchers: readonly Matcher[],
    decoder: ColumnDecoder,
    damaged: OnDamage,
    pause: Pause,
  ): Promise<BlockSource> {
    const source = new BlockSource(block, range, decoder, damaged);
    let selected: Uint32Array = new Uint32Array(0);
    source.#unlessDamaged(() => {
      selected = block.select(matchers);
    });
    for (const series of selected) {
      source.#unlessDamaged(() => {
        source.#labels.push(block.labelsOf(series));
        source.#series.push(series);
      });
      await pause();
    }
    return source;
  }

  get seriesCount(): number {
    return this.#series.length;
  }

  labelsAt(at: number): Labels {
    return this.#labels[at] as Labels;
  }

  read(at: number, out: ColumnBuffer): void {
    const { minMs, maxMs } = this.#range;
    this.#block.read(
      this.#series[at] as number,
      "samples",
      minMs,
      maxMs,
      this.#decoder,
      ({ timestampsMs, floats }) => out.add({ timestampsMs, bits: floats[0] as Uint32Array }),
      this.#damaged,
    );
  }

  readHistograms(at: number, out: ColumnSetBuffer): void {
    const { minMs, maxMs } = this.#range;
    this.#block.read(
      this.#series[at] as number,
      "histograms",
      minMs,
      maxMs,
      this.#decoder,
      (columns) => out.add(columns),
      this.#damaged,
    );
  }

  #unlessDamaged(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
      this.#damaged(error);
    }
  }
}
