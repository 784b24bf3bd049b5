import { equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import { SimClock } from "@pharos/testing";
import { withDeadline } from "../src/deadline.ts";

function deadline(clock: SimClock) {
  const tooLate = () => new OperatingError("query.timeout", "too late");
  return { clock, limitMs: 1000, tooLate };
}

test("what is done in time is given, and its signal ends then", async () => {
  const stop = new AbortController();
  let seen: AbortSignal | undefined;
  const done = await withDeadline(deadline(new SimClock(0)), stop.signal, async (signal) => {
    seen = signal;
    return "done";
  });
  equal(done, "done");
  equal(seen?.aborted, true);
});

test("what takes too long is given up, though it does not listen", async () => {
  const clock = new SimClock(0);
  const stop = new AbortController();
  const work = withDeadline(deadline(clock), stop.signal, () => new Promise<never>(() => {}));
  const given = rejects(work, /too late/);
  await clock.advance(1000);
  await given;
});

test("the end of all ends the work with its reason, and lets none begin", async () => {
  const stop = new AbortController();
  let reason: unknown;
  const work = withDeadline(deadline(new SimClock(0)), stop.signal, (signal) => {
    signal.addEventListener("abort", () => {
      reason = signal.reason;
    });
    return new Promise<never>(() => {});
  });
  const over = new Error("over");
  stop.abort(over);
  await rejects(work, over);
  equal(reason, over);
  let began = false;
  await rejects(
    withDeadline(deadline(new SimClock(0)), stop.signal, async () => {
      began = true;
    }),
    over,
  );
  ok(!began);
});
