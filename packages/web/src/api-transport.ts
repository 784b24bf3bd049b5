import { ApiError } from "./api-error.ts";
import { Json } from "./json-reader.ts";

/** Data with what came beside it. */
export interface Answer<T> {
  readonly data: T;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  /** From the request to the last byte, as the reader waits for it. */
  readonly tookMs: number;
}

/** What the client needs of the browser. */
export interface ApiEnvironment {
  /** Where `api/v1/` lies, with a slash at the end. */
  readonly baseUrl: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
}

/** What a request carries: nothing, a form, JSON, or YAML as it was typed. */
export type RequestBody =
  | { readonly form: Record<string, string> }
  | { readonly json: unknown }
  | { readonly yaml: string }
  | undefined;

export type ChangeMethod = "POST" | "PUT" | "DELETE";

/**
 * Requests to the server, in the two manners of its APIs. Paths are below `api/`. Every method rejects with `ApiError`, or
 * with the signal's reason.
 */
export interface ApiTransport {
  /** Whatever the server answers, as it is. */
  ask(path: string, init: RequestInit, signal: AbortSignal): Promise<Response>;
  /** Prometheus's envelope: `{"status":"success","data":…}`. GET without a body, POST with one. */
  send(path: string, body: RequestBody, signal: AbortSignal): Promise<Answer<Json>>;
  /** An answer of `ask` that is in the envelope. */
  readAnswer(response: Response, startedMs: number, signal: AbortSignal): Promise<Answer<Json>>;
  /** Answers without an envelope, as of Alertmanager's API. */
  get(path: string, signal: AbortSignal): Promise<Json>;
  /** A change whose answer has no envelope; `Json` of undefined where there is no body. */
  change(method: ChangeMethod, path: string, body: RequestBody, signal: AbortSignal): Promise<Json>;
  /** The server's clock, as far as its answers tell; this browser's until the first of them. */
  nowMs(): number;
}

/** The Date header has whole seconds; smaller differences are its rounding and the way of the answer. */
const SKEW_MS_MIN = 2000;

export function createApiTransport(environment: ApiEnvironment): ApiTransport {
  let skewMs = 0;

  function noteServerTime(response: Response): void {
    const serverMs = Date.parse(response.headers.get("date") ?? "");
    if (Number.isNaN(serverMs)) return;
    const differenceMs = serverMs + 500 - environment.nowMs();
    skewMs = Math.abs(differenceMs) < SKEW_MS_MIN ? 0 : differenceMs;
  }

  async function ask(path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
    try {
      const url = `${environment.baseUrl}api/${path}`;
      const response = await environment.fetch(url, { signal, ...init });
      noteServerTime(response);
      return response;
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      throw new ApiError("unreachable", 0, `The server does not answer (${why}).`);
    }
  }

  async function readAnswer(
    response: Response,
    startedMs: number,
    signal: AbortSignal,
  ): Promise<Answer<Json>> {
    const body = await readBody(response, signal);
    if (body.get("status").value !== "success") throw envelopeError(body, response.status);
    const texts = (key: string) =>
      body
        .get(key)
        .list()
        .map((item) => item.text());
    return {
      data: body.get("data"),
      warnings: texts("warnings"),
      infos: texts("infos"),
      tookMs: environment.monotonicMs() - startedMs,
    };
  }

  async function bare(path: string, init: RequestInit, signal: AbortSignal): Promise<Json> {
    const response = await ask(path, init, signal);
    if (response.ok) {
      const text = await readText(response, signal);
      return new Json(text === "" ? undefined : parsed(text, response), "answer");
    }
    throw bareError(await readText(response, signal), response);
  }

  return {
    ask,
    readAnswer,
    nowMs: () => environment.nowMs() + skewMs,

    async send(path, body, signal) {
      const startedMs = environment.monotonicMs();
      const init = body === undefined ? {} : { method: "POST", ...initOf(body) };
      return readAnswer(await ask(path, init, signal), startedMs, signal);
    },

    get: (path, signal) => bare(path, {}, signal),
    change: (method, path, body, signal) => bare(path, { method, ...initOf(body) }, signal),
  };
}

function initOf(body: RequestBody): RequestInit {
  if (body === undefined) return {};
  // Long expressions do not fit into every proxy's idea of a URL.
  if ("form" in body) return { body: new URLSearchParams(body.form) };
  if ("yaml" in body) return { body: body.yaml, headers: { "Content-Type": "application/yaml" } };
  return { body: JSON.stringify(body.json), headers: { "Content-Type": "application/json" } };
}

function envelopeError(body: Json, status: number): ApiError {
  return new ApiError(
    body.get("errorType").textOrEmpty() || "unexpected",
    status,
    body.get("error").textOrEmpty() || `The server answered ${status}.`,
  );
}

/** Alertmanager says what is wrong as a text, or as `{code, message}`; the rest of the API has its envelope. */
function bareError(text: string, response: Response): ApiError {
  const { status } = response;
  const kind = status >= 500 ? "unavailable" : "bad_data";
  const body = text === "" ? undefined : parsed(text, response);
  if (typeof body === "string") return new ApiError(kind, status, body);
  if (typeof body !== "object" || body === null)
    return new ApiError(
      kind,
      status,
      status === 404 ? "It is not there (any more)." : what(response),
    );
  const json = new Json(body, "answer");
  if (json.get("status").value === "error") return envelopeError(json, status);
  return new ApiError(kind, status, json.get("message").textOrEmpty() || what(response));
}

function parsed(text: string, response: Response): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ApiError("unexpected", response.status, `${what(response)} And no JSON.`);
  }
}

function what({ status, statusText }: Response): string {
  return `The server answered ${`${status} ${statusText}`.trim()}.`;
}

async function readText(response: Response, signal: AbortSignal): Promise<string> {
  try {
    return await response.text();
  } catch {
    signal.throwIfAborted();
    throw new ApiError("unreachable", 0, "The server's answer broke off.");
  }
}

async function readBody(response: Response, signal: AbortSignal): Promise<Json> {
  try {
    return new Json(await response.json(), "answer");
  } catch {
    signal.throwIfAborted();
    const answered = `${response.status} ${response.statusText}`.trim();
    throw new ApiError(
      "unexpected",
      response.status,
      `The server answered ${answered}, and no JSON.`,
    );
  }
}
