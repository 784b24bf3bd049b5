// Reads go past the router, straight from the connection: what clients see of that is the same.
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import { type Answer, jsonAnswer } from "../src/http/answer.ts";
import { FORM_SIZE_MAX } from "../src/http/parameters.ts";
import { type Listener, type ListenerRoutes, listen } from "../src/listener.ts";
import { HttpWorld, NOW_SECONDS } from "./http-world.ts";

const PIECE = new TextEncoder().encode("0123456789".repeat(10_000));
const QUERY = "/api/v1/query?query=up";

/** A listener, with what it answers reads with; without, all goes to the router. */
class Server implements AsyncDisposable {
  readonly bugs: unknown[] = [];
  readonly #listener: Listener;

  private constructor(listener: Listener, bugs: unknown[]) {
    this.#listener = listener;
    this.bugs = bugs;
  }

  static async open(
    read: ListenerRoutes["read"],
    fetch: ListenerRoutes["fetch"] = () => new Response("from the router"),
  ): Promise<Server> {
    const bugs: unknown[] = [];
    const onBug = (error: unknown): void => void bugs.push(error);
    const routes = { push: {}, read, fetch, observe() {}, onBug };
    return new Server(await listen({ host: "127.0.0.1", port: 0 }, routes, 0), bugs);
  }

  ask(target: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#listener.address.port}${target}`, init);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#listener.close();
  }
}

/** A body of so many pieces, or of ever more. */
function inPieces(count: number, ended: () => void = () => {}): Answer {
  let made = 0;
  const body = {
    next() {
      if (made++ < count) return { done: false as const, value: PIECE.slice() };
      return { done: true as const, value: undefined };
    },
    return: ended,
  };
  return { status: 200, headers: { "Content-Type": "text/plain" }, body };
}

async function seen(response: Response): Promise<unknown> {
  // The client has decompressed what it got; how it came, and when, may differ.
  const headers = Object.fromEntries(response.headers);
  for (const name of ["connection", "content-length", "date", "keep-alive", "transfer-encoding"])
    delete headers[name];
  return { status: response.status, headers, body: await response.text() };
}

test("a read is answered as the router would answer it", async () => {
  const world = new HttpWorld();
  for (let i = 0; i < 200; i++)
    await world.write({ __name__: "many", i: String(i), cause: "a b#c" }, 3, () => i / 7);
  await using direct = await Server.open(world.read, (request) => world.app.fetch(request));
  await using routed = await Server.open(undefined, (request) => world.app.fetch(request));
  const origin = { Origin: "http://grafana" };
  const form = new URLSearchParams({ query: "count(many)", time: String(NOW_SECONDS) });
  const asked: readonly (readonly [string, RequestInit?])[] = [
    ["/api/v1/query?query=1", { headers: origin }],
    ["/api/v1/query?query=1%2B1&query=2"],
    ["/api/v1/query?query=many", { headers: { "Accept-Encoding": "zstd, gzip;q=0.5" } }],
    ["/api/v1/query?query=many", { headers: { ...origin, "Accept-Encoding": "gzip" } }],
    ["/api/v1/query?query=many", { headers: { "Accept-Encoding": "identity" } }],
    ["/api/v1/query?query=many", { method: "HEAD", headers: origin }],
    ["/api/v1/query?query=many[5m]&stats=", { method: "POST", headers: origin }],
    ["/api/v1/query?query=sum(", { headers: origin }],
    ["/api/v1/query", { method: "POST", body: form }],
    ["/api/v1/query?time=0", { method: "POST", body: form }],
    ["/api/v1/query", { method: "POST", body: "query=1" }],
    ["/api/v1/query", { method: "DELETE" }],
    ["/api/v1/query", { method: "OPTIONS", headers: origin }],
    ["/api/v1/query?query=%ff"],
    ["/api/v1/query?query=é"],
    ["/api/v1/label/i/values", { headers: origin }],
    ["/api/v1/label/%69/values"],
    ["/api/v1/label/%zz/values"],
    ["/api/v1/label/i/values", { method: "POST" }],
    ["/api/v1/label//values"],
    ["/api/v1/series?match[]=many", { headers: { "Accept-Encoding": "gzip" } }],
    ["/api/v1/search/metric_names?search[]=ma"],
    ["/federate?match[]=many", { headers: origin }],
    ["/federate?match[]=many", { method: "HEAD" }],
    ["/api/v1/read", { method: "POST", body: "no snappy" }],
    ["/api/v1/nothing"],
  ];
  for (const [target, init] of asked) {
    const answers = await Promise.all([direct.ask(target, init), routed.ask(target, init)]);
    const [one, other] = await Promise.all(answers.map(seen));
    deepEqual(one, other, `${init?.method ?? "GET"} ${target}`);
  }
  deepEqual([direct.bugs, routed.bugs, world.bugs], [[], [], []]);
});

for (const encoding of ["identity", "gzip", "zstd"])
  test(`an answer in pieces (${encoding}) comes whole`, async () => {
    await using server = await Server.open(async () => inPieces(30));
    const answer = await server.ask(QUERY, { headers: { "Accept-Encoding": encoding } });
    equal(answer.headers.get("Content-Encoding") ?? "identity", encoding);
    equal((await answer.bytes()).length, 30 * PIECE.length);
  });

test("no more is made of an answer whose reader has gone", async () => {
  const ended = Promise.withResolvers<void>();
  await using server = await Server.open(async () =>
    inPieces(Number.POSITIVE_INFINITY, ended.resolve),
  );
  const answer = await server.ask(QUERY, { headers: { "Accept-Encoding": "identity" } });
  const reader = answer.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  await ended.promise;
  deepEqual(server.bugs, []);
});

test("nothing is made of the body of an answer to HEAD", async () => {
  const ended = Promise.withResolvers<void>();
  await using server = await Server.open(async () => inPieces(1, ended.resolve));
  equal(await (await server.ask(QUERY, { method: "HEAD" })).text(), "");
  await ended.promise;
});

test("a read ends when nobody waits for it any more", async () => {
  const [began, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<unknown>()];
  await using server = await Server.open(({ signal }) => {
    began.resolve();
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        ended.resolve(signal.reason);
        reject(signal.reason);
      }),
    );
  });
  const gaveUp = new AbortController();
  const asked = server.ask(QUERY, { signal: gaveUp.signal });
  await began.promise;
  gaveUp.abort();
  await rejects(asked, { name: "AbortError" });
  equal(((await ended.promise) as Error).name, "AbortError");
  deepEqual(server.bugs, []);
});

test("a form that is too large is refused, whether its sender says how long it is or not", async () => {
  let reads = 0;
  await using server = await Server.open(async () => {
    reads++;
    return jsonAnswer("{}");
  });
  const piece = new Uint8Array(1024 * 1024).fill(0x61);
  const pieces = ReadableStream.from(
    Array.from({ length: FORM_SIZE_MAX / piece.length + 1 }, () => piece),
  );
  for (const body of [new Uint8Array(FORM_SIZE_MAX + 1), pieces]) {
    const answer = await server.ask("/api/v1/query", { method: "POST", body, duplex: "half" });
    equal(answer.status, 413);
    match(await answer.text(), /"a request to this API has at most 10485760 bytes"/);
  }
  equal(reads, 0);
});

test("a bug is told to who watches: before the answer with a 500, in its middle by cutting it off", async () => {
  let read = async (): Promise<Answer> => {
    throw new Error("bug 1");
  };
  await using server = await Server.open(() => read());
  const failed = await server.ask(QUERY);
  equal(failed.status, 500);
  match(await failed.text(), /"internal error; see the server's log"/);
  const { body: _, ...head } = inPieces(0);
  let made = 0;
  const body = {
    next: async () => {
      if (made++ > 0) throw new Error("bug 2");
      return { done: false as const, value: PIECE.slice() };
    },
    return() {},
  };
  read = async () => ({ ...head, body });
  const cut = server.ask(QUERY, { headers: { "Accept-Encoding": "identity" } });
  await rejects(async () => (await cut).text());
  deepEqual(server.bugs.map(String), ["Error: bug 1", "Error: bug 2"]);
});
