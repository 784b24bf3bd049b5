// The write-ahead log as what consumers read.
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, labelsFrom, METRIC_NAME, OperatingError, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import type { LogBatch, LogConsumer } from "@pharos/ports";
import { SimClock, SimDisk, sampleLogConformance } from "@pharos/testing";
import { openStore, type StoreOptions } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";

const HOUR_MS = 3_600_000;
const START_MS = 1_700_006_400_000;
const kernels = await Kernels.load();

class Machine {
  disk = new SimDisk(seededRng(1));
  readonly clock = new SimClock(START_MS);
  readonly #options: Partial<StoreOptions>;
  store!: EmbeddedStore;

  private constructor(options: Partial<StoreOptions>) {
    this.#options = options;
  }

  static async start(options: Partial<StoreOptions> = {}): Promise<Machine> {
    const machine = new Machine(options);
    await machine.open();
    return machine;
  }

  async open(): Promise<void> {
    const { disk, clock } = this;
    const table = new SeriesTable(kernels);
    const settings = { walSync: "always" as const, walSegmentSizeMax: 300, ...this.#options };
    this.store = await this.clock.run(openStore({ disk, clock, kernels, table, ...settings }));
  }

  close(): Promise<void> {
    return this.clock.run(this.store[Symbol.asyncDispose]());
  }

  async append(...metrics: readonly string[]): Promise<void> {
    const { clock, store } = this;
    await clock.advance(1000);
    await store.append({
      labelSets: metrics.map((metric) => labelsFrom({ [METRIC_NAME]: metric })),
      series: Uint32Array.from(metrics.keys()),
      timestampsMs: new Float64Array(metrics.length).fill(clock.nowMs()),
      values: new Float64Array(metrics.length).fill(1),
      stale: null,
    });
  }

  async flush(): Promise<void> {
    await this.clock.run(this.store.flush());
  }

  /** All series and times that a consumer has not committed. */
  async read(consumer: LogConsumer): Promise<string[]> {
    const found: string[] = [];
    for await (const batch of consumer.read(once())) found.push(...namesOf(batch));
    return found;
  }

  async commitAll(consumer: LogConsumer): Promise<void> {
    for await (const { partition, nextOffset } of consumer.read(once()))
      await this.clock.run(consumer.commit({ partition, offset: nextOffset }));
  }

  segments(): string[] {
    return this.disk.list("wal").filter((name) => /^\d{8}$/.test(name));
  }
}

function once() {
  return { follow: false, signal: new AbortController().signal };
}

function namesOf({ series, timestampsMs, labelsOf }: LogBatch): string[] {
  return Array.from(series, (ref, i) => {
    const seconds = ((timestampsMs[i] as number) - START_MS) / 1000;
    return `${formatLabels(labelsOf(ref))}@${seconds}`;
  });
}

sampleLogConformance("the store's log", async () => {
  const machine = await Machine.start({ outOfOrderWindowMs: HOUR_MS, retentionMs: 1e13 });
  return { log: machine.store.log, close: () => machine.close() };
});

test("a consumer reads across segments, restarts and flushes, until it commits", async () => {
  const machine = await Machine.start();
  const consumer = await machine.store.log.consumer("rules", "oldest");
  const sent: string[] = [];
  for (let i = 0; i < 12; i++) {
    await machine.append("a", "b");
    const seconds = (machine.clock.nowMs() - START_MS) / 1000;
    sent.push(`a@${seconds}`, `b@${seconds}`);
    if (i === 5) await machine.flush();
  }
  await machine.flush();
  ok(machine.segments().length > 3, "segments are kept for it");
  deepEqual(await machine.read(consumer), sent);
  await machine.close();
  await machine.open();
  const again = await machine.store.log.consumer("rules", "end");
  deepEqual(await machine.read(again), sent);
  await machine.commitAll(again);
  deepEqual(await machine.read(again), []);
  await machine.flush();
  ok(machine.segments().length <= 2, machine.segments().join());
  await machine.close();
});

test("the labels of a series that has ended are known as long as the log has its samples", async () => {
  const machine = await Machine.start();
  await machine.store.log.consumer("rules", "oldest");
  await machine.append("short");
  for (let i = 0; i < 6; i++) {
    await machine.clock.advance(2 * HOUR_MS);
    await machine.append("long", `new${i}`);
    await machine.flush();
  }
  ok(machine.store.seriesEnded > 3);
  for (let life = 0; life < 3; life++) {
    const consumer = await machine.store.log.consumer("rules", "oldest");
    const found = await machine.read(consumer);
    equal(found.length, 13 + life);
    equal(found[0], "short@1");
    ok(found.some((name) => name.startsWith("new2@")));
    await machine.append("long");
    await machine.flush();
    await machine.close();
    machine.disk = machine.disk.kill();
    await machine.open();
  }
  await machine.close();
});

test("what was committed is not asked for again after a power loss, and nothing after it is lost", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const machine = await Machine.start({ walSync: { intervalMs: 100 } });
    machine.disk = new SimDisk(seededRng(seed));
    await machine.close();
    await machine.open();
    const consumer = await machine.store.log.consumer("rules", "oldest");
    for (let i = 0; i < 5; i++) await machine.append("a");
    await machine.commitAll(consumer);
    const committed = consumer.committed();
    for (let i = 0; i < 3; i++) await machine.append("b");
    const dead = machine.store;
    machine.disk = machine.disk.crash();
    await machine.open();
    const after = await machine.store.log.consumer("rules", "end");
    deepEqual(after.committed(), committed, `seed ${seed}`);
    await machine.append("c");
    const found = await machine.read(after);
    deepEqual(found, [...found.filter((name) => name.startsWith("b@")), "c@9"], `seed ${seed}`);
    await machine.clock.run(dead[Symbol.asyncDispose]());
    await machine.close();
  }
});

test("the log is kept for its age when that is asked for, also without a consumer", async () => {
  const machine = await Machine.start({ logRetentionMs: 5 * HOUR_MS });
  await machine.append("old");
  for (let hour = 0; hour < 12; hour++) {
    await machine.clock.advance(HOUR_MS);
    await machine.append(`h${hour}`, "long-name-that-fills-a-segment-soon".repeat(4));
    await machine.flush();
  }
  const consumer = await machine.store.log.consumer("late", "oldest");
  const found = await machine.read(consumer);
  ok(
    found.some((name) => name.startsWith("h8@")),
    found.join(),
  );
  ok(!found.some((name) => name.startsWith("h3@")), found.join());
  await machine.close();
});

test("a log of its largest size takes nothing more, names the consumer that holds it, and goes on when that has read", async () => {
  const machine = await Machine.start({ logSizeMax: 3000 });
  const consumer = await machine.store.log.consumer("slow", "oldest");
  await rejects(
    async () => {
      for (let i = 0; i < 100; i++) {
        await machine.append("a", "b");
        await machine.flush();
      }
    },
    (error) => {
      ok(error instanceof OperatingError && error.code === "queue.full", String(error));
      match(error.message, /--log-size-max allows 3000: its consumer slow has not read \d+ bytes/);
      return true;
    },
  );
  ok((await machine.read(consumer)).length > 20, "it can still be read");
  await machine.commitAll(consumer);
  await machine.flush();
  await machine.append("a", "b");
  await machine.close();
});

test("a consumer that was dropped holds nothing any more", async () => {
  const machine = await Machine.start();
  await machine.store.log.consumer("gone", "oldest");
  for (let i = 0; i < 12; i++) await machine.append("a", "b");
  await machine.flush();
  const held = machine.segments().length;
  await machine.store.log.dropConsumer("gone");
  await machine.flush();
  ok(machine.segments().length < held);
  await machine.close();
  await machine.open();
  deepEqual(machine.store.log.consumers(), []);
  await machine.close();
});

test("a damaged consumer file is reported, and its consumer reads everything again", async () => {
  const machine = await Machine.start();
  const consumer = await machine.store.log.consumer("rules", "oldest");
  await machine.append("a");
  await machine.commitAll(consumer);
  await machine.close();
  const { length } = machine.disk.read("wal/consumer.rules");
  for (let offset = 0; offset < length; offset++) {
    const original = machine.disk;
    machine.disk = original.kill();
    machine.disk.flipByte("wal/consumer.rules", offset);
    await machine.open();
    match(machine.store.stats().problems.join(), /wal\/consumer\.rules, byte 0/, `byte ${offset}`);
    deepEqual(await machine.read(await machine.store.log.consumer("rules", "end")), ["a@1"]);
    await machine.close();
    machine.disk = original;
  }
});

test("a reader passes over damage, and goes on with the next whole record", async () => {
  const machine = await Machine.start();
  const consumer = await machine.store.log.consumer("rules", "oldest");
  for (let i = 0; i < 10; i++) await machine.append("a");
  const all = await machine.read(consumer);
  const path = `wal/${machine.segments()[1]}`;
  const { length } = machine.disk.read(path);
  for (let offset = 40; offset < length; offset++) {
    const before = machine.disk.read(path);
    machine.disk.flipByte(path, offset);
    const found = await machine.read(consumer);
    ok(found.length >= all.length - 1, `byte ${offset}: ${found.length} of ${all.length}`);
    deepEqual(
      found,
      all.filter((name) => found.includes(name)),
    );
    machine.disk.remove(path);
    machine.disk.openAppend(path).append([before]);
  }
  await machine.close();
});
