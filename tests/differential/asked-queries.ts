import { seededRng } from "@pharos/base";
import { complianceQueries } from "./compliance-queries.ts";
import { DATA_END_MS, DATA_START_MS } from "./demo-data.ts";
import type { AskedQuery } from "./differential-run.ts";
import { QueryGenerator } from "./query-generator.ts";

/** Long enough after the data begin that windows are full, long enough before they end for offsets ahead. */
const FROM_SECONDS = DATA_START_MS / 1000 + 1800;
const SPREAD_SECONDS = (DATA_END_MS - DATA_START_MS) / 1000 - 1800;
const STEPS = [7, 10, 15, 60];

/** Queries from a number: of each two, one asks for a moment and one for a range. */
export function* generatedQueries(seed: number, count: number): Generator<AskedQuery> {
  for (let i = 0; i < count; i++) {
    // Each has its own number, so that one of them is made again without the others.
    const rng = seededRng(seed * 1_000_003 + i);
    const query = new QueryGenerator(rng).query();
    const time = FROM_SECONDS + rng.below(SPREAD_SECONDS) + (rng.chance(50) ? 0.5 : 0);
    const step = STEPS[rng.below(STEPS.length)] ?? 15;
    const times =
      i % 2 === 0
        ? ({ kind: "instant", time } as const)
        : ({ kind: "range", start: time, end: time + step * rng.below(30), step } as const);
    yield { query, times };
  }
}

/** Each of the compliance queries, for ten minutes. */
export function* askedForCompliance(): Generator<AskedQuery> {
  const start = FROM_SECONDS + 300.5;
  for (const query of complianceQueries())
    yield { query, times: { kind: "range", start, end: start + 600, step: 30 } };
}
