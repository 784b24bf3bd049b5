import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, labelsFrom, METRIC_NAME, seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk } from "@pharos/testing";
import fc from "fast-check";
import { BLOCK_RANGE_MS } from "../src/block/block-meta.ts";
import { openStore } from "../src/open-store.ts";
import { TimeChanges } from "../src/time-changes.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const START_MS = Math.ceil(1_700_000_000_000 / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;

type Step =
  | { readonly kind: "note"; readonly minMs: number; readonly spanMs: number }
  | { readonly kind: "mark" }
  | { readonly kind: "everything" };

const timeMs = fc.oneof(
  fc.integer({ min: -DAY_MS, max: DAY_MS }),
  fc.integer({ min: START_MS - DAY_MS, max: START_MS }),
);
const spanMs = fc.oneof(fc.constant(0), fc.nat(60_000), fc.nat(8 * HOUR_MS), fc.nat(3 * YEAR_MS));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("note"), minMs: timeMs, spanMs }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("mark") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("everything") }) },
);

test("whatever changed since a mark lies in the stretch that is told", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), timeMs, spanMs, (steps, minMs, span) => {
      const changes = new TimeChanges();
      const reader = new TimeChanges(changes.memory);
      const range = { minMs, maxMs: minMs + span };
      const marks: { readonly mark: number; readonly at: number }[] = [];
      for (const [at, each] of steps.entries()) {
        if (each.kind === "note") changes.note(each.minMs, each.minMs + each.spanMs);
        else if (each.kind === "everything") changes.noteEverything();
        else marks.push({ mark: reader.mark(), at });
      }
      for (const { mark, at } of marks) {
        const told = reader.since(mark, range);
        for (const each of steps.slice(at)) {
          if (each.kind === "everything") deepEqual(told, range);
          if (each.kind !== "note") continue;
          const from = Math.max(each.minMs, range.minMs);
          const to = Math.min(each.minMs + each.spanMs, range.maxMs);
          if (from > to) continue;
          ok(told !== undefined && told.minMs <= from && told.maxMs >= to);
        }
      }
    }),
  );
});

test("what changed before a mark, or at other times, is not told", () => {
  const changes = new TimeChanges();
  changes.note(START_MS, START_MS + 15_000);
  const mark = changes.mark();
  const hours = { minMs: START_MS - 5 * HOUR_MS, maxMs: START_MS + HOUR_MS };
  equal(changes.since(mark, hours), undefined);
  changes.note(START_MS + 60_000, START_MS + 60_000);
  deepEqual(changes.since(mark, hours), {
    minMs: START_MS + 60_000,
    maxMs: START_MS + 60_000 + 9_999,
  });
  equal(changes.since(mark, { minMs: START_MS, maxMs: START_MS + 59_999 }), undefined);
  equal(changes.since(changes.mark(), hours), undefined);
});

test("the same batch again is told again to who took a mark in between", () => {
  const changes = new TimeChanges();
  changes.note(START_MS, START_MS);
  changes.note(START_MS, START_MS);
  const mark = changes.mark();
  changes.note(START_MS, START_MS);
  ok(changes.since(mark, { minMs: START_MS, maxMs: START_MS }) !== undefined);
});

test("when marks run out, all that was before counts as changed, and it goes on", () => {
  const changes = new TimeChanges();
  const range = { minMs: START_MS, maxMs: START_MS + HOUR_MS };
  changes.note(START_MS, START_MS);
  const before = changes.mark();
  new Int32Array(changes.memory)[1] = 2 ** 31 - 1;
  changes.note(START_MS + DAY_MS, START_MS + DAY_MS);
  deepEqual(changes.since(before, range), range);
  const after = changes.mark();
  equal(changes.since(after, range), undefined);
  changes.note(START_MS, START_MS);
  ok(changes.since(after, range) !== undefined);
});

async function storeAt(clock: SimClock) {
  const kernels = await Kernels.load();
  return openStore({
    ...{ disk: new SimDisk(seededRng(1)), clock, kernels, table: new SeriesTable(kernels) },
    ...{ retentionMs: 30 * DAY_MS, outOfOrderWindowMs: 6 * HOUR_MS },
  });
}

function sample(timestampMs: number, metric = "up") {
  return {
    labelSets: [labelsFrom({ [METRIC_NAME]: metric })],
    series: Uint32Array.of(0),
    timestampsMs: Float64Array.of(timestampMs),
    values: Float64Array.of(1),
    stale: null,
  };
}

test("a store tells of samples that come late, that are deleted, and whose time is over", async () => {
  const clock = new SimClock(START_MS + 12 * HOUR_MS);
  await using store = await storeAt(clock);
  const all = { minMs: START_MS, maxMs: START_MS + 24 * HOUR_MS };
  const hour = (at: number) => ({
    minMs: START_MS + at * HOUR_MS,
    maxMs: START_MS + (at + 1) * HOUR_MS - 1,
  });
  await store.append(sample(START_MS + 12 * HOUR_MS));
  let mark = store.changes.mark();
  await store.append(sample(START_MS + 9 * HOUR_MS));
  ok(store.changes.since(mark, hour(9)) !== undefined);
  equal(store.changes.since(mark, hour(8)), undefined);
  equal(store.changes.since(mark, hour(12)), undefined);

  mark = store.changes.mark();
  await store.flush();
  await store.compact();
  equal(store.changes.since(mark, all), undefined);
  await store.deleteSeries([createMatcher("=", METRIC_NAME, "up")], hour(9));
  ok(store.changes.since(mark, hour(9)) !== undefined);
  equal(store.changes.since(mark, hour(12)), undefined);

  mark = store.changes.mark();
  await clock.advance(40 * DAY_MS);
  equal(store.changes.since(mark, hour(12)), undefined);
  await store.maintain(clock.nowMs());
  ok(store.changes.since(mark, hour(12)) !== undefined);
});
