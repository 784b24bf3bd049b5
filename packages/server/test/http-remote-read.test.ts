import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import {
  decodeChunkStream,
  decodeSamplesResponse,
  encodeReadRequest,
  type ReadResponseType,
  type ReceivedSeries,
} from "@pharos/adapters/prometheus";
import { createMatcher, formatLabels } from "@pharos/base";
import { HttpWorld, NOW_MS } from "./http-world.ts";

const EVERYTHING = { minMs: -(2 ** 52), maxMs: 2 ** 52 };

/** Three samples each of two series, a second apart; the external label is `cluster="c1"`. */
async function worldOfTwo(): Promise<HttpWorld> {
  const world = new HttpWorld();
  await world.write({ __name__: "up", job: "a" }, 3, (i) => i);
  await world.write({ __name__: "up", job: "b", cluster: "own" }, 3, (i) => i * 10);
  return world;
}

interface Asked {
  readonly type?: ReadResponseType;
  readonly matchers?: readonly ReturnType<typeof createMatcher>[];
  readonly minMs?: number;
}

function read(world: HttpWorld, { type = "SAMPLES", matchers, minMs = NOW_MS - 10_000 }: Asked) {
  const query = {
    range: { minMs, maxMs: NOW_MS },
    matchers: matchers ?? [createMatcher("=", "__name__", "up")],
  };
  const body = encodeReadRequest({ queries: [query, query], accepted: [type] });
  return world.app.request("/api/v1/read", { method: "POST", body });
}

/** `up{job="a"} 0 1 2` of the first query's series, in the order of the store: external labels come after. */
async function answered(response: Response): Promise<readonly string[]> {
  equal(response.status, 200);
  const series: ReceivedSeries[] = [];
  if (response.headers.get("Content-Encoding") === "snappy") {
    const [first = [], second = []] = decodeSamplesResponse(await response.bytes());
    deepEqual(second, first);
    series.push(...first);
  } else {
    equal(
      response.headers.get("Content-Type"),
      "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse",
    );
    const pieces = response.body ?? new ReadableStream<Uint8Array>();
    for await (const part of decodeChunkStream(pieces, EVERYTHING))
      if (part.queryIndex === 0) series.push(part);
  }
  return series.map(({ labels, values }) => `${formatLabels(labels)} ${values.join(" ")}`);
}

for (const type of ["SAMPLES", "STREAMED_XOR_CHUNKS"] as const) {
  test(`a remote read as ${type} has the samples of the range, with external labels`, async () => {
    const world = await worldOfTwo();
    deepEqual(await answered(await read(world, { type })), [
      'up{cluster="own", job="b"} 0 10 20',
      'up{cluster="c1", job="a"} 0 1 2',
    ]);
    deepEqual(await answered(await read(world, { type, minMs: NOW_MS - 1000 })), [
      'up{cluster="own", job="b"} 10 20',
      'up{cluster="c1", job="a"} 1 2',
    ]);
  });

  test(`who asks for an external label as ${type} gets what it will be put on`, async () => {
    const world = await worldOfTwo();
    const matchers = [createMatcher("=", "__name__", "up"), createMatcher("=", "cluster", "c1")];
    deepEqual(await answered(await read(world, { type, matchers })), [
      'up{cluster="c1", job="a"} 0 1 2',
    ]);
  });

  test(`a remote read as ${type} that finds nothing is answered with nothing`, async () => {
    const world = new HttpWorld();
    deepEqual(await answered(await read(world, { type })), []);
  });
}

test("a remote read of more samples than the limit is refused in plain words", async () => {
  const world = await worldOfTwo();
  world.remoteRead = { samplesMax: 5, frameSizeMax: 1000 };
  const response = await read(world, {});
  equal(response.status, 400);
  equal(await response.text(), "exceeded sample limit (5)\n");
  // A stream is made as it is read, and has no limit.
  equal((await answered(await read(world, { type: "STREAMED_XOR_CHUNKS" }))).length, 2);
});

test("what is no read request is refused", async () => {
  const world = new HttpWorld();
  const response = await world.app.request("/api/v1/read", { method: "POST", body: "hello" });
  equal(response.status, 400);
  match(await response.text(), /^snappy: /);
  equal((await world.app.request("/api/v1/read")).status, 405);
  deepEqual(world.bugs, []);
});
