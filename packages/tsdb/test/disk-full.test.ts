// What a store does when the disk, or the log's room, runs out, and when there is room again.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, METRIC_NAME, OperatingError, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { openStore, type StoreOptions } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";

const START_MS = 1_700_006_400_000;
const MIB = 1024 ** 2;
const kernels = await Kernels.load();

class Machine {
  disk = new SimDisk(seededRng(1));
  readonly clock = new SimClock(START_MS);
  store!: EmbeddedStore;

  static async start(options: Partial<StoreOptions> = {}): Promise<Machine> {
    const machine = new Machine();
    await machine.open(options);
    return machine;
  }

  async open(options: Partial<StoreOptions> = {}): Promise<void> {
    const { disk, clock } = this;
    const table = new SeriesTable(kernels);
    const settings = { walSync: "always" as const, ...options };
    this.store = await clock.run(openStore({ disk, clock, kernels, table, ...settings }));
  }

  /** A sample a second later. */
  async append(metric: string): Promise<void> {
    const { clock, store } = this;
    await clock.advance(1000);
    await store.append({
      labelSets: [labelsFrom({ [METRIC_NAME]: metric })],
      series: new Uint32Array(1),
      timestampsMs: Float64Array.of(clock.nowMs()),
      values: Float64Array.of(1),
      stale: null,
    });
  }

  /** `metric@second …` of all samples. */
  async read(): Promise<string[]> {
    const found: string[] = [];
    const range = { minMs: 0, maxMs: 2 ** 50 };
    const options = { samplesMax: 1e6, signal: new AbortController().signal };
    const all = [createMatcher("=~", METRIC_NAME, ".+")];
    for await (const { labels, timestampsMs } of this.store.select(range, all, options))
      for (const ms of timestampsMs) found.push(`${labels[0]?.[1]}@${(ms - START_MS) / 1000}`);
    return found;
  }

  close(): Promise<void> {
    return this.clock.run(this.store[Symbol.asyncDispose]());
  }
}

test("writes stop while there is room to move samples to blocks, reads and the flush go on, and so do writes when there is space", async () => {
  const machine = await Machine.start({ diskKeepFree: 64 * MIB });
  await machine.append("up");
  machine.disk.freeSize = 64 * MIB - 1;
  await rejects(machine.append("up"), (error) => {
    ok(error instanceof OperatingError && error.code === "disk.full");
    match(error.message, /64 MiB are kept free to move samples/);
    return true;
  });
  deepEqual(await machine.read(), ["up@1"]);
  // It moves all samples, whatever their age, since that frees the log.
  await machine.clock.run(machine.store.maintain(machine.clock.nowMs()));
  equal(machine.store.stats().blocks.length, 1);
  deepEqual(await machine.read(), ["up@1"]);
  machine.disk.freeSize = 100 * MIB;
  await machine.append("up");
  deepEqual(await machine.read(), ["up@1", "up@3"]);
  await machine.close();
});

/** Makes a disk have so many bytes in all: what is removed can be used again. */
function limit(disk: SimDisk, capacity: number): void {
  disk.beforeCall = (call) => {
    if (call === "append" || call === "freeSpace") disk.freeSize = capacity - disk.usedSize;
  };
}

test("a full disk drains when there is room for the samples of a few segments, although no value can be compressed", async () => {
  const machine = await Machine.start({ diskKeepFree: 1, walSegmentSizeMax: 32 * 1024 });
  const { disk, clock, store } = machine;
  const rng = seededRng(7);
  const labelSets = Array.from({ length: 10 }, (_, i) => labelsFrom({ [METRIC_NAME]: `m${i}` }));
  const written = new Map<string, number>();
  /** 40 samples of each series, in the next 40 seconds. */
  const append = async (): Promise<void> => {
    const startMs = clock.nowMs();
    await clock.advance(40_000);
    const count = labelSets.length * 40;
    const series = Uint32Array.from({ length: count }, (_, i) => i % labelSets.length);
    const timestampsMs = Float64Array.from(series, (_, i) => startMs + 1000 * Math.floor(i / 10));
    const values = Float64Array.from(
      series,
      () => (rng.below(2 ** 30) + 1) / (rng.below(2 ** 30) + 1),
    );
    await store.append({ labelSets, series, timestampsMs, values, stale: null });
    for (const [i, value] of values.entries())
      written.set(`m${series[i]}@${timestampsMs[i]}`, value);
  };
  for (let i = 0; i < 200; i++) await append();
  const logSize = store.stats().walSize;
  ok(logSize > 1000 * 1024, `${logSize} bytes of log`);
  // Somebody else takes the room: what is left holds a tenth of the log.
  limit(disk, disk.usedSize + logSize / 10);
  await rejects(append(), { code: "disk.full" });
  await clock.run(store.maintain(clock.nowMs()));
  ok(store.stats().walSize < logSize / 10, `${store.stats().walSize} bytes of log are left`);
  await append();

  const check = async (): Promise<void> => {
    const found = new Map<string, number>();
    const options = { samplesMax: 1e6, signal: new AbortController().signal };
    const all = [createMatcher("=~", METRIC_NAME, ".+")];
    const range = { minMs: 0, maxMs: 2 ** 50 };
    for await (const { labels, timestampsMs, values } of machine.store.select(range, all, options))
      for (const [i, ms] of timestampsMs.entries())
        found.set(`${labels[0]?.[1]}@${ms}`, values[i] as number);
    deepEqual(found, written);
  };
  await check();
  machine.disk = disk.crash();
  await clock.run(store[Symbol.asyncDispose]());
  await machine.open();
  await check();
  await machine.close();
});

test("a sync that finds no room is made good without a restart, and what was acknowledged survives a power loss", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const machine = new Machine();
    machine.disk = new SimDisk(seededRng(seed));
    await machine.open({ walSegmentSizeMax: seed % 2 === 0 ? 200 : 10_000 });
    await machine.append("a");
    machine.disk.beforeCall = (call) => {
      if (call === "sync") throw new OperatingError("disk.full", "no space left on device");
    };
    for (let i = 0; i < 3; i++)
      await rejects(machine.append("b"), { code: "disk.full", message: /device has no room/ });
    ok((await machine.read()).includes("a@1"), "reads go on");
    machine.disk.beforeCall = () => {};
    await machine.append("c");
    const dead = machine.store;
    machine.disk = machine.disk.crash();
    await machine.open();
    const found = await machine.read();
    deepEqual(
      found.filter((name) => name.startsWith("a") || name.startsWith("c")),
      ["a@1", "c@5"],
    );
    deepEqual(machine.store.stats().problems, [], `seed ${seed}`);
    await machine.close();
    await machine.clock.run(dead[Symbol.asyncDispose]());
  }
});

test("after a sync that failed for another reason nothing is accepted until a restart", async () => {
  const machine = await Machine.start();
  await machine.append("a");
  machine.disk.beforeCall = (call) => {
    if (call === "sync") throw new OperatingError("disk.failed", "input/output error");
  };
  await rejects(machine.append("a"), { code: "disk.failed", message: /until a restart/ });
  machine.disk.beforeCall = () => {};
  await rejects(machine.append("a"), { code: "disk.failed" });
  ok((await machine.read()).length > 0);
  await rejects(machine.close(), { code: "disk.failed" });
  await machine.open();
  await machine.append("a");
  await machine.close();
});

test("samples are moved to blocks early when the log has half of its largest size", async () => {
  const machine = await Machine.start({ logSizeMax: 4000, walSegmentSizeMax: 500 });
  for (let i = 0; i < 300; i++) {
    await machine.append("up");
    if (i % 5 === 0) await machine.clock.run(machine.store.maintain(machine.clock.nowMs()));
  }
  ok(machine.store.stats().walSize < 4000);
  equal((await machine.read()).length, 300);
  await machine.close();
});
