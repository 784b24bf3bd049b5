// Queries of which the store computes parts.
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom, METRIC_NAME } from "@pharos/base";
import type { SeriesPlan } from "@pharos/ports";
import { createEngine, type QueryResult } from "@pharos/promql/engine";
import { MemoryStore, PlanningStore, planEvaluatorConformance, SimClock } from "@pharos/testing";

const NEVER = new AbortController().signal;
const RANGE = { startMs: 300_000, endMs: 1_500_000, stepMs: 60_000 };

planEvaluatorConformance("the planning store", async (samples) => {
  const memory = new MemoryStore();
  await memory.append(samples);
  return new PlanningStore(memory, () => true);
});

async function filled(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const labelSets = ["a", "b", "c", "d"].map((host, i) =>
    labelsFrom({ [METRIC_NAME]: "x", host, zone: String(i % 2) }),
  );
  for (let ms = 0; ms <= 1_500_000; ms += 15_000)
    await store.append({
      labelSets,
      series: Uint32Array.from(labelSets.keys()),
      timestampsMs: new Float64Array(labelSets.length).fill(ms),
      values: Float64Array.from(labelSets.keys(), (i) => ((ms / 1000) * (i + 3)) % 97),
      stale: null,
    });
  return store;
}

function textOf(result: QueryResult): unknown {
  return result.type === "matrix"
    ? result.series.map(({ labels, values }) => [labels, [...values].map((one) => one.toFixed(9))])
    : result.type;
}

const anything = () => true;
const onlyLeaves = ({ aggregation }: SeriesPlan) => aggregation === undefined;

test("what the store computes is what the engine would, and no sample is read for it", async () => {
  const samples = await filled();
  const engine = createEngine({ clock: new SimClock() });
  for (const [expr, plans] of [
    ["x", 1],
    ["sum by (zone) (x)", 1],
    ["max without (host) (max_over_time(x[5m]))", 1],
    ["avg(avg_over_time(x[2m] offset 1m))", 1],
    ["sum_over_time(x[1m]) / on (host, zone) count_over_time(x[1m])", 2],
    ["topk(2, sum by (host) (x))", 1],
    ["sum(x @ 600)", 1],
    ["max_over_time(sum(x)[5m:1m])", 1],
    ["-sum(x) + 1", 1],
  ] as const)
    for (const takes of [anything, onlyLeaves]) {
      const store = new PlanningStore(samples, takes);
      const expected = await engine.range(samples, expr, RANGE, { signal: NEVER });
      const answer = await engine.range(store, expr, RANGE, { signal: NEVER });
      deepEqual(textOf(answer), textOf(expected), expr);
      equal(store.taken.length, plans, expr);
      equal(store.samplesGiven, 0, expr);
    }
});

test("what the store does not compute the engine does, from as little as it can", async () => {
  const samples = await filled();
  const engine = createEngine({ clock: new SimClock() });
  const store = new PlanningStore(samples, ({ aggregation }) => aggregation?.op === "sum");
  const expr = "sum(rate(x[5m])) + sum(x) / count(x)";
  const expected = await engine.range(samples, expr, RANGE, { signal: NEVER });
  const answer = await engine.range(store, expr, RANGE, { signal: NEVER });
  deepEqual(textOf(answer), textOf(expected));
  equal(store.taken.length, 1);
  ok(store.samplesGiven > 0);
});
