import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import {
  compareLabels,
  formatLabels,
  type Labels,
  labelsFrom,
  METRIC_NAME,
  OperatingError,
  type Rng,
  seededRng,
} from "@pharos/base";
import { decodeLabels, Kernels } from "@pharos/kernels";
import type {
  ImportedBatch,
  ImportedSeries,
  OrderedSource,
  TimeRange,
  UnorderedSource,
} from "@pharos/ports";
import { SimClock, SimDisk } from "@pharos/testing";
import { BlockCache } from "../src/block/block-cache.ts";
import { Blocks } from "../src/block/blocks.ts";
import { ColumnDecoder } from "../src/block/column-decoder.ts";
import { mergedSeries } from "../src/block/merge-blocks.ts";
import { Import } from "../src/import/import.ts";

const kernels = await Kernels.load();
const decoder = new ColumnDecoder(kernels);
const { signal } = new AbortController();
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = 1_700_000_000_000;

interface TestSample {
  readonly labels: Labels;
  readonly timeMs: number;
  readonly low: number;
  readonly high: number;
}

function labelsOf(number: number): Labels {
  return labelsFrom([
    [METRIC_NAME, number % 2 === 0 ? "a_total" : "b"],
    ["number", String(number)],
    ["text", number % 3 === 0 ? "" : "\u{1F600}ü"],
  ]);
}

/** Samples over several days, some at the same time, with values of any bits. */
function randomSamples(rng: Rng, count: number): TestSample[] {
  return Array.from({ length: count }, () => ({
    labels: labelsOf(Math.floor(rng.unit() * 7)),
    timeMs: NOW_MS - Math.floor(rng.unit() * 60) * HOUR_MS - Math.floor(rng.unit() * 30) * 1000,
    low: Math.floor(rng.unit() * 2 ** 32),
    high:
      rng.unit() < 0.1 ? 0x7ff00000 + Math.floor(rng.unit() * 4) : Math.floor(rng.unit() * 2 ** 32),
  }));
}

function lineOf({ labels, timeMs, low, high }: TestSample): string {
  return `${formatLabels(labels)} ${timeMs} ${low} ${high}`;
}

/** What must be there: of samples of a series at the same time the first. */
function expectedLines(samples: readonly TestSample[]): string[] {
  const first = new Map<string, string>();
  for (const sample of samples)
    first.getOrInsert(`${formatLabels(sample.labels)} ${sample.timeMs}`, lineOf(sample));
  return [...first.values()].sort();
}

function storedLines(disk: SimDisk): string[] {
  const lines: string[] = [];
  const blocks = Blocks.look(disk, "blocks", new BlockCache(2 ** 20));
  deepEqual(blocks.problems, []);
  for (const { labelBytes, sets } of mergedSeries(blocks.all, decoder))
    for (const { timestampsMs, floats } of sets)
      for (const [i, timeMs] of timestampsMs.entries()) {
        const [low = 0, high = 0] = floats[0]?.subarray(i * 2, i * 2 + 2) ?? [];
        lines.push(lineOf({ labels: decodeLabels(labelBytes), timeMs, low, high }));
      }
  return lines.sort();
}

/** Tells samples in batches; where it can go on, the token is how many were told. */
class ListSource implements UnorderedSource {
  readonly skipped = new Map([["odd things", 3]]);
  readonly #samples: readonly TestSample[];
  readonly #batchSize: number;
  readonly #mayResume: boolean;

  constructor(samples: readonly TestSample[], batchSize: number, mayResume: boolean) {
    this.#samples = samples;
    this.#batchSize = batchSize;
    this.#mayResume = mayResume;
  }

  async *batches(resumeAt: string | undefined): AsyncGenerator<ImportedBatch> {
    const start = Number(resumeAt ?? 0);
    for (let from = start; from < this.#samples.length; from += this.#batchSize) {
      const some = this.#samples.slice(from, from + this.#batchSize);
      yield {
        labelSets: some.map(({ labels }) => labels),
        series: Uint32Array.from(some, (_, i) => i),
        timestampsMs: Float64Array.from(some, ({ timeMs }) => timeMs),
        valueBits: Uint32Array.from(some.flatMap(({ low, high }) => [low, high])),
        ...(this.#mayResume ? { resumeAt: String(from + some.length) } : {}),
      };
    }
  }
}

/** Tells samples series by series. */
class SortedSource implements OrderedSource {
  readonly skipped = new Map<string, number>();
  readonly range: TimeRange;
  readonly #samples: readonly TestSample[];

  constructor(samples: readonly TestSample[]) {
    this.#samples = samples;
    const times = samples.map(({ timeMs }) => timeMs);
    this.range = { minMs: Math.min(...times), maxMs: Math.max(...times) };
  }

  *series({ minMs, maxMs }: TimeRange): Generator<ImportedSeries> {
    const here = this.#samples.filter(({ timeMs }) => timeMs >= minMs && timeMs <= maxMs);
    const bySeries = Map.groupBy(here, ({ labels }) => formatLabels(labels));
    const groups = [...bySeries.values()].sort((a, b) =>
      compareLabels(a[0]?.labels ?? [], b[0]?.labels ?? []),
    );
    for (const group of groups)
      yield {
        labels: group[0]?.labels ?? [],
        timestampsMs: Float64Array.from(group, ({ timeMs }) => timeMs),
        valueBits: Uint32Array.from(group.flatMap(({ low, high }) => [low, high])),
      };
  }
}

function openImport(disk: SimDisk, spillSamplesMax = 1000): Promise<Import> {
  const clock = new SimClock(NOW_MS);
  return Import.open({
    ...{ disk, kernels, clock, signal, spillSamplesMax },
    name: "test-1",
    source: "a test",
  });
}

const nobody = (): void => {};

test("samples in any order are in blocks afterwards, each once, bit by bit", async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const rng = seededRng(seed);
    const disk = new SimDisk(rng);
    const samples = randomSamples(rng, 400);
    const into = await openImport(disk, seed % 3 === 0 ? 1000 : 90);
    await into.addUnordered("unit", new ListSource(samples, 1 + seed * 9, false), nobody);
    deepEqual(disk.list("blocks"), [], "nothing is the store's before it is published");
    const expected = expectedLines(samples);
    equal(await into.publish(), expected.length);
    deepEqual(storedLines(disk), expected);
    const unit = into.units.get("unit");
    equal(unit?.read, 400);
    equal(unit?.duplicates, 400 - expected.length);
    equal(unit?.series, new Set(samples.map(({ labels }) => formatLabels(labels))).size);
    deepEqual(unit?.skipped, { "odd things": 3 });
  }
});

test("days that are over become blocks of a day, newer samples blocks of two hours", async () => {
  const rng = seededRng(3);
  const disk = new SimDisk(rng);
  const into = await openImport(disk);
  await into.addOrdered("unit", new SortedSource(randomSamples(rng, 300)), [], nobody);
  await into.publish();
  const hours = disk.list("blocks").map((name) => {
    const [startMs = 0, endMs = 0] = name.split("-").map(Number);
    const dayEndMs = Math.ceil(endMs / DAY_MS) * DAY_MS;
    const isOver = dayEndMs + 12 * HOUR_MS <= NOW_MS;
    return `${isOver ? "over" : "not over"}: ${(endMs - startMs) / HOUR_MS} h`;
  });
  deepEqual(new Set(hours), new Set(["not over: 2 h", "over: 24 h"]));
});

test("a series out of order is refused, and nothing of its unit is taken over", async () => {
  const disk = new SimDisk(seededRng(1));
  const into = await openImport(disk);
  const samples = randomSamples(seededRng(2), 50);
  const sorted = new SortedSource(samples);
  const source: OrderedSource = {
    range: sorted.range,
    skipped: sorted.skipped,
    series: (range) => [...sorted.series(range)].reverse(),
  };
  await rejects(
    into.addOrdered("unit", source, [], nobody),
    (error) => error instanceof OperatingError && error.code === "disk.corrupt",
  );
  equal(await into.publish(), 0);
  deepEqual(disk.list("blocks"), []);
});

test("what was taken over is not taken over again, and what is new is", async () => {
  const disk = new SimDisk(seededRng(1));
  const first = randomSamples(seededRng(2), 50);
  const second = randomSamples(seededRng(3), 50);
  const into = await openImport(disk);
  await into.addOrdered("one", new SortedSource(first), ["x"], nobody);
  await into.publish();
  const again = await openImport(disk);
  deepEqual(again.units.get("one")?.sources, ["x"]);
  await again.addOrdered("one", new SortedSource(first), ["x"], nobody);
  equal(await again.publish(), 0);
  await again.addOrdered("two", new SortedSource(second), [], nobody);
  ok((await again.publish()) > 0);
  deepEqual(storedLines(disk), expectedLines([...first, ...second]));
});

/** Ends the process in the middle of something. */
class Death extends Error {}

test("an import that dies anywhere goes on, and ends with the same blocks", async () => {
  const ends = { kill: 0, crash: 0 };
  for (let seed = 1; seed <= 10; seed++) {
    const rng = seededRng(seed);
    const samples = randomSamples(rng, 250);
    const late = randomSamples(rng, 150);
    let disk = new SimDisk(rng);
    for (let life = 0; ; life++) {
      let calls = Math.floor(rng.unit() * 600 * (life + 1));
      // A power cut leaves a renamed folder under one of its names. The simulated disk would tear it apart.
      let isMoving = false;
      disk.beforeCall = (call, path) => {
        if (calls-- < 0) throw new Death();
        if (call === "rename") isMoving = !path.endsWith(".tmp");
        else if (call !== "syncDirectory") isMoving = false;
      };
      try {
        const into = await openImport(disk, 60);
        await into.addOrdered("ordered", new SortedSource(samples), [], nobody);
        await into.addUnordered("unordered", new ListSource(late, 25, seed % 2 === 0), nobody);
        await into.publish();
        break;
      } catch (error) {
        if (!(error instanceof Death)) throw error;
        const end = isMoving || rng.unit() < 0.5 ? "kill" : "crash";
        ends[end]++;
        disk = disk[end]();
      }
    }
    disk.beforeCall = () => {};
    deepEqual(storedLines(disk), expectedLines([...samples, ...late]), `seed ${seed}`);
    deepEqual(disk.list("import/test-1"), ["state.json"], "nothing is left lying about");
  }
  ok(ends.kill > 5 && ends.crash > 5, "they died often enough");
});

test("a damaged state is said to be damaged, and what to do", async () => {
  const disk = new SimDisk(seededRng(1));
  await openImport(disk);
  const writer = disk.openAppend("import/test-1/state.json");
  writer.append([new Uint8Array([32])]);
  writer.close();
  await rejects(openImport(disk), /state\.json is damaged: remove its folder/);
});
