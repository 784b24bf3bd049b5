import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "../src/sim-clock.ts";

const signal = new AbortController().signal;

test("sleepers wake in the order of their times, and a day takes no time", async () => {
  const clock = new SimClock(0);
  const woken: string[] = [];
  const sleeper = async (name: string, hours: number): Promise<void> => {
    await clock.sleep(hours * 3_600_000, signal);
    woken.push(`${name} at ${clock.nowMs() / 3_600_000}`);
  };
  await clock.run(Promise.all([sleeper("late", 24), sleeper("early", 1), sleeper("noon", 12)]));
  deepEqual(woken, ["early at 1", "noon at 12", "late at 24"]);
});

test("a task that waits for nothing that can come is a failure, not a hang", async () => {
  const clock = new SimClock(0);
  await rejects(clock.run(new Promise(() => {})), /never comes/);
});

test("an aborted sleep rejects with the signal's reason", async () => {
  const clock = new SimClock(0);
  const controller = new AbortController();
  const asleep = clock.sleep(1000, controller.signal);
  controller.abort(new Error("stop"));
  await rejects(asleep, /stop/);
});

test("the wall clock may jump; the monotonic one does not", () => {
  const clock = new SimClock(5000);
  clock.jumpWall(-2000);
  equal(clock.nowMs(), 3000);
  equal(clock.monotonicMs(), 5000);
});

test("advance lets exactly so much time pass", async () => {
  const clock = new SimClock(0);
  let woken = 0;
  const twice = async (): Promise<void> => {
    await clock.sleep(10, signal);
    woken++;
    await clock.sleep(10, signal);
    woken++;
  };
  const done = twice();
  await clock.advance(15);
  equal(woken, 1);
  await clock.advance(5);
  equal(woken, 2);
  await done;
});
