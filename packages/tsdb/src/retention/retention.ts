import { type Clock, type Labels, OperatingError } from "@pharos/base";
import { decodeLabels, type Kernels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import type { Block } from "../block/block.ts";
import type { Blocks } from "../block/blocks.ts";
import type { ColumnSet } from "../block/column-set.ts";
import { replaceBlocks } from "../block/compaction.ts";
import type { Rollups } from "../rollup/rollups.ts";
import type { Pause } from "../slices.ts";
import type { Snapshots } from "../snapshots.ts";
import type { TimeChanges } from "../time-changes.ts";
import {
  type KeptBlock,
  type KeptSeries,
  planRetention,
  type RetentionPlan,
  seriesExpired,
} from "./retention-plan.ts";
import {
  keepMsMin,
  type RetentionPolicy,
  type StorageTier,
  seriesRetention,
} from "./retention-policy.ts";

/** How long blocks are written anew in one round; what is left waits for the next. */
const ROUND_MS_MAX = 20_000;

export interface RetentionParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly kernels: Kernels;
  readonly raw: Blocks;
  readonly rollups: Rollups;
  readonly snapshots: Snapshots;
  readonly signal: AbortSignal;
  /** Bytes of the log, which count for the size. */
  readonly logSize: () => number;
  readonly pause: () => Pause;
  readonly policy: RetentionPolicy;
  /** How many bytes blocks and log may have together; 0 for no limit. */
  readonly sizeMax: number;
  /** Told of the times from which samples went, when readers no longer see them. */
  readonly changes: TimeChanges;
}

/** A block as plans see it. */
interface PlannedBlock extends KeptBlock {
  readonly block: Block;
}

/** Removes what is older, or more, than may be kept: in the raw blocks and in the rollup tiers. */
export class Retention {
  readonly #parts: RetentionParts;
  #policy: RetentionPolicy;
  #sizeMax: number;
  /** By path: which part of the policy had run out for a block when it was found not worth writing anew. */
  readonly #looked = new Map<string, string>();
  #mergeMs: number | undefined;
  #mergeDropped = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#policy = parts.policy;
    this.#sizeMax = parts.sizeMax;
  }

  setPolicy(policy: RetentionPolicy, sizeMax: number): void {
    this.#policy = policy;
    this.#sizeMax = sizeMax;
    this.#looked.clear();
  }

  /**
   * What would go now, and how much that is, by rule and tier: under the policy in force, or another one. Changes
   * nothing. Goes through all series of the blocks concerned.
   *
   * @throws OperatingError `disk.corrupt`, `disk.failed`.
   */
  plan(
    nowMs: number,
    policy = this.#policy,
    sizeMax = this.#sizeMax,
  ): Promise<RetentionPlan<KeptBlock>> {
    const options = { sizeMax: this.#sizeLeft(sizeMax), count: true, pause: this.#parts.pause() };
    return planRetention(policy, nowMs, this.#blocks, options);
  }

  #sizeLeft(sizeMax: number): number {
    return sizeMax === 0 ? 0 : Math.max(1, sizeMax - this.#parts.logSize());
  }

  get #blocks(): PlannedBlock[] {
    const { raw, rollups } = this.#parts;
    return [raw, ...rollups.tiers.values()].flatMap(({ all }) => all.map(plannedBlock));
  }

  /**
   * Removes what may go at `nowMs`. A raw block whose rows are not made yet waits for them, and answers true then.
   *
   * @param rows given up on a full disk, where nothing can be made until something goes.
   * @throws OperatingError `disk.full`, `disk.failed`: the next round tries again.
   */
  async apply(nowMs: number, rows: "needed" | "given_up" = "needed"): Promise<boolean> {
    const blocks = this.#blocks;
    const plan = await planRetention(this.#policy, nowMs, blocks, {
      sizeMax: this.#sizeLeft(this.#sizeMax),
      count: false,
      leave: (block) => this.#looked.get(block.path) === this.#ranOut(block, nowMs),
      pause: this.#parts.pause(),
    });
    const { rollups } = this.#parts;
    const waiting = [...plan.remove, ...plan.rewrite].filter(
      ({ tier, block }) => rows === "needed" && tier === "raw" && !rollups.mayGo(block),
    );
    const rewrite = plan.rewrite.filter((block) => !waiting.includes(block));
    await this.#remove(plan.remove.filter((block) => !waiting.includes(block)));
    const endMs = this.#parts.clock.monotonicMs() + ROUND_MS_MAX;
    const left = new Set<PlannedBlock>(plan.rewrite);
    for (const block of rewrite) {
      if (this.#parts.clock.monotonicMs() >= endMs) break;
      left.delete(block);
      await this.#rewrite(block, nowMs);
    }
    const there = new Set(blocks.map(({ path }) => path));
    for (const path of this.#looked.keys()) if (!there.has(path)) this.#looked.delete(path);
    for (const block of blocks)
      if (!left.has(block)) this.#looked.set(block.path, this.#ranOut(block, nowMs));
    return waiting.length > 0;
  }

  /** Which retentions a block is older than. As long as that stays so, it has nothing new to lose. */
  #ranOut({ tier, rangeEndMs }: PlannedBlock, nowMs: number): string {
    const { rules, fallback } = this.#policy;
    return [...rules.map(({ keepMs }) => keepMs), fallback]
      .map((keepMs) => (nowMs - rangeEndMs >= keepMs[tier] ? "1" : "0"))
      .join("");
  }

  #folderOf({ tier }: KeptBlock): Blocks {
    const { raw, rollups } = this.#parts;
    return tier === "raw" ? raw : (rollups.tiers.get(tier) as Blocks);
  }

  async #remove(remove: readonly PlannedBlock[]): Promise<void> {
    if (remove.length === 0) return;
    const { snapshots, signal } = this.#parts;
    const byFolder = Map.groupBy(remove, (block) => this.#folderOf(block));
    for (const [folder, blocks] of byFolder)
      folder.replace(
        blocks.map(({ block }) => block),
        undefined,
      );
    for (const { tier, rangeStartMs, rangeEndMs } of remove)
      if (tier === "raw") this.#parts.changes.note(rangeStartMs, rangeEndMs);
    await snapshots.drained(signal);
    for (const [folder, blocks] of byFolder) await folder.remove(blocks.map(({ block }) => block));
  }

  async #rewrite({ tier, block }: PlannedBlock, nowMs: number): Promise<void> {
    const { meta } = block;
    const expired = (labels: Labels): boolean =>
      seriesExpired(this.#policy, nowMs, { tier, rangeEndMs: meta.rangeEndMs }, labels);
    if (tier !== "raw") {
      await this.#parts.rollups.rewrite(tier, block, (labels) => !expired(labels));
      return;
    }
    const { disk, kernels, raw, snapshots, signal, pause } = this.#parts;
    const keep = (bytes: Uint8Array, set: ColumnSet): ColumnSet | undefined =>
      expired(decodeLabels(bytes)) ? undefined : set;
    const context = { ...{ disk, kernels, snapshots, signal, keep }, blocks: raw, tier: "raw" };
    const { rangeStartMs, rangeEndMs } = meta;
    try {
      await replaceBlocks(context, { sources: [meta], rangeStartMs, rangeEndMs }, pause());
      this.#parts.changes.note(rangeStartMs, rangeEndMs);
    } catch (error) {
      if (!(error instanceof OperatingError && error.code === "disk.corrupt")) throw error;
      raw.report(`not rewritten: ${error.message}`);
    }
  }

  /** To be called before blocks are merged: from then on `keep` leaves out what has expired at `nowMs`. */
  beginMerge(nowMs: number): void {
    // What is still to be rolled up may be in any of the blocks.
    this.#mergeMs = this.#parts.rollups.pending.length > 0 ? undefined : nowMs;
  }

  /** What of a series a merge of raw blocks keeps, as it writes everything anew anyhow. */
  keep(labelBytes: Uint8Array, set: ColumnSet): ColumnSet | undefined {
    if (this.#mergeMs === undefined || this.#policy.rules.length === 0) return set;
    const ageMs = this.#mergeMs - (set.timestampsMs.at(-1) as number);
    if (ageMs < keepMsMin(this.#policy, "raw")) return set;
    if (ageMs <= seriesRetention(this.#policy, decodeLabels(labelBytes)).raw) return set;
    this.#mergeDropped = true;
    return undefined;
  }

  /** To be called when blocks were merged: says so where samples went by that. */
  endMerge(): void {
    // Rare, and of which times is known to the merge alone.
    if (this.#mergeDropped) this.#parts.changes.noteEverything();
    this.#mergeDropped = false;
  }
}

function plannedBlock(block: Block): PlannedBlock {
  const { meta } = block;
  return {
    block,
    tier: meta.tier as StorageTier,
    path: block.path,
    rangeStartMs: meta.rangeStartMs,
    rangeEndMs: meta.rangeEndMs,
    size: meta.indexSize + meta.columnsSize,
    series: () => seriesOf(block),
  };
}

/** A series' share of its block's bytes is that of its columns before they are compressed. */
function* seriesOf(block: Block): Iterable<KeptSeries> {
  const { index, meta } = block;
  const { seriesCount } = index;
  let total = 0;
  for (let series = 0; series < seriesCount; series++) total += weightOf(block, series).size;
  const scale = (meta.indexSize + meta.columnsSize) / Math.max(1, total);
  for (let series = 0; series < seriesCount; series++) {
    const { samples, size } = weightOf(block, series);
    yield { labels: block.labelsOf(series), samples, size: size * scale };
  }
}

function weightOf({ index }: Block, series: number): { samples: number; size: number } {
  let [samples, size] = [0, 0];
  for (const { chunks } of index.entryOf(series).sets)
    for (const { times, sizes } of chunks) {
      samples += index.timesOf(times).count;
      for (const each of sizes) size += each;
    }
  return { samples, size };
}
