import { deepEqual, equal } from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { type Listener, listen } from "../src/listener.ts";
import { HttpWorld } from "./http-world.ts";

// Over a real connection, since a request that `node:http` has parsed is not the `Request` of the platform.
const world = new HttpWorld();
let listener: Listener;
let origin = "";

before(async () => {
  listener = await listen(
    { host: "127.0.0.1", port: 0 },
    {
      push: {},
      fetch: (request) => world.app.fetch(request),
      observe() {},
      onBug: (error) => world.bugs.push(error),
    },
  );
  origin = `http://127.0.0.1:${listener.address.port}`;
});

after(() => listener.close());

test("a browser's question before a request of another origin gets its answer", async () => {
  const response = await fetch(`${origin}/api/v1/query`, {
    method: "OPTIONS",
    headers: { Origin: "http://grafana.example", "Access-Control-Request-Method": "POST" },
  });
  equal(response.status, 204);
  equal(response.headers.get("Access-Control-Allow-Origin"), "*");
  deepEqual(world.bugs, []);
});

for (const [method, path, status] of [
  ["POST", "/api/v1/label/job/values", 405],
  ["PUT", "/api/v1/query", 405],
  ["DELETE", "/api/v1/series", 405],
  ["GET", "/api/v1/write", 405],
  ["GET", "/api/v1/metrics", 405],
  ["POST", "/api/v1/nothing", 404],
  ["POST", "/api/v1/query", 400],
] as const)
  test(`${method} ${path} without a body is answered with ${status}`, async () => {
    equal((await fetch(`${origin}${path}`, { method })).status, status);
    deepEqual(world.bugs, []);
  });

test("a form that is sent in chunks, without its length, is read", async () => {
  const answer = await rawRequest(
    "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" +
      "Content-Type: application/x-www-form-urlencoded\r\n\r\n" +
      "4\r\nquer\r\n4\r\ny=1&\r\n6\r\ntime=5\r\n0\r\n\r\n",
  );
  equal(answer.includes('{"resultType":"scalar","result":[5,"1"]}'), true, answer);
});

test("a form that is sent in chunks is refused once it is too large", async () => {
  const chunk = `100000\r\n${"a".repeat(0x100000)}\r\n`;
  const answer = await rawRequest(
    "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" +
      `Content-Type: application/x-www-form-urlencoded\r\n\r\n${chunk.repeat(11)}0\r\n\r\n`,
  );
  equal(answer.startsWith("HTTP/1.1 413 "), true, answer.slice(0, 200));
});

/** Everything that the server says to these bytes. */
function rawRequest(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(listener.address.port, "127.0.0.1");
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      answer += text;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
    socket.end(bytes);
  });
}
