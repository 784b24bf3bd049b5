import { equal, notEqual, ok } from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { BodyCollector } from "../src/request-body.ts";

/** A request whose body a test writes as it likes. */
function request(): { stream: PassThrough; message: IncomingMessage } {
  const stream = new PassThrough();
  return { stream, message: Object.assign(stream, { headers: {} }) as unknown as IncomingMessage };
}

/** Sends the parts as one body and answers its text; the body is given back only if asked for. */
async function collected(
  bodies: BodyCollector,
  parts: readonly string[],
): Promise<{ bytes: Uint8Array; text: string; release: () => void }> {
  const { stream, message } = request();
  const body = bodies.collect(message);
  for (const part of parts) stream.write(part);
  stream.end();
  const received = await body;
  ok(received.status === "whole");
  return { ...received, text: new TextDecoder().decode(received.bytes) };
}

test("a body is given whole, in whatever pieces it arrives", async () => {
  const bodies = new BodyCollector();
  for (const parts of [["ab", "c", "def"], ["abcdef"], ["", "abcde", "f"]])
    equal((await collected(bodies, parts)).text, "abcdef");
  equal((await collected(bodies, [])).text, "");
  const large = "x".repeat(200_000);
  equal((await collected(bodies, [large, large])).text, large + large);
});

test("a body keeps its bytes until it is released, and only then is its buffer used again", async () => {
  const bodies = new BodyCollector();
  const first = await collected(bodies, ["fir", "st"]);
  const second = await collected(bodies, ["sec", "ond"]);
  notEqual(first.bytes.buffer, second.bytes.buffer);
  equal(new TextDecoder().decode(first.bytes), "first");
  first.release();
  const third = await collected(bodies, ["th", "ird"]);
  equal(third.bytes.buffer, first.bytes.buffer);
  equal(third.text, "third");
  equal(new TextDecoder().decode(second.bytes), "second");
});

test("bodies that arrive together share one limit, and what is done makes room", async () => {
  const bodies = new BodyCollector({ sizeMax: 100, arrivingMax: 10 });
  const first = request();
  const whole = bodies.collect(first.message);
  first.stream.write("12345678");
  const second = request();
  const refused = bodies.collect(second.message);
  second.stream.write("abc");
  equal((await refused).status, "busy");
  first.stream.end();
  equal((await whole).status, "whole");
  const third = request();
  const taken = bodies.collect(third.message);
  third.stream.end("1234567890");
  equal((await taken).status, "whole");
});

test("a sender that goes away gives back the room that its body took", async () => {
  const bodies = new BodyCollector({ sizeMax: 100, arrivingMax: 10 });
  for (let turn = 0; turn < 3; turn++) {
    const { stream, message } = request();
    const body = bodies.collect(message);
    stream.write("12345678");
    stream.destroy();
    equal((await body).status, "aborted");
  }
});
