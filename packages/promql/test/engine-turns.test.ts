import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { assert as baseAssert, labelsFrom, type NativeHistogram } from "@pharos/base";
import { createEngine } from "@pharos/promql/engine";
import { SimClock } from "@pharos/testing";
import fc from "fast-check";
import { Accumulator } from "../src/engine/aggregate.ts";
import { Extremes } from "../src/engine/aggregate-extremes.ts";
import {
  countValues,
  firstSeries,
  limitRatio,
  quantileOfSamples,
} from "../src/engine/aggregate-samples.ts";
import { Annotations } from "../src/engine/annotations.ts";
import {
  fractionOfHistograms,
  mapHistograms,
  quantileOfHistograms,
} from "../src/engine/histogram-functions.ts";
import { clamp, mapValues, round } from "../src/engine/instant-functions.ts";
import {
  joinLabels,
  replaceLabel,
  sortByLabels,
  sortByValue,
} from "../src/engine/label-functions.ts";
import { negate, vectorWithScalar } from "../src/engine/operators.ts";
import type { QueryContext } from "../src/engine/query-context.ts";
import { matrixResult, runsResult, vectorResult } from "../src/engine/result.ts";
import { setOperation } from "../src/engine/set-operations.ts";
import { emptySeries, putHistogram, type StepSeries } from "../src/engine/step-series.ts";
import { sortInTurns, type Turns } from "../src/engine/turns.ts";
import { matchVectors } from "../src/engine/vector-matching.ts";
import { parse } from "../src/syntax/parse.ts";
import { histogramOf } from "./histogram-arbitrary.ts";

const SERIES = 50;
const GRID = { startMs: 0, stepMs: 1, count: 2 };
const COLUMN = new Float64Array(GRID.count).fill(0.5);
const ENDED = new Error("the query was ended");

/** Says that it is time after each piece of work; the third pause ends the query. */
/** Of a running query what long work uses: here without limits. */
type Context = Turns & Pick<QueryContext, "hold" | "reserve">;

function endedAtThirdTurn(): Context & { pauses: number } {
  return {
    pauses: 0,
    hold() {},
    reserve: () => ({ [Symbol.dispose]() {} }),
    annotations: new Annotations(undefined),
    tick: () => true,
    isTurnOver: () => true,
    async pause() {
      if (++this.pauses === 3) throw ENDED;
    },
  };
}

function floats(): StepSeries[] {
  return Array.from({ length: SERIES }, (_, i) => {
    const series = emptySeries(labelsFrom({ n: String(i) }), false, GRID.count);
    series.present.fill(1);
    return series;
  });
}

function histograms(): StepSeries[] {
  const histogram: NativeHistogram = histogramOf({ positive: { 0: 1 } });
  return floats().map((series) => {
    for (let step = 0; step < GRID.count; step++) putHistogram(series, step, histogram);
    return series;
  });
}

const RUNS = floats().map(({ labels, dropName, values }) => ({
  ...{ labels, dropName, values, timestampsMs: values },
}));
const { matching: SET_MATCHING } = binary("a and b");
const AGGREGATION = aggregation("quantile by (n) (0.5, m)");
const COUNT_VALUES = aggregation('count_values by (n) ("v", m)');

function aggregation(text: string) {
  const expr = parse(text);
  baseAssert(expr.kind === "aggregation", "an aggregation");
  return expr;
}

function binary(text: string) {
  const expr = parse(text);
  baseAssert(expr.kind === "binary" && expr.matching !== undefined, "of two vectors");
  return { expr, matching: expr.matching };
}

const WORK: Readonly<Record<string, (context: Context) => Promise<unknown>>> = {
  "a vector with a scalar": (context) =>
    vectorWithScalar(
      { op: "*", bool: false, span: { start: 0, end: 0 } },
      histograms(),
      COLUMN,
      true,
      context,
    ),
  "a negated vector": (context) => negate(histograms(), context),
  "one to one": (context) => {
    const { expr, matching } = binary("a + b");
    return matchVectors(expr, matching, histograms(), histograms(), context);
  },
  "many to one": (context) => {
    const { expr, matching } = binary("a * on() group_left() b");
    return matchVectors(expr, matching, histograms(), floats().slice(0, 1), context);
  },
  "statistics of histograms": (context) => mapHistograms(histograms(), ({ sum }) => sum, context),
  "quantiles of histograms": (context) =>
    quantileOfHistograms(histograms(), COLUMN, GRID, { context, span: AGGREGATION.span }),
  "fractions of histograms": (context) =>
    fractionOfHistograms(histograms(), { lowers: COLUMN, uppers: COLUMN }, GRID, {
      context,
      span: AGGREGATION.span,
    }),
  "quantiles by step": (context) => quantileOfSamples(AGGREGATION, floats(), COLUMN, GRID, context),
  "a share of the series": (context) => limitRatio(AGGREGATION, floats(), COLUMN, context),
  "the first series of each group": (context) =>
    firstSeries(AGGREGATION, floats(), COLUMN, context),
  "functions of numbers": (context) => mapValues(floats(), Math.abs, context),
  "values kept within bounds": (context) => clamp(floats(), COLUMN, COLUMN, context),
  "rounded values": (context) => round(floats(), COLUMN, context),
  "labels made of others": (context) => {
    const made = { target: "m", replacement: "$1", source: "n", pattern: "(.*)" };
    return replaceLabel(floats(), made, context);
  },
  "labels put together": (context) => {
    return joinLabels(floats(), { target: "m", separator: "-", sources: ["n"] }, context);
  },
  "groups that were added up": (context) => {
    const sum = aggregation("sum by (n) (m)");
    const { annotations } = context;
    const groups = Accumulator.create(sum, { count: GRID.count, annotations, kernels: undefined });
    for (const series of floats()) groups?.add(series);
    return Promise.resolve(groups?.finish(context));
  },
  "the best series": (context) => {
    const { annotations } = context;
    const wanted = new Float64Array(GRID.count).fill(SERIES);
    const best = new Extremes(aggregation("topk(1, m)"), wanted, { annotations, hold() {} });
    for (const series of floats()) best.add(series);
    return best.finish(context);
  },
  "series that are no buckets": (context) =>
    quantileOfHistograms(floats(), COLUMN, GRID, { context, span: AGGREGATION.span }),
  "an order by value": (context) => sortByValue(floats(), false, context),
  "an order by labels": (context) => sortByLabels(floats(), ["n"], false, context),
  and: (context) => setOperation("and", SET_MATCHING, floats(), floats(), context),
  or: (context) => setOperation("or", SET_MATCHING, floats(), floats(), context),
  unless: (context) => setOperation("unless", SET_MATCHING, floats(), floats(), context),
  "the result of an instant query": (context) => vectorResult(floats(), 0, context),
  "the result of a range query": (context) => matrixResult(floats(), GRID, context),
  "a range vector as a result": (context) => runsResult(RUNS, context),
  "values to be counted": (context) => countValues(COUNT_VALUES, floats(), "v", GRID, context),
};

for (const [what, work] of Object.entries(WORK))
  test(`long work lets others have their turn and can be ended: ${what}`, async () => {
    const context = endedAtThirdTurn();
    await rejects(work(context), ENDED);
    equal(context.pauses, 3);
  });

test("sorting in turns gives the same as sorting at once", async () => {
  const context = { ...endedAtThirdTurn(), async pause() {} };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 5000 }), async (keys) => {
      const list = keys.map((key, at) => ({ key, at }));
      const byKey = (a: { key: number }, b: { key: number }): number => a.key - b.key;
      deepEqual(await sortInTurns(list, context, byKey), list.toSorted(byKey));
    }),
    { numRuns: 20 },
  );
});

/** A clock by which each look at it takes longer than a turn may; counts the turns of others. */
class HurriedClock extends SimClock {
  turns = 0;
  onTurn = (): void => {};
  #lookedMs = 0;

  override monotonicMs(): number {
    this.#lookedMs += 100;
    return this.#lookedMs;
  }

  override async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms > 0) return super.sleep(ms, signal);
    this.turns++;
    this.onTurn();
    signal.throwIfAborted();
  }
}

const STEPS = 3_600_000;
const LONG = {
  "a subquery of an expression": "max_over_time(vector(time())[1h:1ms])",
  "a subquery of a selector": "max_over_time(x[1h:1ms])",
  "a subquery of a rate": "max_over_time(rate(x[5m])[1h:1ms])",
};
for (const [what, query] of Object.entries(LONG))
  test(`one long series lets others have their turn and can be ended: ${what}`, async () => {
    const clock = new HurriedClock();
    const engine = createEngine({ clock });
    const minute = Float64Array.from({ length: 60 }, (_, i) => i * 60_000);
    const series = { labels: labelsFrom({ n: "1" }), timestampsMs: minute, values: minute };
    const store = {
      async *select() {
        yield { ...series, stale: null };
      },
    };
    const ended = new AbortController();
    await engine.instant(store, query, STEPS, { signal: ended.signal });
    ok(clock.turns * 2 ** 18 >= STEPS, `${clock.turns} turns`);
    clock.turns = 0;
    clock.onTurn = () => clock.turns === 3 && ended.abort();
    await rejects(engine.instant(store, query, STEPS, { signal: ended.signal }), {
      code: "query.cancelled",
    });
    equal(clock.turns, 3);
  });
