import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, formatLabels, labelsFrom, METRIC_NAME } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { createEngine, type QueryResult, ResultCache } from "@pharos/promql/engine";
import { MemoryStore, SimClock } from "@pharos/testing";
import fc from "fast-check";

const kernels = await Kernels.load();
const NEVER = new AbortController().signal;
const STEP_MS = 15_000;
const MINUTE_MS = 60_000;
const START_MS = 1_700_000_000_000 - (1_700_000_000_000 % 3_600_000);
/** Steps of data: more than two extents. */
const STEPS = 640;

const SERIES = [
  { [METRIC_NAME]: "a_total", n: "1", g: "x" },
  { [METRIC_NAME]: "a_total", n: "2", g: "x" },
  { [METRIC_NAME]: "a_total", n: "3", g: "y" },
  { [METRIC_NAME]: "b", n: "1" },
  { [METRIC_NAME]: "b", n: "2" },
  { [METRIC_NAME]: "h_bucket", le: "1" },
  { [METRIC_NAME]: "h_bucket", le: "2" },
  { [METRIC_NAME]: "h_bucket", le: "+Inf" },
].map((labels) => labelsFrom(labels));

const QUERIES = [
  "b",
  "rate(a_total[2m])",
  "sum by (g) (rate(a_total[5m]))",
  "sum(sum by (g) (increase(a_total[1m])))",
  "avg without (n) (a_total)",
  "a_total offset -5m",
  "b offset 10m - b",
  "max_over_time(b[10m]) > 3",
  "a_total / on (n) group_left () b",
  "b or a_total",
  "a_total unless on (n) b",
  "topk(1, a_total)",
  "topk(1, rate(a_total[1m]))",
  "limitk(1, b)",
  "count_values('value', b)",
  "quantile(0.3, a_total)",
  "absent(b)",
  "absent_over_time(b{n='2'}[1m])",
  "label_replace(b, 'm', '$1', 'n', '(.*)')",
  "histogram_quantile(0.9, h_bucket)",
  "predict_linear(b[5m], 60)",
  "deriv(b[3m])",
  "timestamp(b) - time()",
  "hour() + scalar(b{n='1'})",
  "max_over_time(rate(a_total[1m])[5m:30s])",
  "avg_over_time(b[4m:])",
  "sum_over_time(b[5m] offset 1m)",
  `b @ ${START_MS / 1000 + 3600}`,
  `max_over_time(b[1h] @ ${START_MS / 1000 + 7200}) + b`,
  "increase(a_total[5m] anchored)",
  "rate(a_total[1m] smoothed)",
  "b smoothed",
  "rate(b[step() * 4])",
  "stddev_over_time(b[3m])",
  "sgn(-b) == bool 1",
  "topk(1, sum by (n) (a_total))",
  "bottomk by (g) (1, a_total > bool 30)",
  "topk(2, count by (n) (a_total or b))",
  // Those that cannot be answered in pieces.
  "b - b @ start()",
  "b @ end()",
  "sum_over_time(b[range()])",
  "limitk(1, sum by (n) (a_total))",
];

type Command =
  | {
      readonly kind: "append";
      readonly series: number;
      readonly steps: number;
      readonly value: number;
    }
  | {
      readonly kind: "late";
      readonly series: number;
      readonly back: number;
      readonly value: number;
    }
  | { readonly kind: "delete"; readonly n: string; readonly back: number; readonly length: number }
  | { readonly kind: "wait"; readonly ms: number }
  | {
      readonly kind: "query";
      readonly query: number;
      readonly back: number;
      readonly length: number;
      readonly step: number;
      readonly phaseMs: number;
    };

const series = fc.nat(SERIES.length - 1);
const value = fc.oneof(fc.nat(9), fc.double({ min: -10, max: 10, noNaN: true }), fc.constant(-1));
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("append"),
      series,
      steps: fc.integer({ min: 1, max: 30 }),
      value,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("late"), series, back: fc.nat(400), value }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("delete"),
      n: fc.constantFrom("1", "2"),
      back: fc.nat(400),
      length: fc.nat(100),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("wait"),
      ms: fc.constantFrom(1000, 70_000, 4_000_000),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("query"),
      // Few of them in one run, so that they come again.
      query: fc.nat(2),
      back: fc.oneof(fc.constant(0), fc.nat(300)),
      length: fc.integer({ min: 1, max: 330 }),
      step: fc.constantFrom(1, 1, 1, 4),
      phaseMs: fc.constantFrom(0, 0, 0, 1234),
    }),
  },
);

test("answers from the cache are those of an evaluation, to the last bit, whatever comes late or is deleted", async () => {
  let cached = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(QUERIES.length - 1), { minLength: 3, maxLength: 3 }),
      fc.array(command, { minLength: 10, maxLength: 40 }),
      fc.constantFrom(64, 2000, 40_000),
      fc.boolean(),
      async (queries, commands, cacheKib, inKernels) => {
        const clock = new SimClock(START_MS + STEPS * STEP_MS);
        const store = new MemoryStore();
        await fill(store);
        const resultCache = new ResultCache({ clock, sizeMax: cacheKib * 1024 });
        const engine = createEngine({ clock, resultCache, ...(inKernels ? { kernels } : {}) });
        let now = STEPS;
        for (const each of commands)
          switch (each.kind) {
            case "append":
              for (let at = 1; at <= each.steps; at++)
                await append(store, each.series, now + at, each.value + at);
              now += each.steps;
              break;
            case "late":
              // Half a step beside where samples usually are.
              await append(store, each.series, now - each.back + 0.5, each.value);
              break;
            case "delete":
              await store.deleteSeries([createMatcher("=", "n", each.n)], {
                minMs: timeMs(now - each.back),
                maxMs: timeMs(now - each.back + each.length),
              });
              break;
            case "wait":
              await clock.advance(each.ms);
              break;
            case "query": {
              const stepMs = each.step * STEP_MS;
              const endMs = Math.floor(timeMs(now - each.back) / stepMs) * stepMs + each.phaseMs;
              const range = { startMs: endMs - each.length * stepMs, endMs, stepMs };
              const query = QUERIES[queries[each.query] as number] as string;
              const ask = (isCached: boolean): Promise<QueryResult> =>
                engine.range(store, query, range, { signal: NEVER, cached: isCached });
              const [whole, pieces] = [await ask(false), await ask(true)];
              deepEqual(samplesOf(pieces), samplesOf(whole), query);
              for (const note of [...whole.warnings, ...whole.infos])
                ok([...pieces.warnings, ...pieces.infos].includes(note), `${query}: ${note}`);
            }
          }
        const { stats } = resultCache;
        ok(stats.size <= stats.sizeMax);
        cached += stats.stepsCached;
      },
    ),
    { numRuns: 120 },
  );
  ok(cached > 1000);
});

/** Each series with its times and its values, bit by bit. */
function samplesOf(result: QueryResult): readonly unknown[] {
  if (result.type !== "matrix") throw new Error("a range query gives a matrix");
  return result.series.map(({ labels, timestampsMs, values }) => [
    formatLabels(labels),
    [...timestampsMs],
    [...new BigUint64Array(values.slice().buffer)],
  ]);
}

function timeMs(step: number): number {
  return START_MS + step * STEP_MS;
}

async function append(store: MemoryStore, of: number, step: number, at: number): Promise<void> {
  const labels = SERIES[of];
  if (labels === undefined) return;
  await store.append({
    labelSets: [labels],
    series: Uint32Array.of(0),
    timestampsMs: Float64Array.of(timeMs(step)),
    values: Float64Array.of(at),
    stale: Uint8Array.of(at === -1 ? 1 : 0),
  });
}

/** All series with a sample each minute, some of which begin late, end early or have gaps. */
async function fill(store: MemoryStore): Promise<void> {
  const labelSets: number[] = [];
  const times: number[] = [];
  const values: number[] = [];
  for (const of of SERIES.keys())
    for (let step = of * 7; step < STEPS - ((of * 31) % 97); step += MINUTE_MS / STEP_MS) {
      if ((step + of * 50) % 200 < 40) continue;
      labelSets.push(of);
      times.push(timeMs(step));
      values.push(((step * (of + 1)) % 37) + of * 10 + (of % 2) / 3);
    }
  await store.append({
    labelSets: SERIES,
    series: Uint32Array.from(labelSets),
    timestampsMs: Float64Array.from(times),
    values: Float64Array.from(values),
    stale: null,
  });
}
