import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import { OperatingError, packSnappy } from "@pharos/base";
import {
  INGEST_QUEUE_LIMITS,
  IngestQueue,
  JSON_BODY_SIZE_MAX,
  type RemoteWriteResult,
  receiveJsonMetrics,
} from "@pharos/collect";
import { MemoryStore } from "@pharos/testing";
import {
  type IngestAnswer,
  type IngestDependencies,
  jsonMetrics,
  remoteWrite,
} from "../src/http/ingest.ts";

const NOW_MS = 1_767_225_600_000;

const TAKEN = { appended: 0, duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };

function received(change: Partial<RemoteWriteResult> = {}): RemoteWriteResult {
  return {
    series: 1,
    appended: { ...TAKEN, appended: 3 },
    refused: undefined,
    refusedHistograms: undefined,
    exemplars: { appended: 0, outOfOrder: 0, refused: 0 },
    written: { samples: 3, histograms: 0, exemplars: 0 },
    ...change,
  };
}

interface Ingest extends IngestDependencies {
  readonly store: MemoryStore;
}

function ingest(receive: () => Promise<RemoteWriteResult> = async () => received()): Ingest {
  const store = new MemoryStore();
  return {
    store,
    queue: new IngestQueue(),
    receiver: {
      receive,
      receiveJson: (body) => receiveJsonMetrics(body, NOW_MS, (batch) => store.append(batch)),
    },
  };
}

const JSON_HEADERS = { "content-type": "application/json" };

const push = (
  body: unknown,
  headers: Record<string, string> = JSON_HEADERS,
  dependencies = ingest(),
): Promise<IngestAnswer> => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return jsonMetrics(headers, new TextEncoder().encode(text), dependencies);
};

const CPU = { name: "cpu.load", labels: { host: "web-01" }, timestamp: 1_767_225_599, value: 0.75 };

test("pushed metrics are accepted when the store has them", async () => {
  const dependencies = ingest();
  const answer = await push({ metrics: [CPU] }, JSON_HEADERS, dependencies);
  equal(answer.status, 202);
  deepEqual(JSON.parse(answer.body), { status: "success", data: { ...TAKEN, appended: 1 } });
  const range = { minMs: NOW_MS - 1000, maxMs: NOW_MS - 1000 };
  deepEqual(
    await dependencies.store.series(range, [[{ type: "=", name: "host", value: "web-01" }]]),
    [
      [
        ["__name__", "cpu.load"],
        ["host", "web-01"],
      ],
    ],
  );
});

test("a wrong field is named, and nothing of the body is taken", async () => {
  const dependencies = ingest();
  const bad = { ...CPU, value: "0.75", labels: { region: 5 } };
  const answer = await push({ metrics: [CPU, bad] }, JSON_HEADERS, dependencies);
  equal(answer.status, 400);
  const body = JSON.parse(answer.body) as { errorType: string; error: string; errors: string[] };
  equal(body.errorType, "bad_data");
  deepEqual(
    body.errors.map((error) => error.split(":")[0]),
    ["metrics[1].labels.region", "metrics[1].value"],
  );
  equal(body.error, body.errors.join("; "));
  const range = { minMs: 0, maxMs: NOW_MS };
  deepEqual(await dependencies.store.labelNames(range, []), []);
});

test("JSON is taken with a character set, and without any content type", async () => {
  for (const headers of [{}, { "content-type": "application/json; charset=utf-8" }])
    equal((await push({ metrics: [CPU] }, headers)).status, 202);
});

test("other content types and encodings of pushed metrics are refused as such", async () => {
  equal((await push("a=1", { "content-type": "application/x-www-form-urlencoded" })).status, 415);
  const gzip = { ...JSON_HEADERS, "content-encoding": "gzip" };
  equal((await push({ metrics: [CPU] }, gzip)).status, 415);
});

test("a body of pushed metrics that is too large is refused by its size", async () => {
  const answer = await push(" ".repeat(JSON_BODY_SIZE_MAX + 1));
  equal(answer.status, 413);
  match(answer.body, /at most 16777216 are allowed/);
});

test("a full queue sends the pusher away for a moment", async () => {
  let finish = (): void => {};
  const slow = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const queue = new IngestQueue({ ...INGEST_QUEUE_LIMITS, requestsMax: 1 });
  const dependencies = { ...ingest(), queue };
  const first = queue.run(1, () => slow);
  const answer = await push({ metrics: [CPU] }, JSON_HEADERS, dependencies);
  equal(answer.status, 503);
  equal(answer.headers["Retry-After"], "1");
  match(answer.body, /the ingest queue is full/);
  finish();
  await first;
  equal((await push({ metrics: [CPU] }, JSON_HEADERS, dependencies)).status, 202);
});

const BODY = new Uint8Array([1, 2, 3]);
const write = (
  headers: Record<string, string>,
  receive?: () => Promise<RemoteWriteResult>,
): Promise<IngestAnswer> => remoteWrite(headers, BODY, ingest(receive));

const SNAPPY = { "content-encoding": "snappy", "content-type": "application/x-protobuf" };

test("remote write 1.0 is answered with 204, however it is announced", async () => {
  for (const type of [
    "application/x-protobuf",
    "application/x-protobuf;proto=prometheus.WriteRequest",
    "Application/X-Protobuf; proto=prometheus.WriteRequest",
  ])
    deepEqual(await write({ ...SNAPPY, "content-type": type }), {
      status: 204,
      headers: {},
      body: "",
    });
  equal((await write({})).status, 204);
});

test("senders of remote write 2.0 are told how much of what they sent is there", async () => {
  const type = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
  const headers = { ...SNAPPY, "content-type": type };
  const written = { samples: 2, histograms: 1, exemplars: 4 };
  const empty = packSnappy(new Uint8Array(0));
  const told = {
    "X-Prometheus-Remote-Write-Samples-Written": "2",
    "X-Prometheus-Remote-Write-Histograms-Written": "1",
    "X-Prometheus-Remote-Write-Exemplars-Written": "4",
  };
  const taken = ingest(async () => received({ written }));
  deepEqual(await remoteWrite(headers, empty, taken), { status: 204, headers: told, body: "" });
  const partly = ingest(async () =>
    received({ written, appended: { ...TAKEN, appended: 2, tooOld: 1 } }),
  );
  const answer = await remoteWrite(headers, empty, partly);
  equal(answer.status, 400);
  deepEqual(answer.headers, { "Content-Type": "text/plain; charset=utf-8", ...told });
  equal((await remoteWrite(headers, Uint8Array.of(5, 0), taken)).status, 400);
  const other = {
    ...SNAPPY,
    "content-type": "application/x-protobuf;proto=io.prometheus.write.v3",
  };
  equal((await remoteWrite(other, empty, taken)).status, 415);
});

test("other content types and encodings of remote write are refused as such", async () => {
  equal((await write({ ...SNAPPY, "content-type": "application/json" })).status, 415);
  equal((await write({ ...SNAPPY, "content-encoding": "zstd" })).status, 415);
});

test("samples that were not taken are told to the sender, which must not send them again", async () => {
  const appended = { appended: 5, duplicate: 1, tooOld: 2, tooNew: 3, conflicting: 4 };
  const refused = { samples: 6, reason: "series x: 99 labels" };
  const dependencies = ingest(async () => received({ appended, refused }));
  const answer = await remoteWrite(SNAPPY, BODY, dependencies);
  equal(answer.status, 400);
  equal(dependencies.queue.stats().samplesRefusedTotal, 6);
  equal(
    answer.body,
    "samples dropped: 2 too old, 3 too far in the future, 4 with another value than the one already stored, 6 of a refused series (series x: 99 labels); 6 taken\n",
  );
});

test("samples that were there already are no reason to complain", async () => {
  const appended = { ...TAKEN, duplicate: 3 };
  equal((await write(SNAPPY, async () => received({ appended }))).status, 204);
});

test("what fails in the store is told by whether the sender may try again", async () => {
  for (const [code, status, retry] of [
    ["input.invalid", 400, undefined],
    ["input.too_large", 413, undefined],
    ["disk.full", 507, "1"],
    ["memory.full", 503, "1"],
    ["disk.failed", 500, "1"],
  ] as const) {
    const answer = await write(SNAPPY, async () => {
      throw new OperatingError(code, "words");
    });
    equal(answer.status, status);
    equal(answer.headers["Retry-After"], retry);
    equal((JSON.parse(answer.body) as { error: string }).error, "words");
  }
});

test("a bug is not answered as the sender's mistake", async () => {
  await rejects(
    write(SNAPPY, async () => {
      throw new TypeError("a bug");
    }),
    TypeError,
  );
});
