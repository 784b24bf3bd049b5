// Which series, names and values are found for a range, wherever their samples are, against a plain look at all samples.
import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, formatLabels, labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import fc from "fast-check";
import { openStore } from "../src/open-store.ts";

const START_MS = 1_700_002_800_000;
const MINUTE_MS = 60_000;
/** Long enough for some of it to be in blocks. */
const MINUTES = 300;

interface Written {
  readonly series: number;
  readonly minute: number;
}

function labelsOf(series: number): Readonly<Record<string, string>> {
  return { [METRIC_NAME]: `m${series % 2}`, job: `j${series % 3}`, pod: `p${series}` };
}

test("names, values and series are those with samples in the range, in memory and in blocks", async () => {
  const kernels = await Kernels.load();
  const samples = fc.array(fc.record({ series: fc.nat(7), minute: fc.nat(MINUTES) }), {
    minLength: 1,
    maxLength: 60,
  });
  const ranges = fc.array(fc.tuple(fc.nat(MINUTES), fc.nat(MINUTES)), {
    minLength: 1,
    maxLength: 6,
  });
  const property = fc.asyncProperty(
    samples,
    ranges,
    fc.nat(60),
    async (written: readonly Written[], asked, flushAfter) => {
      const clock = new SimClock(START_MS + MINUTES * MINUTE_MS);
      const table = new SeriesTable(kernels);
      const disk = new SimDisk(seededRng(1));
      const store = await clock.run(openStore({ disk, clock, kernels, table }));
      const kept = new Set<string>();
      const inOrder = written.toSorted((a, b) => a.minute - b.minute);
      for (const [at, { series, minute }] of inOrder.entries()) {
        if (at === flushAfter) await clock.run(store.flush());
        const { appended } = await store.append({
          labelSets: [labelsFrom(labelsOf(series))],
          series: Uint32Array.of(0),
          timestampsMs: Float64Array.of(START_MS + minute * MINUTE_MS),
          values: Float64Array.of(1),
          stale: null,
        });
        if (appended === 1) kept.add(JSON.stringify({ series, minute }));
      }
      const there = [...kept].map((text) => JSON.parse(text) as Written);
      for (const [one, other] of asked) {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const range = { minMs: START_MS + from * MINUTE_MS, maxMs: START_MS + to * MINUTE_MS };
        const found = there.filter(({ minute }) => minute >= from && minute <= to);
        const sets = found.map(({ series }) => labelsOf(series));
        const expected = (texts: readonly string[]): string[] => [...new Set(texts)].sort();
        const values = (name: string) => expected(sets.map((set) => set[name] as string));
        const ask = <T>(work: Promise<T>): Promise<T> => clock.run(work);
        deepEqual(await ask(store.labelValues("job", range, [])), values("job"));
        deepEqual(await ask(store.labelValues("pod", range, [])), values("pod"));
        deepEqual(
          await ask(store.labelNames(range, [])),
          expected(sets.flatMap((set) => Object.keys(set))),
        );
        const first = [createMatcher("=", METRIC_NAME, "m0")];
        const second = [createMatcher("=~", "job", "j[01]")];
        const matching = found.filter(({ series }) => series % 2 === 0 || series % 3 < 2);
        deepEqual(
          (await ask(store.series(range, [first, second]))).map(formatLabels),
          expected(matching.map(({ series }) => formatLabels(labelsFrom(labelsOf(series))))),
        );
        deepEqual(
          await ask(store.labelValues("pod", range, [first, second])),
          expected(matching.map(({ series }) => labelsOf(series)["pod"] as string)),
        );
      }
      await clock.run(store[Symbol.asyncDispose]());
    },
  );
  await fc.assert(property, { numRuns: 40 });
});
