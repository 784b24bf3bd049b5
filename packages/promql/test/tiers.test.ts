// Queries that are answered from rollups, beside the same from samples.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, labelsFrom, METRIC_NAME } from "@pharos/base";
import { ROLLUP_TIERS, type RollupTier, type TierCoverage } from "@pharos/ports";
import { createEngine, type QueryOptions, type QueryRange } from "@pharos/promql/engine";
import { MemoryRollups, MemoryStore, SimClock } from "@pharos/testing";
import fc from "fast-check";
import { chooseTiers, type TierStretch, type TierUse } from "../src/plan/tier-choice.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NEVER = new AbortController().signal;
/** Samples lie between the edges of windows. */
const OFFSET_MS = 7_000;

function tier(
  name: RollupTier,
  sinceMs: number,
  madeMs: number,
  hasQuantiles = true,
): TierCoverage {
  const made = madeMs > sinceMs ? [[sinceMs, madeMs] as const] : [];
  return { tier: name, sinceMs, made, hasQuantiles };
}

const ALL_MADE = {
  samplesSinceMs: Number.NEGATIVE_INFINITY,
  tiers: ROLLUP_TIERS.map((name) => tier(name, 0, 1e12)),
};

/** A sample each `stepMs` of each list of values, undefined for none. */
async function worldOf(
  lists: readonly (readonly (number | undefined)[])[],
  stepMs: number,
  nowMs: number,
  coverage = ALL_MADE,
) {
  const samples = new MemoryStore();
  for (const [host, list] of lists.entries()) {
    const there = [...list.entries()].filter(([, value]) => value !== undefined);
    await samples.append({
      labelSets: [labelsFrom({ [METRIC_NAME]: "x_total", host: String(host) })],
      series: new Uint32Array(there.length),
      timestampsMs: Float64Array.from(there, ([i]) => i * stepMs + OFFSET_MS),
      values: Float64Array.from(there, ([, value]) => value as number),
      stale: null,
    });
  }
  const store = new MemoryRollups(samples, coverage);
  const engine = createEngine({ clock: new SimClock(nowMs) });
  return {
    store,
    async range(expr: string, range: QueryRange, options: Partial<QueryOptions> = {}) {
      const answer = await engine.range(store, expr, range, { signal: NEVER, ...options });
      const points = new Map<string, number>();
      if (answer.type === "matrix")
        for (const { labels, timestampsMs, values } of answer.series)
          for (const [i, timeMs] of timestampsMs.entries())
            points.set(`${formatLabels(labels)} ${timeMs / MINUTE_MS}`, values[i] as number);
      return { ...answer, points };
    },
  };
}

function near(actual: number | undefined, expected: number, part: number, what: string): void {
  const error = Math.abs((actual ?? Number.NaN) - expected);
  ok(error <= part * Math.max(1, Math.abs(expected)), `${what}: ${actual}, not ${expected}`);
}

const FUNCTIONS = [
  ...["count", "sum", "avg", "min", "max", "first", "last", "present"].map(
    (name) => `${name}_over_time(x_total[RANGE])`,
  ),
  "quantile_over_time(0.9, x_total[RANGE])",
  "absent_over_time(x_total[RANGE])",
  'absent_over_time(x_total{host="0"}[RANGE] offset 1m)',
  "sum(max_over_time(x_total[RANGE])) / count(min_over_time(x_total[RANGE]))",
];

test("functions of whole windows say from rows what they say from samples", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.array(fc.option(fc.integer({ min: 0, max: 1000 }), { nil: undefined }), {
          minLength: 1,
          maxLength: 60,
        }),
        { minLength: 1, maxLength: 3 },
      ),
      fc.constantFrom(...FUNCTIONS),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      async (lists, expr, rangeMinutes, stepMinutes) => {
        const world = await worldOf(lists, 20_000, 30 * MINUTE_MS);
        const range = { startMs: 0, endMs: 24 * MINUTE_MS, stepMs: stepMinutes * MINUTE_MS };
        const text = expr.replaceAll("RANGE", `${rangeMinutes}m`);
        const expected = (await world.range(text, range)).points;
        const { points, warnings } = await world.range(text, range, { tier: "1m" });
        deepEqual([...points.keys()].sort(), [...expected.keys()].sort(), text);
        for (const [key, value] of expected) near(points.get(key), value, 1e-9, `${text} ${key}`);
        equal(warnings.length, 1);
        match(warnings[0] ?? "", /^answered from 1m rollups for .* as the query asked for/);
      },
    ),
    { numRuns: 60 },
  );
});

test("a step between windows is answered as of the last whole window before it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 1, maxLength: 60 }),
      fc.constantFrom(...FUNCTIONS),
      fc.integer({ min: 0, max: 59_999 }),
      async (list, expr, laterMs) => {
        const world = await worldOf([list], 20_000, 30 * MINUTE_MS);
        const range = { startMs: 0, endMs: 24 * MINUTE_MS, stepMs: 3 * MINUTE_MS };
        const later = { ...range, startMs: laterMs, endMs: range.endMs + laterMs };
        const text = expr.replaceAll("RANGE", "5m");
        const expected = await world.range(text, range);
        const { points } = await world.range(text, later, { tier: "1m" });
        const shifted = [...expected.points].map(([key, value]) => {
          const [labels, minutes] = key.split(" ");
          return [`${labels} ${Number(minutes) + laterMs / MINUTE_MS}`, value] as const;
        });
        equal(points.size, shifted.length, text);
        for (const [at, [, value]] of [...points.entries()].entries())
          near(value, shifted[at]?.[1] ?? Number.NaN, 1e-9, `${text} ${at}`);
      },
    ),
    { numRuns: 60 },
  );
});

test("rates of counters come near those from samples, and add up to the whole", async () => {
  // It grows by 3 each 15 s, and begins again after an hour and a half.
  const counter = Array.from({ length: 4 * 240 }, (_, i) => (i < 360 ? i : i - 360) * 3);
  const world = await worldOf([counter], 15_000, 4 * HOUR_MS);
  const range = { startMs: HOUR_MS, endMs: 4 * HOUR_MS, stepMs: 10 * MINUTE_MS };
  const raw = await world.range("rate(x_total[10m])", range);
  const rows = await world.range("rate(x_total[10m])", range, { tier: "5m" });
  equal(rows.points.size, raw.points.size);
  // One scrape more or less at an edge, of 40.
  for (const [key, value] of raw.points) near(rows.points.get(key), value, 0.05, key);
  const increases = await world.range("increase(x_total[10m])", range, { tier: "5m" });
  let whole = 0;
  for (const value of increases.points.values()) whole += value;
  // From the last sample before the first window to the last one of all.
  equal(whole, (359 - 199) * 3 + (959 - 360) * 3);
});

test("the value at a step is the last of the window before it, as long as samples would be", async () => {
  const list = Array.from({ length: 120 }, (_, i) => (i < 60 ? i : undefined));
  const world = await worldOf([list], MINUTE_MS, 3 * HOUR_MS);
  const range = { startMs: 30 * MINUTE_MS, endMs: 90 * MINUTE_MS, stepMs: 5 * MINUTE_MS };
  const raw = await world.range("x_total", range);
  const rows = await world.range("x_total", range, { tier: "1m" });
  deepEqual([...rows.points], [...raw.points]);
  const coarse = await world.range("x_total", range, { tier: "1h" });
  equal(coarse.points.get('x_total{host="0"} 60'), 59);
  equal(coarse.points.get('x_total{host="0"} 90'), 59);
  equal(coarse.points.get('x_total{host="0"} 30'), undefined);
});

test("where samples are gone rows are read, and samples as far as they are there", async () => {
  const list = Array.from({ length: 10 * 288 }, (_, i) => i);
  const coverage = {
    samplesSinceMs: 8 * DAY_MS,
    tiers: [tier("5m", 4 * DAY_MS, 10 * DAY_MS), tier("1h", 0, 10 * DAY_MS)],
  };
  const nowMs = 10 * DAY_MS;
  const world = await worldOf([list], 5 * MINUTE_MS, nowMs, coverage);
  const range = { startMs: DAY_MS, endMs: nowMs, stepMs: DAY_MS };
  const expr = "sum_over_time(x_total[1h])";
  const gone = await world.range(expr, range, { tier: "raw_if_kept" });
  const days = (points: ReadonlyMap<string, number>): number[] =>
    [...points.keys()].map((key) => Number(key.split(" ")[1]) / 1440);
  deepEqual(days(gone.points), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const complete = await worldOf([list], 5 * MINUTE_MS, nowMs);
  const expected = await complete.range(expr, range, { tier: "raw" });
  deepEqual([...gone.points], [...expected.points]);
  deepEqual(
    gone.warnings.map((one) => one.slice(0, one.indexOf(", since"))),
    ["answered from 1h rollups for 1970-01-01T23:00:00Z to 1970-01-09T00:00:00Z"],
  );
  // Nothing else is read where samples alone are asked for.
  const raw = await world.range(expr, range, { tier: "raw" });
  deepEqual(days(raw.points), [9, 10]);
  deepEqual(raw.warnings, []);
  // What rows cannot say is told from the last values.
  const slope = await world.range("deriv(x_total[6h])", range, { tier: "raw_if_kept" });
  for (const [key, value] of slope.points) near(value, 1 / 300, 1e-9, key);
  deepEqual(days(slope.points), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("a month by the hour is answered from hours unless somebody wants samples", async () => {
  const list = Array.from({ length: 30 * 1440 }, (_, i) => i % 1000);
  const world = await worldOf([list], MINUTE_MS, 30 * DAY_MS);
  const range = { startMs: HOUR_MS, endMs: 30 * DAY_MS, stepMs: HOUR_MS };
  const expr = "max(max_over_time(x_total[1h]))";
  const answer = await world.range(expr, range, { tier: "auto" });
  ok(world.store.given.rows <= (30 * 1440) / 50 && world.store.given.samples === 0);
  equal(answer.stats.samplesRead, world.store.given.rows);
  const raw = await world.range(expr, range);
  deepEqual([...answer.points], [...raw.points]);
  equal(answer.warnings.length, 1);
  // Between windows an hour is too coarse for an hour, and five minutes are not.
  const odd = await world.range(expr, { ...range, startMs: HOUR_MS + 1000 }, { tier: "auto" });
  match(odd.warnings.join(), /^answered from 5m rollups/);
  const short = await world.range(expr, { ...range, startMs: 30 * DAY_MS - 6 * HOUR_MS });
  deepEqual(short.warnings, []);
});

test("a tier that is not kept is not answered from, and that is said", async () => {
  const coverage = { ...ALL_MADE, tiers: [] };
  const world = await worldOf([[1, 2, 3]], MINUTE_MS, HOUR_MS, coverage);
  const range = { startMs: 3 * MINUTE_MS, endMs: 3 * MINUTE_MS, stepMs: MINUTE_MS };
  const { points, warnings } = await world.range("x_total", range, { tier: "1h" });
  deepEqual([...points.values()], [3]);
  match(warnings.join(), /there are no 1h rollups of all the series/);
});

const MONTH: TierUse = {
  ...{ func: "rate", reachMs: HOUR_MS, extends: false },
  ...{ count: 720, firstMs: HOUR_MS, stepMs: HOUR_MS },
};
const nowhere = (use: TierUse): readonly TierStretch[] => [
  { from: 0, to: use.count, tier: undefined, reason: undefined },
];

test("tiers are chosen only where they say what samples would", () => {
  const chosen = (changes: Partial<TierUse>, coverage = ALL_MADE): RollupTier | undefined =>
    chooseTiers({ ...MONTH, ...changes }, "auto", coverage)[0]?.tier;
  equal(chosen({}), "1h");
  equal(chosen({ reachMs: 30 * MINUTE_MS }), "5m");
  equal(chosen({ reachMs: 90_000 }), undefined);
  equal(chosen({ firstMs: HOUR_MS + 1 }), "5m");
  equal(chosen({ firstMs: HOUR_MS + 1, reachMs: 20 * MINUTE_MS }), "1m");
  equal(chosen({ stepMs: 15 * MINUTE_MS, count: 2880 }), "5m");
  equal(chosen({ stepMs: DAY_MS, count: 30, firstMs: DAY_MS, reachMs: DAY_MS }), "1d");
  equal(chosen({ count: 10 }), undefined, "half a day");
  equal(chosen({ func: "deriv" }), undefined);
  equal(chosen({ extends: true }), undefined);
  equal(chosen({ func: undefined, reachMs: 5 * MINUTE_MS }), "5m");
  equal(
    chosen({ func: "increase", count: 1, reachMs: 30 * DAY_MS, firstMs: 40 * DAY_MS + 1 }),
    "1d",
  );
  const withoutSketches = {
    ...ALL_MADE,
    tiers: [tier("5m", 0, 1e12), tier("1h", 0, 1e12, false)],
  };
  equal(chosen({ func: "quantile_over_time" }, withoutSketches), "5m");
  const halfMade = { ...ALL_MADE, tiers: [tier("5m", 0, 29 * DAY_MS), tier("1h", 0, 15 * DAY_MS)] };
  equal(chosen({}, halfMade), "5m");
  deepEqual(chooseTiers(MONTH, "raw_if_kept", ALL_MADE), nowhere(MONTH));
  // Rows begin with their windows: where samples begin in the first one, nothing is gone.
  const young = { samplesSinceMs: 10 * DAY_MS + 5, tiers: [tier("1d", 10 * DAY_MS, 0)] };
  deepEqual(chooseTiers(MONTH, "raw_if_kept", young), nowhere(MONTH));
  deepEqual(chooseTiers(MONTH, "raw", { ...ALL_MADE, samplesSinceMs: 1e12 }), nowhere(MONTH));
});
