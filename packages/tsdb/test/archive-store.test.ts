// A whole store with an archive: what is asked of it is the same, wherever the samples are.
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import {
  createMatcher,
  formatLabels,
  labelsFrom,
  METRIC_NAME,
  OperatingError,
  seededRng,
} from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import type { SeriesReader } from "@pharos/ports";
import { MemoryBlobStore, SimClock, SimDisk } from "@pharos/testing";
import { UNREACHABLE_MS } from "../src/archive/archive-access.ts";
import { attachReader } from "../src/attached-reader.ts";
import { BLOCK_RANGE_MS } from "../src/block/block-meta.ts";
import { openStore } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";

const kernels = await Kernels.load();
const HOUR_MS = 3_600_000;
const START_MS = Math.ceil(1_700_000_000_000 / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;
const ALL = { minMs: -(2 ** 50), maxMs: 2 ** 50 };
const EVERY = [createMatcher("=~", METRIC_NAME, ".+")];
const { signal } = new AbortController();

/** A store whose blocks go to an archive a day after their end. */
class Machine {
  disk = new SimDisk(seededRng(1));
  readonly clock = new SimClock(START_MS);
  readonly blobs = new MemoryBlobStore();
  readonly archive = { store: this.blobs, afterMs: 24 * HOUR_MS };
  store!: EmbeddedStore;
  warnings: string[] = [];

  static async start(): Promise<Machine> {
    const machine = new Machine();
    await machine.open();
    return machine;
  }

  async open(): Promise<void> {
    const { disk, clock, archive } = this;
    this.store = await openStore({
      disk,
      clock,
      kernels,
      table: new SeriesTable(kernels),
      archive,
    });
  }

  async restart(): Promise<void> {
    const dead = this.store;
    this.disk = this.disk.kill();
    await this.open();
    await dead[Symbol.asyncDispose]();
  }

  /** A sample of two series every ten minutes, for some hours from now on. */
  async appendHours(hours: number): Promise<void> {
    for (let i = 0; i < hours * 6; i++) {
      await this.store.append({
        labelSets: ["cpu", "mem"].map((name) => labelsFrom({ [METRIC_NAME]: name, job: "node" })),
        series: Uint32Array.of(0, 1),
        timestampsMs: Float64Array.of(this.clock.nowMs(), this.clock.nowMs()),
        values: Float64Array.of(i, -i),
        stale: i % 7 === 0 ? Uint8Array.of(0, 1) : null,
      });
      await this.clock.advance(HOUR_MS / 6);
    }
  }

  async settle(): Promise<void> {
    await this.clock.run(this.store.maintain(this.clock.nowMs()));
    await this.clock.run(this.store.moveToArchive());
  }

  async read(reader: SeriesReader = this.store): Promise<string[]> {
    this.warnings = [];
    const warn = (warning: string): void => void this.warnings.push(warning);
    const options = { samplesMax: Number.POSITIVE_INFINITY, signal, warn };
    const out: string[] = [];
    for await (const { labels, timestampsMs, values, stale } of reader.select(ALL, EVERY, options))
      out.push([formatLabels(labels), ...timestampsMs, ...values, ...(stale ?? [])].join(" "));
    return out;
  }

  /** A block is in one place only, the archive's or the local one: how many are where. */
  places(): [here: number, there: number] {
    const { blocks, archive } = this.store.stats();
    return [blocks.length, archive?.blocks ?? 0];
  }
}

test("old blocks go to the archive, and every answer stays the same", async () => {
  const machine = await Machine.start();
  await machine.appendHours(10);
  await machine.clock.run(machine.store.flush());
  const before = await machine.read();
  const [here] = machine.places();
  ok(here > 0);

  await machine.clock.advance(40 * HOUR_MS);
  await machine.settle();
  deepEqual(machine.places()[0], 0);
  ok(machine.places()[1] > 0);
  equal(machine.store.stats().archive?.samples, 120);
  deepEqual(await machine.read(), before);
  deepEqual(machine.warnings, []);
  deepEqual(
    machine.disk.list("blocks").filter((name) => /^\d/.test(name)),
    [],
  );

  await machine.appendHours(2);
  equal((await machine.read()).length, 2);
  deepEqual(await machine.store.labelNames(ALL, []), [METRIC_NAME, "job"]);
  deepEqual(await machine.store.labelValues(METRIC_NAME, ALL, []), ["cpu", "mem"]);
  const old = { minMs: START_MS, maxMs: START_MS + HOUR_MS };
  equal((await machine.store.series(old, [EVERY])).length, 2);
  deepEqual(
    await machine.store.labelValues(METRIC_NAME, old, [[createMatcher("=", "job", "node")]]),
    ["cpu", "mem"],
  );
  await machine.restart();
  equal((await machine.read()).length, 2);
  await machine.store[Symbol.asyncDispose]();
});

test("a reader on another thread reads the archive as well", async () => {
  const machine = await Machine.start();
  const { disk, clock, archive } = machine;
  const session = machine.store.openReader();
  const reader = await attachReader({ setup: session.setup, calls: session, disk, clock, archive });
  await machine.appendHours(10);
  const before = await machine.read();
  deepEqual(await machine.read(reader), before);
  await machine.clock.advance(40 * HOUR_MS);
  await machine.settle();
  ok(machine.places()[1] > 0);
  deepEqual(await machine.read(reader), before);
  deepEqual(await reader.labelValues(METRIC_NAME, ALL, []), ["cpu", "mem"]);
  machine.blobs.unreachable();
  await machine.clock.advance(1);
  await machine.read(reader);
  equal(machine.warnings.length, machine.places()[1]);
  session.close();
  await machine.store[Symbol.asyncDispose]();
});

test("while the archive cannot be reached blocks stay, recent data is answered, and a warning says what is missing", async () => {
  const machine = await Machine.start();
  await machine.appendHours(10);
  await machine.clock.run(machine.store.flush());
  const before = await machine.read();
  await machine.clock.advance(40 * HOUR_MS);
  machine.blobs.unreachable();
  await machine.settle();
  equal(machine.places()[1], 0);
  match(machine.store.stats().archive?.problems.join() ?? "", /^archive: .*connection refused/);
  deepEqual(await machine.read(), before);

  machine.blobs.reachable();
  await machine.settle();
  equal(machine.places()[0], 0);
  deepEqual(machine.store.stats().archive?.problems, []);

  machine.blobs.unreachable();
  await machine.appendHours(1);
  const recent = await machine.read();
  deepEqual(
    recent.map((line) => line.split(" ").length),
    [13, 19],
  );
  equal(machine.warnings.length, machine.places()[1]);
  match(machine.warnings[0] ?? "", /^archived block raw\/.*connection refused/);
  await machine.restart();
  deepEqual(await machine.read(), recent);

  machine.blobs.reachable();
  await machine.clock.advance(UNREACHABLE_MS);
  ok((await machine.read())[0]?.startsWith(before[0]?.slice(0, 40) ?? "?"));
  deepEqual(machine.warnings, []);
  await machine.store[Symbol.asyncDispose]();
});

test("a process that dies at any call to the archive loses nothing, and the next one goes on", async () => {
  let calls = 1; // Made in a life; the last one is the first that outlives them.
  for (let dieAt = 0; dieAt < calls; dieAt++) {
    const machine = await Machine.start();
    await machine.appendHours(4);
    await machine.clock.run(machine.store.flush());
    const before = await machine.read();
    await machine.clock.advance(40 * HOUR_MS);
    let left = dieAt;
    calls = 0;
    machine.blobs.beforeCall = (_, key) => {
      calls++;
      if (left-- <= 0) throw new OperatingError("blob.unavailable", `${key}: gone`);
    };
    await machine.settle();
    machine.blobs.reachable();
    await machine.restart();
    deepEqual(await machine.read(), before, `died at call ${dieAt}`);
    await machine.settle();
    equal(machine.places()[0], 0);
    deepEqual(await machine.read(), before, `died at call ${dieAt}, then moved`);
    await machine.store[Symbol.asyncDispose]();
  }
  ok(calls > 10, `${calls} calls`);
});

test("what is deleted while its block is on its way is not in the archive", async () => {
  const machine = await Machine.start();
  await machine.appendHours(4);
  await machine.clock.run(machine.store.flush());
  await machine.clock.advance(40 * HOUR_MS);
  let deleted: Promise<void> | undefined;
  machine.blobs.beforeCall = (call, key) => {
    if (call === "put" && key.endsWith("samples.parquet"))
      deleted ??= machine.store.deleteSeries([createMatcher("=", METRIC_NAME, "cpu")], ALL);
  };
  await machine.settle();
  await deleted;
  ok(deleted !== undefined);
  machine.blobs.reachable();
  await machine.clock.run(machine.store.cleanTombstones());
  await machine.settle();
  deepEqual(
    (await machine.read()).map((line) => line.slice(0, 3)),
    ["mem"],
  );
  await machine.store[Symbol.asyncDispose]();
});

test("a store that closes in the middle of a move leaves its block where it is", async () => {
  const machine = await Machine.start();
  await machine.appendHours(4);
  await machine.clock.run(machine.store.flush());
  const before = await machine.read();
  await machine.clock.advance(40 * HOUR_MS);
  let closing: Promise<void> | undefined;
  machine.blobs.beforeCall = (call) => {
    if (call === "put") closing ??= machine.store[Symbol.asyncDispose]();
  };
  await machine.clock.run(machine.store.moveToArchive());
  await closing;
  machine.blobs.reachable();
  await machine.open();
  deepEqual(await machine.read(), before);
  await machine.store[Symbol.asyncDispose]();
});

test("what was deleted before is not in the archive, whatever an earlier process wrote there", async () => {
  const machine = await Machine.start();
  await machine.appendHours(4);
  await machine.clock.run(machine.store.flush());
  await machine.clock.advance(40 * HOUR_MS);
  // The first process dies when its block is in the archive, and still here.
  machine.blobs.beforeCall = (call, key) => {
    if (call === "get" && key.startsWith("catalogue/"))
      throw new OperatingError("blob.unavailable", "gone");
  };
  await machine.settle();
  const [here] = machine.places();
  ok(here > 0);
  await machine.restart();
  await machine.clock.run(
    machine.store.deleteSeries([createMatcher("=", METRIC_NAME, "cpu")], ALL),
  );
  machine.blobs.reachable();
  await machine.settle();
  deepEqual(machine.places()[0], 0);
  deepEqual(
    (await machine.read()).map((line) => line.slice(0, 3)),
    ["mem"],
  );
  await machine.store[Symbol.asyncDispose]();
});

test("a damaged block stays, and keeps no other from going", async () => {
  const machine = await Machine.start();
  await machine.appendHours(4);
  await machine.clock.run(machine.store.flush());
  await machine.appendHours(20);
  await machine.clock.run(machine.store.flush());
  const [damaged = ""] = machine.disk.list("blocks").filter((name) => /^\d/.test(name));
  await machine.store[Symbol.asyncDispose]();
  const { size } = machine.disk.openRead(`blocks/${damaged}/columns`);
  for (let offset = 40; offset < size; offset++)
    machine.disk.flipByte(`blocks/${damaged}/columns`, offset);
  await machine.clock.advance(40 * HOUR_MS);
  await machine.open();
  await machine.clock.run(machine.store.moveToArchive());
  await machine.settle();
  const [here, there] = machine.places();
  equal(here, 1);
  ok(there > 0);
  match(machine.store.stats().archive?.problems.join() ?? "", /^not archived: blocks\//);
  await machine.store[Symbol.asyncDispose]();
});

test("a process without an archive does not load the code that knows Parquet", async () => {
  const loaded = execFileSync(process.execPath, [
    "--disable-warning=ExperimentalWarning",
    "--input-type=module",
    "--eval",
    `import { registerHooks } from "node:module";
     const loaded = [];
     registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
     await import(${JSON.stringify(import.meta.resolve("../src/index.ts"))});
     console.log(loaded.join("\\n"));`,
  ]).toString();
  match(loaded, /tsdb\/src\/store\.ts/);
  doesNotMatch(loaded, /parquet/);
});
