import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { OperatingError } from "@pharos/base";
import { INGEST_RETRY_AFTER_SECONDS } from "@pharos/collect";
import { type Answer, failureOf, INTERNAL_ERROR } from "./http/answer.ts";
import type { Client } from "./http/client.ts";
import type { IngestAnswer, IngestHeaders } from "./http/ingest.ts";
import { FORM_SIZE_MAX, formTooLarge } from "./http/parameters.ts";
import { ReadRequest } from "./http/read-request.ts";
import { isPlainRead } from "./http/read-routes.ts";
import { sendAnswer } from "./http/send-answer.ts";
import { formatListenAddress, type ListenAddress } from "./options.ts";
import { BODY_LIMITS, BodyCollector } from "./request-body.ts";

/** How long a graceful stop waits for requests that are under way. */
const DRAIN_MS = 10_000;
/** How a request is counted whose sender went away before it had its answer; nginx's number for that. */
const SENDER_GONE = 499;

/** Answers a pushed body. */
export type Push = (headers: IngestHeaders, body: Uint8Array) => Promise<IngestAnswer>;

export interface ListenerRoutes {
  /** The path that the outside world sees the server under, such as `/pharos`: requests come with it or without. */
  readonly pathPrefix?: string;
  /** Where pushed bodies are collected. */
  readonly bodies?: BodyCollector;
  /** What takes samples, by path: plain `node:http`, since every sample passes here. */
  readonly push: Readonly<Record<string, Push>>;
  /** Answers what `isPlainRead`: plain `node:http`, too, since most queries take less time than a `Request` for them. */
  readonly read?: ((request: ReadRequest, client: Client) => Promise<Answer>) | undefined;
  /** Everything else. */
  readonly fetch: (request: Request, client: Client) => Response | Promise<Response>;
  /** Told of each request when its connection is done with it. */
  observe(handler: string, code: number, seconds: number): void;
  onBug(error: unknown): void;
}

export interface Listener {
  readonly address: ListenAddress;
  /** Takes no new connections and waits for the requests under way, for a limited time. May be called again. */
  close(): Promise<void>;
}

/**
 * @param drainMs how long `close` waits for requests under way.
 * @throws OperatingError `config.invalid` where the address is taken or not this machine's.
 */
export async function listen(
  address: ListenAddress,
  routes: ListenerRoutes,
  drainMs: number = DRAIN_MS,
): Promise<Listener> {
  const other = getRequestListener(
    (request, { incoming }) =>
      routes.fetch(request, { address: incoming.socket.remoteAddress ?? "" }),
    { overrideGlobalObjects: false },
  );
  const bodies = routes.bodies ?? new BodyCollector();
  let closing: Promise<void> | undefined;
  const server = createServer((request, response) => {
    const started = performance.now();
    request.url = withoutPrefix(request.url ?? "/", routes.pathPrefix ?? "");
    const [path = ""] = (request.url ?? "").split("?", 1);
    response.once("close", () => {
      const code = response.writableFinished ? response.statusCode : SENDER_GONE;
      routes.observe(handlerName(path), code, (performance.now() - started) / 1000);
      // A connection that is kept alive would hold up the stop until its timeout.
      if (closing !== undefined) request.socket.end();
    });
    const push = request.method === "POST" ? routes.push[path] : undefined;
    const answered =
      push === undefined
        ? answeredOtherwise(routes, path, request, response, other)
        : pushed(push, bodies, request, response);
    Promise.resolve(answered).catch((error: unknown) => {
      routes.onBug(error);
      // A body that ends in the middle must not look as if it were whole.
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  });
  server.keepAliveTimeout = 90_000; // Longer than common scrape and push intervals.
  await opened(server, address);
  const { port } = server.address() as AddressInfo;
  return {
    address: { host: address.host, port },
    close() {
      closing ??= closed(server, drainMs);
      return closing;
    },
  };
}

function answeredOtherwise(
  { read, onBug }: ListenerRoutes,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  other: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<void> {
  const { method = "GET", url = "/" } = request;
  if (read === undefined || !isPlainRead(method, path, url)) return other(request, response);
  return answeredRead(read, request, response, onBug);
}

/** Answers a read; who goes away before its answer is there ends it. */
async function answeredRead(
  read: NonNullable<ListenerRoutes["read"]>,
  request: IncomingMessage,
  response: ServerResponse,
  onBug: (error: unknown) => void,
): Promise<void> {
  const { method = "GET", url: target = "/", headers, socket } = request;
  const gone = new AbortController();
  const { signal } = gone;
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(new DOMException("nobody waits", "AbortError"));
  });
  let asked = new ReadRequest({ method, target, headers, signal });
  let answer: Answer;
  try {
    if (method === "POST")
      asked = new ReadRequest({ method, target, headers, signal, body: await formOf(request) });
    answer = await read(asked, { address: socket.remoteAddress ?? "" });
  } catch (error) {
    const failed = failureOf(error);
    if (failed === undefined) onBug(error);
    answer = failed ?? INTERNAL_ERROR;
  }
  return sendAnswer(response, asked, answer);
}

/**
 * The body of a read. What is still to come of one that is too large is thrown away as it arrives. @throws OperatingError
 * `input.too_large`.
 */
function formOf(request: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers["content-length"] ?? 0) > FORM_SIZE_MAX) reject(formTooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= FORM_SIZE_MAX) chunks.push(chunk);
      else {
        chunks.length = 0;
        reject(formTooLarge());
      }
    });
    request.on("end", () => resolve(new Uint8Array(Buffer.concat(chunks))));
    const aborted = (): void => reject(new DOMException("the sender went away", "AbortError"));
    request.on("error", aborted);
    request.on("close", aborted);
  });
}

/** A proxy in front may take the prefix away or leave it. */
function withoutPrefix(url: string, prefix: string): string {
  if (prefix === "" || !url.startsWith(prefix)) return url;
  const rest = url.slice(prefix.length);
  if (rest === "" || rest.startsWith("?")) return `/${rest}`;
  return rest.startsWith("/") ? rest : url;
}

function opened(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === "EADDRINUSE"
          ? "another program listens there; stop it, or choose another address with --listen"
          : error.message;
      const text = `cannot listen on ${formatListenAddress(address)}: ${reason}`;
      reject(new OperatingError("config.invalid", text));
    });
    server.listen(address.port, address.host, resolve);
  });
}

function closed(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

async function pushed(
  push: Push,
  bodies: BodyCollector,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await bodies.collect(request);
  switch (body.status) {
    case "whole":
      try {
        return send(response, await push(request.headers, body.bytes));
      } finally {
        body.release();
      }
    case "too large":
      return send(response, TOO_LARGE);
    case "busy":
      return send(response, BUSY);
    case "aborted":
      return; // Nobody is left to answer, and nothing was taken.
  }
}

function send(response: ServerResponse, { status, headers, body }: IngestAnswer): void {
  const length = status === 204 ? {} : { "Content-Length": Buffer.byteLength(body) };
  response.writeHead(status, { ...headers, ...length });
  response.end(body);
}

const TEXT = { "Content-Type": "text/plain; charset=utf-8" };

const TOO_LARGE: IngestAnswer = {
  status: 413,
  headers: TEXT,
  body: `a pushed body has at most ${BODY_LIMITS.sizeMax} bytes\n`,
};

const BUSY: IngestAnswer = {
  status: 503,
  headers: { ...TEXT, "Retry-After": String(INGEST_RETRY_AFTER_SECONDS) },
  body: `${BODY_LIMITS.arrivingMax} bytes of pushed bodies are arriving already; try again shortly\n`,
};

const KNOWN_HANDLERS: ReadonlySet<string> = new Set([
  ...["query", "query_range", "series", "labels", "metadata", "targets", "rules", "alerts"].map(
    (name) => `/api/v1/${name}`,
  ),
  ...["/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences", "/api/v2/status"],
  ...["/api/v1/write", "/api/v1/metrics", "/metrics", "/metrics/node", "/federate", "/"],
]);

/** A path as a label: few values, whatever is asked for. */
function handlerName(path: string): string {
  if (path.startsWith("/api/v1/label/")) return "/api/v1/label/:name/values";
  return KNOWN_HANDLERS.has(path) ? path : "other";
}
