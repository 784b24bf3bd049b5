import { labelsFrom } from "@pharos/base";
import { expect, test } from "vitest";
import { type ApiClient, createApiClient } from "../src/api-client.ts";
import { ApiError } from "../src/api-error.ts";
import { FakeServer, failure, success } from "./fake-server.ts";

const NOW_MS = Date.parse("2026-11-21T12:00:00Z");
const signal = new AbortController().signal;

function clientOf(server: FakeServer): ApiClient {
  let ms = 0;
  return createApiClient({
    baseUrl: "http://localhost/",
    fetch: server.fetch,
    nowMs: () => NOW_MS,
    monotonicMs: () => {
      ms += 12;
      return ms;
    },
  });
}

async function errorOf(answer: Promise<unknown>): Promise<ApiError> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ApiError)) throw new Error(`no ApiError but ${String(error)}`);
  return error;
}

test("a range answer becomes columns on the grid that was asked for, with gaps where samples are missing", async () => {
  const server = new FakeServer().on(
    "query_range",
    success(
      {
        resultType: "matrix",
        result: [
          {
            metric: { __name__: "up", job: "a" },
            values: [
              [10, "1"],
              [30, "+Inf"],
            ],
          },
          { metric: {}, values: [[20, "NaN"]] },
        ],
      },
      { warnings: ["slow"], infos: ["a hint"] },
    ),
  );
  const answer = await clientOf(server).queryRange(
    "up",
    { fromMs: 10_000, toMs: 30_000 },
    10_000,
    signal,
  );
  expect(answer.data.timesSec).toEqual([10, 20, 30]);
  expect(answer.data.series).toEqual([
    {
      labels: labelsFrom({ __name__: "up", job: "a" }),
      values: [1, null, Number.POSITIVE_INFINITY],
    },
    { labels: [], values: [null, Number.NaN, null] },
  ]);
  expect(answer.data.pointCount).toBe(3);
  expect([answer.warnings, answer.infos, answer.tookMs]).toEqual([["slow"], ["a hint"], 12]);
  const [form] = server.formsOf("query_range");
  expect(Object.fromEntries(form ?? [])).toEqual({
    query: "up",
    start: "10",
    end: "30",
    step: "10",
  });
});

test("label names that JavaScript treats specially are labels like others", async () => {
  const metric = JSON.parse('{"__proto__":"x","constructor":"y","10":"z"}') as object;
  const server = new FakeServer().on(
    "query",
    success({ resultType: "vector", result: [{ metric, value: [1, "1"] }] }),
  );
  const { data } = await clientOf(server).query("x", undefined, signal);
  expect(data.rows[0]?.labels).toEqual([
    ["10", "z"],
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
});

test("an instant answer keeps the digits of the server, for each type of result", async () => {
  const server = new FakeServer();
  const rows = async (data: object) => {
    server.on("query", success(data));
    return (await clientOf(server).query("x", 5000, signal)).data.rows.map(({ value }) => value);
  };
  expect(await rows({ resultType: "scalar", result: [1, "0.30000000000000004"] })).toEqual([
    "0.30000000000000004",
  ]);
  expect(await rows({ resultType: "string", result: [1, "text"] })).toEqual(["text"]);
  const values = [
    [1, "1"],
    [2, "2"],
  ];
  expect(await rows({ resultType: "matrix", result: [{ metric: {}, values }] })).toEqual([
    "2",
    "1",
  ]);
  const histogram = [1, { count: "5", sum: "2.5" }];
  expect(await rows({ resultType: "vector", result: [{ metric: {}, histogram }] })).toEqual([
    "histogram: count 5, sum 2.5",
  ]);
});

test("an error of the server keeps its kind and words", async () => {
  const server = new FakeServer().on("query", failure("bad_data", "1:5: parse error: no"));
  const error = await errorOf(clientOf(server).query("sum(", undefined, signal));
  expect([error.kind, error.status, error.message, error.retryable]).toEqual([
    "bad_data",
    400,
    "1:5: parse error: no",
    false,
  ]);
});

test("an answer that is not as promised names the place", async () => {
  const server = new FakeServer().on(
    "rules",
    success({ groups: [{ name: "g", rules: [{ name: 5 }] }] }),
  );
  const error = await errorOf(clientOf(server).rules(signal));
  expect(error.message).toBe(
    "the answer's answer.data.groups[0].rules[0].name should be a text, not 5",
  );
});

test("a page of a proxy in between is reported, not parsed", async () => {
  const api = createApiClient({
    baseUrl: "http://localhost/",
    fetch: async () => new Response("<html>", { status: 502, statusText: "Bad Gateway" }),
    nowMs: () => NOW_MS,
    monotonicMs: () => 0,
  });
  const error = await errorOf(api.targets(signal));
  expect(error.message).toBe("The server answered 502 Bad Gateway, and no JSON.");
  expect(error.retryable).toBe(true);
});

test("a server that is not there is unreachable", async () => {
  const api = createApiClient({
    baseUrl: "http://localhost/",
    fetch: () => Promise.reject(new TypeError("Failed to fetch")),
    nowMs: () => NOW_MS,
    monotonicMs: () => 0,
  });
  expect((await errorOf(api.targets(signal))).kind).toBe("unreachable");
});

test("now is the server's where the clocks differ by more than a header can tell", async () => {
  const server = new FakeServer();
  const api = clientOf(server);
  server.dateHeader = new Date(NOW_MS - 1000).toUTCString();
  await api.rules(signal);
  expect(api.nowMs()).toBe(NOW_MS);
  server.dateHeader = new Date(NOW_MS - 600_000).toUTCString();
  await api.rules(signal);
  expect(api.nowMs()).toBe(NOW_MS - 600_000 + 500);
});

test("the head of an empty database has no oldest sample", async () => {
  const server = new FakeServer().on(
    "status/tsdb",
    success({ headStats: { numSeries: 0, minTime: Number.MAX_SAFE_INTEGER + 1 } }),
  );
  expect((await clientOf(server).tsdbStatus(signal)).headMinTimeMs).toBeUndefined();
});
