import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AttachedColumns } from "../src/attached-columns.ts";

/** The entries of a series, each as its time and what it holds. */
function entriesOf(columns: AttachedColumns, ref: number, minMs = -1000, maxMs = 1000): string[] {
  const found: string[] = [];
  for (const { timestampsMs, bytes } of columns.within(ref, minMs, maxMs))
    for (const [at, timeMs] of timestampsMs.entries()) {
      const { ends, bytes: all } = bytes[0] as (typeof bytes)[number];
      found.push(`${timeMs}:${all.subarray(at === 0 ? 0 : ends[at - 1], ends[at]).join(",")}`);
    }
  return found;
}

function entry(timestampMs: number, ...bytes: number[]) {
  return { timestampMs, valueBits: undefined, bytes: Uint8Array.from(bytes) };
}

test("what is frozen is read with the rest, and what comes meanwhile stays when it goes", () => {
  const columns = new AttachedColumns("histograms");
  for (const timeMs of [1, 5, 9]) equal(columns.insert(7, entry(timeMs, timeMs)), "appended");
  columns.freeze(6);
  equal(columns.nextFrozenMs, 1);
  equal(columns.insert(7, entry(3, 33, 33)), "appended");
  equal(columns.insert(7, entry(5, 5)), "duplicate");
  equal(columns.insert(7, entry(5, 6)), "conflicting");
  deepEqual(entriesOf(columns, 7), ["1:1", "5:5", "3:33,33", "9:9"]);
  columns.dropFrozen(5);
  columns.thaw();
  deepEqual(entriesOf(columns, 7), ["3:33,33", "5:5", "9:9"]);
  deepEqual([columns.count, columns.size, columns.countOf(7)], [3, 4, 3]);
  deepEqual(columns.timeRange, { minMs: 3, maxMs: 9 });
});

test("the newest entry is known after it has gone to a block", () => {
  const columns = new AttachedColumns("histograms");
  columns.insert(7, entry(5, 1));
  columns.freeze(100);
  columns.dropFrozen(100);
  columns.thaw();
  equal(columns.has(7), false);
  equal(columns.newestMs(7), 5);
  equal(columns.insert(7, entry(5, 1)), "duplicate");
  columns.forget(7);
  equal(columns.insert(7, entry(5, 1)), "appended");
});

test("entries in any order, with flushes between, are those of a plain list", () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(fc.constant("insert"), fc.nat(30), fc.nat(3)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("flush"), fc.nat(30), fc.constant(0)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("fail"), fc.nat(30), fc.constant(0)) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const columns = new AttachedColumns("histograms");
      const model = new Map<number, number>();
      let newest: readonly [number, number] = [-1, 0];
      for (const [what, timeMs, value] of steps) {
        if (what === "insert") {
          const known = timeMs === newest[0] ? newest[1] : model.get(timeMs);
          const wanted =
            known === undefined ? "appended" : known === value ? "duplicate" : "conflicting";
          equal(columns.insert(1, entry(timeMs, value)), wanted);
          if (known !== undefined) continue;
          model.set(timeMs, value);
          if (timeMs > newest[0]) newest = [timeMs, value];
        } else {
          columns.freeze(timeMs);
          if (what === "flush") {
            columns.dropFrozen(timeMs);
            for (const time of [...model.keys()]) if (time < timeMs) model.delete(time);
          }
          columns.thaw();
        }
      }
      const wanted = [...model]
        .sort(([a], [b]) => a - b)
        .map(([time, value]) => `${time}:${value}`);
      deepEqual(entriesOf(columns, 1), wanted);
      equal(columns.count, model.size);
      equal(columns.size, model.size);
    }),
  );
});
