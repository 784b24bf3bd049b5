import type { Agent, ClientRequest, IncomingMessage } from "node:http";
import { createGunzip } from "node:zlib";
import { OperatingError } from "@pharos/base";
import type { HttpClient, HttpProxy, HttpRequest, HttpResponse } from "@pharos/ports";
import { chosenProxy, type Environment } from "./proxy-choice.ts";
import { tunnelAgent } from "./tunnel-agent.ts";

/** How many connections may be open to one host at a time: one for each notification that may be on its way to it. */
const SOCKETS_PER_HOST_MAX = 256;
/** How long an unused connection is kept: longer than common scrape intervals. */
const IDLE_SOCKET_MS = 75_000;
const REDIRECTS_MAX = 10;
/** For so many proxies connections are kept; of more, those of the one that came first are closed. */
const PROXIES_MAX = 32;

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
  // Not imported: threads that only want this folder's disk would load all of Node's networking with it.
  const { Agent: HttpAgent, request: httpRequest } = process.getBuiltinModule("node:http");
  const { Agent: HttpsAgent, request: httpsRequest } = process.getBuiltinModule("node:https");
  const options = {
    keepAlive: true,
    maxSockets: SOCKETS_PER_HOST_MAX,
    timeout: IDLE_SOCKET_MS,
    scheduling: "lifo" as const,
  };
  const directAgents = { http: new HttpAgent(options), https: new HttpsAgent(options) };
  const proxyAgents = new Map<string, typeof directAgents>();

  /** What keeps the connections that a request may use. */
  const agentOf = (target: URL, wanted: HttpProxy | undefined): Agent => {
    const kind = target.protocol === "https:" ? "https" : "http";
    const proxy = wanted && chosenProxy(target, wanted, environment);
    if (proxy === undefined) return directAgents[kind];
    const headers = wanted?.connectHeaders;
    const key = headers === undefined ? proxy.href : `${proxy.href} ${JSON.stringify(headers)}`;
    let agents = proxyAgents.get(key);
    if (agents === undefined) {
      const proxyEnv = { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href };
      agents = {
        http: new HttpAgent({ ...options, proxyEnv }),
        https:
          headers === undefined
            ? new HttpsAgent({ ...options, proxyEnv })
            : tunnelAgent(options, { proxy, headers }),
      };
      const [first] = proxyAgents.keys();
      if (first !== undefined && proxyAgents.size === PROXIES_MAX) {
        closeAll(proxyAgents.get(first));
        proxyAgents.delete(first);
      }
      proxyAgents.set(key, agents);
    }
    return agents[kind];
  };
  const closeAll = (agents: typeof directAgents | undefined): void => {
    agents?.http.destroy();
    agents?.https.destroy();
  };

  /** `began` gets what is to be destroyed where nobody waits for the answer any more. */
  const once = (
    request: HttpRequest,
    url: URL,
    began: (outgoing: ClientRequest) => void,
  ): Promise<HttpResponse> =>
    new Promise((resolve, reject) => {
      const secure = url.protocol === "https:";
      const body =
        typeof request.body === "string" ? new TextEncoder().encode(request.body) : request.body;
      const outgoing = (secure ? httpsRequest : httpRequest)(url, {
        method: request.method,
        agent: agentOf(url, request.proxy),
        headers: {
          ...request.headers,
          ...(body === undefined ? {} : { "content-length": String(body.length) }),
        },
        ...(request.tls === undefined
          ? {}
          : {
              ca: request.tls.ca,
              cert: request.tls.cert,
              key: request.tls.key,
              servername: request.tls.serverName,
              rejectUnauthorized: request.tls.insecureSkipVerify !== true,
              minVersion: request.tls.minVersion,
              maxVersion: request.tls.maxVersion,
            }),
      });
      began(outgoing);
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        readBody(incoming, request.bodySizeMax).then(
          (bytes) =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: headersOf(incoming),
              body: bytes,
            }),
          (error: unknown) => {
            outgoing.destroy();
            reject(error);
          },
        );
      });
      outgoing.end(body);
    });

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
          const response = await once(request, url, (begun) => {
            outgoing = begun;
          });
          const { location } = response.headers;
          const redirected =
            [301, 302, 303, 307, 308].includes(response.status) && location !== undefined;
          if (!redirected || request.followRedirects === false || request.method !== "GET")
            return response;
          if (redirects === REDIRECTS_MAX)
            throw new OperatingError("http.failed", `stopped after ${REDIRECTS_MAX} redirects`);
          const next = new URL(location, url);
          if (next.host !== url.host && hasCredentials(request))
            throw new OperatingError(
              "http.failed",
              "redirected to another host; credentials are not sent there",
            );
          url = next;
        }
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (tooLate !== undefined) throw tooLate;
        if (error instanceof OperatingError) throw error;
        throw new OperatingError("http.failed", reasonOf(error), { cause: error });
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      }
    },
    close() {
      for (const agents of [directAgents, ...proxyAgents.values()]) closeAll(agents);
    },
  };
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

/** What Node's codes mean, in the words that people search for. */
const REASONS = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset by peer"],
  ["EHOSTUNREACH", "no route to host"],
  ["ENETUNREACH", "network is unreachable"],
  ["ENOTFOUND", "no such host"],
  ["EAI_AGAIN", "the name server does not answer"],
  ["ETIMEDOUT", "connection timed out"],
]);

/** Node wraps several failed connection attempts in one error without a message of its own. */
function reasonOf(error: unknown): string {
  // Its message names the proxy with its password.
  if (isTunnelError(error)) return "the proxy refuses to connect to the host";
  if (error instanceof AggregateError)
    return [...new Set(error.errors.map((each) => reasonOf(each)))].join("; ");
  if (!(error instanceof Error)) return String(error);
  const { code, address, port, hostname } = error as SystemCallError;
  const reason = REASONS.get(code ?? "");
  if (reason === undefined) return error.message;
  const host = address?.includes(":") === true ? `[${address}]` : address;
  const peer = host === undefined ? hostname : `${host}:${port}`;
  return peer === undefined ? reason : `${peer}: ${reason}`;
}

function isTunnelError(error: unknown): boolean {
  return (error as SystemCallError | undefined)?.code === "ERR_PROXY_TUNNEL";
}

/** What Node adds to the error of a connection or a look-up that failed. */
interface SystemCallError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
}
