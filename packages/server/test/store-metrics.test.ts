import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import { openStore } from "@pharos/tsdb";
import { OwnMetrics } from "../src/own-metrics.ts";
import { addStoreMetrics } from "../src/store-status.ts";
import { threadMemory } from "../src/threads/thread-memory.ts";

const HOUR_MS = 3_600_000;
const START_MS = 19_700 * 24 * HOUR_MS;

test("the metrics of rollups say of each tier what is there and what waits", async () => {
  const kernels = await Kernels.load();
  const clock = new SimClock(START_MS + 10 * HOUR_MS);
  const disk = new SimDisk(seededRng(1));
  const table = new SeriesTable(kernels);
  const store = await clock.run(openStore({ disk, clock, kernels, table }));
  const length = 10 * 60;
  await store.append({
    labelSets: [labelsFrom({ [METRIC_NAME]: "up" })],
    series: new Uint32Array(length),
    timestampsMs: Float64Array.from({ length }, (_, i) => START_MS + i * 60_000),
    values: new Float64Array(length).fill(1),
    stale: null,
  });
  await clock.run(store.maintain(clock.nowMs()));
  const metrics = new OwnMetrics();
  const ofThread = { memoryUsedSize: 0, memory: threadMemory(kernels), delaySecondsMax: 0 };
  addStoreMetrics(metrics, () => ({ ...store.stats(), ...ofThread }));
  const text = await metrics.text();
  const of = (name: string, tier: string): number => {
    const line = new RegExp(`^pharos_tsdb_rollup_${name}\\{tier="${tier}"\\} (\\S+)$`, "m");
    match(text, line);
    return Number(line.exec(text)?.[1]);
  };
  const blocks = store.stats().blocks.length;
  equal(blocks > 0, true);
  equal(of("blocks", "1h"), blocks);
  equal(of("rows", "1h"), blocks * 2);
  equal(of("size_bytes", "1h") > 0, true);
  equal(of("pending_blocks", "1h"), 0);
  for (const tier of ["1m", "5m", "1d"]) {
    equal(of("blocks", tier), 0);
    equal(of("pending_blocks", tier), blocks);
  }
});
