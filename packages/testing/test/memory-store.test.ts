import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom } from "@pharos/base";
import { MemoryStore, seriesStoreConformance } from "@pharos/testing";

seriesStoreConformance("MemoryStore", async () => new MemoryStore());

test("columns are spoiled once the next series is asked for, so that nobody keeps them", async () => {
  await using store = new MemoryStore();
  await store.append({
    labelSets: [labelsFrom({ __name__: "a" }), labelsFrom({ __name__: "b" })],
    series: Uint32Array.of(0, 1),
    timestampsMs: Float64Array.of(1, 1),
    values: Float64Array.of(1, 2),
    stale: null,
  });
  const kept: Float64Array[] = [];
  const selection = store.select({ minMs: 0, maxMs: 2 }, [createMatcher("!=", "__name__", "")], {
    samplesMax: 10,
    signal: new AbortController().signal,
  });
  for await (const { values } of selection) kept.push(values);
  equal(kept.length, 2);
  ok(kept.every((values) => Number.isNaN(values[0])));
});
