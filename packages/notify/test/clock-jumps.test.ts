import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "@pharos/testing";
import { ClockJumps } from "../src/dispatch/clock-jumps.ts";

const HOUR_MS = 3_600_000;
const { signal } = new AbortController();

test("how long ago something was does not grow by a clock that is set ahead", async () => {
  const clock = new SimClock();
  const jumps = new ClockJumps(clock);
  const beforeMs = clock.nowMs();
  await clock.run(clock.sleep(1000, signal));
  clock.jumpWall(3 * HOUR_MS);
  const afterMs = clock.nowMs();
  await clock.run(clock.sleep(500, signal));
  deepEqual(
    [beforeMs, afterMs].map((atMs) => jumps.agoMs(atMs)),
    [1500, 500],
  );
  clock.jumpWall(HOUR_MS);
  deepEqual(
    [beforeMs, afterMs].map((atMs) => jumps.agoMs(atMs)),
    [1500, 500],
  );
});

test("a clock that is set is counted, either way; one that is put right by a little is not", () => {
  const clock = new SimClock();
  const jumps = new ClockJumps(clock);
  clock.jumpWall(1000);
  equal(jumps.count(), 0);
  clock.jumpWall(HOUR_MS);
  equal(jumps.count(), 1);
  clock.jumpWall(-HOUR_MS);
  equal(jumps.count(), 2);
  equal(jumps.count(), 2);
});
