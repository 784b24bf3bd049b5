// Every byte of a small log and its checkpoint is changed, one after another: the store opens, says where, and has
// everything that does not depend on the record that was hit.
import { deepEqual, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, METRIC_NAME, OperatingError, seededRng } from "@pharos/base";
import { decodeLabels, Kernels, SampleColumns, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { readCheckpointSeries } from "../src/checkpoint-payload.ts";
import { openStore, type StoreOptions } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";
import { readSamples, readSeries } from "../src/wal-payload.ts";
import { scanSegment } from "../src/wal-scan.ts";

const HOUR_MS = 3_600_000;
const START_MS = 1_700_006_400_000;
const kernels = await Kernels.load();
const METRICS = ["a", "b", "c", "d"];

function open(
  disk: SimDisk,
  clock: SimClock,
  options: Partial<StoreOptions> = {},
): Promise<EmbeddedStore> {
  const table = new SeriesTable(kernels);
  return clock.run(
    openStore({
      disk,
      clock,
      kernels,
      table,
      walSync: "always",
      walSegmentSizeMax: 150,
      ...options,
    }),
  );
}

/** A sample of each metric, now. */
function append(store: EmbeddedStore, clock: SimClock, metrics: readonly string[]) {
  const count = metrics.length;
  return store.append({
    labelSets: metrics.map((metric) => labelsFrom({ [METRIC_NAME]: metric })),
    series: Uint32Array.from(metrics.keys()),
    timestampsMs: new Float64Array(count).fill(clock.nowMs()),
    values: new Float64Array(count).fill(1),
    stale: null,
  });
}

/** `metric@seconds` of every sample. */
async function read(store: EmbeddedStore): Promise<Set<string>> {
  const found = new Set<string>();
  const range = { minMs: 0, maxMs: 2 ** 50 };
  const options = { samplesMax: 1e6, signal: new AbortController().signal };
  const all = [createMatcher("=~", METRIC_NAME, ".+")];
  for await (const { labels, timestampsMs } of store.select(range, all, options))
    for (const ms of timestampsMs) found.add(`${labels[0]?.[1]}@${(ms - START_MS) / 1000}`);
  return found;
}

/** A data folder with a block, a checkpoint and segments after it. */
async function written(): Promise<{ disk: SimDisk; clock: SimClock; all: ReadonlySet<string> }> {
  const disk = new SimDisk(seededRng(1));
  const clock = new SimClock(START_MS);
  const store = await open(disk, clock);
  await append(store, clock, METRICS.slice(0, 3));
  await clock.advance(4 * HOUR_MS);
  await append(store, clock, METRICS.slice(0, 2));
  await clock.run(store.maintain(clock.nowMs()));
  for (let i = 0; i < 8; i++) {
    await clock.advance(15_000);
    await append(store, clock, METRICS.slice(i % 2));
  }
  const all = await read(store);
  await clock.run(store[Symbol.asyncDispose]());
  return { disk, clock, all };
}

/** The samples that a record holds, or whose series it defines: those it may cost. */
function dependents(
  disk: SimDisk,
  all: ReadonlySet<string>,
): (path: string, offset: number) => Set<string> {
  const names = new Map<number, string>();
  const records: { path: string; from: number; to: number; refs: number[]; samples: string[] }[] =
    [];
  const paths = disk.list("wal").map((name) => `wal/${name}`);
  // Checkpoints first, which define what the segments mention.
  const isCheckpoint = (path: string): boolean => path.includes("checkpoint");
  for (const path of [
    ...paths.filter(isCheckpoint),
    ...paths.filter((each) => !isCheckpoint(each)),
  ]) {
    const file = isCheckpoint(path) ? "checkpoint" : "segment";
    const number = Number(path.slice(-8));
    for (const part of scanSegment(disk.read(path), number, file)) {
      ok(part.status === "record", "nothing is damaged yet");
      const { kind, payload, position, end } = part;
      const list =
        kind === "series"
          ? readSeries(payload)
          : kind === "checkpointSeries"
            ? readCheckpointSeries(payload)
            : [];
      for (const { ref, labelBytes } of list ?? [])
        names.set(ref, decodeLabels(labelBytes)[0]?.[1] ?? "");
      const samples: string[] = [];
      if (kind === "samples") {
        const columns = new SampleColumns(kernels, 64);
        readSamples(payload, columns);
        for (let i = 0; i < columns.length; i++) {
          const seconds = ((columns.timestampsMs[i] as number) - START_MS) / 1000;
          samples.push(`${names.get(columns.series[i] as number)}@${seconds}`);
        }
        columns.release();
      }
      const refs = (list ?? []).map(({ ref }) => ref);
      records.push({ path, from: position.offset, to: end, refs, samples });
    }
  }
  return (path, offset) => {
    const hit = records.find(
      (each) => each.path === path && each.from <= offset && offset < each.to,
    );
    const lost = new Set(hit?.samples);
    for (const ref of hit?.refs ?? [])
      for (const sample of all) if (sample.startsWith(`${names.get(ref)}@`)) lost.add(sample);
    return lost;
  };
}

test("a changed byte anywhere in the log is reported with its place, and costs what depends on that record", async () => {
  const { disk, clock, all } = await written();
  const mayCost = dependents(disk, all);
  let lossless = 0;
  const names = disk.list("wal");
  ok(names.length > 3 && names.some((name) => name.startsWith("checkpoint.")), names.join());
  for (const name of names)
    for (let offset = 0; offset < disk.read(`wal/${name}`).length; offset++) {
      const where = `${name}, byte ${offset}`;
      const damaged = disk.kill();
      damaged.flipByte(`wal/${name}`, offset);
      const store = await open(damaged, clock);
      const { problems, remarks } = store.stats();
      ok(
        [...problems, ...remarks].some((text) => text.includes(`wal/${name}, byte `)),
        where,
      );
      const found = await read(store);
      deepEqual(found.difference(all), new Set(), where);
      const lost = all.difference(found);
      deepEqual(lost.difference(mayCost(`wal/${name}`, offset)), new Set(), where);
      if (lost.size === 0) lossless++;
      // It takes new samples, of old series and new ones, and keeps them.
      if (offset % 7 === 0) {
        await clock.advance(1000);
        equalCounts(await append(store, clock, [...METRICS, "e"]), 5, where);
        const more = await read(store);
        await clock.run(store[Symbol.asyncDispose]());
        const again = await open(damaged, clock);
        deepEqual(await read(again), more, where);
        await clock.run(again[Symbol.asyncDispose]());
      } else await clock.run(store[Symbol.asyncDispose]());
    }
  ok(lossless > 100, `${lossless} bytes cost nothing`);
});

function equalCounts({ appended }: { appended: number }, count: number, where: string): void {
  ok(appended === count, `${where}: ${appended} appended`);
}

test("a checkpoint of which neither start nor end can be read keeps the store from opening until the log is set aside", async () => {
  const { disk, clock } = await written();
  const name = disk.list("wal").find((each) => each.startsWith("checkpoint.")) ?? "";
  const { length } = disk.read(`wal/${name}`);
  disk.flipByte(`wal/${name}`, 40);
  disk.flipByte(`wal/${name}`, length - 3);
  await rejects(open(disk, clock), (error) => {
    ok(error instanceof OperatingError && error.code === "disk.corrupt");
    match(error.message, /^wal\/checkpoint\.\d{8}: .* start once with --repair-wal/);
    return true;
  });
  const store = await open(disk, clock, { walRepair: true });
  match(store.stats().problems.join(), /The log was moved to wal\.damaged-1/);
  ok(disk.list("wal.damaged-1").includes(name));
  deepEqual(await read(store), new Set(["a@0", "b@0", "c@0"]));
  await append(store, clock, ["a"]);
  await clock.run(store[Symbol.asyncDispose]());
});

test("without its checkpoint the log is not opened, since nothing says what its samples are of", async () => {
  const { disk, clock } = await written();
  for (const name of disk.list("wal"))
    if (name.startsWith("checkpoint.")) disk.remove(`wal/${name}`);
  await rejects(open(disk, clock), /the log begins with segment \d, but this is missing/);
});

test("a damaged segment is kept aside when the log does not need it any more, and only so many", async () => {
  const { disk, clock } = await written();
  for (let round = 0; round < 7; round++) {
    const segment = disk.list("wal").findLast((name) => /^\d{8}$/.test(name)) ?? "";
    disk.flipByte(`wal/${segment}`, 37);
    const store = await open(disk, clock);
    for (let i = 0; i < 14; i++) {
      if (i === 12) await clock.run(store.flush());
      await clock.advance(HOUR_MS / 2);
      await append(store, clock, METRICS);
    }
    await clock.run(store[Symbol.asyncDispose]());
  }
  const aside = disk.list("wal").filter((name) => name.endsWith(".damaged"));
  ok(aside.length > 0 && aside.length <= 4, aside.join());
});
