import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { assert as baseAssert, labelsFrom, type NativeHistogram } from "@pharos/base";
import { countValues, limitRatio, quantileOfSamples } from "../src/engine/aggregate-samples.ts";
import { Annotations } from "../src/engine/annotations.ts";
import {
  fractionOfHistograms,
  mapHistograms,
  quantileOfHistograms,
} from "../src/engine/histogram-functions.ts";
import { negate, vectorWithScalar } from "../src/engine/operators.ts";
import { emptySeries, putHistogram, type StepSeries } from "../src/engine/step-series.ts";
import type { Turns } from "../src/engine/turns.ts";
import { matchVectors } from "../src/engine/vector-matching.ts";
import { parse } from "../src/syntax/parse.ts";
import { histogramOf } from "./histogram-arbitrary.ts";

const SERIES = 50;
const GRID = { startMs: 0, stepMs: 1, count: 2 };
const COLUMN = new Float64Array(GRID.count).fill(0.5);
const ENDED = new Error("the query was ended");

/** Says that it is time after each piece of work; the third pause ends the query. */
function endedAtThirdTurn(): Turns & { pauses: number } {
  return {
    pauses: 0,
    annotations: new Annotations(undefined),
    tick: () => true,
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

const WORK: Readonly<Record<string, (context: Turns) => Promise<unknown>>> = {
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
  "values to be counted": (context) => countValues(COUNT_VALUES, floats(), "v", GRID, context),
};

for (const [what, work] of Object.entries(WORK))
  test(`long work lets others have their turn and can be ended: ${what}`, async () => {
    const context = endedAtThirdTurn();
    await rejects(work(context), ENDED);
    equal(context.pauses, 3);
  });
