import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import {
  createMatcher,
  METRIC_NAME,
  matchesLabels,
  type OperatingError,
  seededRng,
} from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { SimDisk } from "@pharos/testing";
import { Block } from "../src/block/block.ts";
import { BlockCache } from "../src/block/block-cache.ts";
import { ColumnDecoder } from "../src/block/column-decoder.ts";
import { COLUMN_SET_KINDS } from "../src/block/column-set.ts";
import {
  BLOCK_START_MS,
  checkBlock,
  linesOf,
  randomSet,
  randomTimes,
  readLines,
  sorted,
  type TestSeries,
  TWO_HOURS_MS,
  testLabels,
  writeBlock,
} from "./block-builder.ts";

const kernels = await Kernels.load();
const decoder = new ColumnDecoder(kernels);

const PATH = `blocks/${BLOCK_START_MS}-${BLOCK_START_MS + TWO_HOURS_MS}-1`;

function randomSeries(seed: number, count: number): TestSeries[] {
  const rng = seededRng(seed);
  const grid = randomTimes(rng, 480, BLOCK_START_MS, BLOCK_START_MS + TWO_HOURS_MS);
  return Array.from({ length: count }, (_, number) => ({
    labels: testLabels(number),
    sets: COLUMN_SET_KINDS.filter((kind) => kind === "samples" || rng.chance(25)).map((kind) => {
      const sizes = [1, 2, 120, 480, 5000];
      const size = sizes[rng.below(rng.chance(10) ? 5 : 4)] as number;
      const own = randomTimes(rng, size, BLOCK_START_MS, BLOCK_START_MS + TWO_HOURS_MS);
      return randomSet(rng, kind, rng.chance(60) ? grid : own);
    }),
  }));
}

for (const compression of ["none", "zstd"] as const)
  test(`a block (${compression}) gives back every bit of every kind of column`, async () => {
    for (let seed = 0; seed < 8; seed++) {
      const disk = new SimDisk(seededRng(seed));
      const series = randomSeries(seed, [1, 31, 64, 200][seed % 4] as number);
      const meta = await writeBlock(disk, kernels, series, { compression });
      equal(meta.series, series.length);
      const samples = series.flatMap(({ sets }) => sets.map((set) => set.timestampsMs.length));
      equal(
        meta.samples,
        samples.reduce((sum, count) => sum + count, 0),
      );
      checkBlock(Block.open(disk, PATH, new BlockCache()), series, decoder);
    }
  });

test("reading a stretch of time gives exactly the samples in it", async () => {
  const rng = seededRng(3);
  const disk = new SimDisk(rng);
  const series = randomSeries(3, 40);
  await writeBlock(disk, kernels, series);
  const block = Block.open(disk, PATH, new BlockCache());
  for (const [number, { sets }] of sorted(series).entries())
    for (let i = 0; i < 10; i++) {
      const minMs = BLOCK_START_MS + rng.below(TWO_HOURS_MS);
      const maxMs = minMs + rng.below(rng.chance(50) ? 60_000 : TWO_HOURS_MS);
      const kinds = sets.map(({ kind }) => kind);
      deepEqual(
        readLines(block, number, kinds, decoder, minMs, maxMs),
        linesOf(sets).filter((line) => {
          const ms = Number(line.split(" ")[1]);
          return ms >= minMs && ms <= maxMs;
        }),
      );
    }
});

test("matchers select the same series as trying each one does", async () => {
  const disk = new SimDisk(seededRng(1));
  const series = randomSeries(5, 300);
  await writeBlock(disk, kernels, series);
  const block = Block.open(disk, PATH, new BlockCache());
  const all = sorted(series);
  for (const matchers of [
    [createMatcher("=", METRIC_NAME, "metric_3")],
    [createMatcher("=", METRIC_NAME, "metric_3"), createMatcher("!=", "job", "web")],
    [createMatcher("=~", "instance", "host-1.*")],
    [createMatcher("=~", "instance", "host-17|host-42|nobody")],
    [createMatcher("!~", "instance", ".*1.*"), createMatcher("=", "job", "\u{1f600}")],
    [createMatcher("=", "absent", "")],
    [createMatcher("=", "instance", "nobody")],
    [createMatcher("=", "instance", "a value before all")],
  ])
    deepEqual(
      [...block.select(matchers)],
      [...all.keys()].filter((number) => matchesLabels(matchers, all[number]?.labels ?? [])),
    );
  deepEqual([...block.index.names()], [METRIC_NAME, "instance", "job"]);
  deepEqual([...block.index.valuesOf("job")], ["api", "datenbank_ä", "web", "\u{1f600}"]);
  deepEqual([...block.index.valuesOf("absent")], []);
});

test("series with the same timestamps share them on disk", async () => {
  const size = async (shared: boolean): Promise<number> => {
    const rng = seededRng(1);
    const disk = new SimDisk(rng);
    const jittered = (): number[] =>
      Array.from({ length: 480 }, (_, i) => BLOCK_START_MS + i * 15_000 + rng.below(1000));
    const grid = jittered();
    const series = Array.from({ length: 100 }, (_, number) => ({
      labels: testLabels(number),
      sets: [randomSet(rng, "samples", shared ? grid : jittered())],
    }));
    const { columnsSize } = await writeBlock(disk, kernels, series);
    return columnsSize;
  };
  const saved = (await size(false)) - (await size(true));
  ok(saved > 99 * 480, `${saved} bytes`);
});

test("opening a block reads meta.json and nothing else", async () => {
  const disk = new SimDisk(seededRng(1));
  await writeBlock(disk, kernels, randomSeries(1, 10));
  const paths = new Set<string>();
  disk.beforeCall = (_, path) => paths.add(path);
  Block.open(disk, PATH, new BlockCache());
  deepEqual([...paths], [`${PATH}/meta.json`]);
});

test("what was read lately is not read again, and a cache of no size reads everything anew", async () => {
  const disk = new SimDisk(seededRng(1));
  const series = randomSeries(1, 50);
  await writeBlock(disk, kernels, series);
  for (const [sizeMax, again] of [
    [2 ** 28, 0],
    [0, 50],
  ] as const) {
    const cache = new BlockCache(sizeMax);
    const block = Block.open(disk, PATH, cache);
    checkBlock(block, series, decoder);
    let reads = 0;
    disk.beforeCall = (call) => {
      if (call === "read") reads++;
    };
    checkBlock(block, series, decoder);
    ok(again === 0 ? reads === 0 : reads > again, `${reads} reads`);
    ok(cache.stats.usedSize <= sizeMax);
    block.close();
    deepEqual([cache.stats.usedSize, cache.stats.entries, cache.stats.openFiles], [0, 0, 0]);
    disk.beforeCall = () => {};
  }
});

test("a block of another version is refused by name", async () => {
  const disk = new SimDisk(seededRng(1));
  await writeBlock(disk, kernels, randomSeries(1, 1));
  const text = new TextDecoder().decode(disk.read(`${PATH}/meta.json`));
  const inner = text.replace(/^\{"block":/, "").replace(/,"crc32":\d+\}\n$/, "");
  const changed = inner.replace('"version":2', '"version":3');
  for (const file of ["meta.json", "meta.copy.json"]) {
    disk.remove(`${PATH}/${file}`);
    disk
      .openAppend(`${PATH}/${file}`)
      .append([new TextEncoder().encode(`{"block":${changed},"crc32":${crc32(changed)}}\n`)]);
  }
  throws(
    () => Block.open(disk, PATH, new BlockCache()),
    (error: OperatingError) =>
      error.code === "disk.corrupt" && /format version 3, not known/.test(error.message),
  );
});
