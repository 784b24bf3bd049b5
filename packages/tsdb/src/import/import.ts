import { assert, type Clock, formatLabels, OperatingError } from "@pharos/base";
import { encodeLabels, type Kernels } from "@pharos/kernels";
import type { Disk, OrderedSource, UnorderedSource } from "@pharos/ports";
import { Block } from "../block/block.ts";
import { BlockCache } from "../block/block-cache.ts";
import { BLOCKS_DIRECTORY, type BlockMeta, blockName } from "../block/block-meta.ts";
import { BlockWriter } from "../block/block-writer.ts";
import { Blocks } from "../block/blocks.ts";
import { ColumnDecoder } from "../block/column-decoder.ts";
import { compareLabelBytes } from "../block/label-order.ts";
import { mergeBlocks, mergedSeries } from "../block/merge-blocks.ts";
import { verifyBlocks } from "../block/verify-blocks.ts";
import { createPause, type Pause } from "../slices.ts";
import { importRanges } from "./import-range.ts";
import {
  type ImportState,
  type ImportUnit,
  NEW_UNIT,
  newState,
  readState,
  type StagedBlock,
  writeState,
} from "./import-state.ts";
import { publishBlock } from "./publish-block.ts";
import { orderSamples } from "./sample-order.ts";
import { SampleSpill, SPILL_SAMPLES_MAX, type SpillTarget } from "./sample-spill.ts";

/** Where imports keep what is not finished, each in a folder of its own. */
export const IMPORT_DIRECTORY = "import";

/** Blocks of the same stretch of time that are put together in one go: each is a pair of open files. */
const MERGED_TOGETHER_MAX = 32;
/** What is kept in memory of blocks that are looked through: the pages that are being read of each. */
const CACHE_SIZE_MAX = 32 * 1024 * 1024;

export interface ImportOptions {
  /** The data directory. No server uses it meanwhile. */
  readonly disk: Disk;
  readonly kernels: Kernels;
  readonly clock: Clock;
  /** Of this import's folder. */
  readonly name: string;
  /** What is imported, in words. */
  readonly source: string;
  /** Ends the work early, with the signal's reason; it goes on from there the next time. */
  readonly signal: AbortSignal;
  /** Samples that came in any order and are in memory at a time. */
  readonly spillSamplesMax?: number;
}

/** Told how many samples of a unit were read so far. */
export type OnSamples = (samples: number) => void;

/**
 * Brings samples from elsewhere into a data directory, as blocks and not through memory, so that they may be as old as
 * they are. It is done in units. Blocks are written beside the store's, read back and counted; once all units are
 * finished, `publish` makes them the store's. What is done stays done: an import that was interrupted, in whatever way,
 * goes on in the middle of a unit, and units that were published are not done again.
 *
 * The order of samples at the same time: what the store has stands, and of what is imported the first.
 */
export class Import {
  readonly #options: ImportOptions;
  readonly #directory: string;
  #state: ImportState;

  /**
   * Begins an import, or goes on with it.
   * @throws OperatingError `disk.corrupt` where its state is damaged, `disk.full`, `disk.failed`.
   */
  static async open(options: ImportOptions): Promise<Import> {
    const { disk, name, source, clock } = options;
    assert(/^[\w.-]+$/.test(name), "the name is a folder's");
    const directory = `${IMPORT_DIRECTORY}/${name}`;
    const before = readState(disk, `${directory}/state.json`);
    const state = before ?? newState(source, clock.nowMs());
    assert(state.source === source, () => `${directory} is of ${state.source}`);
    const opened = new Import(options, directory, state);
    if (before === undefined) {
      disk.makeDirectory(directory);
      await disk.syncDirectory(IMPORT_DIRECTORY);
      await disk.syncDirectory("");
      await opened.#save({});
    }
    await opened.#removeUnfinished();
    if (state.publishing) await opened.publish();
    return opened;
  }

  private constructor(options: ImportOptions, directory: string, state: ImportState) {
    this.#options = options;
    this.#directory = directory;
    this.#state = state;
  }

  /** When it was begun for the first time. */
  get startedMs(): number {
    return this.#state.startedMs;
  }

  /** All units that were ever begun, by name. */
  get units(): ReadonlyMap<string, ImportUnit> {
    return new Map(Object.entries(this.#state.units));
  }

  /** Removes what was being written, or was to go, when the process died; their names are free then. */
  async #removeUnfinished(): Promise<void> {
    const { disk } = this.#options;
    for (const [name, { blocks, spills, published }] of this.units) {
      const folder = this.#folder(name);
      if (!disk.exists(folder)) continue;
      if (published) {
        disk.remove(folder);
        continue;
      }
      const known = new Set([...blocks, ...spills].map((block) => block.name));
      for (const found of disk.list(folder))
        if (!known.has(found)) disk.remove(`${folder}/${found}`);
      await disk.syncDirectory(folder);
    }
  }

  #folder(unit: string): string {
    return `${this.#directory}/${unit}`;
  }

  #pause(): Pause {
    return createPause(this.#options.clock, this.#options.signal);
  }

  async #save(changes: Partial<ImportState>): Promise<void> {
    const state = { ...this.#state, ...changes };
    await writeState(this.#options.disk, this.#directory, state);
    this.#state = state;
  }

  /** Every state that is saved holds the sequences given out so far. */
  #takeSequence(): number {
    const { nextSequence } = this.#state;
    this.#state = { ...this.#state, nextSequence: nextSequence + 1 };
    return nextSequence;
  }

  #unit(name: string): ImportUnit {
    return this.#state.units[name] ?? NEW_UNIT;
  }

  async #change(name: string, changes: Partial<ImportUnit>): Promise<void> {
    const unit = { ...this.#unit(name), ...changes };
    await this.#save({ units: { ...this.#state.units, [name]: unit } });
  }

  async #begin(name: string, changes: Partial<ImportUnit> = {}): Promise<void> {
    assert(/^[\w.-]+$/.test(name), "the name of a unit is a folder's");
    this.#options.disk.makeDirectory(this.#folder(name));
    await this.#options.disk.syncDirectory(this.#directory);
    await this.#change(name, changes);
  }

  /**
   * Does a unit whose series come in order, stretch of time by stretch of time, or what is left of it.
   *
   * @param sources what to remember of it.
   * @throws OperatingError whatever the source throws, `disk.corrupt` where the series are not in order, or what is read
   *   back differs; `disk.full`, `disk.failed`, `memory.full`.
   */
  async addOrdered(
    name: string,
    source: OrderedSource,
    sources: readonly string[],
    onSamples: OnSamples,
  ): Promise<void> {
    if (this.#unit(name).finished) return;
    await this.#begin(name, { sources });
    const { range } = source;
    const skippedBefore = this.#unit(name).skipped;
    for (const [startMs, endMs] of importRanges(range.minMs, range.maxMs, this.startedMs)) {
      const { read, duplicates, blocks, rangesDone } = this.#unit(name);
      if (rangesDone.includes(startMs)) continue;
      const counts = { read: 0, duplicates: 0, series: 0 };
      const meta = await this.#writeOrdered(name, source, startMs, endMs, counts, () =>
        onSamples(read + counts.read),
      );
      const written = meta?.samples ?? 0;
      checkCounts(name, counts.read - counts.duplicates, written, "samples");
      checkCounts(name, counts.series, meta?.series ?? 0, "series");
      await this.#change(name, {
        read: read + counts.read,
        duplicates: duplicates + counts.duplicates,
        skipped: added(skippedBefore, source.skipped),
        blocks: meta === undefined ? blocks : [...blocks, staged(meta)],
        rangesDone: [...rangesDone, startMs],
      });
    }
    await this.#finish(name);
  }

  /** Writes the block of one stretch of time; none if there are no samples. */
  async #writeOrdered(
    name: string,
    source: OrderedSource,
    rangeStartMs: number,
    rangeEndMs: number,
    counts: { read: number; duplicates: number; series: number },
    onSeries: () => void,
  ): Promise<BlockMeta | undefined> {
    const { disk, kernels } = this.#options;
    const writer = BlockWriter.create(disk, kernels, {
      directory: this.#folder(name),
      tier: "raw",
      rangeStartMs,
      rangeEndMs,
      sequence: this.#takeSequence(),
      compression: "zstd",
    });
    const pause = this.#pause();
    let before: Uint8Array | undefined;
    try {
      for (const series of source.series({ minMs: rangeStartMs, maxMs: rangeEndMs - 1 })) {
        const labelBytes = encodeLabels(series.labels);
        if (before !== undefined && compareLabelBytes(before, labelBytes) >= 0)
          throw new OperatingError(
            "disk.corrupt",
            `${name}: ${formatLabels(series.labels)} is not behind the series before it`,
          );
        before = labelBytes;
        const { timestampsMs, valueBits } = orderSamples(series.timestampsMs, series.valueBits);
        counts.series++;
        counts.read += series.timestampsMs.length;
        counts.duplicates += series.timestampsMs.length - timestampsMs.length;
        writer.add(labelBytes, [{ kind: "samples", timestampsMs, floats: [valueBits], bytes: [] }]);
        onSeries();
        await pause();
      }
      return writer.isEmpty ? undefined : await writer.finish(pause);
    } finally {
      writer.dispose();
    }
  }

  /**
   * Does a unit whose samples come in any order, or what is left of it.
   * @throws OperatingError as `addOrdered`.
   */
  async addUnordered(name: string, source: UnorderedSource, onSamples: OnSamples): Promise<void> {
    if (this.#unit(name).finished) return;
    await this.#begin(name);
    const { resumeAt } = this.#unit(name);
    // A source that cannot go on begins again.
    if (resumeAt === null) await this.#change(name, { ...NEW_UNIT });
    await this.#removeUnfinished();
    const { signal, spillSamplesMax = SPILL_SAMPLES_MAX } = this.#options;
    const spill = new SampleSpill(spillSamplesMax);
    const skippedBefore = this.#unit(name).skipped;
    let { read } = this.#unit(name);
    const write = async (compression: "none" | "zstd", at: string | null): Promise<void> => {
      const { duplicates, spills } = this.#unit(name);
      const { length } = spill;
      const metas =
        length === 0 ? [] : await spill.write(this.#target(name), compression, this.#pause());
      const written = metas.reduce((sum, { samples }) => sum + samples, 0);
      await this.#change(name, {
        read,
        duplicates: duplicates + length - written,
        skipped: added(skippedBefore, source.skipped),
        spills: [...spills, ...metas.map(staged)],
        resumeAt: at,
      });
    };
    const pause = this.#pause();
    let resumableAt = resumeAt;
    for await (const batch of source.batches(resumeAt ?? undefined, signal)) {
      const count = batch.series.length;
      if (!spill.hasRoom(count)) await write("none", resumableAt);
      for (let from = 0; from < count; ) {
        // A batch that is larger than the memory for it goes in pieces, and is no place to go on from in between.
        const to = Math.min(count, from + spillSamplesMax);
        if (!spill.hasRoom(to - from)) await write("none", null);
        spill.add(batch, from, to);
        read += to - from;
        from = to;
      }
      resumableAt = batch.resumeAt ?? null;
      onSamples(read);
      await pause(count);
    }
    const { spills, blocks } = this.#unit(name);
    const isOnly = spills.length === 0 && blocks.length === 0;
    await write(isOnly ? "zstd" : "none", resumableAt);
    await this.#mergeSpills(name, isOnly);
    await this.#finish(name);
  }

  #target(unit: string): SpillTarget {
    const { disk, kernels } = this.#options;
    const takeSequence = (): number => this.#takeSequence();
    return { disk, kernels, directory: this.#folder(unit), nowMs: this.startedMs, takeSequence };
  }

  /** Puts blocks of the same stretch of time together. */
  async #mergeSpills(name: string, areFinal: boolean): Promise<void> {
    if (areFinal) {
      const { spills } = this.#unit(name);
      return this.#change(name, { spills: [], blocks: spills });
    }
    for (;;) {
      const { spills, blocks, duplicates } = this.#unit(name);
      const first = spills[0];
      if (first === undefined) return;
      const group = spills.filter((spill) => rangeOf(spill.name) === rangeOf(first.name));
      const some = group.slice(0, MERGED_TOGETHER_MAX);
      const merged = await this.#merge(name, some);
      const rest = spills.filter((spill) => !some.includes(spill));
      const isWhole = some.length === group.length;
      await this.#change(name, {
        // First, as its samples came before those of the rest.
        spills: isWhole ? rest : [merged, ...rest],
        blocks: isWhole ? [...blocks, merged] : blocks,
        duplicates: duplicates + samplesIn(some) - merged.samples,
      });
      for (const { name: old } of some) this.#options.disk.remove(`${this.#folder(name)}/${old}`);
    }
  }

  async #merge(unit: string, spills: readonly StagedBlock[]): Promise<StagedBlock> {
    const { disk, kernels } = this.#options;
    const [rangeStartMs, rangeEndMs] = rangeOf((spills[0] as StagedBlock).name)
      .split(" ")
      .map(Number) as [number, number];
    const meta = await mergeBlocks(
      disk,
      kernels,
      {
        directory: this.#folder(unit),
        tier: "raw",
        rangeStartMs,
        rangeEndMs,
        sequence: this.#takeSequence(),
        compression: "zstd",
        sources: spills.map(({ name }) => name),
        deletions: [],
      },
      this.#pause(),
    );
    assert(meta !== undefined, "blocks with samples are a block with samples");
    return staged(meta);
  }

  /** Reads everything back: what is in the files is what came. */
  async #finish(name: string): Promise<void> {
    const { disk, kernels } = this.#options;
    const { read, duplicates, blocks } = this.#unit(name);
    checkCounts(name, read - duplicates, samplesIn(blocks), "samples");
    const found = await verifyBlocks(disk, kernels, this.#folder(name), this.#pause());
    const [problem] = found.problems;
    if (problem !== undefined)
      throw new OperatingError("disk.corrupt", `what was just written is damaged: ${problem.what}`);
    checkCounts(name, samplesIn(blocks), found.samples, "samples");
    checkCounts(
      name,
      blocks.reduce((sum, { series }) => sum + series, 0),
      found.series,
      "series",
    );
    const series = await this.#countSeries(name, blocks);
    await this.#change(name, { finished: true, series, resumeAt: null, rangesDone: [] });
  }

  /** How many different series are in some blocks. */
  async #countSeries(unit: string, list: readonly StagedBlock[]): Promise<number> {
    const { disk, kernels } = this.#options;
    const cache = new BlockCache(CACHE_SIZE_MAX);
    const blocks = list.map(({ name }) => Block.open(disk, `${this.#folder(unit)}/${name}`, cache));
    const decoder = new ColumnDecoder(kernels);
    const pause = this.#pause();
    let count = 0;
    try {
      // Of no time at all: the labels, and no samples.
      const [minMs, maxMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (const _ of mergedSeries(blocks, decoder, minMs, maxMs)) {
        count++;
        await pause();
      }
      return count;
    } finally {
      decoder.release();
      for (const block of blocks) block.close();
    }
  }

  /** Forgets the units that were begun and whose source is gone. */
  async keepUnfinished(names: ReadonlySet<string>): Promise<void> {
    const gone = [...this.units].filter(([name, unit]) => !unit.finished && !names.has(name));
    if (gone.length === 0) return;
    const units = { ...this.#state.units };
    for (const [name] of gone) delete units[name];
    await this.#save({ units });
    for (const [name] of gone) this.#options.disk.remove(this.#folder(name));
  }

  /**
   * Makes the blocks of all units the store's. Answers how many samples those have; 0 where nothing was new.
   * @throws OperatingError `disk.corrupt`, `disk.full`, `disk.failed`: called again, it goes on.
   */
  async publish(): Promise<number> {
    const { disk } = this.#options;
    const fresh = [...this.units].filter(([, unit]) => unit.finished && !unit.published);
    if (fresh.length === 0) return 0;
    await this.#save({ publishing: true });
    const blocks = Blocks.open(disk, BLOCKS_DIRECTORY, new BlockCache(CACHE_SIZE_MAX));
    await disk.syncDirectory("");
    try {
      for (const [name, unit] of fresh)
        for (const block of unit.blocks) {
          const path = `${this.#folder(name)}/${block.name}`;
          // Those that are not there any more were made the store's before the process died. After a power loss the
          // folder may be left of one, without what was in it.
          if (disk.exists(`${path}/meta.json`))
            await publishBlock(disk, path, BLOCKS_DIRECTORY, blocks.takeSequence());
        }
    } finally {
      blocks.close();
    }
    const units = { ...this.#state.units };
    for (const [name, unit] of fresh) units[name] = { ...unit, published: true };
    await this.#save({ publishing: false, units });
    for (const [name] of fresh) disk.remove(this.#folder(name));
    return fresh.reduce((sum, [, { blocks: list }]) => sum + samplesIn(list), 0);
  }
}

function staged(meta: BlockMeta): StagedBlock {
  return { name: blockName(meta), series: meta.series, samples: meta.samples };
}

function samplesIn(blocks: readonly StagedBlock[]): number {
  return blocks.reduce((sum, { samples }) => sum + samples, 0);
}

/** The stretch of time in a block's name, as text. */
function rangeOf(name: string): string {
  const [, startMs, endMs] = /^(-?\d+)-(-?\d+)-\d+$/.exec(name) ?? [];
  return `${startMs} ${endMs}`;
}

function added(
  before: Readonly<Record<string, number>>,
  more: ReadonlyMap<string, number>,
): Readonly<Record<string, number>> {
  const sum = { ...before };
  for (const [what, samples] of more) sum[what] = (sum[what] ?? 0) + samples;
  return sum;
}

function checkCounts(unit: string, wanted: number, found: number, what: string): void {
  if (wanted === found) return;
  throw new OperatingError(
    "disk.corrupt",
    `${unit}: ${found} ${what} in blocks; ${wanted} were read`,
  );
}
