import { deepEqual, equal, ok } from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { decodeQueryColumns, QUERY_COLUMNS_TYPE, valuesOnGrid } from "@pharos/api/columns";
import { Hono } from "hono";
import { responseOf, streamed } from "../src/http/answer.ts";
import { compression } from "../src/http/compression.ts";
import { endUnreadBody } from "../src/http/head-request.ts";
import { negotiate } from "../src/http/negotiate.ts";
import { HttpWorld, NOW_MS, NOW_SECONDS } from "./http-world.ts";

for (const [header, chosen] of [
  ["", undefined],
  ["gzip", "gzip"],
  ["gzip, deflate, br, zstd", "zstd"],
  ["zstd;q=0.5, gzip", "gzip"],
  ["GZIP", "gzip"],
  ["gzip;q=0, zstd;q=0.001", "zstd"],
  ["*", "zstd"],
  ["*;q=0.1, gzip", "gzip"],
  ["zstd;q=0, *", "gzip"],
  ["identity", undefined],
  ["gzip;q=x", undefined],
  [" gzip ; q=0.3 ,,", "gzip"],
] as const)
  test(`of zstd and gzip, "${header}" takes ${chosen ?? "neither"}`, () => {
    equal(negotiate(header, ["zstd", "gzip"]), chosen);
  });

/** A gauge of one sample a second, with a hole. */
async function filled(): Promise<HttpWorld> {
  const world = new HttpWorld();
  await world.write({ __name__: "up", job: "api" }, 60, (i) => i);
  for (let i = 0; i < 40; i++) await world.write({ __name__: "many", i: String(i) }, 2, () => i);
  return world;
}

const RANGE = `start=${NOW_SECONDS - 2}&end=${NOW_SECONDS}&step=1`;
const COLUMNS = { Accept: QUERY_COLUMNS_TYPE };

async function columns(world: HttpWorld, path: string) {
  const response = await world.get(`/api/v1/${path}`, COLUMNS);
  equal(response.headers.get("Content-Type"), QUERY_COLUMNS_TYPE);
  equal(response.headers.get("Vary"), "Accept, Accept-Encoding");
  return decodeQueryColumns(new Uint8Array(await response.arrayBuffer()));
}

test("a range query gives columns to a client that asks for them", async () => {
  const answer = await columns(await filled(), `query_range?query=up&${RANGE}`);
  ok(answer.resultType === "matrix" && answer.grid !== undefined);
  deepEqual(answer.grid, { startMs: NOW_MS - 2000, stepMs: 1000, count: 3 });
  const [series] = answer.series;
  ok(series !== undefined);
  deepEqual(series.labels, [
    ["__name__", "up"],
    ["job", "api"],
  ]);
  deepEqual(valuesOnGrid(series, 3), [57, 58, 59]);
});

test("steps without a sample are missing in the columns", async () => {
  const range = `start=${NOW_SECONDS - 200}&end=${NOW_SECONDS}&step=100`;
  const answer = await columns(
    await filled(),
    `query_range?query=many{i="3"}&lookback_delta=10s&${range}`,
  );
  ok(answer.resultType === "matrix" && answer.grid !== undefined);
  deepEqual(
    answer.series.map((series) => valuesOnGrid(series, 3)),
    [[null, null, 3]],
  );
});

test("an instant query gives columns of each result type", async () => {
  const world = await filled();
  const vector = await columns(world, "query?query=up&stats=all");
  ok(vector.resultType === "vector");
  deepEqual(
    vector.entries.map(({ value }) => value),
    [59],
  );
  equal(vector.timestampMs, NOW_MS);
  ok(vector.stats !== undefined);
  const scalar = await columns(world, "query?query=1/0&time=4.5");
  deepEqual(scalar, {
    resultType: "scalar",
    timestampMs: 4500,
    value: "+Inf",
    warnings: [],
    infos: [],
  });
  const matrix = await columns(world, "query?query=up[2s]");
  ok(matrix.resultType === "matrix" && matrix.grid === undefined);
  deepEqual([...(matrix.series[0]?.timestampsMs ?? [])], [NOW_MS - 1000, NOW_MS]);
});

test("columns are cut to a limit, with the warning that JSON has", async () => {
  const answer = await columns(await filled(), "query?query=many&limit=2");
  ok(answer.resultType === "vector");
  equal(answer.entries.length, 2);
  deepEqual(answer.warnings, ["results truncated due to limit"]);
});

test("who accepts anything, or wants columns less, gets JSON", async () => {
  const world = await filled();
  for (const Accept of ["*/*", `application/json, ${QUERY_COLUMNS_TYPE};q=0.5`, "text/html", ""]) {
    const response = await world.get("/api/v1/query?query=up", { Accept });
    equal(response.headers.get("Content-Type"), "application/json", Accept);
  }
});

test("an error is JSON for those that asked for columns, too", async () => {
  const response = await (await filled()).get("/api/v1/query?query=", COLUMNS);
  equal(response.status, 400);
  equal(response.headers.get("Content-Type"), "application/json");
});

const UNPACK = { zstd: zstdDecompressSync, gzip: gunzipSync } as const;
for (const encoding of ["zstd", "gzip"] as const)
  test(`an answer is compressed with ${encoding}, and is the same`, async () => {
    const world = await filled();
    const plain = await (await world.get("/api/v1/query?query=many")).text();
    const response = await world.get("/api/v1/query?query=many", { "Accept-Encoding": encoding });
    equal(response.headers.get("Content-Encoding"), encoding);
    const bytes = new Uint8Array(await response.arrayBuffer());
    equal(response.headers.get("Content-Length"), String(bytes.length));
    ok(bytes.length < plain.length / 2);
    equal(UNPACK[encoding](bytes).toString(), plain);
  });

test("a streamed answer is compressed as it goes", async () => {
  const world = await filled();
  const path = `/api/v1/query_range?query=many&start=${NOW_SECONDS}&end=${NOW_SECONDS + 250}&step=0.25`;
  const plain = await (await world.get(path)).text();
  ok(plain.length > 256 * 1024, String(plain.length));
  const response = await world.get(path, { "Accept-Encoding": "zstd" });
  equal(response.headers.get("Content-Length"), null);
  equal(zstdDecompressSync(await response.arrayBuffer()).toString(), plain);
});

test("short answers are not compressed, nor those whose client takes no encoding", async () => {
  const world = await filled();
  const short = await world.get("/api/v1/query?query=1", { "Accept-Encoding": "gzip" });
  equal(short.headers.get("Content-Encoding"), null);
  const plain = await world.get("/api/v1/query?query=many", { "Accept-Encoding": "br" });
  equal(plain.headers.get("Content-Encoding"), null);
  equal(plain.headers.get("Vary"), "Accept, Accept-Encoding");
});

/** What no encoding makes smaller. */
const noise = new Uint8Array(randomBytes(100_000));

for (const encoding of ["identity", "gzip", "zstd"])
  test(`nothing more is made of an answer (${encoding}) whose reader has gone`, async () => {
    let made = 0;
    const ended = Promise.withResolvers<void>();
    function* pieces() {
      try {
        for (; made < 1000; made++) yield noise;
      } finally {
        ended.resolve();
      }
    }
    const app = new Hono()
      .use(compression)
      .get("/", () => responseOf(streamed(pieces(), "text/plain")));
    const response = await app.request("/", { headers: { "Accept-Encoding": encoding } });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await ended.promise;
    ok(made < 100, String(made));
  });

test("nothing is made for a HEAD request beyond what its head needs", async () => {
  let ended = false;
  function* pieces() {
    try {
      for (;;) yield noise;
    } finally {
      ended = true;
    }
  }
  const app = new Hono()
    .use(endUnreadBody)
    .get("/", () => responseOf(streamed(pieces(), "text/plain")));
  const response = await app.request("/", { method: "HEAD" });
  equal(response.headers.get("Content-Type"), "text/plain");
  equal(await response.text(), "");
  ok(ended);
});

test("HEAD tells the length of a short answer", async () => {
  const response = await (await filled()).app.request("/api/v1/query?query=1", { method: "HEAD" });
  deepEqual([response.status, await response.text()], [200, ""]);
  ok(Number(response.headers.get("Content-Length")) > 0);
});
