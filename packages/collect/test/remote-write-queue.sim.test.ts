import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  labelsFrom,
  NO_LABELS,
  type OperatingError,
  ProtoFields,
  unpackSnappy,
} from "@pharos/base";
import type { HttpRequest, LogConsumer, SampleBatch } from "@pharos/ports";
import { MemorySampleLog, type SimAnswer, SimClock, SimNetwork } from "@pharos/testing";
import {
  createRelabelRule,
  REMOTE_WRITE_METADATA,
  REMOTE_WRITE_QUEUE,
  RemoteWriteQueue,
  type RemoteWriteSettings,
} from "../src/index.ts";

const ORIGIN = "http://remote:9201";
/** More than any test takes. */
const LONG_MS = 10 * 60_000;

type Settings = Partial<Omit<RemoteWriteSettings, "queue">> & {
  readonly queue?: Partial<RemoteWriteSettings["queue"]>;
};

/** A log, a queue that sends what is in it, and the receiver, whose answers a test chooses. */
class World {
  readonly clock = new SimClock();
  readonly network = new SimNetwork(this.clock);
  readonly log = new MemorySampleLog(Number.POSITIVE_INFINITY, () => this.clock.nowMs());
  readonly received: HttpRequest[] = [];
  readonly problems: string[] = [];
  answer: (request: HttpRequest) => SimAnswer = () => ({ kind: "answer", status: 204 });
  lag: (() => number) | undefined;
  #queue: RemoteWriteQueue | undefined;

  constructor() {
    this.network.host(ORIGIN, (request) => {
      const answer = this.answer(request);
      if (answer.kind === "answer" && (answer.status ?? 200) < 300) this.received.push(request);
      return answer;
    });
  }

  get queue(): RemoteWriteQueue {
    ok(this.#queue !== undefined);
    return this.#queue;
  }

  async start(settings: Settings = {}): Promise<void> {
    const consumer = await this.log.consumer("remote", "oldest");
    const lag = this.lag;
    const measured: LogConsumer = lag === undefined ? consumer : { ...consumer, lag };
    const { queue, ...others } = settings;
    this.#queue = new RemoteWriteQueue({
      settings: {
        ...{ name: "remote", url: `${ORIGIN}/write`, timeoutMs: 30_000 },
        ...{ protocol: "prometheus.WriteRequest", headers: {}, tls: undefined },
        ...{ writeRelabelRules: [], externalLabels: NO_LABELS, backlogSizeMax: 1e9 },
        metadata: { ...REMOTE_WRITE_METADATA, send: false },
        queue: { ...REMOTE_WRITE_QUEUE, ...queue },
        ...others,
      },
      ...{ consumer: measured, http: this.network, clock: this.clock, userAgent: "Pharos/test" },
      metadata: async () => [{ metric: "up", type: "gauge", help: "Whether.", unit: "" }],
      onProblem: (problem: OperatingError, doing) =>
        this.problems.push(`${doing}: ${problem.message}`),
    });
    this.#queue.start();
    await this.clock.advance(0);
  }

  close(): Promise<void> {
    return this.clock.run(this.queue.close());
  }

  /** Samples of some series, one each, at the clock's time. */
  async append(values: Readonly<Record<string, number>>, stale = false): Promise<void> {
    const names = Object.keys(values);
    const batch: SampleBatch = {
      labelSets: names.map((name) => labelsFrom({ __name__: name })),
      series: Uint32Array.from(names, (_, i) => i),
      timestampsMs: Float64Array.from(names, () => this.clock.nowMs()),
      values: Float64Array.from(Object.values(values)),
      stale: stale ? new Uint8Array(names.length).fill(1) : null,
    };
    await this.log.append(batch);
    await this.clock.advance(0);
  }

  /** `a 1 2 | b 3`: the values of each series in all requests, in the order in which they came. */
  get samples(): string {
    const values = new Map<string, string[]>();
    for (const { body } of this.received)
      for (const [series, list] of decoded(body as Uint8Array))
        values.getOrInsertComputed(series, () => []).push(...list);
    return [...values]
      .sort()
      .map(([series, list]) => `${series} ${list.join(" ")}`)
      .join(" | ");
  }

  committed(): number {
    return this.log.consumers()[0]?.committed[0]?.offset ?? -1;
  }
}

/** The series of a body of remote write 1.0 with their values. */
function decoded(body: Uint8Array): readonly [series: string, values: readonly string[]][] {
  const bytes = unpackSnappy(body);
  ok(typeof bytes !== "string");
  const fields = new ProtoFields("write request", bytes);
  const list: [string, string[]][] = [];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag !== 0x0a) {
      fields.skip(tag);
      continue;
    }
    const labels: string[] = [];
    const values: string[] = [];
    for (const series = fields.message(); !series.done; ) {
      const which = series.varint();
      if (which === 0x0a) labels.push(texts(series.message()).join("="));
      else if (which === 0x12) values.push(sampleValueOf(series.message()));
      else series.skip(which);
    }
    list.push([labels.join(",").replace("__name__=", ""), values]);
  }
  return list;
}

function texts(fields: ProtoFields): readonly string[] {
  const list: string[] = [];
  while (!fields.done) {
    fields.varint();
    list.push(fields.text());
  }
  return list;
}

function sampleValueOf(fields: ProtoFields): string {
  let value = "0";
  while (!fields.done) {
    const tag = fields.varint();
    if (tag !== 0x09) {
      fields.skip(tag);
      continue;
    }
    const bytes = fields.fixed64();
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    value = String(view.getFloat64(0, true));
    if (view.getBigUint64(0, true) === 0x7ff0_0000_0000_0002n) value = "stale";
  }
  return value;
}

test("samples go out together after the deadline, with the headers of the protocol", async () => {
  const world = new World();
  await world.start({ headers: { Authorization: "Bearer x" } });
  await world.append({ a: 1, b: 2 });
  await world.clock.advance(1000);
  await world.append({ a: 3 });
  await world.clock.advance(3999);
  equal(world.received.length, 0);
  await world.clock.advance(1);
  equal(world.samples, "a 1 3 | b 2");
  equal(world.received.length, 1);
  deepEqual(world.received[0]?.headers, {
    "User-Agent": "Pharos/test",
    Authorization: "Bearer x",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "Content-Encoding": "snappy",
  });
  await world.close();
});

test("enough samples for a request go out at once", async () => {
  const world = new World();
  await world.start({ queue: { samplesPerSendMax: 3 } });
  for (let i = 0; i < 7; i++) await world.append({ a: i });
  await world.clock.advance(0);
  equal(world.samples, "a 0 1 2 3 4 5");
  await world.close();
  equal(world.samples, "a 0 1 2 3 4 5 6");
});

test("staleness markers, external labels and relabelling reach the receiver", async () => {
  const world = new World();
  await world.start({
    externalLabels: labelsFrom({ region: "eu" }),
    writeRelabelRules: [
      createRelabelRule({ sourceLabels: ["__name__"], regex: "secret", action: "drop" }),
      createRelabelRule({ sourceLabels: ["region"], targetLabel: "zone", replacement: "$1-1" }),
    ],
  });
  await world.append({ a: 1, secret: 2 });
  await world.append({ a: 0 }, true);
  await world.close();
  equal(world.samples, "a,region=eu,zone=eu-1 1 stale");
  const { counters } = world.queue.state;
  deepEqual([counters.samplesSent, counters.samplesUnwanted], [2, 1]);
});

test("what fails is sent again, later each time, until it is accepted, and nothing overtakes it", async () => {
  const world = new World();
  const attempts: number[] = [];
  world.answer = () => {
    attempts.push(world.clock.monotonicMs());
    return attempts.length < 6
      ? { kind: "answer", status: 503, body: "busy\nvery" }
      : { kind: "answer", status: 200 };
  };
  await world.start({ queue: { samplesPerSendMax: 2, backoffMsMin: 100, backoffMsMax: 400 } });
  await world.append({ a: 1, b: 1 });
  await world.append({ a: 2, b: 2 });
  await world.clock.advance(LONG_MS);
  deepEqual(
    attempts.slice(1, 6).map((at, i) => at - (attempts[i] ?? 0)),
    [100, 200, 400, 400, 400],
  );
  equal(world.samples, "a 1 2 | b 1 2");
  equal(
    world.problems[0],
    "remote write remote: sending is tried again: server returned HTTP status 503: busy",
  );
  equal(world.network.requests[3]?.request.headers["Retry-Attempt"], "3");
  equal(world.queue.state.counters.samplesRetried, 10);
  await world.close();
});

test("a receiver that says when to come again is not asked before", async () => {
  const world = new World();
  const attempts: number[] = [];
  world.answer = () => {
    attempts.push(world.clock.monotonicMs());
    return attempts.length < 2
      ? { kind: "answer", status: 429, headers: { "retry-after": "7" } }
      : { kind: "answer" };
  };
  await world.start({ queue: { samplesPerSendMax: 1, retryOnTooManyRequests: true } });
  await world.append({ a: 1 });
  await world.clock.advance(LONG_MS);
  equal((attempts[1] ?? 0) - (attempts[0] ?? 0), 7000);
  equal(world.samples, "a 1");
  await world.close();
});

test("what a receiver refuses is lost, counted, and does not hold up the rest", async () => {
  for (const status of [400, 404, 429]) {
    const world = new World();
    world.answer = () => ({
      kind: "answer",
      status: world.network.requests.length === 1 ? status : 204,
    });
    await world.start({ queue: { samplesPerSendMax: 1 } });
    await world.append({ a: 1 });
    await world.append({ a: 2 });
    await world.close();
    equal(world.samples, "a 2");
    deepEqual(
      [world.queue.state.counters.samplesFailed, world.queue.state.counters.samplesSent],
      [1, 1],
    );
    equal(world.committed(), 2);
  }
});

test("a restart goes on after what was accepted, and sends again what may not have been", async () => {
  const world = new World();
  await world.start({ queue: { samplesPerSendMax: 1 } });
  await world.append({ a: 1 });
  await world.clock.advance(2000);
  equal(world.committed(), 1);
  world.network.host(ORIGIN, undefined);
  await world.append({ a: 2 });
  await world.append({ a: 3 });
  await world.clock.advance(60_000);
  await world.close();
  equal(world.committed(), 1);
  const next = new World();
  Object.assign(next, { log: world.log });
  await next.start();
  await next.close();
  equal(next.samples, "a 2 3");
  equal(next.committed(), 3);
});

test("the samples of a series keep their order over many shards, which share the rest", async () => {
  const world = new World();
  let atOnce = 0;
  let most = 0;
  world.answer = () => ({ kind: "answer", latencyMs: 20 });
  const request = world.network.request.bind(world.network);
  world.network.request = async (...args) => {
    most = Math.max(most, ++atOnce);
    return request(...args).finally(() => atOnce--);
  };
  await world.start({ queue: { shardsMin: 4, samplesPerSendMax: 5 } });
  const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
  for (let i = 0; i < 50; i++)
    await world.append(Object.fromEntries(names.map((name) => [name, i])));
  await world.clock.advance(LONG_MS);
  const numbers = Array.from({ length: 50 }, (_, i) => i).join(" ");
  equal(world.samples, names.map((name) => `${name} ${numbers}`).join(" | "));
  ok(most > 1, `${most} at once`);
  await world.close();
});

test("a slow receiver is sent to by more shards, and order is kept when their number changes", async () => {
  const world = new World();
  world.answer = () => ({ kind: "answer", latencyMs: 500 });
  await world.start({ queue: { samplesPerSendMax: 10, shardsMax: 8, capacity: 20 } });
  const names = Array.from({ length: 40 }, (_, i) => `s${i}`);
  for (let i = 0; i < 60; i++) {
    await world.append(Object.fromEntries(names.map((name) => [name, i])));
    await world.clock.advance(1000);
  }
  ok(world.queue.state.shards > 1, `${world.queue.state.shards} shards`);
  await world.clock.advance(LONG_MS);
  const numbers = Array.from({ length: 60 }, (_, i) => i).join(" ");
  equal(
    world.samples,
    names
      .toSorted()
      .map((name) => `${name} ${numbers}`)
      .join(" | "),
  );
  await world.close();
});

test("samples that got too old while they waited are dropped", async () => {
  const world = new World();
  world.network.host(ORIGIN, undefined);
  await world.start({ queue: { samplesPerSendMax: 2, sampleAgeMsMax: 60_000 } });
  await world.append({ a: 1 });
  await world.clock.advance(40_000);
  await world.append({ a: 2 });
  await world.clock.advance(30_000);
  world.network.host(ORIGIN, (request) => {
    world.received.push(request);
    return { kind: "answer" };
  });
  await world.clock.advance(LONG_MS / 20);
  equal(world.samples, "a 2");
  equal(world.queue.state.counters.samplesTooOld, 1);
  await world.close();
});

test("a log that holds too much for a receiver that is away gives up the oldest, and goes on", async () => {
  const world = new World();
  world.lag = () => world.log.consumers()[0]?.lag ?? 0;
  world.network.host(ORIGIN, undefined);
  await world.start({ backlogSizeMax: 20, queue: { samplesPerSendMax: 2, capacity: 4 } });
  for (let i = 0; i < 60; i++) {
    await world.append({ a: i });
    await world.clock.advance(10_000);
  }
  ok((world.log.consumers()[0]?.lag ?? 100) <= 25, "the log does not grow");
  const { samplesBehind } = world.queue.state.counters;
  ok(samplesBehind >= 35 && samplesBehind < 55, `${samplesBehind} were dropped`);
  world.network.host(ORIGIN, (request) => {
    world.received.push(request);
    return { kind: "answer" };
  });
  await world.append({ a: 100 });
  await world.clock.advance(LONG_MS);
  ok(world.samples.endsWith(" 57 58 59 100"), world.samples);
  await world.close();
});

test("metrics are described from time to time", async () => {
  const world = new World();
  await world.start({ metadata: { ...REMOTE_WRITE_METADATA, sendIntervalMs: 60_000 } });
  await world.clock.advance(61_000);
  const bytes = unpackSnappy(world.received[0]?.body as Uint8Array);
  ok(typeof bytes !== "string");
  deepEqual([...bytes.subarray(0, 4)], [0x1a, bytes.length - 2, 0x08, 2]);
  ok(Buffer.from(bytes).toString().includes("Whether."));
  equal(world.queue.state.counters.familiesSent, 1);
  await world.close();
});

test("a body of version 2.0 names each text once", async () => {
  const world = new World();
  await world.start({ protocol: "io.prometheus.write.v2.Request" });
  await world.append({ a: 1, b: 2 });
  await world.close();
  const [request] = world.received;
  equal(
    request?.headers["Content-Type"],
    "application/x-protobuf;proto=io.prometheus.write.v2.Request",
  );
  equal(request?.headers["X-Prometheus-Remote-Write-Version"], "2.0.0");
  const bytes = unpackSnappy(request?.body as Uint8Array);
  ok(typeof bytes !== "string");
  const fields = new ProtoFields("v2", bytes);
  const symbols: string[] = [];
  const references: number[][] = [];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x22) symbols.push(fields.text());
    else {
      equal(tag, 0x2a);
      const series = fields.message();
      equal(series.varint(), 0x0a);
      const list: number[] = [];
      for (const refs = series.message(); !refs.done; ) list.push(refs.varint());
      references.push(list);
    }
  }
  deepEqual(symbols, ["", "__name__", "a", "b"]);
  deepEqual(references, [
    [1, 2],
    [1, 3],
  ]);
});
