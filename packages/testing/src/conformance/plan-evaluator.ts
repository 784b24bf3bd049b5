import { deepEqual, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, formatLabels, type Labels, labelsFrom, METRIC_NAME } from "@pharos/base";
import {
  PLAN_AGGREGATIONS,
  PLAN_FUNCTIONS,
  type PlanEvaluator,
  type SampleBatch,
  type SeriesPlan,
} from "@pharos/ports";
import { MemoryStore } from "../memory-store.ts";
import { PlanningStore } from "../planning-store.ts";

const NEVER = new AbortController().signal;
const NAMED = createMatcher("=", METRIC_NAME, "x");

/** Three series of half an hour: one whole, one that ends with a marker, one that comes late. */
function batch(): SampleBatch {
  const labelSets: Labels[] = [
    { host: "a", zone: "1" },
    { host: "b", zone: "1" },
    { host: "c", zone: "2" },
  ].map((labels) => labelsFrom({ [METRIC_NAME]: "x", ...labels }));
  const samples: [series: number, timestampMs: number, value: number, stale: boolean][] = [];
  for (let minute = 0; minute < 30; minute++) {
    samples.push([0, minute * 60_000, minute, false]);
    if (minute <= 15) samples.push([1, minute * 60_000 + 500, 100 - minute, minute === 15]);
    if (minute >= 20) samples.push([2, minute * 60_000 - 500, minute * 0.5, false]);
  }
  return {
    labelSets,
    series: Uint32Array.from(samples, ([series]) => series),
    timestampsMs: Float64Array.from(samples, ([, timestampMs]) => timestampMs),
    values: Float64Array.from(samples, ([, , value, stale]) => (stale ? Number.NaN : value)),
    stale: Uint8Array.from(samples, ([, , , stale]) => (stale ? 1 : 0)),
  };
}

function plans(): SeriesPlan[] {
  const times = { firstMs: 120_000, stepMs: 180_000, count: 12 };
  const base = { matchers: [NAMED], ...times, rangeMs: 300_000 };
  const leaves: SeriesPlan[] = [
    base,
    ...PLAN_FUNCTIONS.map((func) => ({ ...base, func })),
    { ...base, stepMs: 0, count: 3, func: "sum_over_time" },
    { ...base, matchers: [NAMED, createMatcher("!=", "host", "a")], rangeMs: 60_000 },
    { ...base, matchers: [createMatcher("=", METRIC_NAME, "none")] },
  ];
  return leaves.flatMap((leaf) => [
    leaf,
    ...PLAN_AGGREGATIONS.map((op) => ({
      ...leaf,
      aggregation: { op, without: false, grouping: ["zone"] },
    })),
    { ...leaf, aggregation: { op: "sum", without: true, grouping: ["host"] } },
    { ...leaf, aggregation: { op: "avg", without: false, grouping: [] } },
  ]);
}

/** Each series with its values, to 12 digits: sums may be added up in any order. */
async function answerOf(store: PlanEvaluator, plan: SeriesPlan): Promise<string[] | undefined> {
  const found = store.evaluate(plan, { signal: NEVER });
  if (found === undefined) return undefined;
  const lines: string[] = [];
  for await (const { labels, values, present } of found) {
    const points = Array.from(present, (there, i) =>
      there === 1 ? (values[i] as number).toPrecision(12) : "_",
    );
    lines.push(`${formatLabels(labels)} ${points.join(" ")}`);
  }
  return lines.sort();
}

/**
 * The contract of `PlanEvaluator`: what a store computes of a plan is what PromQL says. Plans that it does not take are
 * left out, and so are those of functions that extrapolate: what they say is compared where the engine is.
 *
 * @param open a store that holds the samples.
 */
export function planEvaluatorConformance(
  name: string,
  open: (samples: SampleBatch) => Promise<PlanEvaluator>,
): void {
  test(`${name} computes parts of queries as PromQL says`, async () => {
    const store = await open(batch());
    const memory = new MemoryStore();
    await memory.append(batch());
    const model = new PlanningStore(memory, () => true);
    let compared = 0;
    for (const plan of plans()) {
      const [answer, expected] = [await answerOf(store, plan), await answerOf(model, plan)];
      if (answer === undefined || expected === undefined) continue;
      deepEqual(answer, expected, JSON.stringify(plan));
      compared++;
    }
    ok(compared > 0, "it takes some plan");
  });

  test(`${name} ends a plan with the signal's reason`, async () => {
    const store = await open(batch());
    const signal = AbortSignal.abort(new Error("enough"));
    const plan = plans().find((one) => store.evaluate(one, { signal: NEVER }) !== undefined);
    ok(plan !== undefined, "it takes some plan");
    await rejects(async () => {
      for await (const series of store.evaluate(plan, { signal }) ?? []) ok(series);
    }, /enough/);
  });
}
