import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom, METRIC_NAME, OperatingError } from "@pharos/base";
import { createEngine, type ExplainOptions, type PlanNode } from "@pharos/promql/engine";
import { formatExpr } from "@pharos/promql/syntax";
import { MemoryRollups, MemoryStore, PlanningStore, SimClock } from "@pharos/testing";
import fc from "fast-check";
import { expressions } from "./syntax-arbitrary.ts";

const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function filled(stepMs: number, endMs: number): Promise<MemoryStore> {
  const store = new MemoryStore();
  const count = endMs / stepMs;
  for (const name of ["a", "b"])
    for (const x of ["1", "2"])
      await store.append({
        labelSets: [labelsFrom({ [METRIC_NAME]: name, x })],
        series: new Uint32Array(count),
        timestampsMs: Float64Array.from({ length: count }, (_, i) => i * stepMs),
        values: Float64Array.from({ length: count }, (_, i) => i),
        stale: null,
      });
  return store;
}

const RANGE = { startMs: 0, endMs: HOUR_MS, stepMs: 60_000 };

function explain(
  store: Parameters<ReturnType<typeof createEngine>["explain"]>[0],
  expr: string,
  options: Partial<ExplainOptions> = {},
  range = RANGE,
) {
  const engine = createEngine({ clock: new SimClock(10 * DAY_MS) });
  return engine.explain(store, expr, range, { signal: NEVER, ...options });
}

function nodesOf(node: PlanNode): readonly PlanNode[] {
  return [node, ...node.inputs.flatMap(nodesOf)];
}

test("a plan says what is read, how often, with which matchers and what that costs", async () => {
  const store = await filled(60_000, HOUR_MS);
  const { text, root, estimate, warnings } = await explain(
    store,
    'sum by (x) (rate(a{x="1"}[5m])) / on (x) max(b @ 60) by (x) + sum by (x) (rate(a{x="1"}[5m]))',
  );
  equal(
    text,
    `range query from 1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z, each 1m: 61 steps
in all about 2 series, 62 samples, 992 bytes

+  (61 steps)
├─ / on (x)  (61 steps)
│  ├─ sum by (x)  (evaluated once, with the same part further on)
│  └─ max by (x)  (evaluated once, since it is the same at each step)
│     └─ select
│          b @ 60.000
│          only x="1", since no other series has a partner
│          time: 1969-12-31T23:56:00Z to 1970-01-01T00:01:00Z
│          from: samples
│          estimated: 1 series, 2 samples, 32 bytes
└─ sum by (x)  (61 steps)
   └─ rate  (61 steps)
        a{x="1"}[5m]
        time: 1969-12-31T23:55:00Z to 1970-01-01T01:00:00Z
        from: samples
        estimated: 1 series, 60 samples, 960 bytes
`,
  );
  deepEqual(warnings, []);
  equal(estimate?.samples, 62);
  equal(nodesOf(root).length, 7);
});

test("selectors that are read in one pass say so", async () => {
  const store = await filled(60_000, HOUR_MS);
  const { root } = await explain(store, "sum(rate(a[5m])) / count(a)");
  deepEqual(
    nodesOf(root).flatMap(({ selection }) => (selection === undefined ? [] : selection.sharedWith)),
    [1, 1],
  );
});

test("a plan that is analyzed says what parts took and read; one that is not reads nothing", async () => {
  const samples = await filled(60_000, HOUR_MS);
  const store = new PlanningStore(samples, () => false);
  const plain = await explain(store, "max(a) + 1");
  equal(store.samplesGiven, 0);
  equal(plain.stats, undefined);
  const analyzed = await explain(store, "max(a) + 1", { analyzes: true });
  deepEqual(analyzed.stats, {
    samplesRead: 120,
    seriesRead: 2,
    samplesPeak: analyzed.stats?.samplesPeak,
  });
  const [sum, max, select] = nodesOf(analyzed.root);
  deepEqual([sum?.actual?.series, max?.actual?.series, select?.actual?.series], [1, 1, 2]);
  deepEqual(select?.selection?.actual, { series: 2, samples: 120 });
  match(analyzed.text, /max {2}\(61 steps; took \d+\.\d ms, gave 1 series\)/);
  match(analyzed.text, /read: 2 series, 120 samples/);
});

test("a plan says which rollups it reads, and why", async () => {
  const samples = await filled(600_000, 10 * DAY_MS);
  const store = new MemoryRollups(samples, {
    samplesSinceMs: 5 * DAY_MS,
    tiers: [{ tier: "1h", sinceMs: 0, made: [[0, 10 * DAY_MS]], hasQuantiles: true }],
  });
  const range = { startMs: 2 * DAY_MS, endMs: 10 * DAY_MS, stepMs: DAY_MS / 2 };
  const { root, text } = await explain(store, "rate(a[2h])", { tier: "auto" }, range);
  deepEqual(
    root.selection?.reads.map(({ from, reason, steps }) => [from, reason, steps]),
    [
      ["1h", "gone", 7],
      ["1h", "chosen", 10],
    ],
  );
  match(text, /from: 1h rollups \(the samples are no longer kept\) for 7 steps/);
  ok((root.selection?.estimate?.samples ?? Infinity) <= 2 * 200, "rows and not samples");
});

test("a part that the store computes is marked, with all that goes into it", async () => {
  const store = new PlanningStore(await filled(60_000, HOUR_MS), () => true);
  const { root, text } = await explain(store, "sum(max_over_time(a[5m])) * 2");
  deepEqual(
    nodesOf(root).map(({ operation, pushedDown }) => [operation, pushedDown]),
    [
      ["*", false],
      ["sum", true],
      ["max_over_time", true],
    ],
  );
  match(text, /sum {2}\(computed by the store; 61 steps\)/);
  deepEqual(store.taken, []);
});

test("whatever an expression is, its plan can be told", async () => {
  const store = await filled(60_000, HOUR_MS);
  let told = 0;
  await fc.assert(
    fc.asyncProperty(expressions("vector", 4), async (expr) => {
      try {
        const { text, root } = await explain(store, formatExpr(expr), { tier: "auto" });
        equal(text.split("\n")[0]?.endsWith(": 61 steps"), true);
        ok(text.split("\n").length >= nodesOf(root).length + 3, text);
        told++;
      } catch (error) {
        // Such as a subquery of more steps than fit.
        if (!(error instanceof OperatingError && error.code.startsWith("query."))) throw error;
      }
    }),
    { numRuns: 500 },
  );
  ok(told > 300, `${told} of 500`);
});
