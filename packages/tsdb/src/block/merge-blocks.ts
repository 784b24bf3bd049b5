import type { Kernels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import type { Pause } from "../slices.ts";
import { Block, type OnDamage } from "./block.ts";
import { BlockCache } from "./block-cache.ts";
import type { BlockMeta } from "./block-meta.ts";
import { BlockWriter, type BlockWriterOptions } from "./block-writer.ts";
import { ColumnDecoder } from "./column-decoder.ts";
import { COLUMN_SET_KINDS, type ColumnSet } from "./column-set.ts";
import { ColumnSetBuffer } from "./column-set-buffer.ts";
import type { Deletion } from "./deletions.ts";
import { compareLabelBytes } from "./label-order.ts";

/** What a merge keeps of its sources in memory: enough for the pages that are being read. */
const CACHE_SIZE_MAX = 32 * 1024 * 1024;

export interface MergeOptions
  extends Pick<
    BlockWriterOptions,
    "directory" | "tier" | "rangeStartMs" | "rangeEndMs" | "sequence" | "compression"
  > {
  /** The names of blocks in the same folder, by rank. */
  readonly sources: readonly string[];
  /** What was deleted from them; it is not in the new block. */
  readonly deletions: readonly Deletion[];
  /** Leaves out more: told the labels, as bytes, and what there is; answers what to keep. */
  readonly keep?: (labelBytes: Uint8Array, set: ColumnSet) => ColumnSet | undefined;
}

/**
 * Makes one block of several, which stay as they are. Answers undefined where nothing is left, and then there is no new
 * block. It needs nothing but the files: any thread may do it.
 *
 * @throws OperatingError `disk.corrupt` where a source is damaged: nothing was made; `disk.full`, `disk.failed`,
 *   `memory.full`.
 */
export async function mergeBlocks(
  disk: Disk,
  kernels: Kernels,
  { sources, deletions, keep, ...options }: MergeOptions,
  pause: Pause,
): Promise<BlockMeta | undefined> {
  const cache = new BlockCache(CACHE_SIZE_MAX);
  const blocks = sources.map((name) => Block.open(disk, `${options.directory}/${name}`, cache));
  const rank = Math.max(...blocks.map(({ meta }) => meta.rank));
  for (const block of blocks) block.setDeletions(deletions);
  const decoder = new ColumnDecoder(kernels);
  try {
    const writer = BlockWriter.create(disk, kernels, { ...options, rank, sources });
    try {
      await addMerged(blocks, decoder, writer, keep, pause);
      return writer.isEmpty ? undefined : await writer.finish(pause);
    } finally {
      writer.dispose();
    }
  } finally {
    decoder.release();
    for (const block of blocks) block.close();
  }
}

async function addMerged(
  blocks: readonly Block[],
  decoder: ColumnDecoder,
  writer: BlockWriter,
  keep: MergeOptions["keep"],
  pause: Pause,
): Promise<void> {
  for (const { labelBytes, sets } of mergedSeries(blocks, decoder)) {
    const kept = keep === undefined ? sets : sets.flatMap((set) => keep(labelBytes, set) ?? []);
    const left = kept.filter(({ timestampsMs }) => timestampsMs.length > 0);
    if (left.length > 0) writer.add(labelBytes, left);
    await pause();
  }
}

export interface MergedSeries {
  /** Canonical. */
  readonly labelBytes: Uint8Array;
  /** Those that have samples: views, valid until the next series. None where all of it was deleted. */
  readonly sets: readonly ColumnSet[];
}

/**
 * The series of several blocks, each once, in the order of their labels. Where two blocks have a sample at the same
 * time, that of the earlier in the list stands.
 *
 * @throws OperatingError `disk.corrupt`, unless there is somebody to be told of the damage, `disk.failed`.
 */
export function* mergedSeries(
  blocks: readonly Block[],
  decoder: ColumnDecoder,
  minMs: number = Number.NEGATIVE_INFINITY,
  maxMs: number = Number.POSITIVE_INFINITY,
  damaged?: OnDamage,
): Generator<MergedSeries, void, undefined> {
  const cursors = blocks.map((block) => new BlockCursor(block));
  const buffers = COLUMN_SET_KINDS.map((kind) => new ColumnSetBuffer(kind));
  for (;;) {
    const current = leastOf(cursors);
    const labelBytes = current[0]?.labelBytes;
    if (labelBytes === undefined) return;
    const sets: ColumnSet[] = [];
    for (const buffer of buffers) {
      buffer.clear();
      const add = (columns: ColumnSet): void => buffer.add(columns);
      for (const { block, series } of current)
        block.read(series, buffer.kind, minMs, maxMs, decoder, add, damaged);
      if (buffer.length > 0) sets.push(buffer.columns);
    }
    yield { labelBytes, sets };
    for (const cursor of current) cursor.advance();
  }
}

/** A place in a block's series. */
class BlockCursor {
  readonly block: Block;
  readonly #count: number;
  series = 0;
  /** Undefined at the end. */
  labelBytes: Uint8Array | undefined;

  constructor(block: Block) {
    this.block = block;
    this.#count = block.index.seriesCount;
    this.labelBytes = block.labelBytesOf(0);
  }

  advance(): void {
    this.series++;
    this.labelBytes = this.series < this.#count ? this.block.labelBytesOf(this.series) : undefined;
  }
}

/** The cursors that are at the first series of all, in their order. */
function leastOf(cursors: readonly BlockCursor[]): BlockCursor[] {
  let least: BlockCursor[] = [];
  for (const cursor of cursors) {
    if (cursor.labelBytes === undefined) continue;
    const before = least[0]?.labelBytes;
    const order = before === undefined ? -1 : compareLabelBytes(cursor.labelBytes, before);
    if (order < 0) least = [cursor];
    else if (order === 0) least.push(cursor);
  }
  return least;
}
