// A reader with an instance of the kernels of its own, that gets from the store only what could be sent to another thread.
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, formatLabels, labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import type { SampleBatch, SeriesReader, SeriesStore, TimeRange } from "@pharos/ports";
import { SimClock, SimDisk, seriesStoreConformance } from "@pharos/testing";
import { attachReader } from "../src/attached-reader.ts";
import type { LabelQuery } from "../src/label-queries.ts";
import { openStore } from "../src/open-store.ts";
import type { ReaderCalls, ReaderSession } from "../src/reader-session.ts";
import { SNAPSHOT_MS_MAX } from "../src/snapshots.ts";
import type { EmbeddedStore } from "../src/store.ts";

const kernels = await Kernels.load();
const START_MS = 1_699_999_200_000;
const HOUR_MS = 3_600_000;
const EVER: TimeRange = { minMs: -(2 ** 50), maxMs: 2 ** 50 };

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
    async labels(...args: [TimeRange, LabelQuery]) {
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

/** A store that is written to here, and read through an attached reader. */
class ReadFromAfar implements SeriesStore {
  readonly store: EmbeddedStore;
  readonly session: ReaderSession;
  readonly reader: SeriesReader;

  constructor(store: EmbeddedStore, session: ReaderSession, reader: SeriesReader) {
    this.store = store;
    this.session = session;
    this.reader = reader;
  }

  static async open(disk: SimDisk, clock: SimClock): Promise<ReadFromAfar> {
    const store = await openStore({ disk, clock, kernels, table: new SeriesTable(kernels) });
    const session = store.openReader();
    const setup = session.setup;
    const reader = await attachReader({ setup, calls: sent(session), disk, clock });
    return new ReadFromAfar(store, session, reader);
  }

  append(batch: SampleBatch) {
    return this.store.append(batch);
  }

  select(...args: Parameters<SeriesReader["select"]>) {
    return this.reader.select(...args);
  }

  series(...args: Parameters<SeriesReader["series"]>) {
    return this.reader.series(...args);
  }

  labelNames(...args: Parameters<SeriesReader["labelNames"]>) {
    return this.reader.labelNames(...args);
  }

  labelValues(...args: Parameters<SeriesReader["labelValues"]>) {
    return this.reader.labelValues(...args);
  }

  /** One sample of each metric, at a time in hours. */
  write(hours: number, ...metrics: string[]) {
    return this.append({
      labelSets: metrics.map((metric) => labelsFrom({ [METRIC_NAME]: metric })),
      series: Uint32Array.from(metrics.keys()),
      timestampsMs: new Float64Array(metrics.length).fill(START_MS + hours * HOUR_MS),
      values: new Float64Array(metrics.length).fill(hours),
      stale: null,
    });
  }

  all() {
    return this.select(EVER, [createMatcher("=~", METRIC_NAME, "..*")], {
      samplesMax: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
    });
  }

  /** Each series as `metric 0 2.5`, by hours. */
  async read(selection = this.all()): Promise<string[]> {
    const out: string[] = [];
    for await (const { labels, values } of selection)
      out.push(`${formatLabels(labels)} ${values.join(" ")}`);
    return out;
  }

  [Symbol.asyncDispose]() {
    return this.store[Symbol.asyncDispose]();
  }
}

seriesStoreConformance("the embedded store, read by an attached reader", () =>
  ReadFromAfar.open(new SimDisk(seededRng(1)), new SimClock()),
);

test("an attached reader finds late samples, those in blocks, and those in memory, in order", async () => {
  const clock = new SimClock(START_MS + 3 * HOUR_MS);
  await using afar = await ReadFromAfar.open(new SimDisk(seededRng(1)), clock);
  await afar.write(0, "b", "c");
  await afar.write(1, "b");
  await clock.run(afar.store.flush());
  await afar.write(3, "a", "b");
  await afar.write(2.75, "b");
  deepEqual(await afar.read(), ["a 3", "b 0 1 2.75 3", "c 0"]);
  const all = await afar.labelValues(METRIC_NAME, EVER, []);
  deepEqual(all, ["a", "b", "c"]);
});

test("a reader goes on with what was there when it began, while the store flushes it", async () => {
  const clock = new SimClock(START_MS);
  await using afar = await ReadFromAfar.open(new SimDisk(seededRng(1)), clock);
  await afar.write(0, "a", "b");
  const selection = afar.all()[Symbol.asyncIterator]();
  deepEqual((await selection.next()).value?.values, Float64Array.of(0));
  let flushed = false;
  const flushing = afar.store.flush().then(() => {
    flushed = true;
  });
  await afar.write(1, "b");
  await clock.advance(1000);
  equal(flushed, false, "the flush waits before it frees what is being read");
  deepEqual((await selection.next()).value?.values, Float64Array.of(0));
  equal((await selection.next()).done, true);
  await clock.run(flushing);
  deepEqual(await afar.read(), ["a 0", "b 0 1"]);
});

test("what a reader held is free when it is gone", async () => {
  const clock = new SimClock(START_MS);
  await using afar = await ReadFromAfar.open(new SimDisk(seededRng(1)), clock);
  await afar.write(0, "a");
  const { usedSize } = kernels.memoryUse();
  const session = afar.store.openReader();
  await session.select(EVER, [createMatcher("=", METRIC_NAME, "a")], {});
  session.close();
  equal(kernels.memoryUse().usedSize, usedSize, "its memory is given back");
  const before = clock.monotonicMs();
  await clock.run(afar.store.flush());
  equal(clock.monotonicMs() - before, 0, "nobody is waited for");
  session.close();
  deepEqual(await afar.read(), ["a 0"]);
});

test("a reader that holds for too long is told so, and the store goes on without it", async () => {
  const clock = new SimClock(START_MS);
  await using afar = await ReadFromAfar.open(new SimDisk(seededRng(1)), clock);
  await afar.write(0, "a", "b");
  const selection = afar.all()[Symbol.asyncIterator]();
  await selection.next();
  const flushing = afar.store.flush();
  await clock.advance(SNAPSHOT_MS_MAX);
  await flushing;
  await rejects(selection.next(), { code: "query.timeout" });
});

test("the store hears once of damage that a reader finds, and the answer goes on without it", async () => {
  const clock = new SimClock(START_MS);
  const disk = new SimDisk(seededRng(1));
  await using afar = await ReadFromAfar.open(disk, clock);
  await afar.write(0, "a", "b");
  await clock.run(afar.store.flush());
  const columns = `blocks/${disk.list("blocks")[0]}/columns`;
  for (let at = 24; at < disk.read(columns).length - 60; at++) disk.flipByte(columns, at);
  for (let i = 0; i < 2; i++) deepEqual(await afar.read(), []);
  const { problems } = afar.store.stats();
  equal(problems.length, 2, problems.join("\n"));
  ok(problems.every((problem) => problem.startsWith(columns)));
});

test("a block that is deleted is closed by its readers", async () => {
  const clock = new SimClock(START_MS);
  const disk = new SimDisk(seededRng(1));
  await using afar = await ReadFromAfar.open(disk, clock);
  await afar.write(0, "a");
  await clock.run(afar.store.flush());
  deepEqual(await afar.read(), ["a 0"]);
  await clock.advance(16 * 24 * HOUR_MS);
  await clock.run(afar.store.maintain(clock.nowMs()));
  deepEqual(await afar.read(), []);
  deepEqual(disk.list("blocks"), []);
});
