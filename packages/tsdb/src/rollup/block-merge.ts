import type { Labels } from "@pharos/base";
import type { Block } from "../block/block.ts";
import { compareLabelBytes } from "../block/label-order.ts";

/** A block, and those of its series that take part: their numbers, rising. */
export interface MergedBlock {
  readonly block: Block;
  readonly series: Uint32Array;
}

/** Goes through the series of several blocks in the order of their labels; the same series of several is one. */
export class BlockMerge {
  readonly #blocks: readonly MergedBlock[];
  /** How many series of each block are behind. */
  readonly #positions: Uint32Array;
  /** The labels at each position; undefined at the end. */
  readonly #heads: (Uint8Array | undefined)[];
  /** Which blocks have the current series. */
  readonly #current: boolean[];

  /** @throws OperatingError `disk.corrupt`, as all its methods. */
  constructor(blocks: readonly MergedBlock[]) {
    this.#blocks = blocks;
    this.#positions = new Uint32Array(blocks.length);
    this.#heads = blocks.map(({ block, series: [first] }) =>
      first === undefined ? undefined : block.labelBytesOf(first),
    );
    this.#current = blocks.map(() => false);
  }

  /** Goes to the next series, and answers its canonical label bytes; undefined at the end. */
  next(): Uint8Array | undefined {
    const current = this.#current;
    let least: Uint8Array | undefined;
    for (let at = 0; at < current.length; at++) {
      if (current[at]) this.#advance(at);
      const head = this.#heads[at];
      const order =
        head === undefined ? 1 : least === undefined ? -1 : compareLabelBytes(head, least);
      // Those before it that seemed to have the least have it no more.
      if (order < 0) {
        least = head;
        current.fill(false, 0, at);
      }
      current[at] = order <= 0;
    }
    return least;
  }

  #advance(at: number): void {
    const { block, series } = this.#blocks[at] as MergedBlock;
    const position = (this.#positions[at] as number) + 1;
    this.#positions[at] = position;
    const next = series[position];
    this.#heads[at] = next === undefined ? undefined : block.labelBytesOf(next);
  }

  /** The labels of the current series. @throws OperatingError `disk.corrupt`. */
  labels(): Labels {
    const at = this.#current.indexOf(true);
    const { block } = this.#blocks[at] as MergedBlock;
    return block.labelsOf(this.seriesIn(at) as number);
  }

  /** The number of the current series in the block at a place of the list; undefined where it does not have it. */
  seriesIn(at: number): number | undefined {
    return this.#current[at] ? this.#blocks[at]?.series[this.#positions[at] as number] : undefined;
  }
}

/** All series of blocks. */
export function allSeries(blocks: readonly Block[]): MergedBlock[] {
  return blocks.map((block) => ({ block, series: block.select([]) }));
}
