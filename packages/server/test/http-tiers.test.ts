// A month of samples in a store with rollups, asked through the API.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, test } from "node:test";
import { labelsFrom, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { type EmbeddedStore, openStore } from "@pharos/tsdb";
import { HttpWorld, NOW_MS, NOW_SECONDS } from "./http-world.ts";

const DAY_MS = 86_400_000;
const DAYS = 30;
const STEP_MS = 15_000;
const PER_DAY = DAY_MS / STEP_MS;
const SERIES = [
  labelsFrom({ __name__: "requests_total", job: "api" }),
  labelsFrom({ __name__: "load", job: "api" }),
];

const kernels = await Kernels.load();
const storeClock = new SimClock(NOW_MS - DAYS * DAY_MS);
const store = await openStore({
  ...{ disk: new SimDisk(seededRng(1)), clock: storeClock, kernels },
  table: new SeriesTable(kernels),
  retentionMs: 2 * DAYS * DAY_MS,
});

/** A counter that begins again now and then, and a gauge; samples lie between the edges of windows. */
for (let day = 0; day < DAYS; day++) {
  const firstMs = NOW_MS - (DAYS - day) * DAY_MS + 7000;
  await storeClock.advance(DAY_MS);
  await store.append({
    labelSets: SERIES,
    series: Uint32Array.from({ length: 2 * PER_DAY }, (_, i) => i % 2),
    timestampsMs: Float64Array.from(
      { length: 2 * PER_DAY },
      (_, i) => firstMs + (i >> 1) * STEP_MS,
    ),
    values: Float64Array.from({ length: 2 * PER_DAY }, (_, i) => {
      const at = day * PER_DAY + (i >> 1);
      return i % 2 === 0 ? (at % 50_000) * 3 : Math.round(1000 * Math.sin(at / 700)) + (at % 7);
    }),
    stale: null,
  });
  await storeClock.run(store.maintain(storeClock.nowMs()));
}
await storeClock.run(store.compact());
after(() => storeClock.run(store[Symbol.asyncDispose]()));

class MonthWorld extends HttpWorld {
  override readonly store: EmbeddedStore = store;
}

const world = new MonthWorld();

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly warnings?: readonly string[];
  readonly data: {
    readonly result: readonly { readonly values: readonly (readonly [number, string])[] }[];
    readonly stats: { readonly samples: { readonly totalQueryableSamples: number } };
    readonly cost: {
      readonly estimated: { readonly samplesRead: number };
      readonly actual: { readonly samplesRead: number };
    };
  };
}

async function month(expr: string, more: Record<string, string> = {}): Promise<Answer> {
  const response = await world.post("/api/v1/query_range", {
    query: expr,
    start: String(NOW_SECONDS - (DAYS - 1) * 86_400),
    end: String(NOW_SECONDS),
    step: "1h",
    cost: "true",
    ...more,
  });
  return (await response.json()) as Answer;
}

const points = ({ data }: Answer): number[] =>
  data.result.flatMap(({ values }) => values.map(([, value]) => Number(value)));

test("a query of 30 days reads a hundredth of the samples, and says nearly what they say", async () => {
  for (const [expr, bound] of [
    ["sum_over_time(load[1h])", 1e-9],
    ["avg_over_time(load[1h])", 1e-9],
    ["max_over_time(load[1h])", 0],
    ["min_over_time(load[1h])", 0],
    ["count_over_time(load[1h])", 0],
    ["last_over_time(load[1h])", 0],
    ["sum(increase(requests_total[1h]))", 0.01],
    ["rate(requests_total[1h])", 0.01],
  ] as const) {
    const rows = await month(expr);
    const raw = await month(expr, { tier: "raw" });
    equal(raw.warnings, undefined, expr);
    deepEqual(
      (rows.warnings ?? []).map((one) => one.slice(0, 23)),
      ["answered from 1h rollups"].map((one) => one.slice(0, 23)),
      expr,
    );
    const read = rows.data.cost.actual.samplesRead;
    ok(read > 0 && read * 100 <= raw.data.cost.actual.samplesRead, `${expr}: ${read}`);
    const estimated = rows.data.cost.estimated.samplesRead;
    ok(estimated * 50 <= raw.data.cost.actual.samplesRead, `${expr}: ${estimated} estimated`);
    const [some, all] = [points(rows), points(raw)];
    equal(some.length, all.length, expr);
    for (const [i, value] of all.entries()) {
      const error = Math.abs((some[i] as number) - value);
      ok(error <= bound * Math.max(1, Math.abs(value)), `${expr}: ${some[i]}, not ${value}`);
    }
  }
});

test("quantiles of rows are within 1 % of those of the samples", async () => {
  const expr = "quantile_over_time(0.9, load[1h])";
  const [rows, raw] = [await month(expr, { tier: "5m" }), await month(expr, { tier: "raw" })];
  const [some, all] = [points(rows), points(raw)];
  equal(some.length, all.length);
  for (const [i, value] of all.entries())
    ok(
      Math.abs((some[i] as number) - value) <= 0.0101 * Math.abs(value) + 7,
      `${some[i]} ${value}`,
    );
});

test("tier and max_source_resolution say what to answer from", async () => {
  const expr = "sum_over_time(load[1d])";
  const from = async (more: Record<string, string>): Promise<string> =>
    (await month(expr, more)).warnings?.[0]?.split(" for ")[0] ?? "samples";
  equal(await from({ tier: "auto" }), "answered from 1h rollups");
  equal(await from({ tier: "5m" }), "answered from 5m rollups");
  equal(await from({ max_source_resolution: "0s" }), "samples");
  equal(await from({ max_source_resolution: "2h" }), "answered from 1h rollups");
  equal(await from({ max_source_resolution: "auto" }), "answered from 1h rollups");
  equal(await from({ tier: "raw", max_source_resolution: "1h" }), "samples");
  const wrong = await month(expr, { tier: "2h" });
  match(wrong.error ?? "", /invalid parameter "tier": want one of auto, raw, 1m, 5m, 1h, 1d/);
  const other = await month(expr, { max_source_resolution: "soon" });
  match(other.error ?? "", /invalid parameter "max_source_resolution"/);
  // A short time is read from samples.
  const day = { start: String(NOW_SECONDS - 6 * 3600), step: "60" };
  equal((await month("sum_over_time(load[5m])", day)).warnings, undefined);
});

test("a limit on samples read counts rows where rows are read", async () => {
  world.terms = {
    ...{ timeoutMs: 60_000, timeoutSetting: "--query-timeout", waitedMs: 0 },
    limits: { samplesRead: { max: 10_000, setting: "--query-max-samples-read" } },
  };
  try {
    const expr = "sum(max_over_time(load[1h]))";
    equal((await month(expr)).status, "success");
    const raw = await month(expr, { tier: "raw" });
    match(raw.error ?? "", /was not run: it is estimated to read 1\d\d,\d\d\d samples/);
  } finally {
    world.terms = undefined;
  }
});

test("query_explain says what a query would read, and analyzed what it read", async () => {
  const form = {
    query: "max(max_over_time(load[1h]))",
    start: String(NOW_SECONDS - 20 * 86_400),
    end: String(NOW_SECONDS),
    step: "1h",
  };
  const runsBefore = world.runs.length;
  const response = await world.post("/api/v1/query_explain", form);
  const { data, warnings } = (await response.json()) as {
    readonly data: { readonly text: string; readonly plan: { readonly inputs: readonly object[] } };
    readonly warnings: readonly string[];
  };
  match(data.text, /^range query from .*each 1h: 481 steps\n/);
  match(data.text, /└─ max_over_time {2}\(481 steps\)\n {5}load\[1h\]\n/);
  match(data.text, /from: 1h rollups \(they say what the samples would\)/);
  match(warnings.join(), /answered from 1h rollups/);
  const [leaf] = data.plan.inputs as {
    readonly operation: string;
    readonly selection: { readonly reads: readonly { readonly from: string }[] };
  }[];
  equal(leaf?.operation, "max_over_time");
  equal(leaf?.selection.reads[0]?.from, "1h");
  equal(world.runs.length, runsBefore, "nothing was evaluated");
  const analyzed = await world.data(`query_explain?query=load&analyze=true`);
  const { actual, text } = analyzed as { readonly actual: unknown; readonly text: string };
  deepEqual(actual, { seriesTouched: 1, samplesRead: 20, peakSamples: 21 });
  match(text, /^instant query at 2026-01-01T00:00:00Z\n/);
  match(text, /read: 1 series, 20 samples/);
  const { status } = await world.ask("query_explain?query=load[5m]&start=0&end=1&step=1");
  equal(status, 400);
});

test("time whose samples are gone is answered from rollups, be it a query or a rule", async () => {
  store.applySettings({ retentionMs: 10 * DAY_MS });
  await storeClock.run(store.maintain(storeClock.nowMs()));
  await storeClock.run(store.maintain(storeClock.nowMs()));
  const range = { step: "1d" };
  const raw = await month("count_over_time(load[1h])", { tier: "raw", ...range });
  ok(points(raw).length <= 12, `${points(raw).length} days of samples`);
  const kept = await month("count_over_time(load[5m])", range);
  deepEqual(new Set(points(kept)), new Set([20]));
  equal(points(kept).length, DAYS);
  match(kept.warnings?.join() ?? "", /answered from 5m rollups for .* no longer kept/);
  const rule = await world.engine.instant(
    ...([store, "count_over_time(load[1h])", NOW_MS - 20 * DAY_MS] as const),
    { signal: new AbortController().signal, tier: "raw_if_kept" },
  );
  deepEqual(rule.type === "vector" ? [...rule.values] : [], [240]);
  match(rule.warnings.join(), /answered from .* rollups for .* no longer kept/);
});
