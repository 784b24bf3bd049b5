// What an administrator asks of a store: delete, merge, copy.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, formatLabels, labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { openStore } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";

const kernels = await Kernels.load();
const HOUR_MS = 3_600_000;
const START_MS = 1_700_006_400_000;
const EVER = { minMs: Number.NEGATIVE_INFINITY, maxMs: Number.POSITIVE_INFINITY };

class Machine {
  disk: SimDisk;
  readonly clock = new SimClock(START_MS);
  store!: EmbeddedStore;

  constructor(disk = new SimDisk(seededRng(1))) {
    this.disk = disk;
  }

  async open(): Promise<this> {
    const { disk, clock } = this;
    const table = new SeriesTable(kernels);
    this.store = await clock.run(openStore({ disk, clock, kernels, table, walSync: "always" }));
    return this;
  }

  /** Appends `value = hour` for both series, a sample an hour. */
  async appendHours(from: number, to: number): Promise<void> {
    for (let hour = from; hour < to; hour++) {
      await this.clock.advance(Math.max(0, START_MS + hour * HOUR_MS - this.clock.nowMs()));
      await this.store.append({
        labelSets: ["a", "b"].map((name) => labelsFrom({ [METRIC_NAME]: name })),
        series: Uint32Array.of(0, 1),
        timestampsMs: new Float64Array(2).fill(START_MS + hour * HOUR_MS),
        values: Float64Array.of(hour, hour),
        stale: null,
      });
    }
  }

  /** Each series with its values. */
  async read(): Promise<string[]> {
    const options = { samplesMax: 10_000, signal: new AbortController().signal };
    const matchers = [createMatcher("=~", METRIC_NAME, ".+")];
    const out: string[] = [];
    for await (const { labels, values } of this.store.select(EVER, matchers, options))
      out.push(`${formatLabels(labels)} ${values.join(" ")}`);
    return out;
  }

  delete(name: string, fromHour: number, toHour: number): Promise<void> {
    const range = { minMs: START_MS + fromHour * HOUR_MS, maxMs: START_MS + toHour * HOUR_MS };
    return this.clock.run(this.store.deleteSeries([createMatcher("=", METRIC_NAME, name)], range));
  }
}

test("what is deleted is gone at once, in memory and in blocks, and stays away", async () => {
  const machine = await new Machine().open();
  await machine.appendHours(0, 3);
  await machine.clock.run(machine.store.flush());
  await machine.appendHours(3, 5);
  await machine.delete("a", 1, 3);
  deepEqual(await machine.read(), ["a 0 4", "b 0 1 2 3 4"]);

  const dead = machine.store;
  machine.disk = machine.disk.crash();
  await machine.open();
  deepEqual(await machine.read(), ["a 0 4", "b 0 1 2 3 4"]);
  await dead[Symbol.asyncDispose]();

  await machine.clock.run(machine.store.cleanTombstones());
  deepEqual(await machine.read(), ["a 0 4", "b 0 1 2 3 4"]);
  for (const name of ["deletions.json", "deletions.copy.json"])
    machine.disk.remove(`blocks/${name}`);
  machine.disk = machine.disk.kill();
  await machine.open();
  deepEqual(await machine.read(), ["a 0 4", "b 0 1 2 3 4"], "the files have none of it");
});

test("what comes after a deletion stays, also where it is of the time that was deleted", async () => {
  const machine = await new Machine().open();
  await machine.appendHours(0, 1);
  await machine.delete("a", 0, 10);
  deepEqual(await machine.read(), ["b 0"]);
  await machine.appendHours(1, 3);
  deepEqual(await machine.read(), ["a 1 2", "b 0 1 2"]);
  await machine.clock.run(machine.store.flush());
  await machine.clock.run(machine.store.compact());
  deepEqual(await machine.read(), ["a 1 2", "b 0 1 2"]);
});

test("a deletion without bounds is of all time", async () => {
  const machine = await new Machine().open();
  await machine.appendHours(0, 3);
  await machine.clock.run(machine.store.deleteSeries([createMatcher("=", METRIC_NAME, "b")], EVER));
  deepEqual(await machine.read(), ["a 0 1 2"]);
  deepEqual(await machine.store.labelValues(METRIC_NAME, EVER, []), ["a"]);
  deepEqual((await machine.store.series(EVER, [])).length, 0);
  await machine.clock.run(machine.store.cleanTombstones());
  deepEqual(await machine.read(), ["a 0 1 2"]);
});

test("maintenance merges the blocks of a day that is over, and a command those of this one", async () => {
  const machine = await new Machine().open();
  for (let hour = 0; hour < 30; hour += 2) {
    await machine.appendHours(hour, hour + 2);
    await machine.clock.run(machine.store.maintain(machine.clock.nowMs()));
  }
  const before = await machine.read();
  for (let i = 0; i < 3; i++)
    await machine.clock.run(machine.store.maintain(machine.clock.nowMs()));
  const lengths = (): number[] =>
    machine.store
      .stats()
      .blocks.map(({ rangeStartMs, rangeEndMs }) => (rangeEndMs - rangeStartMs) / HOUR_MS);
  ok(lengths().length < 6 && Math.max(...lengths()) > 2, String(lengths()));
  await machine.clock.run(machine.store.flush());
  await machine.clock.run(machine.store.compact());
  equal(lengths().length, 2);
  deepEqual(await machine.read(), before);
});

test("a snapshot opens as a store of its own, with what was in memory", async () => {
  const machine = await new Machine().open();
  await machine.appendHours(0, 5);
  await machine.clock.run(machine.store.flush());
  await machine.appendHours(5, 7);
  await machine.delete("b", 0, 4);
  const copy = new SimDisk(seededRng(2));
  await machine.clock.run(machine.store.snapshot(copy));
  const other = await new Machine(copy.crash()).open();
  deepEqual(await other.read(), await machine.read());
  equal((await other.read())[1], "b 5 6");
});
