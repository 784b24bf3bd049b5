import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import {
  createMatcher,
  formatLabels,
  labelsFrom,
  METRIC_NAME,
  type NativeHistogram,
  OperatingError,
  STALE_HISTOGRAM,
  seededRng,
} from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { attachmentStoreConformance, MemoryBlobStore, SimClock, SimDisk } from "@pharos/testing";
import { attachReader } from "../src/attached-reader.ts";
import { BLOCK_RANGE_MS } from "../src/block/block-meta.ts";
import { openStore, type StoreOptions } from "../src/open-store.ts";
import type { ReaderCalls, ReaderSession } from "../src/reader-session.ts";
import type { EmbeddedStore } from "../src/store.ts";

const kernels = await Kernels.load();
const HOUR_MS = 3_600_000;
const START_MS = Math.ceil(1_700_000_000_000 / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;
const ALL = { minMs: -(2 ** 50), maxMs: 2 ** 50 };
const ANY = [createMatcher("=~", METRIC_NAME, ".+")];

function open(disk: SimDisk, clock: SimClock, options: Partial<StoreOptions> = {}) {
  return openStore({ disk, clock, kernels, table: new SeriesTable(kernels), ...options });
}

attachmentStoreConformance("the embedded store", () =>
  open(new SimDisk(seededRng(1)), new SimClock()),
);
attachmentStoreConformance("the embedded store that syncs always", () =>
  open(new SimDisk(seededRng(1)), new SimClock(), { walSync: "always" }),
);

/** What is sent is a copy, and what cannot be sent fails. */
function sent(session: ReaderSession): ReaderCalls {
  return {
    async select(...args) {
      return structuredClone(await session.select(...structuredClone(args)));
    },
    async selectionLabels(...args) {
      return structuredClone(await session.selectionLabels(...structuredClone(args)));
    },
    async estimate(...args) {
      return structuredClone(await session.estimate(...structuredClone(args)));
    },
    async labels(...args) {
      return structuredClone(await session.labels(...structuredClone(args)));
    },
    async exemplars(...args) {
      return structuredClone(await session.exemplars(...structuredClone(args)));
    },
    async rollups() {
      return structuredClone(await session.rollups());
    },
    release: (hold) => session.release(hold),
    report: (problem) => session.report(problem),
  };
}

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

  async append(metric: string, hours: number, observations: number): Promise<void> {
    const labelSets = [labelsFrom({ [METRIC_NAME]: metric })];
    const series = Uint32Array.of(0);
    const timestampMs = START_MS + hours * HOUR_MS;
    const timestampsMs = Float64Array.of(timestampMs);
    const histograms = [histogramOf(observations)];
    await this.store.appendHistograms({ labelSets, series, timestampsMs, histograms });
    const labels = labelsFrom({ trace_id: `t${observations}` });
    const exemplars = [{ labels, timestampMs, value: observations / 2 }];
    await this.store.appendExemplars({ labelSets, series, exemplars });
  }

  async passHours(hours: number): Promise<void> {
    await this.clock.advance(hours * HOUR_MS);
  }

  async kill(): Promise<void> {
    const dead = this.store;
    this.disk = this.disk.kill();
    this.store = await open(this.disk, this.clock, this.options);
    await dead[Symbol.asyncDispose]();
  }

  flush(): Promise<void> {
    return this.clock.run(this.store.flush());
  }

  /** Each series as `h 0:1 2:3`, hours and observations; read here, and by a reader on another thread. */
  async histograms(): Promise<string[]> {
    const here = await histogramLines(this.store);
    const session = this.store.openReader();
    const { disk, clock } = this;
    const { archive } = this.options;
    const { setup } = session;
    const reader = await attachReader({ setup, calls: sent(session), disk, clock, archive });
    deepEqual(await histogramLines(reader), here);
    deepEqual(await reader.exemplars(ALL, [ANY]), await this.store.exemplars(ALL, [ANY]));
    session.close();
    return here;
  }

  async exemplars(): Promise<string[]> {
    return (await this.store.exemplars(ALL, [ANY])).map(({ labels, exemplars }) =>
      [
        formatLabels(labels),
        ...exemplars.map(
          ({ timestampMs, value, labels: own }) =>
            `${(timestampMs - START_MS) / HOUR_MS}:${value}:${own[0]?.[1]}`,
        ),
      ].join(" "),
    );
  }
}

function histogramOf(count: number): NativeHistogram {
  return {
    ...STALE_HISTOGRAM,
    stale: false,
    sum: count,
    count,
    positiveSpans: [{ offset: 0, length: 1 }],
    positiveCounts: [count],
  };
}

async function histogramLines(store: Pick<EmbeddedStore, "select">): Promise<string[]> {
  const lines: string[] = [];
  const signal = new AbortController().signal;
  const options = { samplesMax: Number.POSITIVE_INFINITY, signal, histograms: true };
  for await (const { labels, histograms } of store.select(ALL, ANY, options)) {
    const points = Array.from(
      histograms?.timestampsMs ?? [],
      (ms, at) => ` ${(ms - START_MS) / HOUR_MS}:${histograms?.at(at).count}`,
    );
    lines.push(formatLabels(labels) + points.join(""));
  }
  return lines;
}

test("histograms and exemplars read the same from the log, from blocks, and from both", async () => {
  const machine = await Machine.start();
  await machine.append("a", 0, 1);
  await machine.append("b", 0, 2);
  await machine.kill();
  deepEqual(await machine.histograms(), ["a 0:1", "b 0:2"]);
  deepEqual(await machine.exemplars(), ["a 0:0.5:t1", "b 0:1:t2"]);
  await machine.flush();
  equal(machine.store.stats().headHistograms + machine.store.stats().headExemplars, 0);
  await machine.passHours(3);
  await machine.append("b", 3, 3);
  const histograms = ["a 0:1", "b 0:2 3:3"];
  const exemplars = ["a 0:0.5:t1", "b 0:1:t2 3:1.5:t3"];
  for (const change of [() => machine.kill(), () => machine.flush(), () => machine.kill()]) {
    deepEqual(await machine.histograms(), histograms);
    deepEqual(await machine.exemplars(), exemplars);
    await change();
  }
  deepEqual(await machine.histograms(), histograms);
  deepEqual(await machine.exemplars(), exemplars);
  await machine.store[Symbol.asyncDispose]();
});

test("blocks that are merged keep histograms and exemplars, and deletions take them along", async () => {
  const machine = await Machine.start();
  for (const hours of [0, 1, 2, 3, 4, 5]) {
    await machine.append("a", hours, hours + 1);
    await machine.append("b", hours, hours + 1);
    await machine.passHours(1);
    await machine.flush();
  }
  equal(machine.store.stats().blocks.length, 6);
  await machine.clock.run(machine.store.compact());
  equal(machine.store.stats().blocks.length, 1);
  const whole = "0:1 1:2 2:3 3:4 4:5 5:6";
  deepEqual(await machine.histograms(), [`a ${whole}`, `b ${whole}`]);
  const range = { minMs: START_MS + 2 * HOUR_MS, maxMs: START_MS + 4 * HOUR_MS };
  const matchers = [createMatcher("=", METRIC_NAME, "a")];
  await machine.clock.run(machine.store.deleteSeries(matchers, range));
  const left = ["a 0:1 1:2 5:6", `b ${whole}`];
  deepEqual(await machine.histograms(), left);
  await machine.clock.run(machine.store.cleanTombstones());
  deepEqual(await machine.histograms(), left);
  equal((await machine.exemplars())[0], "a 0:0.5:t1 1:1:t2 5:3:t6");
  await machine.store[Symbol.asyncDispose]();
});

test("what comes while a flush writes stays until the next one", async () => {
  const machine = await Machine.start();
  await machine.append("a", 0, 1);
  const flushing = machine.store.flush();
  await machine.append("a", 0.25, 2);
  await machine.append("b", 0, 3);
  await machine.clock.run(flushing);
  const all = ["a 0:1 0.25:2", "b 0:3"];
  deepEqual(await machine.histograms(), all);
  await machine.kill();
  deepEqual(await machine.histograms(), all);
  await machine.flush();
  deepEqual(await machine.histograms(), all);
  await machine.store[Symbol.asyncDispose]();
});

test("late histograms are taken within the out-of-order window and refused beyond it", async () => {
  const machine = await Machine.start();
  const append = (minutes: number) =>
    machine.store.appendHistograms({
      labelSets: [labelsFrom({ [METRIC_NAME]: "a" })],
      series: Uint32Array.of(0),
      timestampsMs: Float64Array.of(START_MS + minutes * 60_000),
      histograms: [histogramOf(1)],
    });
  equal((await append(0)).appended, 1);
  equal((await append(-29)).appended, 1);
  equal((await append(-31)).tooOld, 1);
  await machine.flush();
  equal((await append(-31)).tooOld, 1);
  equal((await append(61)).tooNew, 1);
  await machine.store[Symbol.asyncDispose]();
});

test("a series with only histograms lives on after a flush, and ends when it is idle", async () => {
  const machine = await Machine.start();
  await machine.append("a", 0, 1);
  await machine.flush();
  equal(machine.store.stats().headSeries, 1);
  await machine.passHours(5);
  await machine.append("b", 5, 1);
  await machine.flush();
  await machine.passHours(1);
  equal(machine.store.seriesEnded, 1);
  await machine.append("a", 6, 2);
  deepEqual(await machine.histograms(), ["a 0:1 6:2", "b 5:1"]);
  await machine.store[Symbol.asyncDispose]();
});

test("an exemplar that a target sends for ever is stored once, also after a flush", async () => {
  const machine = await Machine.start();
  await machine.append("a", 0, 1);
  await machine.flush();
  await machine.append("a", 0, 1);
  equal(machine.store.stats().headExemplars, 0);
  equal(machine.store.stats().exemplarsAppended, 1);
  await machine.store[Symbol.asyncDispose]();
});

test("metadata survives a kill, and a flush that lets the log forget it", async () => {
  const machine = await Machine.start();
  const up = { metric: "up", type: "gauge", help: "Whether.", unit: "" };
  await machine.store.appendMetadata([up]);
  await machine.kill();
  deepEqual(await machine.store.metadata(), [up]);
  await machine.append("a", 0, 1);
  await machine.flush();
  await machine.kill();
  deepEqual(await machine.store.metadata(), [up]);
  const { walSize } = machine.store.stats();
  await machine.store.appendMetadata([up]);
  equal(machine.store.stats().walSize, walSize, "what is known already is not written again");
  await machine.store[Symbol.asyncDispose]();
});

test("exemplars have a limit for each series, and make room when they are in blocks", async () => {
  const machine = await Machine.start();
  const count = 1100;
  const labels = labelsFrom({ trace_id: "t" });
  const at = (i: number) => ({ labels, timestampMs: START_MS + i, value: i });
  const append = (from: number, to: number) =>
    machine.store.appendExemplars({
      labelSets: [labelsFrom({ [METRIC_NAME]: "a" })],
      series: new Uint32Array(to - from),
      exemplars: Array.from({ length: to - from }, (_, i) => at(from + i)),
    });
  for (let from = 0; from < count; from += 100) await append(from, from + 100);
  const { exemplarsAppended, exemplarsRefused } = machine.store.stats();
  deepEqual([exemplarsAppended, exemplarsRefused], [1024, count - 1024]);
  await machine.flush();
  equal((await append(count, count + 1)).appended, 1);
  await machine.store[Symbol.asyncDispose]();
});

test("histograms and exemplars of blocks in the archive read the same", async () => {
  const archive = { store: new MemoryBlobStore(), afterMs: 24 * HOUR_MS };
  const machine = await Machine.start({ archive });
  await machine.append("a", 0, 1);
  await machine.append("b", 1, 2);
  await machine.passHours(40);
  await machine.append("b", 40, 3);
  const histograms = await machine.histograms();
  const exemplars = await machine.exemplars();
  deepEqual(
    [histograms, exemplars],
    [
      ["a 0:1", "b 1:2 40:3"],
      ["a 0:0.5:t1", "b 1:1:t2 40:1.5:t3"],
    ],
  );
  await machine.flush();
  await machine.clock.run(machine.store.maintain(machine.clock.nowMs()));
  await machine.clock.run(machine.store.moveToArchive());
  const { blocks, archive: archived } = machine.store.stats();
  deepEqual([blocks.length, archived?.blocks], [1, 1]);
  deepEqual(await machine.histograms(), histograms);
  deepEqual(await machine.exemplars(), exemplars);
  await machine.store[Symbol.asyncDispose]();
});

test("samples and histograms of a series are beside each other wherever they are", async () => {
  const machine = await Machine.start();
  const labelSets = [labelsFrom({ [METRIC_NAME]: "a" })];
  const write = (hours: number, value: number) =>
    machine.store.append({
      labelSets,
      series: Uint32Array.of(0),
      timestampsMs: Float64Array.of(START_MS + hours * HOUR_MS),
      values: Float64Array.of(value),
      stale: null,
    });
  await write(0, 5);
  await machine.append("a", 0.5, 1);
  await machine.flush();
  await machine.append("a", 0.75, 2);
  await write(1, 6);
  const signal = new AbortController().signal;
  const options = { samplesMax: Number.POSITIVE_INFINITY, signal, histograms: true };
  for (const change of [() => machine.kill(), () => machine.flush(), () => machine.kill()]) {
    const seen: string[] = [];
    for await (const { values, histograms } of machine.store.select(ALL, ANY, options))
      seen.push(`${values.join()} ${histograms?.timestampsMs.map((ms) => (ms - START_MS) / 3600)}`);
    deepEqual(seen, ["5,6 500,750"]);
    await change();
  }
  await machine.store[Symbol.asyncDispose]();
});

test("a flush that fails keeps histograms and exemplars in memory, and the next one writes them", async () => {
  const machine = await Machine.start();
  await machine.append("a", 0, 1);
  await machine.passHours(2);
  await machine.append("a", 2, 2);
  let blocks = 0;
  machine.disk.beforeCall = (call, path) => {
    // The first range is written, the second is not.
    if (call !== "openAppend" || !path.endsWith("/columns")) return;
    if (++blocks === 2) throw new OperatingError("disk.full", "no space left");
  };
  await rejects(machine.flush(), { code: "disk.full" });
  equal(blocks, 2);
  const { headHistograms, headExemplars } = machine.store.stats();
  deepEqual([headHistograms, headExemplars], [1, 1]);
  const all = ["a 0:1 2:2"];
  deepEqual(await machine.histograms(), all);
  await machine.append("a", 2.5, 3);
  await machine.flush();
  equal(machine.store.stats().headHistograms, 0);
  deepEqual(await machine.histograms(), ["a 0:1 2:2 2.5:3"]);
  deepEqual(await machine.exemplars(), ["a 0:0.5:t1 2:1:t2 2.5:1.5:t3"]);
  await machine.store[Symbol.asyncDispose]();
});
