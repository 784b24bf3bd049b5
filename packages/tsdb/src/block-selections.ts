import { type Labels, type Matcher, OperatingError } from "@pharos/base";
import type { Block, OnDamage } from "./block/block.ts";
import type { LabelsInterner } from "./labels-interner.ts";
import type { Pause } from "./slices.ts";

/** Selections of blocks that are kept, */
const SELECTIONS_MAX = 256;
/** of so many series together. */
const SERIES_MAX = 400_000;

/** The series of a block that match, in the order of their labels. */
export interface BlockSelection {
  /** The block's numbers of them. */
  readonly series: Uint32Array;
  readonly labels: readonly Labels[];
}

/**
 * Which series of a block match, as they were found last: a block never changes, and who looks at a page asks the same
 * every few seconds. Those that were not asked for longest go first.
 */
export class BlockSelections {
  readonly #interner: LabelsInterner;
  /** By block and matchers; the newest last. */
  readonly #kept = new Map<string, BlockSelection>();
  #seriesCount = 0;

  constructor(interner: LabelsInterner) {
    this.#interner = interner;
  }

  /**
   * What cannot be read is left out and reported.
   *
   * @throws OperatingError `disk.failed`; what `pause` throws, which is awaited between series.
   */
  async select(
    block: Block,
    matchers: readonly Matcher[],
    damaged: OnDamage,
    pause: Pause,
  ): Promise<BlockSelection> {
    const key = JSON.stringify([
      block.path,
      matchers.map(({ type, name, value }) => [type, name, value]),
    ]);
    const there = this.#kept.get(key);
    if (there !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, there);
      return there;
    }
    let isWhole = true;
    const unlessDamaged = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
        isWhole = false;
        damaged(error);
      }
    };
    const series: number[] = [];
    const labels: Labels[] = [];
    let matching: Uint32Array = new Uint32Array(0);
    unlessDamaged(() => {
      matching = block.select(matchers);
    });
    for (const one of matching) {
      unlessDamaged(() => {
        labels.push(this.#interner.same(block.labelsOf(one)));
        series.push(one);
      });
      await pause();
    }
    const selection = { series: Uint32Array.from(series), labels };
    // Damage is to be reported to whoever meets it.
    if (isWhole) this.#keep(key, selection);
    return selection;
  }

  #keep(key: string, selection: BlockSelection): void {
    if (this.#kept.has(key)) return; // Another one asked the same meanwhile.
    this.#kept.set(key, selection);
    this.#seriesCount += selection.series.length;
    for (const [old, { series }] of this.#kept) {
      if (this.#kept.size <= SELECTIONS_MAX && this.#seriesCount <= SERIES_MAX) break;
      this.#kept.delete(old);
      this.#seriesCount -= series.length;
    }
  }
}
