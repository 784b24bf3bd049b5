import { assert, type Clock, type Matcher, OperatingError } from "@pharos/base";
import type { Kernels } from "@pharos/kernels";
import type { Disk, TimeRange } from "@pharos/ports";
import type { Archive } from "./archive/archive.ts";
import type { Attachments } from "./attachments.ts";
import type { Blocks } from "./block/blocks.ts";
import type { ColumnDecoder } from "./block/column-decoder.ts";
import { Compactor } from "./block/compaction.ts";
import { snapshotBlocks } from "./block/snapshot-blocks.ts";
import type { EndedSeries } from "./ended-series.ts";
import { type FlushContext, flushHead, rangeStart } from "./flush.ts";
import { type Head, TIMESTAMP_MS_MAX } from "./head.ts";
import { Retention } from "./retention/retention.ts";
import type { KeptBlock, RetentionPlan } from "./retention/retention-plan.ts";
import { rollupPolicy } from "./rollup/rollup-policy.ts";
import type { Rollups } from "./rollup/rollups.ts";
import { createPause, type Pause } from "./slices.ts";
import type { Snapshots } from "./snapshots.ts";
import type { StoreLog } from "./store-log.ts";
import { retentionPolicyOf, type StoreSettings } from "./store-settings.ts";
import type { StoreWriter } from "./store-writer.ts";
import type { TimeChanges } from "./time-changes.ts";
import type { Wal } from "./wal.ts";

export interface MaintenanceParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly kernels: Kernels;
  readonly head: Head;
  readonly attachments: Attachments;
  readonly blocks: Blocks;
  readonly rollups: Rollups;
  readonly archive: Archive | undefined;
  readonly wal: Wal;
  readonly log: StoreLog;
  readonly ended: EndedSeries;
  readonly writer: StoreWriter;
  readonly snapshots: Snapshots;
  /** Told of the times from which samples went. */
  readonly changes: TimeChanges;
  readonly decoder: ColumnDecoder;
  readonly settings: StoreSettings;
  /** How far the last checkpoint says that samples were flushed. */
  readonly flushedBeforeMs: number;
  /** Aborted when the store closes. */
  readonly signal: AbortSignal;
}

/**
 * What changes the blocks of a store: flushes, merges, retention, deletions, one at a time in the order they were asked
 * for, and moves to the archive beside them. `EmbeddedStore` says of each what it does.
 */
export class StoreMaintenance {
  readonly #parts: MaintenanceParts;
  #settings: StoreSettings;
  readonly #retention: Retention;
  readonly #compactor: Compactor;
  #lastFlushMs: number | undefined;
  #flushedBeforeMs: number;
  /** Ends with the last piece of work that was asked for. */
  #lastTurn: Promise<unknown> = Promise.resolve();
  /** Blocks on their way to the archive. */
  #moving: Promise<void> | undefined;

  constructor(parts: MaintenanceParts) {
    const { disk, clock, kernels, blocks, rollups, wal, snapshots, signal, settings, changes } =
      parts;
    this.#parts = parts;
    this.#settings = settings;
    this.#flushedBeforeMs = parts.flushedBeforeMs;
    this.#retention = new Retention({
      ...{ disk, clock, kernels, raw: blocks, rollups, snapshots, signal, changes },
      pause: () => this.#pause(),
      policy: retentionPolicyOf(settings),
      sizeMax: settings.retentionSizeMax,
      logSize: () => wal.totalSize,
    });
    this.#compactor = new Compactor({
      ...{ disk, kernels, blocks, snapshots, signal, tier: "raw" },
      keep: (labelBytes, set) => this.#retention.keep(labelBytes, set),
    });
  }

  /** Wall-clock time of the last flush that ended well; undefined if none did since the start. */
  get lastFlushMs(): number | undefined {
    return this.#lastFlushMs;
  }

  /** Samples before this time are in blocks, but for those that came late since. */
  get flushedBeforeMs(): number {
    return this.#flushedBeforeMs;
  }

  applySettings(settings: StoreSettings): void {
    const policy = retentionPolicyOf(settings);
    this.#parts.rollups.setPolicies(policy, rollupPolicy(settings.rollups));
    this.#retention.setPolicy(policy, settings.retentionSizeMax);
    this.#settings = settings;
  }

  planRetention(nowMs: number, settings: StoreSettings): Promise<RetentionPlan<KeptBlock>> {
    return this.#retention.plan(nowMs, retentionPolicyOf(settings), settings.retentionSizeMax);
  }

  maintain(nowMs: number): Promise<void> {
    const { archive, rollups, signal } = this.#parts;
    return this.#inTurn(async () => {
      // First, since on a full disk this is what makes room for the flush.
      const waiting = await this.#retention.apply(nowMs);
      try {
        await this.#flushAndRollUp(nowMs);
      } catch (error) {
        const full = error instanceof OperatingError && error.code === "disk.full";
        // Rather without their rows than not at all, or the disk would stay full.
        if (full && waiting) await this.#retention.apply(nowMs, "given_up");
        throw error;
      }
      // What waited for its rows may go now.
      if (waiting) {
        await this.#retention.apply(nowMs);
        // Takes note of what that wrote anew before it is merged, or it would count for new samples.
        await rollups.make(nowMs);
      }
      this.#retention.beginMerge(nowMs);
      await this.#mergeNext(false);
      await rollups.compact(nowMs);
      this.#forgetRead();
      // Not waited for: an archive may be slow.
      if (archive !== undefined && !signal.aborted) void this.moveToArchive();
    });
  }

  async #flushAndRollUp(nowMs: number): Promise<void> {
    const { head, attachments, wal, rollups } = this.#parts;
    const isHeadNearlyFull =
      head.late.isNearlyFull ||
      head.starts.isNearlyFull ||
      attachments.isNearlyFull ||
      this.#isMemoryNearlyFull;
    const full = isHeadNearlyFull || wal.isNearlyFull;
    if (full) await this.#flushAll();
    else if (this.#graceStart() > this.#flushedBeforeMs)
      await this.#flushBefore(this.#graceStart());
    await rollups.make(nowMs);
  }

  /** Whether so much memory is in use that samples are to go, and so much of that is samples that it helps. */
  get #isMemoryNearlyFull(): boolean {
    const { kernels, head } = this.#parts;
    const { memoryFlushSize, memoryFlushMin } = this.#settings;
    return (
      kernels.memoryUse().usedSize > memoryFlushSize && head.chunks.stats().size >= memoryFlushMin
    );
  }

  flush(): Promise<void> {
    return this.#inTurn(() => this.#flushAll());
  }

  #flushAll(): Promise<void> {
    return this.#flushBefore(this.#parts.writer.newestMs + 1);
  }

  async #flushBefore(timeMs: number): Promise<void> {
    if (timeMs === Number.NEGATIVE_INFINITY) return;
    // Never back: the checkpoint says "before this time" of everything logged so far, also of what went long ago.
    const beforeMs = Math.max(timeMs, this.#flushedBeforeMs);
    const { clock, log, writer } = this.#parts;
    const context: FlushContext = {
      ...this.#parts,
      keepFrom: (firstSegment) => log.keepFrom(firstSegment),
      logDefinitions: () => writer.logDefinitions(),
      flushedBeforeMs: this.#flushedBeforeMs,
      flushed: (flushedMs) => {
        this.#flushedBeforeMs = flushedMs;
      },
    };
    // By the clock too: samples from the future must not make those of the present look old.
    const idleBeforeMs = Math.min(this.#graceStart(), clock.nowMs() - this.#settings.flushGraceMs);
    await flushHead(context, beforeMs, idleBeforeMs);
    this.#lastFlushMs = clock.nowMs();
  }

  /** What is older than this has had its time for late samples. */
  #graceStart(): number {
    return rangeStart(this.#parts.writer.newestMs - this.#settings.flushGraceMs);
  }

  async compact(): Promise<void> {
    const { clock, rollups } = this.#parts;
    let merged = 1;
    while (merged > 0)
      await this.#inTurn(async () => {
        await rollups.make(clock.nowMs());
        merged = await this.#mergeNext(true);
        if (merged === 0) await rollups.compact(clock.nowMs(), true);
      });
    this.#forgetRead();
  }

  /** What was read for rollups is not read again soon, and would take its memory until then. */
  #forgetRead(): void {
    this.#parts.blocks.cache.clear();
  }

  /** What could be merged now; answers how many blocks became one. */
  async #mergeNext(everything: boolean): Promise<number> {
    const completeBeforeMs = Math.min(this.#graceStart(), this.#flushedBeforeMs);
    const rangesMs = this.#settings.compactionRangesMs;
    const wanted = { rangesMs, completeBeforeMs, everything };
    try {
      return await this.#compactor.mergeNext(wanted, this.#pause());
    } finally {
      this.#retention.endMerge();
    }
  }

  rollupBackfill(range: TimeRange): Promise<void> {
    return this.#inTurn(() => this.#parts.rollups.backfill(range));
  }

  deleteSeries(matchers: readonly Matcher[], { minMs, maxMs }: TimeRange): Promise<void> {
    assert(matchers.length > 0, "not everything, by mistake");
    const { clock, blocks, rollups, changes } = this.#parts;
    return this.#inTurn(async () => {
      await this.#flushAll();
      const range = {
        minMs: Math.max(minMs, -TIMESTAMP_MS_MAX),
        maxMs: Math.min(maxMs, TIMESTAMP_MS_MAX),
      };
      await rollups.delete(matchers, range);
      await blocks.delete({ matchers, ...range });
      changes.note(range.minMs, range.maxMs);
      await rollups.make(clock.nowMs());
    });
  }

  async cleanTombstones(): Promise<void> {
    let rewritten = 1;
    while (rewritten > 0)
      await this.#inTurn(async () => {
        rewritten = await this.#compactor.cleanNext(this.#pause());
        if (rewritten === 0) await this.#parts.rollups.cleanTombstones();
      });
  }

  snapshot(to: Disk, skipHead: boolean): Promise<void> {
    const { disk, blocks, rollups } = this.#parts;
    return this.#inTurn(async () => {
      if (!skipHead) await this.#flushAll();
      const pause = this.#pause();
      for (const one of [blocks, ...rollups.tiers.values()])
        await snapshotBlocks(disk, one, to, pause);
    });
  }

  moveToArchive(): Promise<void> {
    this.#moving ??= this.#move().finally(() => {
      this.#moving = undefined;
    });
    return this.#moving;
  }

  async #move(): Promise<void> {
    const { archive, blocks, rollups, clock, decoder, snapshots, signal } = this.#parts;
    const move = async () =>
      archive?.move({
        ...{ blocks, decoder, snapshots, signal },
        pause: () => this.#pause(),
        isDone: (block) => rollups.mayGo(block),
        inTurn: (work) => this.#inTurn(work),
      });
    try {
      await move();
      if (!rollups.keptSome) return;
      // Their rows are made now, and then they may go.
      await this.#inTurn(() => rollups.make(clock.nowMs()));
      await move();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      if (!signal.aborted) blocks.report(`not archived: ${error.message}`);
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    assert(!this.#parts.signal.aborted, "the store is open");
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => {}); // Whoever asked for it hears of it.
    return turn;
  }

  #pause(): Pause {
    return createPause(this.#parts.clock, this.#parts.signal);
  }

  /** Resolves when nothing is under way any more, which is soon after the signal. */
  async ended(): Promise<void> {
    await this.#moving;
    await this.#lastTurn;
  }
}
