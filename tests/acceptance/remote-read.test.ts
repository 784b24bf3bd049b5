// Remote read between Pharos and Debian's Prometheus: each answers from the other's samples what the other answers itself.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  ChunkFrames,
  decodeChunkStream,
  decodeSamplesResponse,
  encodeReadRequest,
  type ReceivedPart,
} from "@pharos/adapters/prometheus";
import {
  createMatcher,
  labelsFrom,
  labelValue,
  METRIC_NAME,
  type NativeHistogram,
  ProtoFields,
  packSnappy,
  STALE_HISTOGRAM,
} from "@pharos/base";
import { encodeWriteRequest, type SentSeries } from "@pharos/testing";
import { skipWithout } from "../harness/child.ts";
import { apiGet, PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";
import { PrometheusProcess } from "../harness/prometheus-process.ts";

const QUIET = "scrape_configs: []\n";
const SAMPLES = 400;
const STEP_MS = 5000;
const BLOCK_MS = 2 * 60 * 60_000;
/** Debian's Prometheus takes written samples with these. */
const RECEIVES = ["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"];

function histogramOf(round: number, isInteger: boolean): NativeHistogram {
  const counts = [round, 2 * round, 7].map((count) => (isInteger ? count : count / 4));
  const all = [...counts, 2];
  return {
    ...STALE_HISTOGRAM,
    ...{ stale: false, isInteger, zeroThreshold: 0.001, zeroCount: 2 },
    // A new layout begins on the way.
    schema: round > 100 ? 1 : 2,
    sum: round * 1.25 - 3,
    positiveSpans: [{ offset: -4, length: 3 }],
    positiveCounts: counts,
    count: all.reduce((sum, count) => sum + count, 0),
  };
}

function seriesFrom(startMs: number): readonly SentSeries[] {
  const rounds = Array.from({ length: SAMPLES }, (_, round) => round);
  const at = (round: number): number => startMs + round * STEP_MS;
  const series = (name: string, value: (round: number) => number): SentSeries => ({
    labels: labelsFrom({ [METRIC_NAME]: name, job: "written" }),
    samples: rounds.map((round) => ({ timestampMs: at(round), value: value(round) })),
  });
  const histograms = (name: string, isInteger: boolean): SentSeries => ({
    labels: labelsFrom({ [METRIC_NAME]: name, job: "written" }),
    samples: [],
    histograms: rounds.map((round) => ({
      timestampMs: at(round),
      histogram: histogramOf(round, isInteger),
    })),
  });
  return [
    series("hits_total", (round) => round * 3),
    series("level", (round) => Math.sin(round) * 1e6),
    series("odd", (round) => (round % 7 === 0 ? Number.NaN : -1 / round)),
    histograms("sizes", true),
    histograms("shares", false),
  ];
}

/** Writes them to a server. */
async function written(url: string, startMs: number): Promise<readonly SentSeries[]> {
  const series = seriesFrom(startMs);
  const response = await fetch(`${url}/api/v1/write`, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-protobuf",
      "Content-Encoding": "snappy",
      "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    body: packSnappy(encodeWriteRequest(series)),
  });
  equal(response.status, 204, await response.text());
  return series;
}

/** The same range query of any server, in a form that compares. */
async function answer(
  url: string,
  query: string,
  startMs: number,
): Promise<readonly (readonly [string, unknown])[]> {
  interface Series {
    readonly metric: Readonly<Record<string, string>>;
    readonly values?: unknown;
    readonly histograms?: unknown;
  }
  const { result } = await apiGet<{ result: readonly Series[] }>(url, "query_range", {
    ...{ query, step: "7" },
    start: String(startMs / 1000),
    end: String((startMs + SAMPLES * STEP_MS) / 1000),
  });
  return result
    .map(
      ({ metric, ...points }) => [JSON.stringify(Object.entries(metric).sort()), points] as const,
    )
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

/** Without histograms, which Debian's Prometheus does not take from others. */
const QUERIES = [
  '{job="written", __name__!~"sizes|shares"}',
  "max_over_time(level[30s500ms])",
  "changes(odd[1m1s500ms])",
  "level > 0",
  "sum(level)",
] as const;

test("a Prometheus that reads from Pharos answers as Pharos does", {
  skip: skipWithout("prometheus"),
}, async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: `global: { external_labels: { replica: a } }\n${QUIET}`,
  });
  const startMs = Date.now() - SAMPLES * STEP_MS - 60_000;
  await written(pharos.url, startMs);
  await using prometheus = await PrometheusProcess.start(
    folder.path,
    () => `remote_read: [{ url: "${pharos.url}/api/v1/read", read_recent: true }]\n${QUIET}`,
    ["--enable-feature=native-histograms"],
  );
  for (const query of QUERIES) {
    const expected = (await answer(pharos.url, query, startMs)).map(([key, points]) => {
      const labels = JSON.parse(key) as string[][];
      if (labels.length > 0) labels.push(["replica", "a"]);
      return [query.startsWith("sum") ? key : JSON.stringify(labels.sort()), points] as const;
    });
    ok(expected.length > 0);
    const read = await answer(prometheus.url, query, startMs);
    deepEqual(
      read,
      expected.sort((a, b) => (a[0] < b[0] ? -1 : 1)),
      query,
    );
  }
});

interface RawChunk {
  readonly minMs: number;
  readonly maxMs: number;
  readonly data: Uint8Array;
}

/** The chunks of a stream as they lie in it. */
function chunksOf(stream: Uint8Array): readonly RawChunk[] {
  const chunks: RawChunk[] = [];
  for (let rest = stream; rest.length > 0; ) {
    const size = new ProtoFields("frame", rest);
    const messageSize = size.varint();
    const messageAt = size.offset + 4;
    const message = new ProtoFields("frame", rest, messageAt, messageAt + messageSize);
    equal(message.varint(), 0x0a);
    for (const series = message.message(); !series.done; ) {
      const tag = series.varint();
      if (tag === 0x12) chunks.push(chunkOf(series.message()));
      else series.skip(tag);
    }
    rest = rest.subarray(messageAt + messageSize);
  }
  return chunks;
}

function chunkOf(fields: ProtoFields): RawChunk {
  const chunk = { minMs: 0, maxMs: 0, data: new Uint8Array(0) as Uint8Array };
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x08) chunk.minMs = fields.int64();
    else if (tag === 0x10) chunk.maxMs = fields.int64();
    else if (tag === 0x22) chunk.data = fields.bytes();
    else fields.skip(tag);
  }
  return chunk;
}

async function streamOf(url: string, name: string, startMs: number): Promise<Uint8Array> {
  const range = { minMs: startMs, maxMs: startMs + SAMPLES * STEP_MS };
  const body = encodeReadRequest({
    queries: [{ range, matchers: [createMatcher("=", METRIC_NAME, name)] }],
    accepted: ["STREAMED_XOR_CHUNKS"],
  });
  const response = await fetch(`${url}/api/v1/read`, { method: "POST", body });
  equal(response.status, 200);
  return response.bytes();
}

/** What is in a stream within a range. */
async function decoded(
  stream: Uint8Array,
  range: { readonly minMs: number; readonly maxMs: number },
): Promise<ReceivedPart> {
  const parts: ReceivedPart[] = [];
  for await (const part of decodeChunkStream(new Blob([new Uint8Array(stream)]).stream(), range))
    parts.push(part);
  const [whole] = parts;
  ok(whole !== undefined && parts.length === 1);
  return whole;
}

/** What we make of the same samples: one chunk. */
function chunkAgain({ labels, timestampsMs, values, stale, histograms }: ReceivedPart): RawChunk {
  const columns = { labels, timestampsMs, values, stale };
  const column = {
    timestampsMs: Float64Array.from(histograms, ({ timestampMs }) => timestampMs),
    at: (i: number) => histograms[i]?.histogram ?? STALE_HISTOGRAM,
  };
  const series = histograms.length === 0 ? columns : { ...columns, histograms: column };
  const [chunk, ...others] = [...new ChunkFrames().frames(0, labels, series)].flatMap(chunksOf);
  ok(chunk !== undefined);
  equal(others.length, 0);
  return chunk;
}

/**
 * Soon after the last block's beginning but one: how Prometheus cuts chunks hangs on how far the block's end is, and here
 * none has more than 120 samples.
 */
function earlyInBlockMs(nowMs: number): number {
  return (Math.floor(nowMs / BLOCK_MS) - 1) * BLOCK_MS + 60_000;
}

test("streams of Prometheus hold what was written, and our chunks are the same byte by byte", {
  skip: skipWithout("prometheus"),
}, async () => {
  await using folder = await temporaryFolder();
  await using prometheus = await PrometheusProcess.start(folder.path, () => QUIET, RECEIVES);
  const startMs = earlyInBlockMs(Date.now());
  let compared = 0;
  for (const { labels, samples, histograms = [] } of await written(prometheus.url, startMs)) {
    const stream = await streamOf(prometheus.url, labelValue(labels, METRIC_NAME), startMs);
    const whole = await decoded(stream, { minMs: 0, maxMs: Date.now() });
    deepEqual(
      [...whole.timestampsMs].map((timestampMs, i) => ({ timestampMs, value: whole.values[i] })),
      samples,
    );
    deepEqual(
      whole.histograms.map(({ timestampMs, histogram }) => ({
        timestampMs,
        histogram: { ...histogram, counterReset: "unknown" },
      })),
      histograms,
    );
    const chunks = chunksOf(stream);
    for (const chunk of chunks) {
      // Prometheus goes on beyond 120 samples where it has few of them.
      if (((chunk.data[0] ?? 0) << 8) + (chunk.data[1] ?? 0) > 120) continue;
      compared++;
      const again = chunkAgain(await decoded(stream, chunk));
      // What Prometheus knows of the chunk before is said of the first histogram, and cannot be read from it.
      if (histograms.length > 0) again.data[2] = chunk.data[2] ?? 0;
      // Prometheus's writer has begun the next byte already where one is full.
      deepEqual(
        [...chunk.data.subarray(again.data.length)],
        chunk.data.length > again.data.length ? [0] : [],
      );
      const data = new Uint8Array(chunk.data.subarray(0, again.data.length));
      deepEqual(again, { ...chunk, data });
    }
  }
  ok(compared > 12, `${compared} chunks`);
});

test("a read of Prometheus as samples holds what was written", {
  skip: skipWithout("prometheus"),
}, async () => {
  await using folder = await temporaryFolder();
  await using prometheus = await PrometheusProcess.start(folder.path, () => QUIET, RECEIVES);
  const startMs = Date.now() - SAMPLES * STEP_MS - 60_000;
  const sent = await written(prometheus.url, startMs);
  const body = encodeReadRequest({
    queries: [
      {
        range: { minMs: startMs, maxMs: Date.now() },
        matchers: [createMatcher("=", "job", "written")],
      },
    ],
    accepted: ["SAMPLES"],
  });
  const response = await fetch(`${prometheus.url}/api/v1/read`, { method: "POST", body });
  const [received = []] = decodeSamplesResponse(await response.bytes());
  const byName = new Map(received.map((one) => [labelValue(one.labels, METRIC_NAME), one]));
  // Debian's gives no histograms this way.
  for (const { labels, samples } of sent) {
    const one = byName.get(labelValue(labels, METRIC_NAME));
    ok(one !== undefined);
    deepEqual(
      [...one.values],
      samples.map(({ value }) => value),
    );
  }
});

test("Pharos that reads from others answers as they do, and warns of one that is away", {
  skip: skipWithout("prometheus"),
}, async () => {
  await using from = await temporaryFolder();
  await using other = await temporaryFolder();
  await using folder = await temporaryFolder();
  await using prometheus = await PrometheusProcess.start(
    from.path,
    () => `global: { external_labels: { replica: p } }\n${QUIET}`,
    RECEIVES,
  );
  await using second = await PharosProcess.start({
    folder: other.path,
    config: `global: { external_labels: { replica: q } }\n${QUIET}`,
  });
  const startMs = Date.now() - SAMPLES * STEP_MS - 60_000;
  await written(prometheus.url, startMs);
  await written(second.url, startMs);
  const gone = "http://127.0.0.1:1/api/v1/read";
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: [
      "remote_read:",
      `  - { url: "${prometheus.url}/api/v1/read", read_recent: true }`,
      `  - { url: "${second.url}/api/v1/read", required_matchers: { replica: q } }`,
      `  - { url: "${gone}", required_matchers: { job: nobody } }`,
      QUIET,
    ].join("\n"),
  });
  // With histograms, which go to Prometheus and come back in chunks.
  const all = '{job="written", __name__!="shares"}';
  const queries = [all, "level > 0", "sum(level)", "histogram_count(sizes)"];
  for (const query of queries) {
    const expected = await answer(second.url, query, startMs);
    ok(expected.length > 0, query);
    const labelled = (replica: string) =>
      expected.map(([key, points]) => {
        const labels = JSON.parse(key) as string[][];
        if (!query.startsWith("sum")) labels.push(["replica", replica]);
        return [JSON.stringify(labels.sort()), points] as const;
      });
    deepEqual(await answer(pharos.url, query, startMs), labelled("p"), query);
    if (!query.startsWith("{")) continue;
    const asked = query.replace("{", '{replica="q", ');
    deepEqual(await answer(pharos.url, asked, startMs), labelled("q"), asked);
  }
  const response = await fetch(
    `${pharos.url}/api/v1/query?${new URLSearchParams({ query: '{job="nobody"}' })}`,
  );
  const { data, warnings } = (await response.json()) as {
    data: { result: unknown[] };
    warnings?: readonly string[];
  };
  deepEqual(data.result, []);
  match(
    warnings?.[0] ?? "",
    /remote_read: error sending request: 127\.0\.0\.1:1: connection refused/,
  );
  const { data: found } = (await (
    await fetch(`${pharos.url}/api/v1/series?${new URLSearchParams({ "match[]": "level" })}`)
  ).json()) as { data: unknown };
  deepEqual(found, [{ __name__: "level", job: "written", replica: "p" }]);
});
