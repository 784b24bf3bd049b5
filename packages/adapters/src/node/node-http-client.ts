import type { ClientRequest, IncomingMessage } from "node:http";
import { createGunzip } from "node:zlib";
import { OperatingError } from "@pharos/base";
import type { HttpClient, HttpRequest, HttpResponse } from "@pharos/ports";
import { connectionProblem } from "./connection-problem.ts";
import { HttpAgents } from "./http-agents.ts";
import type { Environment } from "./proxy-choice.ts";

const REDIRECTS_MAX = 10;
const REDIRECTED: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface NodeHttpClient extends HttpClient {
  /** Closes the connections that are kept alive. */
  close(): void;
}

/**
 * Requests over this machine's network.
 *
 * @param environment where the proxies are looked up of requests that want the environment's.
 */
export function nodeHttpClient(environment: Environment = process.env): NodeHttpClient {
  const agents = new HttpAgents(environment);
  return {
    async request(request, signal) {
      let outgoing: ClientRequest | undefined;
      let tooLate: OperatingError | undefined;
      // Signals of its own for each request cost more than the rest of it.
      const abort = (): void => void outgoing?.destroy();
      const timer = setTimeout(() => {
        tooLate = new OperatingError("http.failed", `no answer within ${request.timeoutMs} ms`);
        abort();
      }, request.timeoutMs);
      signal.addEventListener("abort", abort, { once: true });
      try {
        let url = parseUrl(request.url);
        for (let redirects = 0; ; redirects++) {
          signal.throwIfAborted();
          if (tooLate !== undefined) throw tooLate;
          outgoing = begin(request, url, agents);
          const response = await answerOf(outgoing, request);
          const next = redirectOf(request, response, url);
          if (next === undefined) return response;
          if (redirects === REDIRECTS_MAX)
            throw new OperatingError("http.failed", `stopped after ${REDIRECTS_MAX} redirects`);
          url = next;
        }
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (tooLate !== undefined) throw tooLate;
        if (error instanceof OperatingError) throw error;
        // Without its cause, which says the same in Node's words.
        throw new OperatingError("http.failed", connectionProblem(error));
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      }
    },
    close() {
      agents.close();
    },
  };
}

/** To be destroyed where nobody waits for the answer any more. */
function begin(request: HttpRequest, url: URL, agents: HttpAgents): ClientRequest {
  const { request: send } =
    url.protocol === "https:"
      ? process.getBuiltinModule("node:https")
      : process.getBuiltinModule("node:http");
  const { method, headers, tls } = request;
  const body =
    typeof request.body === "string" ? new TextEncoder().encode(request.body) : request.body;
  const outgoing = send(url, {
    method,
    agent: agents.of(url, request.proxy),
    headers: {
      ...headers,
      ...(body === undefined ? {} : { "content-length": String(body.length) }),
    },
    ...(tls === undefined
      ? {}
      : {
          ca: tls.ca,
          cert: tls.cert,
          key: tls.key,
          servername: tls.serverName,
          rejectUnauthorized: tls.insecureSkipVerify !== true,
          minVersion: tls.minVersion,
          maxVersion: tls.maxVersion,
        }),
  });
  outgoing.end(body);
  return outgoing;
}

/** Throws what Node says of a connection that fails. */
function answerOf(
  outgoing: ClientRequest,
  { bodySizeMax }: Pick<HttpRequest, "bodySizeMax">,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      readBody(incoming, bodySizeMax).then(
        (body) => resolve({ status: incoming.statusCode ?? 0, headers: headersOf(incoming), body }),
        (error: unknown) => {
          outgoing.destroy();
          reject(error);
        },
      );
    });
  });
}

/** Where the answer is instead; undefined where this is it. @throws OperatingError where no request may go there. */
function redirectOf(request: HttpRequest, response: HttpResponse, url: URL): URL | undefined {
  const { location } = response.headers;
  if (location === undefined || !REDIRECTED.has(response.status)) return undefined;
  if (request.followRedirects === false || request.method !== "GET") return undefined;
  const next = new URL(location, url);
  if (next.host !== url.host && hasCredentials(request))
    throw new OperatingError(
      "http.failed",
      "redirected to another host; credentials are not sent there",
    );
  return next;
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new OperatingError("http.failed", `${JSON.stringify(text)} is not an http or https URL`);
  return url;
}

function hasCredentials(request: HttpRequest): boolean {
  return Object.keys(request.headers).some((name) => name.toLowerCase() === "authorization");
}

function headersOf(incoming: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  return headers;
}

function readBody(incoming: IncomingMessage, sizeMax: number): Promise<Uint8Array> {
  const encoding = incoming.headers["content-encoding"];
  const stream = encoding === "gzip" ? incoming.pipe(createGunzip()) : incoming;
  if (stream !== incoming) incoming.on("error", (error) => stream.destroy(error));
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= sizeMax) chunks.push(chunk);
      else reject(new OperatingError("input.too_large", `the answer exceeds ${sizeMax} bytes`));
    });
    stream.on("end", () => {
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    });
    stream.on("error", reject);
    stream.on("close", () => reject(new Error("the connection was closed within the answer")));
  });
}
