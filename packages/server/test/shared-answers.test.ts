import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import type { QueryValue } from "@pharos/promql/engine";
import { parse } from "@pharos/promql/syntax";
import { SimClock } from "@pharos/testing";
import { ANSWER_SHARED_MS, SharedAnswers } from "../src/rules/shared-answers.ts";

const UP = parse("up");
const { signal } = new AbortController();

/** Answers after 100 ms with how many questions there were. */
function world(): { clock: SimClock; shared: SharedAnswers; asked: AbortSignal[] } {
  const clock = new SimClock();
  const asked: AbortSignal[] = [];
  const evaluate = async (
    _: unknown,
    timestampMs: number,
    stop: AbortSignal,
  ): Promise<QueryValue> => {
    const value = asked.push(stop);
    await clock.sleep(100, stop);
    return { type: "scalar", timestampMs, value };
  };
  return { clock, shared: new SharedAnswers(evaluate, clock), asked };
}

function numberOf(value: QueryValue): number {
  return value.type === "scalar" ? value.value : Number.NaN;
}

test("those who ask the same within a second have one answer, those who ask later another", async () => {
  const { clock, shared, asked } = world();
  await clock.run(
    (async () => {
      const ask = async (text: string): Promise<number> =>
        numberOf(await shared.evaluate(parse(text), clock.nowMs(), signal));
      deepEqual(await Promise.all([ask("up"), ask("up"), ask("down"), ask("up")]), [1, 1, 2, 1]);
      equal(await ask("up"), 1);
      await clock.sleep(ANSWER_SHARED_MS + 1, signal);
      equal(await ask("up"), 3);
    })(),
  );
  equal(asked.length, 3);
});

test("who gives up does not take the answer from others, and the last one ends the question", async () => {
  const { clock, shared, asked } = world();
  await clock.run(
    (async () => {
      const first = new AbortController();
      const second = new AbortController();
      const answers = [first, second].map((one) => shared.evaluate(UP, 0, one.signal));
      first.abort(new Error("first"));
      await rejects(answers[0] ?? Promise.resolve(), /first/);
      equal(asked[0]?.aborted, false);
      equal(numberOf((await answers[1]) as QueryValue), 1);
      const third = new AbortController();
      await clock.sleep(ANSWER_SHARED_MS + 1, signal);
      const alone = shared.evaluate(UP, 0, third.signal);
      third.abort(new Error("third"));
      await rejects(alone, /third/);
      equal(asked[1]?.aborted, true);
    })(),
  );
});

test("a failure is told to all who wait, and not kept", async () => {
  const clock = new SimClock();
  let count = 0;
  const shared = new SharedAnswers(async () => {
    count++;
    throw new OperatingError("query.failed", "no");
  }, clock);
  await clock.run(
    (async () => {
      for (let i = 0; i < 2; i++) await rejects(shared.evaluate(UP, 0, signal), /no/);
    })(),
  );
  equal(count, 2);
});
