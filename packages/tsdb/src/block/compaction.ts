import { OperatingError } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import type { Pause } from "../slices.ts";
import type { Snapshots } from "../snapshots.ts";
import type { Block } from "./block.ts";
import { type BlockMeta, blockName } from "./block-meta.ts";
import type { Blocks } from "./blocks.ts";
import { type PlannedMerge, type PlanOptions, planMerge } from "./compaction-plan.ts";
import { type MergeOptions, mergeBlocks } from "./merge-blocks.ts";

export interface CompactionContext {
  readonly disk: Disk;
  readonly kernels: Kernels;
  readonly blocks: Blocks;
  readonly tier: string;
  readonly snapshots: Snapshots;
  /** Ends the work early, with the signal's reason. */
  readonly signal: AbortSignal;
  /** Leaves samples out when blocks are merged. */
  readonly keep?: MergeOptions["keep"];
}

/** Merges the blocks of a folder, one merge at a time: whoever calls it decides what may come in between. */
export class Compactor {
  readonly #context: CompactionContext;
  /** Blocks that turned out to be damaged: they stay as they are. */
  readonly #excluded = new Set<string>();

  constructor(context: CompactionContext) {
    this.#context = context;
  }

  /**
   * Does the next merge that is worth it, and answers how many blocks became one; 0 where nothing is left to merge. At
   * every point a crash leaves each sample in the old blocks, in the new one, or in both, and then the old ones go when
   * the folder is opened. Blocks that turn out to be damaged are reported, and stay as they are.
   *
   * @param pause awaited between series.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`: nothing is lost.
   */
  async mergeNext(options: Omit<PlanOptions, "excluded">, pause: Pause): Promise<number> {
    const { blocks, signal } = this.#context;
    for (;;) {
      signal.throwIfAborted();
      const metas = blocks.all.map(({ meta }) => meta);
      const plan = planMerge(metas, { ...options, excluded: this.#excluded });
      if (plan === undefined) return 0;
      try {
        await replaceBlocks(this.#context, plan, pause);
        return plan.sources.length;
      } catch (error) {
        if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
        blocks.report(`not merged: ${error.message}`);
        excludeDamaged(error.message, plan, blocks, this.#excluded);
      }
    }
  }

  /**
   * Rewrites the next block that holds deleted samples without them, together with those of the same time. Answers how
   * many were rewritten; 0 where none is left, and then the deletions that are done are forgotten.
   *
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`: nothing is lost.
   */
  async cleanNext(pause: Pause): Promise<number> {
    const { blocks, signal } = this.#context;
    for (;;) {
      signal.throwIfAborted();
      const block = blocks.all.find(
        ({ hasDeletions, name }) => hasDeletions && !this.#excluded.has(name),
      );
      if (block === undefined) {
        await blocks.forgetDone();
        return 0;
      }
      // All of that time, since the new block ranks as the highest of its sources.
      const group = overlappingGroup(block, blocks.all);
      const plan: PlannedMerge = {
        sources: group.map(({ meta }) => meta),
        rangeStartMs: Math.min(...group.map(({ meta }) => meta.rangeStartMs)),
        rangeEndMs: Math.max(...group.map(({ meta }) => meta.rangeEndMs)),
      };
      try {
        await replaceBlocks(this.#context, plan, pause);
        return group.length;
      } catch (error) {
        if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
        blocks.report(`not rewritten: ${error.message}`);
        excludeDamaged(error.message, plan, blocks, this.#excluded);
      }
    }
  }
}

/** Leaves the damaged source out from now on, or all of them where it is not clear which it was. */
function excludeDamaged(
  message: string,
  { sources }: PlannedMerge,
  { directory }: Blocks,
  excluded: Set<string>,
): void {
  const names = sources.map(blockName);
  const damaged = names.filter((name) => message.includes(`${directory}/${name}/`));
  for (const name of damaged.length > 0 ? damaged : names) excluded.add(name);
}

/** A block and all whose ranges overlap with it, or with one of those, by rank. */
function overlappingGroup(block: Block, all: readonly Block[]): Block[] {
  let { rangeStartMs, rangeEndMs } = block.meta;
  for (let size = 0; ; ) {
    const group = all.filter(
      ({ meta }) => meta.rangeStartMs < rangeEndMs && meta.rangeEndMs > rangeStartMs,
    );
    if (group.length === size) return group;
    size = group.length;
    rangeStartMs = Math.min(...group.map(({ meta }) => meta.rangeStartMs));
    rangeEndMs = Math.max(...group.map(({ meta }) => meta.rangeEndMs));
  }
}

/** Makes one block of some, and puts it in their place. The old files go once nobody reads them any more. */
export async function replaceBlocks(
  { disk, kernels, blocks, tier, snapshots, signal, keep }: CompactionContext,
  { sources, rangeStartMs, rangeEndMs }: PlannedMerge,
  pause: Pause,
): Promise<BlockMeta | undefined> {
  const names = new Set(sources.map(blockName));
  // Before the deletions are looked at: those that come from now on still concern the new block.
  const sequence = blocks.takeSequence();
  const meta = await mergeBlocks(
    disk,
    kernels,
    {
      directory: blocks.directory,
      tier,
      rangeStartMs,
      rangeEndMs,
      sequence,
      compression: "zstd",
      sources: [...names],
      deletions: blocks.deletions,
      ...(keep === undefined ? {} : { keep }),
    },
    pause,
  );
  const old = blocks.all.filter(({ name }) => names.has(name));
  blocks.replace(old, meta);
  await snapshots.drained(signal);
  signal.throwIfAborted();
  await blocks.remove(old);
  return meta;
}
