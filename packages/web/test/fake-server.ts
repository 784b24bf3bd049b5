import { encodeQueryColumns, QUERY_COLUMNS_TYPE } from "@pharos/api/columns";
import { labelsFrom } from "@pharos/base";
import { parseValue } from "../src/query-result.ts";

/** What the fake was asked: the path below `api/v1/`, or else from the root on, and what came with it. */
export interface AskedFor {
  readonly path: string;
  readonly form: URLSearchParams;
  readonly method: string;
  /** The query part of the URL. */
  readonly query: URLSearchParams;
  /** The body, where it was JSON. */
  readonly json: unknown;
  /** The body, where it was a text. */
  readonly text: string;
}

/** An answer in Prometheus's envelope, or a function that makes one of the question. */
export type FakeAnswer = object | ((asked: AskedFor) => object | Promise<object>);

export function success(data: unknown, extra: object = {}): object {
  return { status: "success", data, ...extra };
}

export function failure(errorType: string, error: string): object {
  return { status: "error", errorType, error };
}

/** Prometheus's HTTP API as far as a test needs it; what it was not told answers with nothing in it. */
export class FakeServer {
  readonly asked: AskedFor[] = [];
  readonly #answers = new Map<string, FakeAnswer>([
    ["rules", success({ groups: [] })],
    ["targets", success({ activeTargets: [], droppedTargets: [] })],
    ["query", success({ resultType: "vector", result: [] })],
    ["query_range", success({ resultType: "matrix", result: [] })],
    ["status/tsdb", success({ headStats: {} })],
    ["status/tsdb/blocks", success({ blocks: [] })],
  ]);
  dateHeader = "";

  on(path: string, answer: FakeAnswer): this {
    this.#answers.set(path, answer);
    return this;
  }

  /** The queries with which a path was asked by GET, oldest first. */
  queriesOf(path: string): URLSearchParams[] {
    return this.asked
      .filter((one) => one.path === path && one.method === "GET")
      .map(({ query }) => query);
  }

  /** What was sent to a path as JSON, oldest first. */
  sentTo(path: string): unknown[] {
    return this.asked
      .filter((one) => one.path === path && one.json !== undefined)
      .map(({ json }) => json);
  }

  /** The forms with which a path was asked, oldest first. */
  formsOf(path: string): URLSearchParams[] {
    return this.asked.filter((one) => one.path === path).map(({ form }) => form);
  }

  fetch = async (url: string, init?: RequestInit): Promise<Response> => {
    const { pathname, searchParams } = new URL(url, "http://localhost");
    const path = pathname.replace(/^\/api\/v1\//, "");
    const form = new URLSearchParams(init?.body instanceof URLSearchParams ? init.body : "");
    const text = typeof init?.body === "string" ? init.body : "";
    const type = new Headers(init?.headers).get("Content-Type");
    const json: unknown = type === "application/json" ? JSON.parse(text) : undefined;
    const asked = { path, form, method: init?.method ?? "GET", query: searchParams, json, text };
    this.asked.push(asked);
    const answer = this.#answers.get(path);
    if (answer === undefined) return Response.json(failure("not_found", path), { status: 404 });
    const body = typeof answer === "function" ? await answer(asked) : answer;
    const status = "status" in body && body.status === "error" ? 400 : 200;
    if (status === 200 && new Headers(init?.headers).get("Accept") === QUERY_COLUMNS_TYPE)
      return columnsResponse(body as unknown as RangeAnswer, form, this.dateHeader);
    return Response.json(body, { status, headers: { date: this.dateHeader } });
  };
}

/** A range answer in Prometheus's JSON, which tests are written in. */
interface RangeAnswer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Record<string, string>;
      readonly values?: readonly (readonly [number, string])[];
      readonly histograms?: readonly (readonly [number, { count: string; sum: string }])[];
    }[];
  };
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

/** The same answer as the server gives it to this page. */
function columnsResponse(
  { data, warnings = [], infos = [] }: RangeAnswer,
  form: URLSearchParams,
  date: string,
): Response {
  const ms = (name: string): number => Number(form.get(name)) * 1000;
  const [startMs, stepMs] = [ms("start"), ms("step")];
  const grid = { startMs, stepMs, count: Math.floor((ms("end") - startMs) / stepMs) + 1 };
  const series = data.result.map(({ metric, values = [], histograms = [] }) => ({
    labels: labelsFrom(metric),
    timestampsMs: Float64Array.from(values, ([time]) => time * 1000),
    values: Float64Array.from(values, ([, text]) => parseValue(text)),
    histograms: histograms.map(([time, histogram]) => ({ timestampMs: time * 1000, histogram })),
  }));
  const pieces = encodeQueryColumns({ resultType: "matrix", grid, series }, { warnings, infos });
  // Without the page's own Blob, which the fetch of Node does not know.
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  return new Response(body, { headers: { date, "Content-Type": QUERY_COLUMNS_TYPE } });
}
