import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { BLOCK_RANGE_MS } from "../src/block/block-meta.ts";
import { openStore } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";

const kernels = await Kernels.load();
const HOUR_MS = 3_600_000;
const STEP_MS = 30_000;
const START_MS = Math.ceil(1_700_000_000_000 / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;

/** A store with blocks of `flushedHours` and a head of two hours more: a sample each 30 s of `pods` series `x`. */
async function filled(
  flushedHours: number,
  podsAt: (hour: number) => readonly number[],
): Promise<EmbeddedStore> {
  const clock = new SimClock(START_MS);
  const disk = new SimDisk(seededRng(1));
  const store = await openStore({ disk, clock, kernels, table: new SeriesTable(kernels) });
  for (let hour = 0; hour < flushedHours + 2; hour += 2) {
    const labelSets = podsAt(hour).map((pod) =>
      labelsFrom({ [METRIC_NAME]: "x", job: "api", pod: String(pod) }),
    );
    await clock.advance(2 * HOUR_MS);
    for (let ms = 0; ms < 2 * HOUR_MS; ms += STEP_MS) {
      await store.append({
        labelSets,
        series: Uint32Array.from(labelSets.keys()),
        timestampsMs: new Float64Array(labelSets.length).fill(START_MS + hour * HOUR_MS + ms),
        values: new Float64Array(labelSets.length).fill(hour + ms),
        stale: null,
      });
    }
    if (hour < flushedHours) await clock.run(store.flush());
  }
  return store;
}

const X = createMatcher("=", METRIC_NAME, "x");
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Series and samples that a selection really gives. */
async function counted(store: EmbeddedStore, minMs: number, maxMs: number, matchers = [X]) {
  const { signal } = new AbortController();
  let [series, samples] = [0, 0];
  const options = { samplesMax: Number.POSITIVE_INFINITY, signal };
  for await (const { timestampsMs } of store.select({ minMs, maxMs }, matchers, options)) {
    series++;
    samples += timestampsMs.length;
  }
  return { series, samples };
}

test("what a selection reads of head and blocks is told from indexes, with an error of some percent", async () => {
  await using store = await filled(6, () => upTo(50));
  for (const [fromHours, toHours] of [
    [0, 8],
    [1, 5],
    [3, 3.5],
    [5.5, 7.25],
    [6.5, 8],
    [7, 7.5],
  ] as const) {
    const minMs = START_MS + fromHours * HOUR_MS;
    const maxMs = START_MS + toHours * HOUR_MS;
    const estimate = await store.estimate({ minMs, maxMs }, [X]);
    const actual = await counted(store, minMs, maxMs);
    equal(estimate.series, actual.series, `${fromHours} to ${toHours}`);
    const ratio = estimate.samples / actual.samples;
    // A chunk in memory counts whole where it reaches into the range.
    const chunkRatio = toHours - fromHours < 1 ? 4 : 1.5;
    ok(ratio > 0.95 && ratio < chunkRatio, `${fromHours} to ${toHours}: ${ratio}`);
    ok(estimate.size > 0 && estimate.size < 16 * estimate.samples);
    equal(estimate.isPartial, false);
  }
});

test("series that come and go are told apart over blocks", async () => {
  // Each two hours half of the pods are replaced.
  await using store = await filled(6, (hour) => upTo(60).map((pod) => pod + (hour / 2) * 30));
  const range = { minMs: START_MS, maxMs: START_MS + 6 * HOUR_MS - 1 };
  const { series } = await store.estimate(range, [X]);
  const actual = await counted(store, range.minMs, range.maxMs);
  equal(actual.series, 120);
  ok(Math.abs(series - actual.series) <= 20, `${series} series`);
});

test("matchers narrow an estimate, and nothing is nothing", async () => {
  await using store = await filled(2, () => upTo(40));
  const range = { minMs: START_MS, maxMs: START_MS + 4 * HOUR_MS };
  const some = await store.estimate(range, [X, createMatcher("=~", "pod", "1.")]);
  equal(some.series, 10);
  const none = await store.estimate(range, [createMatcher("=", METRIC_NAME, "y")]);
  equal(none.series + none.samples + none.size, 0);
  const before = await store.estimate({ minMs: 0, maxMs: 1 }, [X]);
  equal(before.series + before.samples, 0);
});
