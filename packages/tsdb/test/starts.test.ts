import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import {
  createMatcher,
  labelsFrom,
  METRIC_NAME,
  type NativeHistogram,
  type Rng,
  seededRng,
} from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import type { SelectOptions, SeriesColumns, SeriesReader } from "@pharos/ports";
import { MemoryBlobStore, SimClock, SimDisk } from "@pharos/testing";
import { attachReader } from "../src/attached-reader.ts";
import { BLOCK_RANGE_MS } from "../src/block/block-meta.ts";
import { HeadStarts } from "../src/head-starts.ts";
import { openStore, type StoreOptions } from "../src/open-store.ts";
import type { ReaderCalls, ReaderSession } from "../src/reader-session.ts";
import type { EmbeddedStore } from "../src/store.ts";
import { verifyWal } from "../src/verify-wal.ts";

const kernels = await Kernels.load();
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const START_MS = Math.ceil(1_700_000_000_000 / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;
const ALL = { minMs: -(2 ** 50), maxMs: 2 ** 50 };
const ANY = [createMatcher("=~", METRIC_NAME, ".+")];
const OPTIONS: SelectOptions = {
  samplesMax: Number.POSITIVE_INFINITY,
  signal: new AbortController().signal,
  histograms: true,
  starts: true,
};
const LATE_MS = 3 * HOUR_MS;

/** One sample: floats and histograms take turns by minute in the series `both`. */
interface Sent {
  readonly metric: string;
  readonly minute: number;
  /** NaN where the sender does not know it. */
  readonly startMs: number;
}

/** A store on a simulated machine, and what it must answer. */
class Machine {
  disk: SimDisk;
  readonly clock = new SimClock(START_MS);
  readonly options: Partial<StoreOptions>;
  readonly starts = new Map<string, Map<number, number>>();
  store!: EmbeddedStore;

  private constructor(rng: Rng, options: Partial<StoreOptions>) {
    this.disk = new SimDisk(rng);
    this.options = { outOfOrderWindowMs: LATE_MS, ...options };
  }

  static async start(rng: Rng, options: Partial<StoreOptions> = {}): Promise<Machine> {
    const machine = new Machine(rng, options);
    await machine.#open();
    return machine;
  }

  async #open(): Promise<void> {
    const { disk, clock } = this;
    const table = new SeriesTable(kernels);
    this.store = await openStore({ disk, clock, kernels, table, ...this.options });
  }

  async append(samples: readonly Sent[]): Promise<void> {
    const floats = samples.filter((sample) => !isHistogram(sample));
    const histograms = samples.filter(isHistogram);
    await this.store.append({
      ...batchOf(floats),
      values: Float64Array.from(floats, ({ minute }) => minute),
      stale: null,
    });
    await this.store.appendHistograms({
      ...batchOf(histograms),
      histograms: histograms.map(({ minute }) => histogramOf(minute + 100_000)),
    });
    for (const { metric, minute, startMs } of samples) {
      const known = this.starts.getOrInsertComputed(metric, () => new Map());
      if (!known.has(minute)) known.set(minute, startMs);
    }
  }

  async passTo(minute: number): Promise<void> {
    await this.clock.advance(Math.max(0, START_MS + minute * MINUTE_MS - this.clock.nowMs()));
  }

  flush(): Promise<void> {
    return this.clock.run(this.store.flush());
  }

  async kill(): Promise<void> {
    const dead = this.store;
    this.disk = this.disk.kill();
    await this.#open();
    await dead[Symbol.asyncDispose]();
  }

  /** That every sample has the start it came with, here and on another thread. */
  async check(): Promise<void> {
    const wanted = [...this.starts]
      .filter(([, known]) => known.size > 0)
      .map(([metric, known]) => [metric, [...known].sort(([a], [b]) => a - b)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    deepEqual(await startsOf(this.store), wanted);
    const session = this.store.openReader();
    const { disk, clock } = this;
    const { archive } = this.options;
    const { setup } = session;
    const reader = await attachReader({ setup, calls: sent(session), disk, clock, archive });
    deepEqual(await startsOf(reader), wanted);
    session.close();
  }
}

function isHistogram({ metric, minute }: Sent): boolean {
  return metric === "both" && Math.floor(minute / 7) % 2 === 1;
}

function batchOf(samples: readonly Sent[]) {
  return {
    labelSets: samples.map(({ metric }) => labelsFrom({ [METRIC_NAME]: metric })),
    series: Uint32Array.from(samples.keys()),
    timestampsMs: Float64Array.from(samples, ({ minute }) => START_MS + minute * MINUTE_MS),
    startsMs: Float64Array.from(samples, ({ startMs }) => startMs),
  };
}

function histogramOf(count: number): NativeHistogram {
  return {
    isInteger: true,
    counterReset: "unknown",
    stale: false,
    schema: 0,
    zeroThreshold: 0,
    zeroCount: 0,
    count,
    sum: count,
    positiveSpans: [{ offset: 0, length: 1 }],
    positiveCounts: [count],
    negativeSpans: [],
    negativeCounts: [],
    customBounds: [],
  };
}

/** What is sent to another thread is a copy, and what cannot be sent fails. */
function sent(session: ReaderSession): ReaderCalls {
  return {
    select: async (...args) => structuredClone(await session.select(...structuredClone(args))),
    selectionLabels: async (hold) => structuredClone(await session.selectionLabels(hold)),
    estimate: async (...args) => structuredClone(await session.estimate(...structuredClone(args))),
    labels: async (...args) => structuredClone(await session.labels(...structuredClone(args))),
    exemplars: async (...args) =>
      structuredClone(await session.exemplars(...structuredClone(args))),
    rollups: async () => structuredClone(await session.rollups()),
    release: (hold) => session.release(hold),
    report: (problem) => session.report(problem),
  };
}

type Starts = readonly (readonly [metric: string, starts: readonly [number, number][]])[];

/** For each series its samples' minutes and starts, by time. */
async function startsOf(reader: Pick<SeriesReader, "select">): Promise<Starts> {
  const all: (readonly [string, [number, number][]])[] = [];
  for await (const columns of reader.select(ALL, ANY, OPTIONS)) {
    const list = [...pairs(columns), ...pairs(columns.histograms)].sort(([a], [b]) => a - b);
    all.push([columns.labels[0]?.[1] ?? "", list]);
  }
  return all;
}

function pairs(
  columns: Pick<SeriesColumns, "timestampsMs" | "startsMs"> | undefined,
): [number, number][] {
  return Array.from(columns?.timestampsMs ?? [], (timeMs, i) => [
    (timeMs - START_MS) / MINUTE_MS,
    columns?.startsMs?.[i] ?? Number.NaN,
  ]);
}

/** When the counting of a sample began: a counter restarts every half hour, and a delta begins where the last ended. */
function startOf(metric: string, minute: number): number {
  return START_MS + MINUTE_MS * (metric === "delta" ? minute - 1 : Math.floor(minute / 30) * 30);
}

const METRICS = ["both", "counter", "delta", "unknown"];

for (const seed of [1, 2, 3, 4, 5])
  test(`every sample keeps its start through late samples, kills, flushes and merges (${seed})`, async () => {
    const rng = seededRng(seed);
    const machine = await Machine.start(rng);
    let minute = 0;
    for (let round = 0; round < 60; round++) {
      const samples: Sent[] = [];
      const last = minute + 1 + rng.below(20);
      for (; minute < last; minute++)
        for (const metric of METRICS) {
          if (rng.chance(15)) continue;
          const isKnown = metric !== "unknown" && rng.chance(90);
          samples.push({ metric, minute, startMs: isKnown ? startOf(metric, minute) : Number.NaN });
        }
      await machine.passTo(minute);
      await machine.append(samples);
      if (rng.chance(30)) await machine.append(samples);
      if (rng.chance(30)) {
        const metric = ["both", "counter", "delta"][rng.below(3)] ?? "";
        const late = Math.max(0, minute - 1 - rng.below(100));
        if (machine.starts.get(metric)?.has(late) !== true)
          await machine.append([{ metric, minute: late, startMs: startOf(metric, late) }]);
      }
      if (rng.chance(15)) await machine.flush();
      if (rng.chance(15)) await machine.kill();
      if (rng.chance(10)) await machine.clock.run(machine.store.maintain(machine.clock.nowMs()));
      if (round % 6 === 5) await machine.check();
    }
    await machine.check();
    deepEqual(verifyWal(machine.disk).problems, []);
    await machine.store[Symbol.asyncDispose]();
  });

test("who does not ask for starts gets none, and a store without any has none", async () => {
  const machine = await Machine.start(seededRng(1));
  const { store } = machine;
  await machine.append([{ metric: "up", minute: 0, startMs: Number.NaN }]);
  for await (const columns of store.select(ALL, ANY, OPTIONS)) equal(columns.startsMs, undefined);
  await machine.append([{ metric: "up", minute: 1, startMs: START_MS }]);
  for await (const columns of store.select(ALL, ANY, { ...OPTIONS, starts: false }))
    equal(columns.startsMs, undefined);
  equal((await startsOf(store))[0]?.[1][1]?.[1], START_MS);
  await store[Symbol.asyncDispose]();
});

test("starts come back from the archive", async () => {
  const archive = { store: new MemoryBlobStore(), afterMs: 24 * HOUR_MS };
  const machine = await Machine.start(seededRng(1), { archive });
  await machine.append([
    { metric: "both", minute: 1, startMs: START_MS - 1 },
    { metric: "both", minute: 2, startMs: Number.NaN },
    { metric: "both", minute: 8, startMs: START_MS + 2 },
  ]);
  await machine.passTo(40 * 60);
  await machine.append([{ metric: "both", minute: 40 * 60, startMs: START_MS + 3 }]);
  await machine.flush();
  await machine.clock.run(machine.store.maintain(machine.clock.nowMs()));
  await machine.clock.run(machine.store.moveToArchive());
  const { blocks, archive: archived } = machine.store.stats();
  deepEqual([blocks.length, archived?.blocks], [1, 1]);
  await machine.check();
  await machine.store[Symbol.asyncDispose]();
});

test("a counter that goes on takes one run however long it does", () => {
  const starts = new HeadStarts();
  for (let time = 1; time <= 10_000; time++) starts.note(7, time, 0, time - 1);
  equal(starts.count, 1);
  const runs: number[] = [];
  starts.addWithin(7, { minMs: 500, maxMs: 600 }, runs);
  deepEqual(runs, [1, 10_000, 0]);
});

test("starts beyond the limit are not kept, and counted, until a flush makes room", () => {
  const starts = new HeadStarts(2);
  for (const time of [1, 2, 3]) starts.note(7, time, time - 1, time - 1);
  deepEqual([starts.count, starts.dropped], [2, 1]);
  starts.freeze(3);
  starts.dropFrozen(3);
  starts.note(7, 4, 3, 3);
  deepEqual([starts.count, starts.dropped], [1, 1]);
});
