import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { createMatcher, formatLabels, formatMatcher, labelsFrom, NO_LABELS } from "@pharos/base";
import type { SeriesColumns } from "@pharos/ports";
import { type SimAnswer, SimClock, SimNetwork } from "@pharos/testing";
import {
  ChunkFrames,
  decodeReadRequest,
  type ReadQuery,
  RemoteReader,
  type RemoteReadSettings,
  SamplesResponse,
} from "../src/prometheus/index.ts";

const ORIGIN = "http://remote:9090";
const UP = createMatcher("=", "__name__", "up");

function series(labels: Record<string, string>, ...points: [ms: number, value: number][]) {
  return {
    labels: labelsFrom(labels),
    timestampsMs: Float64Array.from(points, ([ms]) => ms),
    values: Float64Array.from(points, ([, value]) => value),
    stale: null,
  } satisfies SeriesColumns;
}

function samplesAnswer(...list: readonly SeriesColumns[]): SimAnswer {
  const response = new SamplesResponse();
  for (const columns of list) response.add(columns.labels, columns);
  response.endQuery();
  return {
    kind: "answer",
    headers: { "content-type": "application/x-protobuf", "content-encoding": "snappy" },
    body: response.packed(),
  };
}

function streamAnswer(...list: readonly SeriesColumns[]): SimAnswer {
  const frames = new ChunkFrames(1);
  const body = Buffer.concat(
    list.flatMap((columns) => [...frames.frames(0, columns.labels, columns)]),
  );
  const type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
  return { kind: "answer", headers: { "content-type": type }, body };
}

/** What is read of a system that answers so, `up{job="a"} 1000:1`; and what it was asked. */
async function read(
  answer: SimAnswer | undefined,
  {
    matchers = [UP],
    samplesMax = 100,
    range = { minMs: 0, maxMs: 10_000 },
    ...settings
  }: Partial<RemoteReadSettings> & {
    readonly matchers?: readonly ReturnType<typeof createMatcher>[];
    readonly samplesMax?: number;
    readonly range?: { readonly minMs: number; readonly maxMs: number };
  } = {},
): Promise<{ readonly series: readonly string[]; readonly asked: readonly ReadQuery[] }> {
  const network = new SimNetwork(new SimClock());
  const asked: ReadQuery[] = [];
  network.host(
    ORIGIN,
    answer &&
      ((request) => {
        asked.push(...decodeReadRequest(request.body as Uint8Array).queries);
        return answer;
      }),
  );
  const reader = new RemoteReader(
    {
      ...{ name: "r", url: `${ORIGIN}/api/v1/read`, timeoutMs: 1000, headers: {}, tls: undefined },
      ...{ requiredMatchers: [], externalLabels: NO_LABELS, untilMs: undefined },
      ...settings,
    },
    network,
    "Pharos/test",
  );
  const list: string[] = [];
  const { signal } = new AbortController();
  for await (const { labels, timestampsMs, values } of reader.select(range, matchers, {
    samplesMax,
    signal,
  })) {
    const points = Array.from(timestampsMs, (ms, i) => `${ms}:${values[i]}`);
    list.push(`${formatLabels(labels)} ${points.join(" ")}`);
  }
  return { series: list, asked };
}

const A = series({ __name__: "up", job: "a" }, [1000, 1], [2000, 2]);
const B = series({ __name__: "up", job: "b" }, [1000, 3]);

for (const [name, answer] of [
  ["samples", samplesAnswer],
  ["a stream of chunks", streamAnswer],
] as const) {
  test(`series of ${name} come in order, within the range`, async () => {
    const late = series({ __name__: "up", job: "a" }, [3000, 3], [20_000, 4]);
    const { series: found } = await read(answer(B, A, late));
    deepEqual(found, ['up{job="a"} 1000:1 2000:2 3000:3', 'up{job="b"} 1000:3']);
  });

  test(`more samples in ${name} than a query may read end it`, async () => {
    await rejects(read(answer(A, B), { samplesMax: 2 }), { code: "query.too_many_samples" });
  });
}

test("external labels are asked for and taken away, but those that a query names", async () => {
  const external = { externalLabels: labelsFrom({ region: "eu", replica: "x" }) };
  const answer = samplesAnswer(series({ __name__: "up", region: "eu", replica: "x" }, [1000, 1]));
  const matchers = [UP, createMatcher("=~", "replica", ".+")];
  const { series: found, asked } = await read(answer, { ...external, matchers });
  deepEqual(found, ['up{replica="x"} 1000:1']);
  deepEqual(asked[0]?.matchers.map(formatMatcher), [
    '__name__="up"',
    'replica=~".+"',
    'region="eu"',
  ]);
});

test("only queries with the required matchers go out", async () => {
  const requiredMatchers = [["job", "a"]] as const;
  deepEqual(await read(samplesAnswer(A), { requiredMatchers }), { series: [], asked: [] });
  const matchers = [UP, createMatcher("=", "job", "a")];
  equal((await read(samplesAnswer(A), { requiredMatchers, matchers })).asked.length, 1);
});

test("what the own store has is not asked for", async () => {
  const { asked } = await read(samplesAnswer(A), { untilMs: 5000 });
  deepEqual(asked[0]?.range, { minMs: 0, maxMs: 5000 });
  const recent = { untilMs: 5000, range: { minMs: 6000, maxMs: 9000 } };
  deepEqual((await read(samplesAnswer(A), recent)).asked, []);
});

test("what fails says who and why", async () => {
  const failing = [
    [undefined, /^remote_read: error sending request: connection refused$/],
    [
      { kind: "answer", status: 400, body: "exceeded sample limit (5)\n" },
      /^remote_read: remote server http:\/\/remote:9090\/api\/v1\/read returned http status 400: exceeded sample limit \(5\)$/,
    ],
    [{ kind: "answer", body: "<html>" }, /^remote_read: remote server answers with no type$/],
    [
      { kind: "answer", headers: { "content-type": "application/x-protobuf" }, body: "hello" },
      /^remote_read: snappy/,
    ],
  ] as const;
  for (const [answer, message] of failing)
    await rejects(read(answer), { code: "http.failed", message });
});
