import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { gzipSync } from "node:zlib";
import { errorText, OperatingError } from "@pharos/base";
import type { HttpRequest } from "@pharos/ports";
import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from "@pharos/testing";
import { nodeHttpClient } from "../src/node/node-http-client.ts";

const signal = new AbortController().signal;

async function serving(
  listener: RequestListener,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url, headers: {}, timeoutMs: 5000, bodySizeMax: 1e6, ...more };
}

const failsWith =
  (code: string, message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof OperatingError && error.code === code && message.test(error.message);

test("any status is an answer, with headers in lower case", async () => {
  await using server = await serving((_, response) => {
    response.writeHead(503, { "X-Reason": "busy" }).end("later");
  });
  const answer = await nodeHttpClient().request(get(server.url), signal);
  equal(answer.status, 503);
  equal(answer.headers["x-reason"], "busy");
  equal(new TextDecoder().decode(answer.body), "later");
});

test("a body is sent with its length, and connections are reused", async () => {
  const ports = new Set<number | undefined>();
  await using server = await serving((request, response) => {
    ports.add(request.socket.remotePort);
    equal(request.headers["content-length"], "5");
    request.pipe(response);
  });
  const client = nodeHttpClient();
  for (let i = 0; i < 3; i++) {
    const echoed = await client.request(get(server.url, { method: "POST", body: "hello" }), signal);
    equal(new TextDecoder().decode(echoed.body), "hello");
  }
  equal(ports.size, 1);
  client.close();
});

test("a gzipped answer is unpacked, and its limit counts the unpacked size", async () => {
  await using server = await serving((_, response) => {
    response.setHeader("content-encoding", "gzip");
    response.end(gzipSync("x".repeat(100_000)));
  });
  const client = nodeHttpClient();
  equal((await client.request(get(server.url), signal)).body.length, 100_000);
  await rejects(
    client.request(get(server.url, { bodySizeMax: 1000 }), signal),
    failsWith("input.too_large", /exceeds 1000 bytes/),
  );
});

test("a host that does not answer in time, or refuses, is a failure that says so", async () => {
  await using server = await serving(() => {});
  const client = nodeHttpClient();
  await rejects(
    client.request(get(server.url, { timeoutMs: 20 }), signal),
    failsWith("http.failed", /no answer within 20 ms/),
  );
  await rejects(
    client.request(get("http://127.0.0.1:1/"), signal),
    failsWith("http.failed", /^127\.0\.0\.1:1: connection refused$/),
  );
  await rejects(
    client.request(get("ftp://host/"), signal),
    failsWith("http.failed", /not an http/),
  );
});

test("what went wrong is said once, and without the words of Node and OpenSSL", async () => {
  const failureOf = async (request: HttpRequest): Promise<string> =>
    nodeHttpClient()
      .request(request, signal)
      .then(() => "", errorText);
  equal(await failureOf(get("http://127.0.0.1:1/")), "127.0.0.1:1: connection refused");
  await using plain = await serving(() => {});
  const url = plain.url.replace("http:", "https:");
  equal(await failureOf(get(url)), "the server does not speak TLS");
  const modern = createTlsServer({
    minVersion: "TLSv1.3",
    cert: LOCALHOST_CERTIFICATE,
    key: LOCALHOST_KEY,
  });
  await new Promise<void>((done) => modern.listen(0, "127.0.0.1", done));
  const { port } = modern.address() as AddressInfo;
  const old = get(`https://127.0.0.1:${port}/`, { tls: { maxVersion: "TLSv1.2" } });
  match(await failureOf(old), /^TLS: [a-z0-9 /]*protocol version$/);
  await new Promise((done) => modern.close(done));
});

test("redirects are followed, but credentials do not travel to another host", async () => {
  await using target = await serving((_, response) => response.end("there"));
  await using server = await serving((request, response) => {
    const location = request.url === "/" ? "/next" : target.url;
    response.writeHead(302, { location }).end();
  });
  const client = nodeHttpClient();
  const answer = await client.request(get(server.url), signal);
  equal(new TextDecoder().decode(answer.body), "there");
  await rejects(
    client.request(get(server.url, { headers: { authorization: "Bearer x" } }), signal),
    failsWith("http.failed", /credentials are not sent there/),
  );
  const kept = await client.request(get(server.url, { followRedirects: false }), signal);
  equal(kept.status, 302);
});

test("the caller's signal ends a request with its own reason", async () => {
  await using server = await serving(() => {});
  const controller = new AbortController();
  const asked = nodeHttpClient().request(get(server.url), controller.signal);
  controller.abort(new Error("enough"));
  await rejects(asked, /enough/);
});

test("a request goes through its proxy, with the proxy's password, unless the host is excepted", async () => {
  const seen: string[] = [];
  await using proxy = await serving(({ method, url, headers }, response) => {
    seen.push(`${method} ${url} ${headers["proxy-authorization"] ?? "no password"}`);
    response.end("through the proxy");
  });
  await using server = await serving((_, response) => response.end("directly"));
  const url = proxy.url.replace("http://", "http://joe:secret@").replace(/\/$/, "");
  const ask = async (target: string, noProxy: string): Promise<string> => {
    const request = get(target, { proxy: { url, noProxy } });
    const { body } = await nodeHttpClient().request(request, signal);
    return new TextDecoder().decode(body);
  };
  equal(await ask("http://example.test/a?b=c", ""), "through the proxy");
  deepEqual(seen, ["GET http://example.test/a?b=c Basic am9lOnNlY3JldA=="]);
  equal(await ask(server.url, "example.test,127.0.0.1"), "directly");
  equal(seen.length, 1);
});

test("a proxy that does not connect to a host is a failure that does not show its password", async () => {
  const proxy = createServer();
  proxy.on("connect", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\n\r\n"));
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  const url = `http://joe:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  await rejects(
    nodeHttpClient().request(get("https://example.test/", { proxy: { url, noProxy: "" } }), signal),
    failsWith("http.failed", /^the proxy refuses to connect to the host$/),
  );
  await new Promise((done) => proxy.close(done));
});
