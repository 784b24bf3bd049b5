import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom, seededRng } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { SimDisk } from "@pharos/testing";
import { Block } from "../src/block/block.ts";
import { BlockCache } from "../src/block/block-cache.ts";
import { ColumnDecoder } from "../src/block/column-decoder.ts";
import type { ColumnSet } from "../src/block/column-set.ts";
import { RollupRows } from "../src/rollup/rollup-rows.ts";
import { RollupTools } from "../src/rollup/rollup-tools.ts";
import { BLOCK_START_MS, linesOf, readLines, writeBlock } from "./block-builder.ts";

const MINUTE_MS = 60_000;
const kernels = await Kernels.load();
const decoder = new ColumnDecoder(kernels);
const tools = new RollupTools(kernels);

/** The rows of two hours of minutes, one sample in ten seconds. */
function rowsOf(value: (i: number) => number, withSketches = false): RollupRows {
  const length = 720;
  const timestampsMs = Float64Array.from({ length }, (_, i) => BLOCK_START_MS + i * 10_000);
  const values = Float64Array.from({ length }, (_, i) => value(i));
  const rows = new RollupRows(MINUTE_MS);
  tools.rollUp({ length, timestampsMs, values, stale: null }, rows, withSketches);
  return rows;
}

/** The sizes of a set's columns in a block, and the block. */
async function written(set: ColumnSet): Promise<readonly [sizes: readonly number[], block: Block]> {
  const disk = new SimDisk(seededRng(1));
  const series = [{ labels: labelsFrom({ a: "b" }), sets: [set] }];
  await writeBlock(disk, kernels, series, { tier: "1m" });
  const [name = ""] = disk.list("blocks");
  const block = Block.open(disk, `blocks/${name}`, new BlockCache(1024 * 1024));
  return [block.index.entryOf(0).sets[0]?.chunks[0]?.sizes ?? [], block];
}

/** Which columns take no bytes: count, sum, min, first, max, last, increase, sketch. */
const empty = (sizes: readonly number[]): string => sizes.map((size) => +(size === 0)).join("");

test("what a row says twice takes no bytes, and comes back bit by bit", async () => {
  const kinds: readonly (readonly [string, RollupRows])[] = [
    // A constant of 1 has the count for its sum, too.
    ["01011111", rowsOf(() => 1)],
    ["00011111", rowsOf(() => 3)],
    // A counter: first is min, last is max, and the increase is what is between.
    ["00010111", rowsOf((i) => i * i)],
    // One that begins again: that window's increase is another.
    ["00000001", rowsOf((i) => (i < 400 ? i : i - 399))],
    ["00000001", rowsOf((i) => Math.sin(i))],
    ["00000000", rowsOf((i) => Math.sin(i), true)],
  ];
  for (const [expected, rows] of kinds) {
    const set = rows.columnSet();
    const [sizes, block] = await written(set);
    equal(empty(sizes), expected);
    deepEqual(readLines(block, 0, ["rollup"], decoder), linesOf([set]));
    const back = new RollupRows(MINUTE_MS);
    block.read(0, "rollup", -Infinity, Infinity, decoder, (columns) => back.appendColumns(columns));
    deepEqual([...back.column("increase")], [...rows.column("increase")]);
  }
});
