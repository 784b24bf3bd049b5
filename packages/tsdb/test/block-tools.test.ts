import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  createMatcher,
  formatLabels,
  labelsFrom,
  METRIC_NAME,
  OperatingError,
  seededRng,
} from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { SimDisk } from "@pharos/testing";
import { analyzeBlock, analyzeBlocks } from "../src/block/analyze-block.ts";
import { Block } from "../src/block/block.ts";
import { BlockCache } from "../src/block/block-cache.ts";
import { Blocks } from "../src/block/blocks.ts";
import { ColumnDecoder } from "../src/block/column-decoder.ts";
import { COLUMN_SET_KINDS } from "../src/block/column-set.ts";
import { dumpBlocks } from "../src/block/dump-blocks.ts";
import { SHARED_TIMESTAMPS, TIMESTAMPS, VALUES } from "../src/block/index-format.ts";
import { snapshotBlocks } from "../src/block/snapshot-blocks.ts";
import {
  type BlockProblem,
  type VerifyProgress,
  verifyBlocks,
} from "../src/block/verify-blocks.ts";
import {
  BLOCK_START_MS,
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
const PATH = `blocks/${BLOCK_START_MS}-${BLOCK_START_MS + TWO_HOURS_MS}-1`;

function seriesOf(seed: number, count: number, samples: number): TestSeries[] {
  const rng = seededRng(seed);
  const grid = randomTimes(rng, samples, BLOCK_START_MS, BLOCK_START_MS + TWO_HOURS_MS);
  return Array.from({ length: count }, (_, number) => ({
    labels: testLabels(number),
    sets: COLUMN_SET_KINDS.filter((kind) => kind === "samples" || number % 3 === 1).map((kind) =>
      randomSet(rng, kind, grid),
    ),
  }));
}

async function problemsOf(disk: SimDisk): Promise<readonly BlockProblem[]> {
  return (await verifyBlocks(disk, kernels, "blocks", goOn)).problems;
}

/** What can be read of a block, whatever is damaged: the samples' lines, by series. */
function readable(disk: SimDisk): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let block: Block;
  try {
    block = Block.open(disk, PATH, new BlockCache());
  } catch (error) {
    ok(error instanceof OperatingError && error.code === "disk.corrupt", String(error));
    return found;
  }
  const unlessDamaged = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      ok(error instanceof OperatingError && error.code === "disk.corrupt", String(error));
    }
  };
  unlessDamaged(() => {
    for (const series of block.index.all())
      unlessDamaged(() => {
        const name = formatLabels(block.labelsOf(series));
        for (const kind of block.kindsOf(series))
          unlessDamaged(() => {
            const lines = readLines(block, series, [kind], decoder);
            found.getOrInsertComputed(name, () => []).push(...lines);
          });
      });
  });
  return found;
}

for (const compression of ["none", "zstd"] as const)
  test(`a change of any byte of a block (${compression}) is found, and nothing false is read`, async () => {
    const disk = new SimDisk(seededRng(1));
    const series = seriesOf(1, 4, 20);
    await writeBlock(disk, kernels, series, { compression });
    deepEqual(await problemsOf(disk), []);
    const truth = new Map(series.map(({ labels, sets }) => [formatLabels(labels), linesOf(sets)]));
    const whole = readable(disk);
    deepEqual(new Set(whole.keys()), new Set(truth.keys()));
    let flips = 0;
    for (const file of ["meta.json", "meta.copy.json", "index", "index.copy", "columns"]) {
      const { length } = disk.read(`${PATH}/${file}`);
      for (let offset = 0; offset < length; offset++) {
        const copy = disk.kill();
        copy.flipByte(`${PATH}/${file}`, offset);
        const problems = await problemsOf(copy);
        ok(
          problems.some(({ what }) => what.includes(`${PATH}/${file}`)),
          `${file}, byte ${offset}: ${JSON.stringify(problems)}`,
        );
        const found = readable(copy);
        // What is there twice makes one damaged byte good.
        if (file !== "columns") deepEqual(found, whole, `${file}, byte ${offset}`);
        for (const [name, lines] of found) {
          const right = new Set(truth.get(name));
          ok(
            lines.every((line) => right.has(line)),
            `${file}, byte ${offset}: ${name}`,
          );
        }
        flips++;
      }
    }
    ok(flips > 1000, `${flips} flips`);
  });

for (const compression of ["none", "zstd"] as const)
  test(`damage (${compression}) costs a ${compression === "none" ? "chunk" : "page"}, and what is lost is named`, async () => {
    const disk = new SimDisk(seededRng(1));
    const rng = seededRng(2);
    const grid = randomTimes(rng, 480, BLOCK_START_MS, BLOCK_START_MS + TWO_HOURS_MS);
    const series = Array.from({ length: 200 }, (_, number) => {
      const set = randomSet(rng, "samples", grid);
      for (const words of set.floats)
        for (let i = 0; i < words.length; i++) words[i] = rng.below(2 ** 32);
      return { labels: testLabels(number), sets: [set] };
    });
    await writeBlock(disk, kernels, series, { compression });
    const { length } = disk.read(`${PATH}/columns`);
    ok(length > 600_000, `${length} bytes`);
    for (const part of [0.1, 0.5, 0.9]) {
      const copy = disk.kill();
      copy.flipByte(`${PATH}/columns`, Math.floor(length * part));
      const [problem, ...others] = await problemsOf(copy);
      deepEqual(others, []);
      ok(problem !== undefined, "a problem");
      if (compression === "none") equal(problem.lostChunks, 1);
      else ok(problem.lostChunks > 5 && problem.lostChunks < 20, `${problem.lostChunks} chunks`);
      const left = readable(copy);
      equal(left.size, 200 - problem.lostChunks);
      ok(problem.lost.every(({ series: name }) => !left.has(name)));
    }
  });

for (const compression of ["none", "zstd"] as const)
  test(`damage around the pages of columns (${compression}) costs nothing`, async () => {
    const disk = new SimDisk(seededRng(1));
    await writeBlock(disk, kernels, seriesOf(1, 6, 400), { compression });
    const whole = readable(disk);
    const { columns } = Block.open(disk, PATH, new BlockCache());
    const [first, last] = [columns.pages()[0], columns.pages().at(-1)];
    ok(first !== undefined && last !== undefined, "pages");
    const { length } = disk.read(`${PATH}/columns`);
    for (let at = 0; at < length; at++) {
      if (at === first.offset) at = last.offset + last.size; // Now the directory and the footer.
      const copy = disk.kill();
      copy.flipByte(`${PATH}/columns`, at);
      deepEqual(readable(copy), whole, `byte ${at}`);
      equal((await problemsOf(copy)).length, 1, `byte ${at}`);
    }
  });

test("timestamps that series share are there twice: damage in them costs nothing", async () => {
  const disk = new SimDisk(seededRng(1));
  const series = seriesOf(1, 60, 100);
  await writeBlock(disk, kernels, series);
  const whole = readable(disk);
  const block = Block.open(disk, PATH, new BlockCache());
  const pages = block.columns.pages().filter(({ stream }) => stream !== VALUES);
  deepEqual(
    pages.map(({ stream }) => stream),
    [TIMESTAMPS, SHARED_TIMESTAMPS],
  );
  for (const { offset, size } of pages)
    for (let at = 0; at < size; at++) {
      const copy = disk.kill();
      copy.flipByte(`${PATH}/columns`, offset + at);
      deepEqual(readable(copy), whole, `byte ${offset + at}`);
      equal((await problemsOf(copy)).length, 1);
    }
});

test("a verification says how far it is, and what it looked at", async () => {
  const disk = new SimDisk(seededRng(1));
  await writeBlock(disk, kernels, seriesOf(1, 10, 20));
  await writeBlock(disk, kernels, seriesOf(2, 10, 20), { sequence: 2 });
  const seen: VerifyProgress[] = [];
  const result = await verifyBlocks(disk, kernels, "blocks", goOn, (progress) =>
    seen.push(progress),
  );
  deepEqual([result.blocks, result.series, result.problems], [2, 20, []]);
  equal(seen.length, 3);
  equal(seen[0]?.doneSize, 0);
  equal(seen[2]?.doneSize, seen[2]?.totalSize);
});

test("a file that is cut short or gone is found", async () => {
  for (const file of ["index", "columns"]) {
    const disk = new SimDisk(seededRng(1));
    await writeBlock(disk, kernels, seriesOf(1, 3, 20));
    const writer = disk.openAppend(`${PATH}/${file}`);
    writer.truncate(writer.size - 1);
    ok((await problemsOf(disk)).some(({ what }) => what.includes(`${PATH}/${file}`)));
    disk.remove(`${PATH}/${file}`);
    deepEqual(
      (await problemsOf(disk)).map(({ what }) => what),
      [`${PATH}/${file}: the file is missing`],
    );
  }
});

test("a dump is every sample as a line, merged over blocks, without what was deleted", async () => {
  const disk = new SimDisk(seededRng(1));
  const at = (metric: string, ...samples: readonly (readonly [number, number])[]): TestSeries => ({
    labels: labelsFrom({ [METRIC_NAME]: metric, job: "api" }),
    sets: [
      {
        kind: "samples",
        timestampsMs: Float64Array.from(samples, ([second]) => BLOCK_START_MS + second * 1000),
        floats: [new Uint32Array(Float64Array.from(samples, ([, value]) => value).buffer)],
        bytes: [],
      },
    ],
  });
  await writeBlock(disk, kernels, [at("b", [0, 1], [60, 2]), at("a", [0, 0.5])]);
  await writeBlock(disk, kernels, [at("b", [30, 1.5], [60, 9]), at("c", [0, Number.NaN])], {
    sequence: 2,
  });
  await Blocks.open(disk, "blocks", new BlockCache()).delete({
    matchers: [createMatcher("=", METRIC_NAME, "b")],
    minMs: BLOCK_START_MS,
    maxMs: BLOCK_START_MS,
  });
  const problems: string[] = [];
  const dump = (maxMs: number): string[] => [
    ...dumpBlocks(disk, kernels, new BlockCache(), {
      directory: "blocks",
      matchers: [createMatcher("!=", METRIC_NAME, "a")],
      minMs: 0,
      maxMs,
      onDamage: (problem) => problems.push(problem),
    }),
  ];
  deepEqual(dump(Number.POSITIVE_INFINITY), [
    `b{job="api"} 1.5 ${BLOCK_START_MS + 30_000}`,
    `b{job="api"} 2 ${BLOCK_START_MS + 60_000}`,
    `c{job="api"} NaN ${BLOCK_START_MS}`,
  ]);
  deepEqual(dump(BLOCK_START_MS + 30_000).length, 2);
  deepEqual(problems, []);
});

test("an analysis says where the bytes are, and all of them", async () => {
  const disk = new SimDisk(seededRng(1));
  const meta = await writeBlock(disk, kernels, seriesOf(1, 70, 100));
  const found = await analyzeBlock(Block.open(disk, PATH, new BlockCache()), 3, goOn);
  equal(found.size, meta.columnsSize + meta.indexSize);
  const parts = found.parts.reduce((sum, { size }) => sum + size, 0);
  ok(parts < found.size && parts > found.size - 400, `${parts} of ${found.size}`);
  const encoded = found.encodings.reduce((sum, { size }) => sum + size, 0);
  const columns = found.parts.slice(0, 2).reduce((sum, { size }) => sum + size, 0);
  ok(encoded <= columns && encoded > columns * 0.99, `${encoded} of ${columns}`);
  deepEqual(found.topNames, [
    { name: "instance", values: 70 },
    { name: METRIC_NAME, values: 7 },
    { name: "job", values: 4 },
  ]);
  equal(found.topLabels[0]?.series, 18);
  deepEqual(found.kinds[0], { kind: "samples", series: 70 });
  const problems: string[] = [];
  const all = analyzeBlocks(disk, "blocks", 3, goOn, (problem) => problems.push(problem));
  deepEqual(await Array.fromAsync(all), [found]);
  disk.flipByte(`${PATH}/columns`, 100);
  const again = analyzeBlocks(disk, "blocks", 3, goOn, (problem) => problems.push(problem));
  deepEqual(await Array.fromAsync(again), []);
  ok(problems.length === 1 && problems[0]?.startsWith(`${PATH}/columns`));
});

test("a snapshot is a data directory of its own, deletions and all", async () => {
  const disk = new SimDisk(seededRng(1));
  await writeBlock(disk, kernels, seriesOf(1, 10, 20));
  await writeBlock(disk, kernels, seriesOf(2, 10, 20), { sequence: 2 });
  const blocks = Blocks.open(disk, "blocks", new BlockCache());
  await blocks.delete({
    matchers: [createMatcher("=", METRIC_NAME, "metric_1")],
    minMs: 0,
    maxMs: BLOCK_START_MS + TWO_HOURS_MS,
  });
  const target = new SimDisk(seededRng(2));
  const done: number[] = [];
  await snapshotBlocks(disk, blocks, target, goOn, (size) => done.push(size));
  equal(done.length, 2);
  const dump = (from: SimDisk): string[] => [
    ...dumpBlocks(from, kernels, new BlockCache(), {
      directory: "blocks",
      matchers: [],
      minMs: 0,
      maxMs: Number.POSITIVE_INFINITY,
      onDamage: (problem) => ok(false, problem),
    }),
  ];
  deepEqual(dump(target.crash()), dump(disk));
  ok(dump(disk).length > 100);
});
