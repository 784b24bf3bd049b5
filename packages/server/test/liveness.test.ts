import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { SimClock } from "@pharos/testing";
import { Liveness } from "../src/threads/liveness.ts";

test("silence counts from the question that is not answered, and ends with the answer", async () => {
  const clock = new SimClock();
  const asked: (() => void)[] = [];
  const liveness = new Liveness(clock, () => new Promise<void>((answer) => asked.push(answer)));
  equal(liveness.check(), 0);
  await clock.advance(400);
  equal(liveness.hasAnswered, false);
  deepEqual([liveness.check(), asked.length], [400, 1]);
  asked[0]?.();
  await clock.advance(50);
  equal(liveness.hasAnswered, true);
  deepEqual([liveness.check(), asked.length], [0, 2]);
  await clock.advance(30);
  equal(liveness.check(), 30);
});

test("a thread that is gone stays silent", async () => {
  const clock = new SimClock();
  const liveness = new Liveness(clock, () => Promise.reject(new Error("gone")));
  liveness.check();
  await clock.advance(10);
  equal(liveness.check(), 10);
});
