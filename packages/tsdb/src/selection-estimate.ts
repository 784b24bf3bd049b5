// How much a selection would read, told from indexes: a few series of each place are looked at more closely, and the
// others taken to be like them.
import { type Matcher, OperatingError } from "@pharos/base";
import type { SelectionEstimate, TimeRange } from "@pharos/ports";
import type { Block, OnDamage } from "./block/block.ts";
import type { Head } from "./head.ts";
import type { Pause } from "./slices.ts";

/** Series of one place that are looked at. */
const SAMPLED_MAX = 32;
/** A sample in memory: about what Gorilla chunks take. */
const HEAD_SAMPLE_SIZE = 2;

/** What one place has for a selection, such as the head or a block. */
export interface PlaceEstimate {
  readonly series: number;
  readonly samples: number;
  /** How many of the samples are native histograms. */
  readonly histograms: number;
  /** Bytes that hold them. */
  readonly size: number;
}

/** The head's part. Of series that have nothing in the range those are counted whose chunks reach beyond both ends. */
export function estimateHead(
  head: Head,
  { minMs, maxMs }: TimeRange,
  matching: Uint32Array,
): PlaceEstimate {
  const { chunks, histograms, late } = head;
  const { fromIndexes, toIndexes } = chunks.resolve(matching, minMs, maxMs);
  const mayHaveMore = histograms.count > 0 || late.count > 0;
  let series = 0;
  for (let i = 0; i < matching.length; i++) {
    if (fromIndexes[i] !== toIndexes[i]) series++;
    else if (mayHaveMore && countBeside(head, matching[i] as number, minMs, maxMs) > 0) series++;
  }
  const samples = spreadOver(matching.length, (i) => {
    const ref = matching[i] as number;
    const beside = mayHaveMore ? countBeside(head, ref, minMs, maxMs) : 0;
    if (fromIndexes[i] === toIndexes[i]) return beside;
    const unflushed = (toIndexes[i] as number) - (fromIndexes[i] as number);
    return Math.min(unflushed, chunks.countWithin(ref, minMs, maxMs)) + beside;
  });
  const found = spreadOver(histograms.count > 0 ? matching.length : 0, (i) =>
    countHistograms(head, matching[i] as number, minMs, maxMs),
  );
  return { series, samples, histograms: found, size: samples * HEAD_SAMPLE_SIZE };
}

function countHistograms({ histograms }: Head, ref: number, minMs: number, maxMs: number): number {
  let count = 0;
  for (const { timestampsMs } of histograms.within(ref, minMs, maxMs)) count += timestampsMs.length;
  return count;
}

/** Histograms of a series, and samples that came late. */
function countBeside(head: Head, ref: number, minMs: number, maxMs: number): number {
  let count = countHistograms(head, ref, minMs, maxMs);
  for (const list of head.late.samplesOf(ref)) count += list.copy(minMs, maxMs).timestampsMs.length;
  return count;
}

/**
 * The parts of the blocks together. Most series are in many blocks: of each block those count that are not in the one
 * after it, as far as the series that are looked at tell.
 *
 * @param head the head's part, to which the newest block is compared by its size alone.
 * @throws OperatingError `disk.failed`; what `pause` throws.
 */
export async function estimateBlocks(
  blocks: readonly Block[],
  { minMs, maxMs }: TimeRange,
  matchers: readonly Matcher[],
  head: PlaceEstimate,
  pause: Pause,
  damaged: OnDamage,
): Promise<SelectionEstimate> {
  let { series, samples, histograms, size } = head;
  const newestFirst = blocks.toSorted((a, b) => b.meta.minTimeMs - a.meta.minTimeMs);
  let newer: Block | undefined;
  for (const block of newestFirst) {
    try {
      const selected = block.select(matchers);
      const fresh = newer;
      const count = (kind: "samples" | "histograms"): number =>
        spreadOver(
          selected.length,
          (at) =>
            block.countUpTo(selected[at] as number, kind, minMs, maxMs) *
            sharedTime(block, minMs, maxMs),
        );
      const histogramsHere = count("histograms");
      const here = count("samples") + histogramsHere;
      samples += here;
      histograms += histogramsHere;
      size += block.meta.samples > 0 ? (here / block.meta.samples) * block.meta.columnsSize : 0;
      if (fresh === undefined) series = Math.max(series, selected.length);
      else
        series += spreadOver(selected.length, (at) =>
          hasSeries(fresh, block.labelsOf(selected[at] as number)) ? 0 : 1,
        );
      newer = block;
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
      damaged(error);
    }
    await pause();
  }
  const whole = {
    samples: Math.round(samples),
    histograms: Math.ceil(histograms),
    size: Math.round(size),
  };
  return { series: Math.round(series), ...whole, isPartial: false };
}

/** The part of a block's time that lies in a range: its chunks are as long as the block, or nearly. */
function sharedTime({ meta: { minTimeMs, maxTimeMs } }: Block, minMs: number, maxMs: number) {
  const sharedMs = Math.min(maxTimeMs, maxMs) - Math.max(minTimeMs, minMs);
  return maxTimeMs > minTimeMs ? Math.max(0, sharedMs) / (maxTimeMs - minTimeMs) : 1;
}

function hasSeries(block: Block, labels: readonly (readonly [string, string])[]): boolean {
  const matchers = labels.map(([name, value]) => ({ type: "=" as const, name, value }));
  return block.select(matchers).length > 0;
}

/** The sum over `count` entries, told from some that lie evenly among them; they tell all where there are few. */
function spreadOver(count: number, valueAt: (at: number) => number): number {
  const sampled = Math.min(count, SAMPLED_MAX);
  let sum = 0;
  for (let i = 0; i < sampled; i++) sum += valueAt(Math.floor((i * count) / sampled));
  return sampled === 0 ? 0 : (sum / sampled) * count;
}
