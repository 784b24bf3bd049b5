import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FlushQueue } from "../src/dispatch/flush-queue.ts";

const item = fc.record({
  nextFlushMs: fc.integer({ min: 0, max: 20 }),
  weight: fc.integer({ min: 0, max: 5 }),
});

test("all that are due come out once, the longest due first, in portions that are no heavier than need be", () => {
  fc.assert(
    fc.property(
      fc.array(item, { maxLength: 40 }),
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 10 }),
      (items, nowMs, countMax, weightMax) => {
        const queue = new FlushQueue<(typeof items)[number]>();
        for (const each of items) queue.add(each);
        const taken: typeof items = [];
        for (;;) {
          const load = { weightOf: ({ weight }: { weight: number }) => weight, weightMax };
          const due = queue.takeDue(nowMs, countMax, load);
          if (due.length === 0) break;
          equal(due.length <= countMax, true);
          const butLast = due.slice(0, -1).reduce((sum, { weight }) => sum + weight, 0);
          equal(butLast < weightMax, true);
          taken.push(...due);
        }
        const expected = items
          .filter(({ nextFlushMs }) => nextFlushMs <= nowMs)
          .sort((a, b) => a.nextFlushMs - b.nextFlushMs);
        deepEqual(taken, expected);
      },
    ),
  );
});
