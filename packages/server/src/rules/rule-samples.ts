import type { RuleSamples } from "@pharos/alert";
import type { Labels } from "@pharos/base";
import type { SampleBatch } from "@pharos/ports";

/** What a rule writes, all at one timestamp: its series, and staleness markers for those that ended. */
export function ruleBatch(
  { labelSets, values, stale }: RuleSamples,
  timestampMs: number,
): SampleBatch {
  const liveCount = labelSets.length;
  const count = liveCount + stale.length;
  const flags = stale.length === 0 ? null : new Uint8Array(count).fill(1, liveCount);
  const all = new Float64Array(count);
  all.set(values);
  return {
    labelSets: [...labelSets, ...stale],
    series: Uint32Array.from({ length: count }, (_, i) => i),
    timestampsMs: new Float64Array(count).fill(timestampMs),
    values: all,
    stale: flags,
  };
}

/** Ends series. */
export function staleBatch(series: readonly Labels[], timestampMs: number): SampleBatch {
  return ruleBatch({ labelSets: [], values: [], stale: series }, timestampMs);
}
