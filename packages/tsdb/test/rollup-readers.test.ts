// Rows read through a store, on its own thread and on another one, and what becomes of them where files are damaged.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  createMatcher,
  formatLabels,
  labelsFrom,
  type Matcher,
  METRIC_NAME,
  seededRng,
} from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import type { RollupReader, RollupTier } from "@pharos/ports";
import { SimClock, SimDisk } from "@pharos/testing";
import { attachReader } from "../src/attached-reader.ts";
import { openStore, type StoreOptions } from "../src/open-store.ts";
import type { ReaderCalls, ReaderSession } from "../src/reader-session.ts";
import type { EmbeddedStore } from "../src/store.ts";

const kernels = await Kernels.load();
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Math.ceil(1_700_000_000_000 / DAY_MS) * DAY_MS;
const STEP_MS = 5 * 60_000;
const HOSTS = ["a", "b", "c"].map((host) => labelsFrom({ [METRIC_NAME]: "x_total", host }));
const X = [createMatcher("=", METRIC_NAME, "x_total")];

/** What is sent is a copy, and what cannot be sent fails. */
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

interface World extends AsyncDisposable {
  readonly clock: SimClock;
  readonly disk: SimDisk;
  readonly store: EmbeddedStore;
}

/** Days of samples each five minutes; all but the last hours are in blocks, and in the 1h tier. */
async function filled(days: number, options: Partial<StoreOptions> = {}): Promise<World> {
  const clock = new SimClock(START_MS);
  const disk = new SimDisk(seededRng(1));
  const table = new SeriesTable(kernels);
  const store = await openStore({ disk, clock, kernels, table, ...options });
  for (let hour = 0; hour < days * 24; hour += 2) {
    await clock.advance(2 * HOUR_MS);
    for (let ms = 0; ms < 2 * HOUR_MS; ms += STEP_MS) {
      const nowMs = START_MS + hour * HOUR_MS + ms;
      await store.append({
        labelSets: HOSTS,
        series: Uint32Array.from(HOSTS.keys()),
        timestampsMs: new Float64Array(HOSTS.length).fill(nowMs),
        values: Float64Array.from(HOSTS.keys(), (at) => ((nowMs - START_MS) / 1000) * (at + 1)),
        stale: null,
      });
    }
    await clock.run(store.maintain(clock.nowMs()));
  }
  return { clock, disk, store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

interface Told {
  readonly rows: readonly string[];
  readonly warnings: readonly string[];
  readonly reading: { rows: number; samples: number };
}

async function rowsOf(
  reader: RollupReader,
  tier: RollupTier,
  { matchers = X, quantiles = true }: { matchers?: readonly Matcher[]; quantiles?: boolean } = {},
): Promise<Told> {
  const rows: string[] = [];
  const warnings = new Set<string>();
  const reading = { rows: 0, samples: 0 };
  const { signal } = new AbortController();
  const range = { minMs: START_MS, maxMs: START_MS + 1000 * DAY_MS };
  for await (const columns of reader.selectRollup(range, matchers, {
    ...{ tier, quantiles, samplesMax: Number.POSITIVE_INFINITY, signal, reading },
    warn: (warning) => warnings.add(warning),
  }))
    for (const [i, windowMs] of columns.windowsMs.entries()) {
      const { count, sum, min, max, first, last, increase } = columns;
      const numbers = [count, sum, min, max, first, last, increase].map((column) => column[i]);
      const hours = (windowMs - START_MS) / HOUR_MS;
      const median = columns.quantile(0.5, i, i + 1);
      rows.push(`${formatLabels(columns.labels)} ${hours} ${numbers.join(" ")} ${median}`);
    }
  return { rows, warnings: [...warnings], reading };
}

async function attached({ store, disk, clock }: World) {
  const session = store.openReader();
  const { setup } = session;
  return attachReader({ setup, calls: sent(session), disk, clock });
}

test("a reader on another thread has the same rows as the store, of what is made and what is not", async () => {
  await using world = await filled(3);
  const reader = await attached(world);
  for (const tier of ["1m", "1h", "1d"] as const) {
    const own = await rowsOf(world.store, tier);
    const far = await rowsOf(reader, tier);
    deepEqual(far, own);
    equal(own.rows.length > 0, true, tier);
  }
  const { reading } = await rowsOf(reader, "1h", { quantiles: false });
  ok(reading.rows > 150 && reading.samples < 3 * 12 * 8, JSON.stringify(reading));
  const matchers = [...X, createMatcher("=", "host", "b")];
  const one = await rowsOf(reader, "1h", { matchers });
  deepEqual(
    one.rows,
    (await rowsOf(world.store, "1h")).rows.filter((row) => row.includes('host="b"')),
  );
});

test("a reader on another thread follows as rows are made and deleted", async () => {
  await using world = await filled(1);
  const reader = await attached(world);
  await rowsOf(reader, "1h");
  const { clock, store } = world;
  await clock.run(
    store.deleteSeries([createMatcher("=", "host", "a")], {
      minMs: START_MS,
      maxMs: START_MS + 6 * HOUR_MS - 1,
    }),
  );
  await clock.run(store.compact());
  const { rows } = await rowsOf(reader, "1h");
  deepEqual(rows, (await rowsOf(store, "1h")).rows);
  equal(rows.filter((row) => row.includes('host="a"')).length, 24 - 6);
});

test("rows that are damaged are made of samples again, with a warning", async () => {
  await using world = await filled(2);
  const { disk, store } = world;
  const before = await rowsOf(store, "1h");
  deepEqual(before.warnings, []);
  for (const name of disk.list("rollups/1h").filter((one) => /^\d/.test(one))) {
    const path = `rollups/1h/${name}/columns`;
    const size = disk.read(path).length;
    // All of it but what tells the format: no page of values stays whole.
    for (let at = 64; at < size - 64; at += 256) disk.flipByte(path, at);
  }
  for (const reader of [store, await attached(world)]) {
    // The cache still has what was read before: the other reader has one of its own.
    const after = await rowsOf(reader, "1h");
    deepEqual(after.rows, before.rows);
    if (reader === store) continue;
    deepEqual(after.warnings, [
      "1h rollups are damaged, and read from samples as far as there are any",
    ]);
    ok(after.reading.samples > 3 * 24 * 12, JSON.stringify(after.reading));
    ok(store.stats().problems.some((problem) => problem.includes("rollups/1h")));
  }
});

test("what is kept of a selection follows from the rules that may hold for it, and from what there is", async () => {
  const keep = { raw: DAY_MS, "1m": 0, "5m": 0, "1h": 300 * DAY_MS, "1d": 0 };
  await using world = await filled(4, {
    retentionMs: 3 * DAY_MS,
    retention: {
      preset: "widest",
      rules: [
        { matchers: [{ type: "=", name: "host", value: "b" }], keepMs: keep },
        { matchers: [{ type: "=", name: "host", value: "c" }], keepMs: { ...keep, raw: 0 } },
      ],
    },
  });
  for (const reader of [world.store, await attached(world)]) {
    const nowMs = world.clock.nowMs();
    const days = async (...matchers: readonly Matcher[]) => {
      const { samplesSinceMs, tiers } = await reader.rollupCoverage(matchers, nowMs);
      return [
        (nowMs - samplesSinceMs) / DAY_MS,
        tiers.map(({ tier }) => tier).join(),
        tiers.find(({ tier }) => tier === "1h")?.made[0]?.[0],
      ];
    };
    const host = (value: string) => createMatcher("=", "host", value);
    deepEqual(await days(...X, host("a")), [3, "1m,5m,1h,1d", START_MS]);
    deepEqual(await days(...X, host("b")), [1, "1h", START_MS]);
    // What may find any of them has what all of them have.
    deepEqual(await days(...X), [0, "1h", START_MS]);
    deepEqual(await days(createMatcher("=~", "host", "a|b")), [0, "1h", START_MS]);
  }
});
