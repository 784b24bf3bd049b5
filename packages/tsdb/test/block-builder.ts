// Blocks for tests: column sets made of random bits, written and read back.
import { deepEqual } from "node:assert/strict";
import { type Labels, labelsFrom, METRIC_NAME, type Rng } from "@pharos/base";
import { encodeLabels, type Kernels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import type { Block } from "../src/block/block.ts";
import type { BlockMeta } from "../src/block/block-meta.ts";
import { BlockWriter, type BlockWriterOptions } from "../src/block/block-writer.ts";
import type { ColumnDecoder } from "../src/block/column-decoder.ts";
import { COLUMN_SET_SHAPES, type ColumnSet, type ColumnSetKind } from "../src/block/column-set.ts";
import { compareLabelBytes } from "../src/block/label-order.ts";

export const BLOCK_START_MS = 1_700_006_400_000;
export const TWO_HOURS_MS = 7_200_000;
export const goOn = (): Promise<void> => Promise.resolve();

export interface TestSeries {
  readonly labels: Labels;
  readonly sets: readonly ColumnSet[];
}

export const BLOCK_OPTIONS: BlockWriterOptions = {
  directory: "blocks",
  tier: "raw",
  rangeStartMs: BLOCK_START_MS,
  rangeEndMs: BLOCK_START_MS + TWO_HOURS_MS,
  sequence: 1,
  compression: "none",
};

/** Writes a block of the series, which it sorts. */
export async function writeBlock(
  disk: Disk,
  kernels: Kernels,
  series: readonly TestSeries[],
  options: Partial<BlockWriterOptions> = {},
): Promise<BlockMeta> {
  const all = { ...BLOCK_OPTIONS, ...options };
  disk.makeDirectory(all.directory);
  const writer = BlockWriter.create(disk, kernels, all);
  try {
    for (const { labels, sets } of sorted(series)) writer.add(encodeLabels(labels), sets);
    return await writer.finish(goOn);
  } finally {
    writer.dispose();
  }
}

export function sorted(series: readonly TestSeries[]): TestSeries[] {
  return series.toSorted((a, b) =>
    compareLabelBytes(encodeLabels(a.labels), encodeLabels(b.labels)),
  );
}

/** All samples of a series' set as lines: time, the numbers' bits, the strings. */
export function linesOf(sets: readonly ColumnSet[]): string[] {
  return sets.flatMap(({ kind, timestampsMs, floats, bytes }) =>
    Array.from(timestampsMs, (ms, i) => {
      const bits = floats.map((words) => `${words[i * 2]}.${words[i * 2 + 1]}`);
      const strings = bytes.map((column) => {
        const from = i === 0 ? 0 : (column.ends[i - 1] as number);
        return Buffer.from(column.bytes.subarray(from, column.ends[i])).toString("hex");
      });
      return [kind, ms, ...bits, ...strings].join(" ");
    }),
  );
}

/** What a block gives for one series, as lines. */
export function readLines(
  block: Block,
  series: number,
  kinds: readonly ColumnSetKind[],
  decoder: ColumnDecoder,
  minMs = Number.NEGATIVE_INFINITY,
  maxMs = Number.POSITIVE_INFINITY,
): string[] {
  const lines: string[] = [];
  for (const kind of kinds)
    block.read(series, kind, minMs, maxMs, decoder, (columns) => {
      lines.push(...linesOf([columns]));
    });
  return lines;
}

/** Asserts that a block holds exactly these series. */
export function checkBlock(
  block: Block,
  expected: readonly TestSeries[],
  decoder: ColumnDecoder,
): void {
  const list = sorted(expected);
  deepEqual(
    Array.from(block.index.all(), (number) => block.labelsOf(number)),
    list.map(({ labels }) => labels),
  );
  for (const [number, { sets, labels }] of list.entries()) {
    const kinds = block.kindsOf(number);
    deepEqual(
      kinds,
      sets.map(({ kind }) => kind),
    );
    deepEqual(block.labelBytesOf(number), encodeLabels(labels));
    deepEqual(readLines(block, number, kinds, decoder), linesOf(sets));
  }
}

/** A set of columns with random bits at the given times. */
export function randomSet(
  rng: Rng,
  kind: ColumnSetKind,
  timestampsMs: readonly number[],
): ColumnSet {
  const { floats, bytes } = COLUMN_SET_SHAPES[kind];
  return {
    kind,
    timestampsMs: Float64Array.from(timestampsMs),
    floats: floats.map(() => {
      const style = rng.below(4);
      const words = new Uint32Array(timestampsMs.length * 2);
      const doubles = new Float64Array(words.buffer);
      for (let i = 0; i < timestampsMs.length; i++)
        if (style === 0) words.set([rng.below(2 ** 32), rng.below(2 ** 32)], i * 2);
        else
          doubles[i] = style === 1 ? 7 : style === 2 ? i * 3 + rng.below(5) : rng.below(1000) / 100;
      return words;
    }),
    bytes: bytes.map(() => {
      const ends = new Uint32Array(timestampsMs.length);
      const all: number[] = [];
      for (let i = 0; i < ends.length; i++) {
        for (let left = rng.below(6); left > 0; left--) all.push(rng.below(256));
        ends[i] = all.length;
      }
      return { ends, bytes: Uint8Array.from(all) };
    }),
  };
}

/** `count` rising times in a range: now and then on a grid, now and then anywhere. */
export function randomTimes(rng: Rng, count: number, startMs: number, endMs: number): number[] {
  const step = Math.floor((endMs - startMs) / Math.max(1, count));
  const jitter = rng.chance(50) ? 1 : step;
  return Array.from(
    { length: count },
    (_, i) => startMs + i * step + rng.below(Math.max(1, jitter)),
  );
}

/** A series named by number, with labels that others share and one that none does. */
export function testLabels(number: number): Labels {
  return labelsFrom({
    [METRIC_NAME]: `metric_${number % 7}`,
    job: ["api", "web", "datenbank_ä", "\u{1f600}"][number % 4] as string,
    instance: `host-${number}`,
  });
}
