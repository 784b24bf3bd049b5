import { assert, type Labels, OperatingError } from "@pharos/base";
import { encodeLabels, type Kernels } from "@pharos/kernels";
import type { Disk, ImportedBatch } from "@pharos/ports";
import type { BlockMeta } from "../block/block-meta.ts";
import { BlockWriter } from "../block/block-writer.ts";
import { compareLabelBytes, orderByLabels } from "../block/label-order.ts";
import type { Compression } from "../block/page-format.ts";
import { TIMESTAMP_MS_MAX } from "../head.ts";
import type { Pause } from "../slices.ts";
import { importRange } from "./import-range.ts";
import { orderSamples } from "./sample-order.ts";

/** Samples in memory at a time, at about 32 bytes each. */
export const SPILL_SAMPLES_MAX = 4 * 1024 * 1024;

export interface SpillTarget {
  readonly disk: Disk;
  readonly kernels: Kernels;
  /** The folder that blocks go to. */
  readonly directory: string;
  /** When the import began. */
  readonly nowMs: number;
  readonly takeSequence: () => number;
}

/** Samples in any order, which are put in order and written to blocks, one for each stretch of time, when there are many. */
export class SampleSpill {
  readonly #capacity: number;
  readonly #series: Uint32Array;
  readonly #timestampsMs: Float64Array;
  readonly #valueBits: Uint32Array;
  readonly #numbers = new Map<Labels, number>();
  length = 0;

  constructor(capacity: number = SPILL_SAMPLES_MAX) {
    this.#capacity = capacity;
    this.#series = new Uint32Array(capacity);
    this.#timestampsMs = new Float64Array(capacity);
    this.#valueBits = new Uint32Array(capacity * 2);
  }

  /** Whether there is room for so many more. */
  hasRoom(count: number): boolean {
    return this.length + count <= this.#capacity;
  }

  /** Takes in samples `from` to `to` (not included), for which there is room. @throws OperatingError `input.invalid`. */
  add(
    { labelSets, series, timestampsMs, valueBits }: ImportedBatch,
    from: number,
    to: number,
  ): void {
    assert(this.hasRoom(to - from), "there is room");
    const numbers = labelSets.map((labels) => this.#numberOf(labels));
    let at = this.length;
    for (let i = from; i < to; i++, at++) {
      const timeMs = timestampsMs[i] as number;
      if (!Number.isInteger(timeMs) || Math.abs(timeMs) > TIMESTAMP_MS_MAX)
        throw new OperatingError("input.invalid", `a timestamp of ${timeMs} ms`);
      this.#series[at] = numbers[series[i] as number] as number;
      this.#timestampsMs[at] = timeMs;
      this.#valueBits[at * 2] = valueBits[i * 2] as number;
      this.#valueBits[at * 2 + 1] = valueBits[i * 2 + 1] as number;
    }
    this.length = at;
  }

  #numberOf(labels: Labels): number {
    return this.#numbers.getOrInsertComputed(labels, () => this.#numbers.size);
  }

  /**
   * Writes all there is to blocks, and is empty then. Answers the blocks; of samples of a series at the same time only
   * the first is in them.
   * @throws OperatingError `disk.full`, `disk.failed`, `memory.full`, `input.too_large` for a series with too many labels.
   */
  async write(target: SpillTarget, compression: Compression, pause: Pause): Promise<BlockMeta[]> {
    const groups = await this.#groups(target.kernels, pause);
    const starts = new Set<number>();
    for (const { timestampsMs } of groups)
      for (let i = 0; i < timestampsMs.length; ) {
        const [startMs, endMs] = importRange(timestampsMs[i] as number, target.nowMs);
        starts.add(startMs);
        while (i < timestampsMs.length && (timestampsMs[i] as number) < endMs) i++;
      }
    const metas: BlockMeta[] = [];
    for (const startMs of [...starts].sort((a, b) => a - b))
      metas.push(await writeRange(groups, startMs, target, compression, pause));
    this.length = 0;
    this.#numbers.clear();
    return metas;
  }

  /** The samples of each series, in order, and the series in the order of their labels. */
  async #groups(kernels: Kernels, pause: Pause): Promise<SeriesGroup[]> {
    const labelBytes = [...this.#numbers.keys()].map(encodeLabels);
    const at = (number: number): Uint8Array => labelBytes[number] as Uint8Array;
    const order = await orderByLabels(kernels, labelBytes.length, at, pause);
    const groups: SeriesGroup[] = [];
    const groupOf = new Uint32Array(labelBytes.length);
    for (const number of order) {
      const last = groups.at(-1);
      // Two label sets of the source may be equal.
      if (last === undefined || compareLabelBytes(last.labelBytes, at(number)) !== 0)
        groups.push(new SeriesGroup(at(number)));
      groupOf[number] = groups.length - 1;
    }
    const [starts, places] = this.#placesByGroup(groupOf, groups.length);
    for (const [number, group] of groups.entries()) {
      group.fill(
        places.subarray(starts[number], starts[number + 1]),
        this.#timestampsMs,
        this.#valueBits,
      );
      await pause();
    }
    return groups;
  }

  /** Where the samples of each group lie, as they came: group after group, and where each group begins. */
  #placesByGroup(groupOf: Uint32Array, count: number): readonly [Uint32Array, Uint32Array] {
    const starts = new Uint32Array(count + 1);
    for (let i = 0; i < this.length; i++)
      (starts[(groupOf[this.#series[i] as number] as number) + 1] as number)++;
    for (let group = 0; group < count; group++)
      starts[group + 1] = (starts[group + 1] as number) + (starts[group] as number);
    const next = starts.slice();
    const places = new Uint32Array(this.length);
    for (let i = 0; i < this.length; i++) {
      const group = groupOf[this.#series[i] as number] as number;
      const at = next[group] as number;
      places[at] = i;
      next[group] = at + 1;
    }
    return [starts, places];
  }
}

/** One series with its samples in order. */
class SeriesGroup {
  readonly labelBytes: Uint8Array;
  timestampsMs = new Float64Array(0);
  valueBits = new Uint32Array(0);
  /** The first sample that is in no block yet. */
  next = 0;

  constructor(labelBytes: Uint8Array) {
    this.labelBytes = labelBytes;
  }

  fill(places: Uint32Array, timestampsMs: Float64Array, valueBits: Uint32Array): void {
    const times = new Float64Array(places.length);
    const bits = new Uint32Array(places.length * 2);
    for (let at = 0; at < places.length; at++) {
      const i = places[at] as number;
      times[at] = timestampsMs[i] as number;
      bits[at * 2] = valueBits[i * 2] as number;
      bits[at * 2 + 1] = valueBits[i * 2 + 1] as number;
    }
    const ordered = orderSamples(times, bits);
    this.timestampsMs = ordered.timestampsMs as Float64Array<ArrayBuffer>;
    this.valueBits = ordered.valueBits as Uint32Array<ArrayBuffer>;
  }
}

/** Writes the block of one stretch of time; those before it were written. */
async function writeRange(
  groups: readonly SeriesGroup[],
  startMs: number,
  { disk, kernels, directory, nowMs, takeSequence }: SpillTarget,
  compression: Compression,
  pause: Pause,
): Promise<BlockMeta> {
  const [rangeStartMs, rangeEndMs] = importRange(startMs, nowMs);
  const sequence = takeSequence();
  const options = { directory, tier: "raw", rangeStartMs, rangeEndMs, sequence, compression };
  const writer = BlockWriter.create(disk, kernels, options);
  try {
    for (const group of groups) {
      const { timestampsMs, valueBits, next } = group;
      let end = next;
      while (end < timestampsMs.length && (timestampsMs[end] as number) < rangeEndMs) end++;
      if (end > next)
        writer.add(group.labelBytes, [
          {
            kind: "samples",
            timestampsMs: timestampsMs.subarray(next, end),
            floats: [valueBits.subarray(next * 2, end * 2)],
            bytes: [],
          },
        ]);
      group.next = end;
      await pause();
    }
    return await writer.finish(pause);
  } finally {
    writer.dispose();
  }
}
