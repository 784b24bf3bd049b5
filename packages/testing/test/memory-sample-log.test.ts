import { rejects } from "node:assert/strict";
import { test } from "node:test";
import { sampleLogConformance } from "../src/conformance/sample-log.ts";
import { MemorySampleLog } from "../src/memory-sample-log.ts";

sampleLogConformance("MemorySampleLog", async () => ({
  log: new MemorySampleLog(),
  close: async () => {},
}));

test("a consumer that is too far behind stops appends, by name", async () => {
  const log = new MemorySampleLog(1);
  await log.consumer("slow", "oldest");
  const batch = {
    labelSets: [[["__name__", "up"]] as const],
    series: new Uint32Array(1),
    timestampsMs: new Float64Array(1),
    values: new Float64Array(1),
    stale: null,
  };
  await log.append(batch);
  await rejects(log.append(batch), { code: "queue.full", message: /slow/ });
});
