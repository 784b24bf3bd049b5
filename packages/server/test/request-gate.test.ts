import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { type Answer, responseOf } from "../src/http/answer.ts";
import { RequestGate } from "../src/http/request-gate.ts";

const signal = new AbortController().signal;

/** An answer that is there, with a body that is still to be read. */
async function answer(): Promise<Answer> {
  const pieces = [new TextEncoder().encode("body")].values();
  const body = { next: () => pieces.next(), return() {} };
  return { status: 200, headers: {}, body };
}

async function textOf(answered: Promise<Answer>): Promise<string> {
  return responseOf(await answered).text();
}

test("a request waits until an answer before it has been read to its end", async () => {
  const gate = new RequestGate(1);
  const first = responseOf(await gate.run(signal, answer));
  const second = gate.run(signal, answer);
  equal(gate.waiting, 1);
  equal(await first.text(), "body");
  equal(await textOf(second), "body");
  equal(gate.waiting, 0);
});

test("an answer that nobody wants any more makes room, and so does one that fails", async () => {
  const gate = new RequestGate(1);
  const first = responseOf(await gate.run(signal, answer));
  await first.body?.cancel();
  await rejects(
    gate.run(signal, () => Promise.reject(new Error("broken"))),
    /broken/,
  );
  equal(await textOf(gate.run(signal, answer)), "body");
  const empty: Answer = { status: 200, headers: {}, body: null };
  equal(await gate.run(signal, async () => empty), empty);
  equal(await textOf(gate.run(signal, answer)), "body");
});

test("who goes away while it waits gives its place in the queue up", async () => {
  const gate = new RequestGate(1);
  const first = responseOf(await gate.run(signal, answer));
  const leaving = new AbortController();
  const gone = gate.run(leaving.signal, answer);
  const third = gate.run(signal, answer);
  leaving.abort(new Error("gone"));
  await rejects(gone, /gone/);
  equal(gate.waiting, 1);
  await first.text();
  equal(await textOf(third), "body");
});
