import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { type Listener, type ListenerRoutes, listen } from "../src/listener.ts";
import { BODY_LIMITS } from "../src/request-body.ts";

/** A stop that waits for more than the requests under way is not ended by force, and the test by its timeout. */
const NEVER_MS = 2 ** 31 - 1;

interface Observed {
  readonly handler: string;
  readonly code: number;
}

/** A listener on a free port; pushes answer 200 with the size of their body unless a test says otherwise. */
async function open(
  routes: Partial<ListenerRoutes> = {},
): Promise<
  AsyncDisposable & { listener: Listener; url: string; observed: Observed[]; bugs: unknown[] }
> {
  const observed: Observed[] = [];
  const bugs: unknown[] = [];
  const listener = await listen(
    { host: "127.0.0.1", port: 0 },
    {
      push: {
        "/api/v1/write": async (_, body) => ({ status: 200, headers: {}, body: `${body.length}` }),
      },
      fetch: (request) => new Response(`page ${new URL(request.url).pathname}`),
      observe: (handler, code) => observed.push({ handler, code }),
      onBug: (error) => bugs.push(error),
      ...routes,
    },
    NEVER_MS,
  );
  const url = `http://127.0.0.1:${listener.address.port}`;
  return { listener, url, observed, bugs, [Symbol.asyncDispose]: () => listener.close() };
}

const post = (url: string, body: Uint8Array | string): Promise<Response> =>
  fetch(url, { method: "POST", body: body as Uint8Array<ArrayBuffer> });

test("pushes go past the framework, everything else to it", async () => {
  await using server = await open();
  equal(await (await post(`${server.url}/api/v1/write`, "12345")).text(), "5");
  equal(await (await post(`${server.url}/api/v1/write`, "")).text(), "0");
  equal(await (await fetch(`${server.url}/api/v1/write`)).text(), "page /api/v1/write");
  equal(await (await fetch(`${server.url}/anything?a=b`)).text(), "page /anything");
});

test("a body that is too large is refused with 413, whether or not its size is told first", async () => {
  await using server = await open();
  const body = new Uint8Array(BODY_LIMITS.sizeMax + 1);
  const told = await post(`${server.url}/api/v1/write`, body);
  equal(told.status, 413);
  match(await told.text(), /at most 33554432 bytes/);

  const request = httpRequest(`${server.url}/api/v1/write`, { method: "POST" });
  const answered = once(request, "response");
  request.write(body.subarray(1));
  request.end("xx");
  const [response] = (await answered) as [{ statusCode: number; resume(): void }];
  response.resume();
  equal(response.statusCode, 413);
  equal((await post(`${server.url}/api/v1/write`, "ok")).status, 200, "the next one is taken");
});

test("a sender that goes away in the middle of a body pushes nothing", async () => {
  let pushes = 0;
  const gone = Promise.withResolvers<Observed>();
  await using server = await open({
    push: {
      "/api/v1/write": async () => {
        pushes++;
        return { status: 204, headers: {}, body: "" };
      },
    },
    observe: (handler, code) => gone.resolve({ handler, code }),
  });
  const socket = connect(server.listener.address.port, "127.0.0.1");
  await once(socket, "connect");
  socket.write("POST /api/v1/write HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf");
  await new Promise((done) => socket.write("more", done));
  socket.destroy();
  deepEqual(await gone.promise, { handler: "/api/v1/write", code: 499 });
  equal(pushes, 0);
});

test("a bug in a push is told and answered with 500", async () => {
  await using server = await open({
    push: { "/api/v1/write": () => Promise.reject(new Error("a slip")) },
  });
  const response = await post(`${server.url}/api/v1/write`, "x");
  equal(response.status, 500);
  match(String(server.bugs[0]), /a slip/);
});

test("requests are counted under few names, whatever is asked for", async () => {
  const seen = new Set<string>();
  const all = Promise.withResolvers<void>();
  const paths = ["/api/v1/query?query=up", "/api/v1/label/job/values", "/wp-admin", "/x/y/z"];
  let count = 0;
  await using server = await open({
    observe: (handler) => {
      seen.add(handler);
      if (++count === paths.length) all.resolve();
    },
  });
  for (const path of paths) await (await fetch(server.url + path)).text();
  await all.promise;
  deepEqual([...seen].sort(), ["/api/v1/label/:name/values", "/api/v1/query", "other"]);
});

test("an address that is taken is refused with what can be done", async () => {
  await using first = await open();
  const { address } = first.listener;
  const routes = { push: {}, fetch: () => new Response(), observe() {}, onBug() {} };
  await rejects(
    listen(address, routes),
    /cannot listen on 127\.0\.0\.1:\d+: another program listens there; .* --listen/,
  );
});

test("a stop waits for the answer under way, lets the connection go, and takes no new ones", {
  timeout: 60_000,
}, async () => {
  const started = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  await using server = await open({
    push: {
      "/api/v1/write": async () => {
        started.resolve();
        await finish.promise;
        return { status: 200, headers: {}, body: "kept" };
      },
    },
  });
  // The client keeps its connection alive, which must not hold up the stop.
  const answer = post(`${server.url}/api/v1/write`, "x");
  await started.promise;
  let closed = false;
  const closing = server.listener.close().then(() => {
    closed = true;
  });
  await rejects(fetch(server.url), "no new connection");
  ok(!closed, "it waits");
  finish.resolve();
  equal(await (await answer).text(), "kept");
  await closing;
  await server.listener.close();
});
