import { compareLabels, type Labels, labelsKey, type Matcher, OperatingError } from "@pharos/base";
import type { SelectOptions, SeriesColumns, TimeRange } from "@pharos/ports";
import type { Block, ChunkDecoder } from "./block.ts";
import type { BlockIndex } from "./block-index.ts";
import type { Blocks } from "./blocks.ts";
import { ColumnBuffer } from "./column-buffer.ts";
import type { Head } from "./head.ts";
import { selectSeries } from "./label-index.ts";
import type { LateSamples } from "./out-of-order.ts";
import type { Snapshot } from "./snapshots.ts";

/** One series of a selection, and where its samples are. */
export interface SelectedSeries {
  readonly labels: Labels;
  readonly inBlocks: {
    readonly block: Block;
    readonly index: BlockIndex;
    readonly series: number;
  }[];
  /** Its samples in the head's chunks: those with an index from `fromIndex` on, below `toIndex`. */
  inHead?: { readonly ref: number; readonly fromIndex: number; readonly toIndex: number };
  /** Copies. */
  late: readonly LateSamples[];
}

/**
 * What matches, as it is now: later appends do not show, as long as the snapshot is held. Sorted by labels. Series may
 * turn out to have no sample in the range.
 *
 * @throws OperatingError `disk.corrupt`.
 */
export function resolveSelection(
  head: Head,
  blocks: Blocks,
  { minMs, maxMs }: TimeRange,
  matchers: readonly Matcher[],
): SelectedSeries[] {
  const selected: SelectedSeries[] = [];
  const byKey = new Map<string, SelectedSeries>();
  for (const block of blocks.overlapping(minMs, maxMs)) {
    const index = blocks.indexOf(block);
    for (const series of selectSeries(index, matchers)) {
      const labels = index.labelsOf(series);
      const one = byKey.getOrInsertComputed(labelsKey(labels), () => {
        const fresh: SelectedSeries = { labels, inBlocks: [], late: [] };
        selected.push(fresh);
        return fresh;
      });
      one.inBlocks.push({ block, index, series });
    }
  }
  const { chunks } = head;
  for (const ref of selectSeries(head.index, matchers)) {
    // What is flushed is in a block of the list above.
    const fromIndex = chunks.flushedIndex(ref);
    const toIndex = chunks.total(ref);
    const inHead = fromIndex < toIndex && chunks.countWithin(ref, minMs, maxMs) > 0;
    const late = head.lateSamples(ref).map((samples) => samples.copy(minMs, maxMs));
    if (!inHead && late.every(({ length }) => length === 0)) continue;
    const labels = head.labelsOf(ref);
    let one = byKey.size === 0 ? undefined : byKey.get(labelsKey(labels));
    if (one === undefined) {
      one = { labels, inBlocks: [], late: [] };
      selected.push(one);
    }
    if (inHead) one.inHead = { ref, fromIndex, toIndex };
    one.late = late;
  }
  return selected.sort((a, b) => compareLabels(a.labels, b.labels));
}

/** Puts the samples of a series in the range together. @throws OperatingError `disk.corrupt`. */
export function readSelected(
  head: Head,
  decoder: ChunkDecoder,
  { labels: _, inBlocks, inHead, late }: SelectedSeries,
  { minMs, maxMs }: TimeRange,
  out: ColumnBuffer,
): void {
  out.clear();
  for (const { block, index, series } of inBlocks)
    block.readSeries(index, series, minMs, maxMs, decoder, out);
  if (inHead !== undefined) {
    const { ref, fromIndex, toIndex } = inHead;
    const { area } = decoder;
    area.reserve(head.chunks.countWithin(ref, minMs, maxMs));
    const count = head.chunks.read(ref, minMs, maxMs, fromIndex, toIndex, area);
    out.add(area.view(count));
  }
  for (const samples of late) out.add(samples);
}

/** Reads a selection series by series; every series overwrites the one before. */
export async function* readSelection(
  head: Head,
  decoder: ChunkDecoder,
  selected: readonly SelectedSeries[],
  range: TimeRange,
  { samplesMax, signal }: SelectOptions,
  snapshot: Snapshot,
): AsyncGenerator<SeriesColumns, void, undefined> {
  const out = new ColumnBuffer();
  let total = 0;
  try {
    for (const one of selected) {
      signal.throwIfAborted();
      snapshot.check();
      readSelected(head, decoder, one, range, out);
      if (out.length === 0) continue;
      total += out.length;
      if (total > samplesMax)
        throw new OperatingError(
          "query.too_many_samples",
          `the selection holds more than ${samplesMax} samples`,
        );
      const { timestampsMs, values } = out;
      yield { labels: one.labels, timestampsMs, values, stale: out.staleFlags() };
    }
  } finally {
    snapshot.release();
  }
}
