import type { Labels } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import { type Disk, type RollupTier, WINDOW_MS } from "@pharos/ports";
import type { Block } from "../block/block.ts";
import type { BlockMeta } from "../block/block-meta.ts";
import { BlockWriter } from "../block/block-writer.ts";
import type { Blocks } from "../block/blocks.ts";
import type { ColumnDecoder } from "../block/column-decoder.ts";
import type { ColumnSet } from "../block/column-set.ts";
import { ColumnBuffer } from "../column-buffer.ts";
import type { Pause } from "../slices.ts";
import { allSeries, BlockMerge } from "./block-merge.ts";
import type { RollupChoice } from "./rollup-policy.ts";
import { RollupRows } from "./rollup-rows.ts";
import type { RollupTools } from "./rollup-tools.ts";

/** What making tiers works with. */
export interface TierContext {
  readonly disk: Disk;
  readonly kernels: Kernels;
  readonly decoder: ColumnDecoder;
  readonly tools: RollupTools;
  readonly pause: Pause;
  /** Which tiers a series gets now; its labels are asked for where they matter. */
  choose(labels: () => Labels): RollupChoice;
}

/** One stretch of time of one tier that is to be made. */
export interface TierPart {
  readonly tier: RollupTier;
  readonly blocks: Blocks;
  /** The blocks of the tier in the stretch, which a new one replaces; by time. */
  readonly old: readonly Block[];
}

/** Begins the block of a tier that takes the place of `sources` in a stretch of time. */
export function beginTierBlock(
  { disk, kernels }: Pick<TierContext, "disk" | "kernels">,
  tier: RollupTier,
  blocks: Blocks,
  startMs: number,
  endMs: number,
  sources: readonly Block[],
): BlockWriter {
  return BlockWriter.create(disk, kernels, {
    directory: blocks.directory,
    tier,
    rangeStartMs: startMs,
    rangeEndMs: endMs,
    sequence: blocks.takeSequence(),
    compression: "zstd",
    sources: sources.map(({ name }) => name),
  });
}

/**
 * Makes the rows of a stretch of time in several tiers from raw blocks, and writes a block for each. A window's new row
 * takes the place of the old one if it counts more samples; if it counts fewer, some samples are no longer kept as such,
 * and the old one knows better. Making a stretch again changes nothing.
 *
 * @param raw the raw blocks that have samples there, by rank.
 * @param parts from the finest tier to the coarsest.
 * @param onFinished told of each part when its block has its name, and is to replace the old ones at once, whatever
 *   becomes of the others: its meta, or undefined for none.
 * @throws OperatingError `disk.corrupt`, `disk.full`, `disk.failed`, `memory.full`: the parts that were not told of are
 *   as they were.
 */
export async function makeTiers(
  context: TierContext,
  startMs: number,
  endMs: number,
  raw: readonly Block[],
  parts: readonly TierPart[],
  onFinished: (part: TierPart, meta: BlockMeta | undefined) => void,
): Promise<void> {
  const { pause } = context;
  const makers: TierMaker[] = [];
  try {
    for (const part of parts) makers.push(new TierMaker(context, part, startMs, endMs));
    const sources = [...raw, ...parts.flatMap(({ old }) => old)];
    const merge = new BlockMerge(allSeries(sources));
    const samples = new ColumnBuffer();
    const addSamples = ({ timestampsMs, floats: [bits] }: ColumnSet): void =>
      samples.add({ timestampsMs, bits: bits as Uint32Array });
    for (let bytes = merge.next(); bytes !== undefined; bytes = merge.next()) {
      samples.clear();
      for (let at = 0; at < raw.length; at++) {
        const series = merge.seriesIn(at);
        if (series === undefined) continue;
        const block = raw[at] as Block;
        block.read(series, "samples", startMs, endMs - 1, context.decoder, addSamples);
      }
      const choice = context.choose(() => merge.labels());
      let at = raw.length;
      let finer: RollupRows | undefined;
      for (const maker of makers) {
        maker.rows.clear();
        const fresh = samples.length > 0 && choice.tiers.includes(maker.tier);
        if (fresh) maker.roll(samples, finer, choice.quantiles.includes(maker.tier));
        maker.old.clear();
        for (const block of maker.part.old) {
          const series = merge.seriesIn(at++);
          if (series !== undefined) maker.readOld(block, series, context.decoder);
        }
        maker.write(bytes);
        if (fresh) finer = maker.rows;
      }
      await pause();
    }
    for (const maker of makers) onFinished(maker.part, await maker.finish(pause));
  } finally {
    for (const maker of makers) maker.dispose();
  }
}

/** Makes one tier's block. */
class TierMaker {
  readonly part: TierPart;
  /** New ones of the current series, and those that were there. */
  readonly rows: RollupRows;
  readonly old: RollupRows;
  readonly #joined: RollupRows;
  /** Of one old block. */
  readonly #part: RollupRows;
  readonly #writer: BlockWriter;
  readonly #tools: RollupTools;
  readonly #range: readonly [startMs: number, endMs: number];

  constructor(context: TierContext, part: TierPart, startMs: number, endMs: number) {
    this.part = part;
    const rows = (): RollupRows => {
      const made = new RollupRows(WINDOW_MS[part.tier]);
      made.rangeStartMs = startMs;
      return made;
    };
    [this.rows, this.old, this.#joined, this.#part] = [rows(), rows(), rows(), rows()];
    this.#tools = context.tools;
    this.#range = [startMs, endMs];
    this.#writer = beginTierBlock(context, part.tier, part.blocks, startMs, endMs, part.old);
  }

  get tier(): RollupTier {
    return this.part.tier;
  }

  /** Makes the new rows: from those of a finer tier where they say enough, else from the samples. */
  roll(samples: ColumnBuffer, finer: RollupRows | undefined, quantiles: boolean): void {
    if (finer !== undefined && (!quantiles || finer.hasSketches()))
      this.rows.append(finer, quantiles ? this.#tools.sketch : null);
    else {
      const { length, timestampsMs, values } = samples;
      const columns = { length, timestampsMs, values, stale: samples.staleFlags() };
      this.#tools.rollUp(columns, this.rows, quantiles);
    }
  }

  readOld(block: Block, series: number, decoder: ColumnDecoder): void {
    const [startMs, endMs] = this.#range;
    this.#part.clear();
    block.read(series, "rollup", startMs, endMs - 1, decoder, (set) =>
      this.#part.appendColumns(set),
    );
    // Several short blocks may each have a part of a window: only together they compare with a new row.
    this.old.append(this.#part, this.#tools.sketch);
  }

  /** Writes the rows of the current series. */
  write(labelBytes: Uint8Array): void {
    const rows = this.old.length === 0 ? this.rows : this.#join();
    if (rows.length > 0) this.#writer.add(labelBytes, [rows.columnSet()]);
  }

  /** Of each window the row that knows more. */
  #join(): RollupRows {
    const { rows, old } = this;
    const out = this.#joined;
    out.clear();
    let [i, j] = [0, 0];
    while (i < rows.length || j < old.length) {
      const a = i < rows.length ? rows.windowStartMs(i) : Number.POSITIVE_INFINITY;
      const b = j < old.length ? old.windowStartMs(j) : Number.POSITIVE_INFINITY;
      const isNew = a < b || (a === b && isBetter(rows, i, old, j));
      if (isNew) out.append(rows, this.#tools.sketch, i, i + 1);
      else out.append(old, this.#tools.sketch, j, j + 1);
      if (a <= b) i++;
      if (b <= a) j++;
    }
    return out;
  }

  async finish(pause: Pause): Promise<BlockMeta | undefined> {
    return this.#writer.isEmpty ? undefined : await this.#writer.finish(pause);
  }

  dispose(): void {
    this.#writer.dispose();
  }
}

/** Whether a new row takes the place of an old one: it counts more samples, or can answer quantiles and that cannot. */
function isBetter(rows: RollupRows, row: number, old: RollupRows, oldRow: number): boolean {
  const more = rows.countOf(row) - old.countOf(oldRow);
  return more === 0 ? rows.hasSketch(row) && !old.hasSketch(oldRow) : more > 0;
}
