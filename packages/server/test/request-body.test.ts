import { deepEqual, equal } from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { BodyCollector } from "../src/request-body.ts";

/** A request whose body a test writes as it likes. */
function request(): { stream: PassThrough; message: IncomingMessage } {
  const stream = new PassThrough();
  return { stream, message: Object.assign(stream, { headers: {} }) as unknown as IncomingMessage };
}

test("a body is given whole, in whatever pieces it arrives", async () => {
  const bodies = new BodyCollector();
  const { stream, message } = request();
  const body = bodies.collect(message);
  for (const part of ["ab", "c", "def"]) stream.write(part);
  stream.end();
  deepEqual(await body, { status: "whole", bytes: Buffer.from("abcdef") });
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
