import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, formatLabels, labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SampleColumns, SeriesTable } from "@pharos/kernels";
import type { AppendResult } from "@pharos/ports";
import { SimClock, SimDisk, seriesStoreConformance } from "@pharos/testing";
import { BLOCK_RANGE_MS } from "../src/block/block-meta.ts";
import { openStore, type StoreOptions } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";

const kernels = await Kernels.load();
const HOUR_MS = 3_600_000;
const START_MS = Math.ceil(1_700_000_000_000 / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;
const ALL = { minMs: -(2 ** 50), maxMs: 2 ** 50 };

function open(disk: SimDisk, clock: SimClock, options: Partial<StoreOptions> = {}) {
  return openStore({ disk, clock, kernels, table: new SeriesTable(kernels), ...options });
}

seriesStoreConformance("the embedded store", () => open(new SimDisk(seededRng(1)), new SimClock()));

seriesStoreConformance("the embedded store that syncs always", () =>
  open(new SimDisk(seededRng(1)), new SimClock(), { walSync: "always" }),
);

/** A store on a simulated machine; times are hours since its start, series are metric names. */
class Machine {
  disk = new SimDisk(seededRng(1));
  readonly clock = new SimClock(START_MS);
  readonly options: Partial<StoreOptions>;
  store!: EmbeddedStore;

  private constructor(options: Partial<StoreOptions>) {
    this.options = options;
  }

  static async start(options: Partial<StoreOptions> = {}): Promise<Machine> {
    const machine = new Machine(options);
    machine.store = await open(machine.disk, machine.clock, options);
    return machine;
  }

  append(...samples: readonly [metric: string, hours: number, value: number][]) {
    return this.store.append({
      labelSets: samples.map(([metric]) => labelsFrom({ [METRIC_NAME]: metric })),
      series: Uint32Array.from(samples.keys()),
      timestampsMs: Float64Array.from(samples, ([, hours]) => START_MS + hours * HOUR_MS),
      values: Float64Array.from(samples, ([, , value]) => value),
      stale: null,
    });
  }

  async passHours(hours: number): Promise<void> {
    await this.clock.advance(hours * HOUR_MS);
  }

  async restart(): Promise<void> {
    const dead = this.store;
    this.disk = this.disk.kill();
    this.store = await open(this.disk, this.clock, this.options);
    await dead[Symbol.asyncDispose]();
  }

  /** Each series as `metric 0:1 2:3`, hours and value. */
  async read(): Promise<string[]> {
    return lines(this.select());
  }

  select() {
    return this.store.select(ALL, [createMatcher("=~", METRIC_NAME, ".+")], {
      samplesMax: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
    });
  }

  flush(): Promise<void> {
    return this.clock.run(this.store.flush());
  }

  maintain(): Promise<void> {
    return this.clock.run(this.store.maintain(this.clock.nowMs()));
  }
}

async function lines(selection: ReturnType<EmbeddedStore["select"]>): Promise<string[]> {
  const out: string[] = [];
  for await (const { labels, timestampsMs, values } of selection) {
    const samples = Array.from(
      timestampsMs,
      (ms, i) => ` ${(ms - START_MS) / HOUR_MS}:${values[i]}`,
    );
    out.push(formatLabels(labels) + samples.join(""));
  }
  return out;
}

const counts = (some: Partial<AppendResult>): AppendResult => ({
  appended: 0,
  duplicate: 0,
  tooOld: 0,
  tooNew: 0,
  conflicting: 0,
  ...some,
});

test("samples read the same from the head, from blocks, from both, and after a restart", async () => {
  const machine = await Machine.start();
  await machine.append(["cpu", 0, 1], ["mem", 0, 2]);
  await machine.flush();
  await machine.passHours(3);
  await machine.append(["cpu", 3, 3], ["disk", 3, 4]);
  const wanted = ["cpu 0:1 3:3", "disk 3:4", "mem 0:2"];
  deepEqual(await machine.read(), wanted);
  await machine.restart();
  deepEqual(await machine.read(), wanted);
  await machine.flush();
  deepEqual(await machine.read(), wanted);
  await machine.restart();
  deepEqual(await machine.read(), wanted);
  deepEqual(
    (await machine.store.series(ALL, [[createMatcher("=", METRIC_NAME, "mem")]])).map(formatLabels),
    ["mem"],
  );
  deepEqual(await machine.store.labelValues(METRIC_NAME, ALL, []), ["cpu", "disk", "mem"]);
});

test("maintenance flushes ranges that ended an hour before the newest sample, once each", async () => {
  const machine = await Machine.start();
  for (let hours = 0; hours <= 6; hours += 0.5) {
    await machine.append(["cpu", hours, hours]);
    await machine.maintain();
    await machine.passHours(0.5);
  }
  const { blocks } = machine.store.stats();
  deepEqual(
    blocks.map(({ rangeStartMs, samples }) => [(rangeStartMs - START_MS) / HOUR_MS, samples]),
    [
      [0, 4],
      [2, 4],
    ],
  );
  equal((await machine.read())[0]?.split(" ").length, 14);
  ok(
    (machine.store.headTimeRange()?.minMs ?? 0) >= START_MS,
    "the open chunk may still have what is flushed",
  );
});

test("flushed samples leave the log: segments go, and series survive in the checkpoint", async () => {
  const machine = await Machine.start({ walSegmentSizeMax: 200 });
  for (let i = 0; i < 20; i++) await machine.append(["cpu", i / 20, i], ["mem", i / 20, i]);
  const { walSegments } = machine.store.stats();
  ok(walSegments > 5);
  await machine.flush();
  equal(machine.store.stats().walSegments, 1);
  await machine.append(["cpu", 1, 20]);
  await machine.restart();
  equal(machine.store.stats().replayedSamples, 1);
  equal((await machine.read())[0]?.split(" ").length, 22);
});

test("a flush leaves nothing of its samples in the log, however large a segment may be", async () => {
  const machine = await Machine.start();
  const emptySize = machine.store.stats().walSize;
  for (let i = 0; i < 20; i++) await machine.append(["cpu", i / 20, i]);
  await machine.flush();
  equal(machine.store.stats().walSize, emptySize);
  await machine.flush();
  equal(machine.store.stats().walSegments, 1, "an empty segment is not followed by another");
  await machine.restart();
  equal(machine.store.stats().replayedSamples, 0);
  equal((await machine.read())[0]?.split(" ").length, 21);
});

test("a late sample within the window is read in its place, an older one is refused", async () => {
  const machine = await Machine.start({ outOfOrderWindowMs: HOUR_MS / 2 });
  await machine.passHours(2);
  deepEqual(await machine.append(["cpu", 0, 1], ["cpu", 2, 3]), counts({ appended: 2 }));
  deepEqual(await machine.append(["cpu", 1.5, 2]), counts({ appended: 1 }));
  deepEqual(await machine.append(["cpu", 1.4, 9]), counts({ tooOld: 1 }));
  deepEqual(
    await machine.append(["cpu", 1.5, 2], ["cpu", 1.5, 7]),
    counts({ duplicate: 1, conflicting: 1 }),
  );
  deepEqual(await machine.read(), ["cpu 0:1 1.5:2 2:3"]);
  await machine.restart();
  deepEqual(await machine.read(), ["cpu 0:1 1.5:2 2:3"]);
  await machine.flush();
  deepEqual(await machine.read(), ["cpu 0:1 1.5:2 2:3"]);
});

test("the newest sample is known after a flush and a restart: a repeat is no new sample", async () => {
  const machine = await Machine.start();
  await machine.append(["cpu", 0, 1], ["mem", 0, 1]);
  await machine.append(["cpu", 0.1, 2]);
  await machine.flush();
  await machine.append(["mem", 0.2, 5]);
  await machine.restart();
  deepEqual(await machine.append(["cpu", 0.1, 2]), counts({ duplicate: 1 }));
  deepEqual(await machine.append(["cpu", 0.1, 7]), counts({ conflicting: 1 }));
  deepEqual(await machine.append(["cpu", -5, 7]), counts({ tooOld: 1 }));
});

test("samples too far in the future, or beyond the retention, are refused and counted", async () => {
  const machine = await Machine.start({ retentionMs: 24 * HOUR_MS });
  deepEqual(
    await machine.append(["cpu", 1, 1], ["cpu", 1.01, 2], ["old", -25, 3]),
    counts({ appended: 1, tooNew: 1, tooOld: 1 }),
  );
  deepEqual(await machine.read(), ["cpu 1:1"]);
  const { samplesAppended, refused } = machine.store.stats();
  deepEqual(
    { samplesAppended, ...refused },
    { samplesAppended: 1, tooNew: 1, tooOld: 1, duplicate: 0, conflicting: 0 },
  );
});

test("late data for a range that is flushed makes another block, and the first value stands", async () => {
  const machine = await Machine.start({ outOfOrderWindowMs: 10 * HOUR_MS });
  await machine.passHours(3);
  await machine.append(["cpu", 0, 1], ["cpu", 1, 2]);
  await machine.flush();
  deepEqual(await machine.append(["cpu", 0.5, 5], ["cpu", 0, 9]), counts({ appended: 2 }));
  deepEqual(await machine.read(), ["cpu 0:1 0.5:5 1:2"]);
  await machine.flush();
  equal(machine.store.stats().blocks.length, 2);
  deepEqual(await machine.read(), ["cpu 0:1 0.5:5 1:2"]);
});

test("blocks go when the retention has passed", async () => {
  const machine = await Machine.start({ retentionMs: 24 * HOUR_MS });
  await machine.append(["cpu", 0, 1]);
  await machine.flush();
  await machine.passHours(25);
  await machine.append(["cpu", 25, 2]);
  await machine.maintain();
  deepEqual(await machine.read(), ["cpu 0:1 25:2"], "its range has not ended yet, seen from then");
  await machine.passHours(1);
  await machine.maintain();
  deepEqual(await machine.read(), ["cpu 25:2"]);
  deepEqual(machine.disk.list("blocks"), []);
});

test("more series than allowed are refused, with the setting's name; known ones go on", async () => {
  const machine = await Machine.start({ headSeriesMax: 2 });
  await machine.append(["a", 0, 1], ["b", 0, 1]);
  await rejects(machine.append(["a", 0.1, 1], ["c", 0.1, 1]), {
    code: "memory.full",
    message: /--head-series-max/,
  });
  deepEqual(await machine.append(["a", 0.1, 2]), counts({ appended: 1 }));
  deepEqual(await machine.read(), ["a 0:1 0.1:2", "b 0:1"]);
});

test("a series that ended leaves the head, and comes back under the same labels", async () => {
  const machine = await Machine.start();
  await machine.append(["once", 0, 1], ["cpu", 0, 1]);
  await machine.flush();
  equal(machine.store.stats().headSeries, 2, "a pause is no end");
  await machine.passHours(4);
  await machine.append(["cpu", 4, 2]);
  await machine.maintain();
  equal(machine.store.stats().headSeries, 1);
  await machine.append(["once", 4, 3], ["fresh", 4, 4]);
  const wanted = ["cpu 0:1 4:2", "fresh 4:4", "once 0:1 4:3"];
  deepEqual(await machine.read(), wanted);
  await machine.restart();
  deepEqual(await machine.read(), wanted);
  await machine.flush();
  deepEqual(await machine.read(), wanted);
});

test("a selection made before a flush and a deletion still reads all of it", async () => {
  const machine = await Machine.start({ retentionMs: 24 * HOUR_MS });
  await machine.append(["a", 0, 1], ["b", 0, 1]);
  await machine.flush();
  await machine.append(["a", 1, 2], ["b", 1, 2]);
  const selection = machine.select()[Symbol.asyncIterator]();
  const first = await selection.next();
  equal(first.value?.timestampsMs.length, 2);
  await machine.clock.advance(1000);
  await machine.append(["b", 0.9, 9]);
  const flushing = machine.store.flush();
  const maintaining = machine.store.maintain(machine.clock.nowMs() + 30 * HOUR_MS);
  await machine.clock.advance(1000);
  const second = await selection.next();
  deepEqual([...(second.value?.values ?? [])], [1, 2]);
  equal((await selection.next()).done, true);
  await machine.clock.run(Promise.all([flushing, maintaining]));
  deepEqual(await machine.read(), []);
});

test("a reader that takes too long is told so, and does not hold up the others for ever", async () => {
  const machine = await Machine.start();
  await machine.append(["a", 0, 1], ["b", 0, 1]);
  const selection = machine.select()[Symbol.asyncIterator]();
  await selection.next();
  await machine.flush();
  await rejects(async () => selection.next(), { code: "query.timeout" });
  deepEqual(await machine.read(), ["a 0:1", "b 0:1"]);
});

test("a selection that is still read when the store closes ends with an error", async () => {
  const machine = await Machine.start();
  await machine.append(["a", 0, 1], ["b", 0, 1]);
  const selection = machine.select()[Symbol.asyncIterator]();
  await selection.next();
  await machine.store[Symbol.asyncDispose]();
  await rejects(async () => selection.next(), { code: "query.cancelled" });
});

test("a damaged chunk is reported and left out, and everything else is read", async () => {
  const machine = await Machine.start();
  await machine.append(["a", 0, 1]);
  await machine.flush();
  const [name] = machine.disk.list("blocks");
  machine.disk.flipByte(`blocks/${name}/columns`, 24); // The first byte of a chunk, in the first page.
  await machine.append(["a", 0.5, 2], ["b", 0, 1]);
  await machine.flush();
  deepEqual(await machine.read(), ["a 0.5:2", "b 0:1"]);
  match(
    machine.store.stats().problems.join(),
    /columns: the page at byte 8: the checksum does not match \(a\)/,
  );
});

test("damage anywhere in meta.json or an index is made good from its copy", async () => {
  for (const file of ["meta.json", "index"])
    for (let offset = 0; ; offset++) {
      const machine = await Machine.start();
      await machine.append(["a", 0, 1]);
      await machine.flush();
      const path = `blocks/${machine.disk.list("blocks")[0]}/${file}`;
      if (offset === machine.disk.read(path).length) break;
      machine.disk.flipByte(path, offset);
      await machine.restart();
      deepEqual(await machine.read(), ["a 0:1"], `${file}, byte ${offset}`);
      const problems = machine.store.stats().problems.join();
      if (file === "meta.json") match(problems, new RegExp(path), `byte ${offset}`);
    }
});

test("a block whose meta.json and its copy are damaged is left out and named", async () => {
  const machine = await Machine.start();
  await machine.append(["a", 0, 1]);
  await machine.flush();
  const path = `blocks/${machine.disk.list("blocks")[0]}`;
  for (const file of ["meta.json", "meta.copy.json"]) machine.disk.flipByte(`${path}/${file}`, 20);
  await machine.restart();
  match(machine.store.stats().problems.join(), new RegExp(`${path}/meta.json: .*; its copy: `));
  deepEqual(await machine.read(), []);
});

test("damage in an index and its copy is reported when it is read, and makes nothing up", async () => {
  let [read, offset] = [0, 0];
  for (; ; offset++) {
    const machine = await Machine.start();
    await machine.append(["a", 0, 1]);
    await machine.flush();
    const path = `blocks/${machine.disk.list("blocks")[0]}/index`;
    if (offset === machine.disk.read(path).length) break;
    machine.disk.flipByte(path, offset);
    machine.disk.flipByte(`${path}.copy`, offset);
    const found = await machine.read();
    // What lies around the pages is made good from them.
    if (found.length > 0) deepEqual(found, ["a 0:1"], `byte ${offset}`);
    else match(machine.store.stats().problems.join(), new RegExp(path), `byte ${offset}`);
    read += found.length;
    for (const labels of await machine.store.series(ALL, [[createMatcher("!=", "job", "x")]]))
      equal(formatLabels(labels), "a", `byte ${offset}`);
    for (const name of await machine.store.labelValues(METRIC_NAME, ALL, []))
      equal(name, "a", `byte ${offset}`);
  }
  ok(read > 0 && read < offset / 2, `${read} of ${offset}`);
});

test("unfinished blocks and checkpoints are removed when the store opens", async () => {
  const machine = await Machine.start();
  await machine.append(["a", 0, 1]);
  machine.disk.makeDirectory("blocks/0-7200000-9.tmp");
  machine.disk.openAppend("blocks/0-7200000-9.tmp/chunks").append([Uint8Array.of(1)]);
  machine.disk.openAppend("wal/checkpoint.00000001.tmp").append([Uint8Array.of(1)]);
  await machine.restart();
  deepEqual(machine.disk.list("blocks"), []);
  deepEqual(machine.disk.list("wal"), ["00000001"]);
  deepEqual(await machine.read(), ["a 0:1"]);
});

test("a batch beyond the limit is refused before anything changes, and so is a huge label set", async () => {
  const machine = await Machine.start();
  await rejects(machine.append(["x".repeat(70_000), 0, 1]), { code: "input.too_large" });
  const columns = new SampleColumns(kernels, 300_000);
  columns.length = 300_000;
  throws(() => machine.store.appendColumns(columns), { code: "input.too_large" });
  columns.release();
});

test("the figures name what has the most series", async () => {
  const machine = await Machine.start();
  const labelSets = Array.from({ length: 6 }, (_, i) =>
    labelsFrom({ [METRIC_NAME]: i < 4 ? "many" : "few", host: `h${i}` }),
  );
  await machine.store.append({
    labelSets,
    series: Uint32Array.from(labelSets.keys()),
    timestampsMs: new Float64Array(6).fill(START_MS),
    values: new Float64Array(6),
    stale: null,
  });
  const { seriesByMetric, valuesByName } = machine.store.cardinality(2);
  deepEqual(seriesByMetric, [
    { name: "many", count: 4 },
    { name: "few", count: 2 },
  ]);
  deepEqual(valuesByName[0], { name: "host", count: 6 });
});
