import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { assert as baseAssert, compareLabels, labelsFrom, labelValue } from "@pharos/base";
import fc from "fast-check";
import { Extremes } from "../src/engine/aggregate-extremes.ts";
import { Annotations } from "../src/engine/annotations.ts";
import type { StepSeries } from "../src/engine/step-series.ts";
import { parse } from "../src/syntax/parse.ts";

const STEPS = 3;
const NO_BREAKS = { tick: () => false, isTurnOver: () => false, async pause() {} };

/** Few different values, so that there are equal ones; undefined for none. */
const point = fc.constantFrom(undefined, 0, -0, 1, 2, Number.NaN, Infinity, -Infinity);
const columns = fc.array(fc.array(point, { minLength: STEPS, maxLength: STEPS }), {
  maxLength: 40,
});
const limits = fc.array(fc.integer({ min: -1, max: 45 }), { minLength: STEPS, maxLength: STEPS });

function seriesOf(points: readonly (number | undefined)[], name: string): StepSeries {
  return {
    labels: labelsFrom({ group: String(name.charCodeAt(0) % 2), name }),
    dropName: false,
    values: Float64Array.from(points, (value) => value ?? 0),
    present: Uint8Array.from(points, (value) => (value === undefined ? 0 : 1)),
  };
}

/** The names of the k best at a step, by sorting all of them. */
function bestOf(list: readonly StepSeries[], step: number, k: number, greatest: boolean): string[] {
  const rank = ({ values }: StepSeries): number => (greatest ? 1 : -1) * (values[step] as number);
  const kept = list
    .filter(({ present }) => present[step] === 1)
    .sort((a, b) => {
      const [x, y] = [rank(a), rank(b)];
      const nan = Number(Number.isNaN(x)) - Number(Number.isNaN(y));
      return (
        nan || (x === y || Number.isNaN(x) ? compareLabels(a.labels, b.labels) : y > x ? 1 : -1)
      );
    });
  return kept.slice(0, Math.max(0, k)).map(({ labels }) => labelValue(labels, "name"));
}

test("topk and bottomk keep what sorting all samples would, whatever the order they come in", async () => {
  await fc.assert(
    fc.asyncProperty(
      columns,
      limits,
      fc.boolean(),
      fc.infiniteStream(fc.nat()),
      async (all, ks, greatest, order) => {
        const list = all.map((points, i) => seriesOf(points, String.fromCharCode(0x100 + i)));
        const shuffled = list
          .map((series) => ({ series, at: order.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ series }) => series);
        const expr = parse(`${greatest ? "topk" : "bottomk"} by (group) (1, m)`);
        baseAssert(expr.kind === "aggregation", "an aggregation");
        const extremes = new Extremes(expr, Float64Array.from(ks), {
          annotations: new Annotations(undefined),
          hold: () => {},
        });
        for (const series of shuffled) extremes.add(series);
        const results = await extremes.finish(NO_BREAKS);
        for (const [step, k] of ks.entries()) {
          const names = results
            .filter(({ present }) => present[step] === 1)
            .map(({ labels }) => labelValue(labels, "name"));
          const groups = Object.values(
            Object.groupBy(list, ({ labels }) => labelValue(labels, "group")),
          );
          const best = groups.flatMap((group) => bestOf(group ?? [], step, k, greatest));
          deepEqual(names.sort(), best.sort());
        }
        for (const { labels, values, present } of results) {
          const original = list.find((series) => compareLabels(series.labels, labels) === 0);
          for (let step = 0; step < STEPS; step++)
            if (present[step] === 1) deepEqual(values[step], original?.values[step]);
        }
      },
    ),
    { numRuns: 300 },
  );
});
