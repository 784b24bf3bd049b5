import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import { type AddressInfo, connect, type Server } from "node:net";
import { test } from "node:test";
import { OperatingError } from "@pharos/base";
import type { HttpProxy, HttpRequest, TlsOptions } from "@pharos/ports";
import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from "@pharos/testing";
import { nodeHttpClient } from "../src/node/node-http-client.ts";
import { chosenProxy } from "../src/node/proxy-choice.ts";

const signal = new AbortController().signal;
const TLS: TlsOptions = { ca: LOCALHOST_CERTIFICATE, serverName: "localhost" };

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url, headers: {}, timeoutMs: 5000, bodySizeMax: 1e6, ...more };
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return (server.address() as AddressInfo).port;
}

/** A server that speaks TLS as "localhost", and a proxy that connects to it whatever host it is asked for. */
class ProxyWorld implements AsyncDisposable {
  readonly #server;
  readonly #proxy = createServer();
  readonly #client;
  serverUrl = "";
  proxyUrl = "";
  /** What the proxy was asked, with the headers. */
  readonly asked: { readonly what: string; readonly headers: IncomingHttpHeaders }[] = [];
  refuses = false;

  private constructor(options: ServerOptions, environment: Record<string, string>) {
    this.#server = createSecureServer(
      { cert: LOCALHOST_CERTIFICATE, key: LOCALHOST_KEY, ...options },
      (_, response) => void response.end("hello"),
    );
    this.#client = nodeHttpClient(environment);
  }

  static async open(
    options: ServerOptions = {},
    environment: Record<string, string> = {},
  ): Promise<ProxyWorld> {
    const world = new ProxyWorld(options, environment);
    const port = await portOf(world.#server);
    world.serverUrl = `https://127.0.0.1:${port}/`;
    world.#proxy.on("request", ({ method, url, headers }, response) => {
      world.asked.push({ what: `${method} ${url}`, headers });
      response.end("by the proxy");
    });
    world.#proxy.on("connect", ({ method, url, headers }, socket) => {
      world.asked.push({ what: `${method} ${url}`, headers });
      if (world.refuses) {
        socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      const onward = connect(port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      for (const end of [socket, onward]) {
        end.on("error", () => {});
        end.on("close", () => onward.destroy());
      }
    });
    world.proxyUrl = `http://joe:s%20cret@127.0.0.1:${await portOf(world.#proxy)}`;
    return world;
  }

  async ask(url: string, more: Partial<HttpRequest> = {}): Promise<string> {
    const { body } = await this.#client.request(get(url, { tls: TLS, ...more }), signal);
    return new TextDecoder().decode(body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    for (const server of [this.#server, this.#proxy]) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  }
}

test("with headers for it, the proxy gets them and its password when it is to connect, and the server does not", async () => {
  await using world = await ProxyWorld.open();
  const connectHeaders = { "X-Team": ["a", "b"], "X-Token": ["t"] };
  const proxy: HttpProxy = { url: world.proxyUrl, noProxy: "", connectHeaders };
  equal(await world.ask("https://example.test/path", { proxy }), "hello");
  equal(await world.ask("https://example.test/path", { proxy }), "hello");
  equal(world.asked.length, 1, "the connection is kept");
  const [{ what, headers } = { what: "", headers: {} as IncomingHttpHeaders }] = world.asked;
  equal(what, "CONNECT example.test:443");
  deepEqual(
    [headers.host, headers["x-team"], headers["x-token"], headers["proxy-authorization"]],
    ["example.test:443", "a, b", "t", `Basic ${btoa("joe:s cret")}`],
  );
  // Of http, Go's programs do not tell them either: the request itself goes to the proxy.
  equal(await world.ask("http://example.test/path", { proxy }), "by the proxy");
  equal(world.asked[1]?.headers["x-token"], undefined);
});

test("a proxy that is told headers and refuses is a failure that does not show its password", async () => {
  await using world = await ProxyWorld.open();
  world.refuses = true;
  const proxy = { url: world.proxyUrl, noProxy: "", connectHeaders: { "X-Token": ["t"] } };
  const failed = (error: unknown): boolean =>
    error instanceof OperatingError &&
    error.code === "http.failed" &&
    error.message === "the proxy refuses to connect to the host";
  await rejects(world.ask("https://example.test/", { proxy }), failed);
  const gone = { ...proxy, url: "http://joe:secret@127.0.0.1:1" };
  await rejects(world.ask("https://example.test/", { proxy: gone }), {
    message: "127.0.0.1:1: connection refused",
  });
});

test("a certificate is checked through the proxy as it is without", async () => {
  await using world = await ProxyWorld.open();
  const proxy = { url: world.proxyUrl, noProxy: "", connectHeaders: { "X-Token": ["t"] } };
  const tls = { ca: LOCALHOST_CERTIFICATE };
  await rejects(world.ask("https://example.test/", { proxy, tls }), /altnames/);
  equal(await world.ask("https://localhost/", { proxy, tls }), "hello");
});

test("the environment's proxies are used where they are wanted, and nowhere else", async () => {
  const environment: Record<string, string> = { NO_PROXY: "direct.test" };
  await using world = await ProxyWorld.open({}, environment);
  environment["https_proxy"] = world.proxyUrl;
  environment["HTTP_PROXY"] = world.proxyUrl.replace("http://", ""); // A scheme may be missing.
  const proxy = { url: undefined, noProxy: "" };
  equal(await world.ask("https://example.test/", { proxy }), "hello");
  equal(await world.ask("http://example.test/", { proxy }), "by the proxy");
  deepEqual(
    world.asked.map(({ what }) => what),
    ["CONNECT example.test:443", "GET http://example.test/"],
  );
  equal(await world.ask(world.serverUrl, { proxy }), "hello", "this machine is asked directly");
  equal(await world.ask(world.serverUrl), "hello");
  equal(world.asked.length, 2);
});

test("hosts that are excepted are asked directly, by the rules of Go's programs", () => {
  const proxied = (url: string, noProxy: string): boolean =>
    chosenProxy(new URL(url), { url: "http://proxy:3128", noProxy }, {}) !== undefined;
  const cases: readonly (readonly [noProxy: string, direct: string, proxied: string])[] = [
    ["example.com", "http://example.com", "http://example.com.test"],
    ["example.com", "https://www.Example.com/a", "http://myexample.com"],
    [".example.com", "http://www.example.com", "http://example.com"],
    ["*.example.com", "http://www.example.com", "http://example.com"],
    [" a.test , b.test", "http://b.test", "http://c.test"],
    ["*", "http://anything", ""],
    ["a.test:8080", "http://a.test:8080", "http://a.test"],
    ["a.test:443", "https://a.test", "http://a.test"],
    ["10.1.2.3", "http://10.1.2.3:9", "http://10.1.2.4"],
    ["10.1.2.3:80", "http://10.1.2.3", "http://10.1.2.3:81"],
    ["10.0.0.0/8", "http://10.200.0.1", "http://11.0.0.1"],
    ["fd00::/8", "http://[fd12::1]:80", "http://[fe80::1]"],
    ["[fd12::1]:80", "http://[fd12::1]", "http://[fd12::1]:81"],
    ["fd12::1", "http://[fd12::1]:9", "http://[fd12::2]"],
    ["x", "http://localhost:9090", "http://y"],
    ["x", "http://127.3.2.1", "http://128.3.2.1"],
    ["x", "http://[::1]", "http://[::2]"],
    ["10.0.0.0/99,,:,[,a.test", "http://a.test", "http://10.0.0.1"],
  ];
  for (const [noProxy, direct, other] of cases) {
    equal(proxied(direct, noProxy), false, `${direct} with ${noProxy}`);
    if (other !== "") equal(proxied(other, noProxy), true, `${other} with ${noProxy}`);
  }
  equal(proxied("http://localhost", ""), true, "without a list everything goes through it");
});

test("versions of TLS that are not wanted are not spoken", async () => {
  await using world = await ProxyWorld.open({ maxVersion: "TLSv1.2" });
  const ask = (tls: TlsOptions): Promise<string> =>
    world.ask(world.serverUrl, { tls: { ...TLS, ...tls } });
  equal(await ask({ minVersion: "TLSv1.2" }), "hello");
  await rejects(ask({ minVersion: "TLSv1.3" }), ({ message }: Error) => {
    match(message, /protocol version/);
    return true;
  });
  await using newest = await ProxyWorld.open({ minVersion: "TLSv1.3" });
  await rejects(newest.ask(newest.serverUrl, { tls: { ...TLS, maxVersion: "TLSv1.2" } }), {
    code: "http.failed",
  });
  // Through a proxy as well.
  const proxy = { url: newest.proxyUrl, noProxy: "", connectHeaders: { "X-Token": ["t"] } };
  const tls: TlsOptions = { ...TLS, maxVersion: "TLSv1.2" };
  await rejects(newest.ask("https://example.test/", { proxy, tls }), { code: "http.failed" });
  equal(await newest.ask("https://example.test/", { proxy }), "hello");
});
