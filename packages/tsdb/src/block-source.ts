import type { Labels } from "@pharos/base";
import type { TimeRange } from "@pharos/ports";
import type { Block, OnDamage } from "./block/block.ts";
import type { ColumnDecoder } from "./block/column-decoder.ts";
import type { ColumnSetBuffer } from "./block/column-set-buffer.ts";
import type { BlockSelection } from "./block-selections.ts";
import type { ColumnBuffer } from "./column-buffer.ts";
import type { SelectionSource } from "./selection.ts";
import type { StartColumns } from "./start-columns.ts";

/**
 * Reads a block's part of a selection. What is damaged in it is left out and reported: the gap that leaves is that of a
 * chunk, and an answer without it is worth more than none.
 */
export class BlockSource implements SelectionSource {
  readonly #block: Block;
  readonly #selection: BlockSelection;
  readonly #range: TimeRange;
  readonly #decoder: ColumnDecoder;
  readonly #damaged: OnDamage;
  readonly hasHistograms = true;

  constructor(
    block: Block,
    selection: BlockSelection,
    range: TimeRange,
    decoder: ColumnDecoder,
    damaged: OnDamage,
  ) {
    this.#block = block;
    this.#selection = selection;
    this.#range = range;
    this.#decoder = decoder;
    this.#damaged = damaged;
  }

  get seriesCount(): number {
    return this.#selection.series.length;
  }

  get hasStarts(): boolean {
    return this.#block.meta.hasStarts === true;
  }

  labelsAt(at: number): Labels {
    return this.#selection.labels[at] as Labels;
  }

  read(at: number, out: ColumnBuffer): void {
    const { minMs, maxMs } = this.#range;
    this.#block.read(
      this.#selection.series[at] as number,
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
      this.#selection.series[at] as number,
      "histograms",
      minMs,
      maxMs,
      this.#decoder,
      (columns) => out.add(columns),
      this.#damaged,
    );
  }

  readStarts(at: number, out: StartColumns): void {
    const { minMs, maxMs } = this.#range;
    this.#block.read(
      this.#selection.series[at] as number,
      "starts",
      minMs,
      maxMs,
      this.#decoder,
      ({ timestampsMs, floats }) => out.addPoints(timestampsMs, floats[0] as Uint32Array),
      this.#damaged,
    );
  }
}
