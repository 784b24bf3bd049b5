import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { RequestGate } from "../src/http/request-gate.ts";

const signal = new AbortController().signal;

/** An answer that is there, with a body that is still to be read. */
async function answer(): Promise<Response> {
  return new Response("body");
}

test("a request waits until an answer before it has been read to its end", async () => {
  const gate = new RequestGate(1);
  const first = await gate.run(signal, answer);
  const second = gate.run(signal, answer);
  equal(gate.waiting, 1);
  equal(await first.text(), "body");
  equal(await (await second).text(), "body");
  equal(gate.waiting, 0);
});

test("an answer that nobody wants any more makes room, and so does one that fails", async () => {
  const gate = new RequestGate(1);
  const first = await gate.run(signal, answer);
  await first.body?.cancel();
  await rejects(
    gate.run(signal, () => Promise.reject(new Error("broken"))),
    /broken/,
  );
  equal(await (await gate.run(signal, answer)).text(), "body");
  equal((await gate.run(signal, async () => new Response(null))).status, 200);
  equal(await (await gate.run(signal, answer)).text(), "body");
});

test("who goes away while it waits gives its place in the queue up", async () => {
  const gate = new RequestGate(1);
  const first = await gate.run(signal, answer);
  const leaving = new AbortController();
  const gone = gate.run(leaving.signal, answer);
  const third = gate.run(signal, answer);
  leaving.abort(new Error("gone"));
  await rejects(gone, /gone/);
  equal(gate.waiting, 1);
  await first.text();
  equal(await (await third).text(), "body");
});
