import { equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "@pharos/testing";
import { Alarm } from "../src/alarm.ts";

test("whoever sleeps is woken by a ring, long before the time", async () => {
  const clock = new SimClock(0);
  const alarm = new Alarm(clock, new AbortController().signal);
  const sleep = alarm.waitFor(undefined, alarm.bell);
  alarm.ring();
  await sleep;
  equal(clock.nowMs(), 0);
});

test("a ring between looking for work and sleeping is not missed", async () => {
  const alarm = new Alarm(new SimClock(0), new AbortController().signal);
  const { bell } = alarm;
  alarm.ring();
  await alarm.waitFor(undefined, bell);
});

test("a ring that was heard does not end the next sleep", async () => {
  const clock = new SimClock(0);
  const alarm = new Alarm(clock, new AbortController().signal);
  alarm.ring();
  let woken = false;
  const sleep = alarm.waitFor(1000, alarm.bell).then(() => {
    woken = true;
  });
  await clock.advance(999);
  ok(!woken);
  await clock.advance(1);
  await sleep;
});

test("the end of all ends a sleep with its reason, and lets none begin", async () => {
  const stop = new AbortController();
  const alarm = new Alarm(new SimClock(0), stop.signal);
  const sleep = alarm.waitFor(1000, alarm.bell);
  stop.abort(new Error("over"));
  await rejects(sleep, /over/);
  await rejects(alarm.waitFor(0, alarm.bell), /over/);
});
