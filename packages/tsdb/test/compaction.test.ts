import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  createMatcher,
  formatLabels,
  METRIC_NAME,
  matchesLabels,
  type Rng,
  seededRng,
} from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { BlockCache } from "../src/block/block-cache.ts";
import { type BlockMeta, blockName } from "../src/block/block-meta.ts";
import { Blocks } from "../src/block/blocks.ts";
import { ColumnDecoder } from "../src/block/column-decoder.ts";
import { COLUMN_SET_KINDS } from "../src/block/column-set.ts";
import { Compactor } from "../src/block/compaction.ts";
import { COMPACTION_RANGES_MS, planMerge, rangeAt } from "../src/block/compaction-plan.ts";
import { type Deletion, equalDeletions } from "../src/block/deletions.ts";
import { Snapshots } from "../src/snapshots.ts";
import {
  goOn,
  linesOf,
  randomSet,
  randomTimes,
  readLines,
  type TestSeries,
  TWO_HOURS_MS,
  testLabels,
  writeBlock,
} from "./block-builder.ts";

const kernels = await Kernels.load();
const decoder = new ColumnDecoder(kernels);
const HOUR_MS = 3_600_000;
const DAY_START_MS = 1_700_006_400_000 - (1_700_006_400_000 % (24 * HOUR_MS));

/** What a store would answer: by series and kind, the lines of its samples, by time. */
type Content = Map<string, string[]>;

function contentOf(blocks: Blocks): Content {
  const content = new Map<string, Map<string, string>>();
  for (const block of blocks.all)
    for (const series of block.index.all()) {
      const samples = content.getOrInsertComputed(
        formatLabels(block.labelsOf(series)),
        () => new Map(),
      );
      for (const line of readLines(block, series, COLUMN_SET_KINDS, decoder)) {
        const key = line.split(" ").slice(0, 2).join(" ");
        if (!samples.has(key)) samples.set(key, line);
      }
    }
  const sorted: Content = new Map();
  for (const [name, samples] of [...content].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (samples.size > 0) sorted.set(name, [...samples.values()].sort());
  return sorted;
}

/** The same from what was written, without any of the engine's code. */
function naiveContent(written: readonly Written[], deletions: readonly Deletion[]): Content {
  const content = new Map<string, Map<string, string>>();
  for (const { series, sequence } of written)
    for (const { labels, sets } of series)
      for (const line of linesOf(sets)) {
        const ms = Number(line.split(" ")[1]);
        const deleted = deletions.some(
          ({ matchers, minMs, maxMs, beforeSequence }) =>
            ms >= minMs &&
            ms <= maxMs &&
            sequence < beforeSequence &&
            matchesLabels(matchers, labels),
        );
        if (deleted) continue;
        const samples = content.getOrInsertComputed(formatLabels(labels), () => new Map());
        const key = line.split(" ").slice(0, 2).join(" ");
        if (!samples.has(key)) samples.set(key, line);
      }
  const sorted: Content = new Map();
  for (const [name, samples] of [...content].sort(([a], [b]) => (a < b ? -1 : 1)))
    sorted.set(name, [...samples.values()].sort());
  return sorted;
}

interface Written {
  readonly sequence: number;
  readonly series: readonly TestSeries[];
}

async function writeRandom(
  disk: SimDisk,
  rng: Rng,
  sequence: number,
  hour: number,
): Promise<Written> {
  const rangeStartMs = DAY_START_MS + hour * HOUR_MS;
  const rangeEndMs = rangeStartMs + TWO_HOURS_MS;
  const grid = randomTimes(rng, 8, rangeStartMs, rangeEndMs);
  const series = Array.from({ length: 12 }, (_, number) => ({
    labels: testLabels(number),
    sets: COLUMN_SET_KINDS.filter((kind) => rng.chance(kind === "samples" ? 90 : 20)).map((kind) =>
      randomSet(
        rng,
        kind,
        rng.chance(60) ? grid : randomTimes(rng, 1 + rng.below(9), rangeStartMs, rangeEndMs),
      ),
    ),
  })).filter(({ sets }) => sets.length > 0);
  await writeBlock(disk, kernels, series, { rangeStartMs, rangeEndMs, sequence });
  return { sequence, series };
}

function compactorOf(disk: SimDisk, blocks: Blocks): Compactor {
  const snapshots = new Snapshots(new SimClock());
  const { signal } = new AbortController();
  return new Compactor({ disk, kernels, blocks, tier: "raw", snapshots, signal });
}

const openBlocks = (disk: SimDisk): Blocks => Blocks.open(disk, "blocks", new BlockCache());

const EVERYTHING = {
  rangesMs: COMPACTION_RANGES_MS,
  completeBeforeMs: Number.POSITIVE_INFINITY,
  everything: false,
};

test("merging blocks, with deletions, gives what a naive merge of what was written gives", async () => {
  for (let seed = 0; seed < 15; seed++) {
    const rng = seededRng(seed);
    const disk = new SimDisk(rng);
    const written: Written[] = [];
    const hours = [0, 2, 2, 4, 10, 12, 22, 22, 24];
    for (const [i, hour] of hours.entries())
      if (i === 0 || rng.chance(70)) written.push(await writeRandom(disk, rng, i + 1, hour));
    const blocks = openBlocks(disk);
    const deletions: Deletion[] = [];
    while (rng.chance(60)) {
      const minMs = DAY_START_MS + rng.below(24) * HOUR_MS + rng.below(1000);
      const deletion = {
        matchers: [createMatcher("=", METRIC_NAME, `metric_${rng.below(7)}`)],
        minMs,
        maxMs: minMs + rng.below(6 * HOUR_MS),
      };
      await blocks.delete(deletion);
      deletions.push({ ...deletion, beforeSequence: 100 });
    }
    const expected = naiveContent(written, deletions);
    deepEqual(contentOf(blocks), expected, `seed ${seed}, before`);
    const compactor = compactorOf(disk, blocks);
    const everything = rng.chance(50);
    while ((await compactor.mergeNext({ ...EVERYTHING, everything }, goOn)) > 0)
      deepEqual(contentOf(blocks), expected, `seed ${seed}, in between`);
    deepEqual(contentOf(blocks), expected, `seed ${seed}, after`);
    ok(blocks.all.length <= 2, `seed ${seed}: ${blocks.names}`);
    while ((await compactor.cleanNext(goOn)) > 0);
    deepEqual(blocks.deletions, []);
    deepEqual(contentOf(openBlocks(disk.kill())), expected, `seed ${seed}, opened again`);
  }
});

for (const death of ["kill", "crash"] as const)
  test(`a ${death} at any moment of a merge loses nothing and doubles nothing`, async () => {
    let died = 0;
    for (let call = 1; ; call++) {
      const rng = seededRng(call);
      const disk = new SimDisk(rng);
      const written = [];
      for (const [i, hour] of [0, 2, 2, 4].entries())
        written.push(await writeRandom(disk, rng, i + 1, hour));
      await disk.syncDirectory("");
      const before = openBlocks(disk);
      await before.delete({
        matchers: [createMatcher("=", METRIC_NAME, "metric_1")],
        minMs: DAY_START_MS,
        maxMs: DAY_START_MS + HOUR_MS,
      });
      const expected = contentOf(before);
      let calls = 0;
      let next: SimDisk | undefined;
      disk.beforeCall = (what) => {
        if (what !== "read" && what !== "openRead" && ++calls === call) next = disk[death]();
      };
      await compactorOf(disk, before).mergeNext(EVERYTHING, goOn);
      disk.beforeCall = () => {};
      const after = openBlocks(next ?? disk);
      deepEqual(contentOf(after), expected, `call ${call}`);
      if (death === "kill") deepEqual(after.problems, [], `call ${call}`);
      // And it can go on from there.
      await compactorOf(next ?? disk, after).mergeNext(EVERYTHING, goOn);
      deepEqual(contentOf(after), expected, `call ${call}, merged`);
      equal(after.all.length, 1);
      if (next === undefined) break;
      died++;
    }
    ok(died > 20, `${died} deaths`);
  });

test("a merge on a disk that fills up fails and leaves everything as it was", async () => {
  const rng = seededRng(1);
  const disk = new SimDisk(rng);
  for (const hour of [0, 2, 4]) await writeRandom(disk, rng, hour + 1, hour);
  const blocks = openBlocks(disk);
  const [expected, names] = [contentOf(blocks), disk.list("blocks")];
  disk.freeSize = 500;
  await rejects(compactorOf(disk, blocks).mergeNext(EVERYTHING, goOn), { code: "disk.full" });
  disk.freeSize = Number.POSITIVE_INFINITY;
  deepEqual(contentOf(blocks), expected);
  deepEqual(disk.list("blocks"), names);
  await compactorOf(disk, blocks).mergeNext(EVERYTHING, goOn);
  deepEqual(contentOf(blocks), expected);
  equal(blocks.all.length, 1);
});

test("a damaged block is reported and left as it is, and the others are merged", async () => {
  const rng = seededRng(1);
  const disk = new SimDisk(rng);
  for (const [i, hour] of [0, 2, 4].entries()) await writeRandom(disk, rng, i + 1, hour);
  const blocks = openBlocks(disk);
  const damaged = blocks.names[1] as string;
  disk.flipByte(`blocks/${damaged}/columns`, 100);
  const compactor = compactorOf(disk, blocks);
  while ((await compactor.mergeNext(EVERYTHING, goOn)) > 0);
  equal(blocks.all.length, 2);
  ok(blocks.names.includes(damaged));
  ok(blocks.problems.join().includes(`not merged: blocks/${damaged}/columns`));
});

test("readers go on while blocks are merged, and the old files go when they are done", async () => {
  const rng = seededRng(1);
  const disk = new SimDisk(rng);
  for (const [i, hour] of [0, 2].entries()) await writeRandom(disk, rng, i + 1, hour);
  const blocks = openBlocks(disk);
  const snapshots = new Snapshots(new SimClock());
  const { signal } = new AbortController();
  const compactor = new Compactor({ disk, kernels, blocks, tier: "raw", snapshots, signal });
  const reader = snapshots.take();
  const old = blocks.all;
  const merging = compactor.mergeNext(EVERYTHING, goOn);
  while (blocks.all.length > 1) await Promise.resolve();
  for (const block of old) ok(readLines(block, 0, COLUMN_SET_KINDS, decoder).length > 0);
  equal(disk.list("blocks").length, 3);
  reader.release();
  await merging;
  equal(disk.list("blocks").length, 1);
});

test("ranges nest: those of ten hours are cut off at the day's end", () => {
  const at = (hour: number, level: number): number[] => {
    const { startMs, endMs } = rangeAt(DAY_START_MS + hour * HOUR_MS, COMPACTION_RANGES_MS, level);
    return [(startMs - DAY_START_MS) / HOUR_MS, (endMs - DAY_START_MS) / HOUR_MS];
  };
  deepEqual(at(0, 1), [0, 10]);
  deepEqual(at(19, 1), [10, 20]);
  deepEqual(at(23, 1), [20, 24]);
  deepEqual(at(23, 2), [0, 24]);
  deepEqual(at(-1, 2), [-24, 0]);
  deepEqual(at(3, 0), [2, 4]);
});

function meta(
  hours: number,
  lengthHours: number,
  sequence: number,
  some: Partial<BlockMeta> = {},
): BlockMeta {
  const rangeStartMs = DAY_START_MS + hours * HOUR_MS;
  return {
    version: 2,
    tier: "raw",
    rangeStartMs,
    rangeEndMs: rangeStartMs + lengthHours * HOUR_MS,
    sequence,
    rank: sequence,
    sources: lengthHours > 2 ? ["0-1-1"] : [],
    minTimeMs: rangeStartMs,
    maxTimeMs: rangeStartMs,
    series: 1,
    chunks: 1,
    samples: 1,
    indexSize: 1000,
    columnsSize: lengthHours * 1000,
    ...some,
  };
}

function planned(blocks: readonly BlockMeta[], completeHours: number, everything = false) {
  const plan = planMerge(blocks, {
    rangesMs: COMPACTION_RANGES_MS,
    completeBeforeMs: DAY_START_MS + completeHours * HOUR_MS,
    everything,
    excluded: new Set(),
  });
  if (plan === undefined) return undefined;
  const { sources, rangeStartMs, rangeEndMs } = plan;
  const hours = [rangeStartMs, rangeEndMs].map((ms) => (ms - DAY_START_MS) / HOUR_MS);
  return [sources.map(({ sequence }) => sequence), ...hours];
}

test("blocks wait until their range is complete, and the largest complete range goes first", () => {
  const two = [meta(0, 2, 1), meta(2, 2, 2), meta(8, 2, 3)];
  equal(planned(two, 9), undefined);
  deepEqual(planned(two, 10), [[1, 2, 3], 0, 10]);
  deepEqual(planned([...two, meta(10, 2, 4), meta(22, 2, 5)], 24), [[1, 2, 3, 4, 5], 0, 24]);
  equal(planned([meta(0, 24, 9)], 24), undefined);
  deepEqual(planned(two, 9, true), [[1, 2, 3], 0, 10]);
  equal(planned([meta(0, 12, 9)], 12, true), undefined);
  deepEqual(planned([meta(0, 12, 9), meta(12, 2, 10)], 12, true), [[9, 10], 0, 14]);
});

test("a day is not rewritten for each late sample, but for many", () => {
  const day = meta(0, 24, 1);
  const late = (count: number, size: number): BlockMeta[] =>
    Array.from({ length: count }, (_, i) => meta(2, 2, i + 2, { columnsSize: size }));
  equal(planned([day, ...late(1, 100)], 30), undefined);
  equal(planned([day, ...late(3, 100)], 30), undefined);
  deepEqual(planned([day, ...late(4, 100)], 30)?.[0], [1, 2, 3, 4, 5]);
  deepEqual(planned([day, ...late(1, 5000)], 30)?.[0], [1, 2]);
  deepEqual(planned([day, ...late(1, 100)], 30, true)?.[0], [1, 2]);
});

test("a name that was given once is not given again while a block says it came of it", async () => {
  const rng = seededRng(1);
  const disk = new SimDisk(rng);
  for (const [i, hour] of [0, 2].entries()) await writeRandom(disk, rng, i + 1, hour);
  const blocks = openBlocks(disk);
  await compactorOf(disk, blocks).mergeNext(EVERYTHING, goOn);
  const [merged] = blocks.all;
  const again = openBlocks(disk.kill());
  const sequence = again.takeSequence();
  ok(merged?.meta.sources.every((name) => Number(name.split("-").at(-1)) < sequence));
  ok(sequence > (merged?.meta.sequence ?? 0));
  equal(merged?.name, blockName(merged?.meta as BlockMeta));
});

test("a damaged byte in the list of deletions is reported, and brings nothing back", async () => {
  const disk = new SimDisk(seededRng(1));
  const blocks = openBlocks(disk);
  await blocks.delete({ matchers: [createMatcher("=~", "job", "a.*")], minMs: 0, maxMs: 1 });
  const files = ["blocks/deletions.json", "blocks/deletions.copy.json"];
  for (const path of files)
    for (let offset = 0; offset < disk.read(path).length; offset++) {
      const copy = disk.kill();
      copy.flipByte(path, offset);
      const opened = openBlocks(copy);
      ok(equalDeletions(opened.deletions, blocks.deletions));
      deepEqual(
        opened.problems.map((problem) => problem.split(": ")[0]),
        [path],
      );
    }
  deepEqual(openBlocks(disk.kill()).problems, []);
});

test("where both lists of deletions are damaged the folder does not open, and says what there is to do", async () => {
  const disk = new SimDisk(seededRng(1));
  const blocks = openBlocks(disk);
  await blocks.delete({ matchers: [createMatcher("=~", "job", "a.*")], minMs: 0, maxMs: 1 });
  const copy = disk.kill();
  for (const path of ["blocks/deletions.json", "blocks/deletions.copy.json"])
    copy.flipByte(path, 3);
  throws(() => openBlocks(copy), {
    code: "disk.corrupt",
    message: /^blocks\/deletions\.json: .*; its copy: .*Without both files the folder opens/,
  });
});
