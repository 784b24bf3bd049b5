// What a store does at its limits, and with what nobody should send.
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, METRIC_NAME, OperatingError, seededRng } from "@pharos/base";
import { Kernels, SampleColumns, SeriesTable, VALUE_REFUSED } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { BLOCK_RANGE_MS } from "../src/block/block-meta.ts";
import { openStore, type StoreOptions } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";

const HOUR_MS = 3_600_000;
const START_MS = Math.ceil(1_700_000_000_000 / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;
const EVER = { minMs: Number.NEGATIVE_INFINITY, maxMs: Number.POSITIVE_INFINITY };

class Machine {
  readonly disk = new SimDisk(seededRng(1));
  readonly clock = new SimClock(START_MS);
  kernels!: Kernels;
  store!: EmbeddedStore;

  static async start(options: Partial<StoreOptions> = {}): Promise<Machine> {
    const machine = new Machine();
    await machine.open(options);
    return machine;
  }

  async open(options: Partial<StoreOptions> = {}): Promise<void> {
    const { disk, clock } = this;
    this.kernels = await Kernels.load();
    const table = new SeriesTable(this.kernels);
    this.store = await clock.run(
      openStore({ disk, clock, kernels: this.kernels, table, ...options }),
    );
  }

  close(): Promise<void> {
    return this.clock.run(this.store[Symbol.asyncDispose]());
  }

  /** A sample of each metric at a time, by default now. */
  append(metrics: readonly string[], timeMs = this.clock.nowMs(), value = 1) {
    return this.store.append({
      labelSets: metrics.map((metric) => labelsFrom({ [METRIC_NAME]: metric })),
      series: Uint32Array.from(metrics.keys()),
      timestampsMs: new Float64Array(metrics.length).fill(timeMs),
      values: new Float64Array(metrics.length).fill(value),
      stale: null,
    });
  }

  maintain(): Promise<void> {
    return this.clock.run(this.store.maintain(this.clock.nowMs()));
  }

  /** `metric value@hours …` of each series. */
  async read(): Promise<string[]> {
    const found: string[] = [];
    const options = { samplesMax: 1e6, signal: new AbortController().signal };
    const all = [createMatcher("=~", METRIC_NAME, ".+")];
    for await (const { labels, timestampsMs, values } of this.store.select(EVER, all, options))
      found.push(
        `${labels[0]?.[1]}${Array.from(timestampsMs, (ms, i) => ` ${values[i]}@${(ms - START_MS) / HOUR_MS}`).join("")}`,
      );
    return found;
  }
}

test("more new series in one batch than fit one record of the log are logged in several", async () => {
  const machine = await Machine.start();
  const count = 1100;
  const columns = new SampleColumns(machine.kernels, count);
  const long = "x".repeat(62_000); // 68 MB in all; a record holds 64 MiB.
  for (let i = 0; i < count; i++) {
    const labels = labelsFrom({ [METRIC_NAME]: "m", i: String(i), long });
    columns.push(machine.store.intern(labels), START_MS, i);
  }
  equal((await machine.store.appendColumns(columns)).appended, count);
  await machine.close();
  await machine.open();
  equal(machine.store.stats().headSeries, count);
  equal(machine.store.stats().headSamples, count);
  await machine.close();
});

test("series of which no sample was ever taken end, so that they do not pile up", async () => {
  const machine = await Machine.start();
  for (let hour = 0; hour < 8; hour++) {
    const result = await machine.append([`ancient${hour}`], START_MS - 400 * 24 * HOUR_MS);
    equal(result.tooOld, 1);
    await machine.append(["up"]);
    await machine.clock.advance(HOUR_MS);
    await machine.maintain();
  }
  ok(machine.store.stats().headSeries <= 3, `${machine.store.stats().headSeries} series`);
  ok(machine.store.seriesEnded >= 6);
  await machine.append(["new"]);
  deepEqual(await machine.read(), ["new 1@8", "up 1@0 1@1 1@2 1@3 1@4 1@5 1@6 1@7"]);
  await machine.close();
});

test("a sender whose clock is ahead does not end the series of the others", async () => {
  const machine = await Machine.start();
  await machine.clock.advance(2 * HOUR_MS - 30_000);
  const ref = machine.store.intern(labelsFrom({ [METRIC_NAME]: "up" }));
  await machine.append(["up"]);
  await machine.clock.advance(31_000);
  await machine.append(["ahead"], machine.clock.nowMs() + HOUR_MS - 1);
  await machine.maintain();
  equal(machine.store.stats().blocks.length, 1);
  equal(machine.store.seriesEnded, 0);
  equal(machine.store.intern(labelsFrom({ [METRIC_NAME]: "up" })), ref);
  await machine.close();
});

test("blocks beyond the retention go although a full disk stops the flush", async () => {
  const machine = await Machine.start({ retentionMs: 6 * HOUR_MS });
  await machine.append(["up"]);
  await machine.clock.advance(4 * HOUR_MS);
  await machine.append(["up"]);
  await machine.maintain();
  equal(machine.store.stats().blocks.length, 1);
  await machine.clock.advance(6 * HOUR_MS);
  await machine.append(["up"]);
  machine.disk.freeSize = 0;
  await machine.maintain().catch((error: unknown) => {
    ok(error instanceof OperatingError && error.code === "disk.full");
  });
  deepEqual(machine.store.stats().blocks, []);
  machine.disk.freeSize = Number.POSITIVE_INFINITY;
  await machine.maintain();
  equal(machine.store.stats().blocks.length, 1);
  deepEqual(await machine.read(), ["up 1@4 1@10"]);
  await machine.close();
});

test("a checkpoint that a full disk cuts short takes up no room there", async () => {
  const machine = await Machine.start();
  await machine.append(["a".repeat(4000)]);
  await machine.clock.advance(4 * HOUR_MS);
  await machine.append(["b".repeat(4000)]);
  let cutAt = "";
  machine.disk.beforeCall = (call, path) => {
    if (call !== "append" || !path.includes("checkpoint")) return;
    if (cutAt !== "") throw new OperatingError("disk.full", `${path}: no space left`);
    cutAt = path;
  };
  await rejects(machine.maintain(), /no space left/);
  ok(cutAt !== "");
  machine.disk.beforeCall = () => {};
  equal(machine.disk.exists(cutAt), false);
  await machine.close();
});

test("a NaN in a batch is never a staleness marker, whatever its bits", async () => {
  const machine = await Machine.start();
  const values = new Float64Array(1);
  new Uint32Array(values.buffer).set([2, 0x7ff0_0000]);
  await machine.append(["nan"], START_MS, values[0]);
  const options = { samplesMax: 10, signal: new AbortController().signal };
  for await (const { stale } of machine.store.select(EVER, [], options)) equal(stale, null);
  await machine.close();
});

test("a batch that finds no memory leaves the store as it was", async () => {
  const machine = await Machine.start();
  await machine.append(["up"]);
  const { kernels } = machine;
  const taken: [pointer: number, size: number][] = [];
  for (let size = 2 ** 30; size >= 16; )
    try {
      taken.push([kernels.allocate(size), size]);
    } catch {
      size /= 2;
    }
  const many = Array.from({ length: 5000 }, () => "up");
  await rejects(machine.append(many, START_MS + 1), { code: "memory.full" });
  // It still has the columns that were too small.
  throws(() => new SampleColumns(kernels, 64), { code: "memory.full" });
  for (const [pointer, size] of taken) kernels.release(pointer, size);
  equal((await machine.append(["up"], START_MS + 1, 2)).appended, 1);
  deepEqual((await machine.read()).length, 1);
  await machine.close();
});

test("late samples beyond the limit are refused until a flush has made room", async () => {
  const machine = await Machine.start({ lateSamplesMax: 3 });
  await machine.append(["up"], START_MS);
  for (let i = 1; i <= 3; i++) equal((await machine.append(["up"], START_MS - i)).appended, 1);
  await rejects(machine.append(["up"], START_MS - 4), { code: "memory.full" });
  equal((await machine.append(["up"], START_MS - 3)).duplicate, 1);
  equal((await machine.append(["up"], START_MS + 1)).appended, 1);
  await machine.maintain();
  equal(machine.store.stats().lateSamples, 0);
  equal((await machine.append(["up"], START_MS - 4)).appended, 1);
  equal((await machine.read())[0]?.split(" ").length, 7);
  await machine.close();
});

test("what has no samples is not listed, also where the range has no end", async () => {
  const machine = await Machine.start();
  await machine.append(["up"]);
  await machine.append(["ancient"], START_MS - 400 * 24 * HOUR_MS);
  deepEqual(await machine.store.labelValues(METRIC_NAME, EVER, []), ["up"]);
  await machine.close();
});

test("a label with more values than a call may have arguments is listed", async () => {
  const machine = await Machine.start();
  const count = 150_000;
  const columns = new SampleColumns(machine.kernels, count);
  for (let i = 0; i < count; i++)
    columns.push(machine.store.intern([["pod", `p${i}`]]), START_MS, i);
  await machine.store.appendColumns(columns);
  const values = await machine.clock.run(machine.store.labelValues("pod", EVER, []));
  equal(values.length, count);
  await machine.close();
});

test("at the limit of series only new ones are refused, and counted", async () => {
  const machine = await Machine.start({ headSeriesMax: 2 });
  await machine.append(["a", "b"]);
  const { store } = machine;
  const labelsOf = (metric: string) => labelsFrom({ [METRIC_NAME]: metric });
  equal(store.admit(labelsOf("c")), VALUE_REFUSED);
  equal(store.admit(labelsOf("a")), store.intern(labelsOf("a")));
  throws(() => store.intern(labelsOf("d")), /2 series; --head-series-max allows no more/);
  equal(store.starter.offer(5).count, 0);
  equal(store.stats().headSeriesRefused, 7);
  equal((await machine.append(["a", "b"], START_MS + 1000)).appended, 2);
  await machine.close();
});

test("where series take the memory that they may, new ones are refused until others end", async () => {
  const machine = await Machine.start({ seriesMemoryMax: 16 * 1024 ** 2 });
  const metrics = Array.from({ length: 10_000 }, (_, i) => `m${i}_${"x".repeat(2000)}`);
  await rejects(machine.append(metrics), /series, and the memory has no room for more/);
  const { headSeries, headSeriesRefused } = machine.store.stats();
  ok(headSeries > 100 && headSeries < 10_000, `${headSeries} series`);
  equal(headSeriesRefused, 1);
  const known = metrics.slice(0, 100);
  equal((await machine.append(known)).appended, 100);
  await machine.clock.advance(4 * HOUR_MS);
  equal((await machine.append(known)).appended, 100);
  await machine.maintain();
  equal((await machine.append(["new"])).appended, 1);
  await machine.close();
});

test("samples go to blocks before their time where they take much memory, and not for a little", async () => {
  const settings = { memoryFlushSize: 0, memoryFlushMin: 100 * 64 };
  const machine = await Machine.start(settings);
  const metrics = Array.from({ length: 100 }, (_, i) => `m${i}`);
  await machine.append(metrics.slice(1));
  await machine.maintain();
  deepEqual(machine.store.stats().blocks, []);
  await machine.append(metrics.slice(0, 1));
  await machine.maintain();
  equal(machine.store.stats().headSamples, 0);
  equal(machine.store.stats().blocks.length, 1);
  equal((await machine.read()).length, 100);
  await machine.close();
});
