import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { OperatingError } from "@pharos/base";
import { answerCalls, Caller, Moved } from "../src/threads/calls.ts";

interface TestCalls {
  double(ask: number): number;
  fail(ask: "operating" | "bug"): never;
  move(ask: Uint8Array): Uint8Array;
  wait(ask: null): string;
  answerLate(ask: null): string;
  count(ask: number): void;
}

/** Two ends in one thread, as far apart as two threads are. */
class Ends implements Disposable {
  readonly #channel = new MessageChannel();
  readonly caller: Caller<TestCalls>;
  readonly notices: unknown[] = [];
  readonly notify: (notice: unknown) => void;
  counted: number[] = [];
  readonly cancelled = Promise.withResolvers<string>();

  constructor(callsMax = 10) {
    const { port1, port2 } = this.#channel;
    this.caller = new Caller(port1, callsMax, (notice) => this.notices.push(notice));
    this.notify = answerCalls<TestCalls>(port2, {
      double: async (number) => number * 2,
      fail(how) {
        if (how === "operating") throw new OperatingError("disk.full", "no space left");
        throw new TypeError("x is not a function");
      },
      move: (bytes) => new Moved(bytes, [bytes.buffer as ArrayBuffer]),
      wait: (_, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => {
            this.cancelled.resolve((signal.reason as Error).name);
            reject(signal.reason);
          }),
        ),
      // As an answer that was on its way when the call was given up.
      answerLate: (_, signal) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve("a hold"))),
      count: (number) => void this.counted.push(number),
    });
  }

  [Symbol.dispose](): void {
    this.#channel.port1.close();
  }
}

test("calls are answered, however many travel together", async () => {
  using ends = new Ends();
  const answers = await Promise.all([1, 2, 3].map((n) => ends.caller.call("double", n)));
  deepEqual(answers, [2, 4, 6]);
  equal(ends.caller.waiting, 0);
});

test("a failure of the world keeps its code, and a bug its name and stack", async () => {
  using ends = new Ends();
  await rejects(ends.caller.call("fail", "operating"), (error: unknown) => {
    ok(error instanceof OperatingError);
    deepEqual([error.code, error.message], ["disk.full", "no space left"]);
    return true;
  });
  await rejects(ends.caller.call("fail", "bug"), (error: unknown) => {
    ok(error instanceof Error && !(error instanceof OperatingError));
    equal(error.name, "TypeError");
    ok(error.stack?.includes("thread-calls.test.ts"), "the stack is that of the other thread");
    return true;
  });
});

test("buffers are moved there and back, not copied", async () => {
  using ends = new Ends();
  const bytes = Uint8Array.of(1, 2, 3);
  const back = await ends.caller.call("move", bytes, { moved: [bytes.buffer] });
  deepEqual(back, Uint8Array.of(1, 2, 3));
  equal(bytes.length, 0, "they are gone here");
});

test("the answer of a call that was given up is handed to who can let go what it holds", async () => {
  using ends = new Ends();
  const giveUp = new AbortController();
  const late = Promise.withResolvers<string>();
  const { signal } = giveUp;
  const call = ends.caller.call("answerLate", null, { signal, late: late.resolve });
  await ends.caller.call("double", 1); // The other end has the call by now.
  giveUp.abort(new Error("enough"));
  await rejects(call, /enough/);
  equal(await late.promise, "a hold");
});

test("a call that is given up ends at once, and the other end hears of it", async () => {
  using ends = new Ends();
  const gaveUp = new AbortController();
  const call = ends.caller.call("wait", null, { signal: gaveUp.signal });
  await ends.caller.call("double", 1);
  const reason = new Error("no longer wanted");
  gaveUp.abort(reason);
  await rejects(call, reason);
  equal(await ends.cancelled.promise, "AbortError");
  await rejects(ends.caller.call("double", 1, { signal: gaveUp.signal }), reason);
  equal(await ends.caller.call("double", 2), 4, "what comes late is thrown away");
});

test("beyond the limit calls are refused, until others are answered", async () => {
  using ends = new Ends(2);
  const first = [ends.caller.call("double", 1), ends.caller.call("double", 2)];
  await rejects(ends.caller.call("double", 3), { code: "queue.full" });
  await Promise.all(first);
  equal(await ends.caller.call("double", 3), 6);
});

test("what needs no answer is done in order, before what is asked later", async () => {
  using ends = new Ends();
  for (const number of [1, 2, 3]) ends.caller.tell("count", number);
  await ends.caller.call("double", 1);
  deepEqual(ends.counted, [1, 2, 3]);
});

test("the other end can tell something without being asked", async () => {
  using ends = new Ends();
  ends.notify({ level: "info" });
  await ends.caller.call("double", 1);
  deepEqual(ends.notices, [{ level: "info" }]);
});

test("when the other thread is gone, whoever waits hears of it, and whoever asks", async () => {
  using ends = new Ends();
  const waiting = ends.caller.call("wait", null);
  const gone = new OperatingError("query.failed", "the thread has ended");
  ends.caller.fail(gone);
  await rejects(waiting, gone);
  await rejects(ends.caller.call("double", 1), gone);
  ends.caller.tell("count", 1);
  equal(ends.caller.waiting, 0);
});
