import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { OperatingError } from "@pharos/base";
import type { IngestAnswer, IngestHeaders } from "./http/ingest.ts";
import { formatListenAddress, type ListenAddress } from "./options.ts";

/** The largest pushed body as it arrives, compressed; a decoder may allow less. */
const PUSH_SIZE_MAX = 32 * 1024 * 1024;
/** How long a graceful stop waits for requests that are under way. */
const DRAIN_MS = 10_000;

type Push = (headers: IngestHeaders, body: Uint8Array) => Promise<IngestAnswer>;

export interface ListenerRoutes {
  /** What takes samples, by path: plain `node:http`, since every sample passes here. */
  readonly push: Readonly<Record<string, Push>>;
  /** Everything else. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  observe(handler: string, code: number, seconds: number): void;
  onBug(error: unknown): void;
}

export interface Listener {
  readonly address: ListenAddress;
  /** Takes no new connections and waits for the requests under way, up to ten seconds. */
  close(): Promise<void>;
}

/** @throws OperatingError `config.invalid` where the address is taken or not this machine's. */
export async function listen(address: ListenAddress, routes: ListenerRoutes): Promise<Listener> {
  const other = getRequestListener(routes.fetch, { overrideGlobalObjects: false });
  const server = createServer((request, response) => {
    const started = performance.now();
    const [path = ""] = (request.url ?? "").split("?", 1);
    response.once("close", () =>
      routes.observe(handlerName(path), response.statusCode, (performance.now() - started) / 1000),
    );
    const push = request.method === "POST" ? routes.push[path] : undefined;
    const answered =
      push === undefined ? other(request, response) : pushed(push, request, response);
    Promise.resolve(answered).catch((error: unknown) => {
      routes.onBug(error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.keepAliveTimeout = 90_000; // Longer than common scrape and push intervals.
  await opened(server, address);
  const { port } = server.address() as AddressInfo;
  return { address: { host: address.host, port }, close: () => closed(server) };
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

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

const TOO_LARGE: IngestAnswer = {
  status: 413,
  headers: { "Content-Type": "text/plain; charset=utf-8", Connection: "close" },
  body: `a pushed body has at most ${PUSH_SIZE_MAX} bytes\n`,
};

async function pushed(
  push: Push,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await bodyOf(request);
  if (body === "aborted") return; // Nobody is left to answer, and nothing was taken.
  const answer = body === "too large" ? TOO_LARGE : await push(request.headers, body);
  response.writeHead(answer.status, {
    ...answer.headers,
    ...(answer.status === 204 ? {} : { "Content-Length": Buffer.byteLength(answer.body) }),
  });
  response.end(answer.body);
}

/** The whole body; "too large" without reading on, "aborted" where the sender went away. */
function bodyOf(request: IncomingMessage): Promise<Uint8Array | "too large" | "aborted"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= PUSH_SIZE_MAX) return;
      request.pause();
      resolve("too large");
    });
    request.on("end", () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)),
    );
    request.on("error", () => resolve("aborted"));
    request.on("close", () => resolve("aborted"));
  });
}

const KNOWN_HANDLERS: ReadonlySet<string> = new Set([
  ...["query", "query_range", "series", "labels", "metadata", "targets", "rules", "alerts"].map(
    (name) => `/api/v1/${name}`,
  ),
  ...["/api/v1/write", "/api/v1/metrics", "/metrics", "/metrics/node", "/federate", "/"],
]);

/** A path as a label: few values, whatever is asked for. */
function handlerName(path: string): string {
  if (path.startsWith("/api/v1/label/")) return "/api/v1/label/:name/values";
  return KNOWN_HANDLERS.has(path) ? path : "other";
}
