import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom, type NativeHistogram, STALE_HISTOGRAM } from "@pharos/base";
import { HttpWorld, NOW_MS } from "./http-world.ts";

const PROTOBUF =
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7," +
  "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

const HISTOGRAM: NativeHistogram = {
  ...STALE_HISTOGRAM,
  stale: false,
  schema: 1,
  count: 306,
  zeroCount: 1,
  zeroThreshold: 0.001,
  sum: 18.5,
  positiveSpans: [{ offset: -2, length: 2 }],
  positiveCounts: [2, 301],
  negativeSpans: [{ offset: 1, length: 1 }],
  negativeCounts: [2],
};

/** One series of floats, and one of histograms whose latest is this. */
function world(latest: NativeHistogram): HttpWorld {
  const made = new HttpWorld();
  made.store.select = async function* (_range, _matchers, options) {
    const none = new Float64Array(0);
    const one = Float64Array.of(NOW_MS - 1000);
    const up = labelsFrom({ __name__: "up", job: "é" });
    yield { labels: up, timestampsMs: one, values: Float64Array.of(1.5), stale: null };
    if (options.histograms !== true) return;
    const histograms = { timestampsMs: Float64Array.of(NOW_MS), at: () => latest };
    const labels = labelsFrom({ __name__: "cpu.load", instance: "a" });
    yield { labels, timestampsMs: none, values: none, stale: null, histograms };
  };
  return made;
}

type Field = readonly [number: number, value: number | Uint8Array];

/** The fields of a message; an f64 as the number it is. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++] as number;
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (tag % 8 === 0) fields.push([field, varint()]);
    else if (tag % 8 === 1) {
      fields.push([field, view.getFloat64(at, true)]);
      at += 8;
    } else {
      equal(tag % 8, 2);
      const size = varint();
      fields.push([field, bytes.subarray(at, at + size)]);
      at += size;
    }
  }
  equal(at, bytes.length);
  return fields;
}

const text = (value: Field[1] | undefined): string =>
  new TextDecoder().decode(value as Uint8Array | undefined);
const inner = (fields: readonly Field[], wanted: number): Field[][] =>
  fields.filter(([field]) => field === wanted).map(([, value]) => fieldsOf(value as Uint8Array));
const only = (fields: readonly Field[], wanted: number): Field[1] | undefined =>
  fields.find(([field]) => field === wanted)?.[1];

/** The families of an answer: each is behind its length, as a field without a number would be. */
async function families(response: Response): Promise<Field[][]> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const found: Field[][] = [];
  for (let at = 0; at < bytes.length; ) {
    let size = 0;
    for (let factor = 1, more = true; more; factor *= 128) {
      const byte = bytes[at++] as number;
      size += (byte % 128) * factor;
      more = byte >= 128;
    }
    found.push(fieldsOf(bytes.subarray(at, at + size)));
    at += size;
  }
  return found;
}

test("native histograms are federated in protobuf, as Prometheus asks for it", async () => {
  const response = await world(HISTOGRAM).get("/federate?match[]=x", { Accept: PROTOBUF });
  equal(
    response.headers.get("Content-Type"),
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
  );
  const [load, up, ...others] = await families(response);
  ok(load !== undefined && up !== undefined);
  equal(others.length, 0);
  deepEqual([text(only(load, 1)), only(load, 3)], ["cpu.load", 4]);
  deepEqual([text(only(up, 1)), only(up, 3)], ["up", 3]);
  const labelsOf = (family: readonly Field[]) =>
    inner(inner(family, 4)[0] ?? [], 1).map((pair) => [text(only(pair, 1)), text(only(pair, 2))]);
  deepEqual(labelsOf(up), [
    ["cluster", "c1"],
    ["job", "é"],
    ["instance", ""],
  ]);
  const [gauge] = inner(up, 4);
  equal(only(inner(gauge ?? [], 5)[0] ?? [], 1), 1.5);
  equal(only(gauge ?? [], 6), NOW_MS - 1000);
  const [metric] = inner(load, 4);
  equal(only(metric ?? [], 6), NOW_MS);
  const histogram = inner(metric ?? [], 7)[0] ?? [];
  // Signed numbers are 0, -1, 1, -2 … as 0, 1, 2, 3 …
  deepEqual(
    [1, 2, 5, 6, 7].map((field) => only(histogram, field)),
    [306, 18.5, 2, 0.001, 1],
  );
  deepEqual(inner(histogram, 12), [
    [
      [1, 3],
      [2, 2],
    ],
  ]);
  deepEqual(inner(histogram, 9), [
    [
      [1, 2],
      [2, 1],
    ],
  ]);
  // Two, then 299 more: 4 and 598, in seven bits a byte.
  deepEqual([...(only(histogram, 13) as Uint8Array)], [4, 0xd6, 0x04]);
  deepEqual([...(only(histogram, 10) as Uint8Array)], [4]);
});

test("counts that are floats are federated as they are, and gauges as gauges", async () => {
  const rate: NativeHistogram = {
    ...HISTOGRAM,
    ...{ isInteger: false, counterReset: "gauge", count: 3.5, zeroCount: 0.5 },
    ...{ positiveCounts: [1.25, 1.75], negativeSpans: [], negativeCounts: [] },
  };
  const response = await world(rate).get("/federate?match[]=x", { Accept: PROTOBUF });
  const [load] = await families(response);
  equal(only(load ?? [], 3), 5);
  const histogram = inner(inner(load ?? [], 4)[0] ?? [], 7)[0] ?? [];
  deepEqual([only(histogram, 1), only(histogram, 4), only(histogram, 8)], [undefined, 3.5, 0.5]);
  const counts = only(histogram, 14) as Uint8Array;
  deepEqual([...new Float64Array(counts.slice().buffer)], [1.25, 1.75]);
});

test("what has ended, and what the format cannot hold, is left out", async () => {
  const custom: NativeHistogram = { ...HISTOGRAM, schema: -53, customBounds: [1, 2] };
  for (const latest of [STALE_HISTOGRAM, custom]) {
    const response = await world(latest).get("/federate?match[]=x", { Accept: PROTOBUF });
    deepEqual(
      (await families(response)).map((family) => text(only(family, 1))),
      ["up"],
    );
  }
});

for (const accept of ["", "*/*", "text/plain", "application/vnd.google.protobuf"])
  test(`text is for those that accept "${accept}"`, async () => {
    const response = await world(HISTOGRAM).get("/federate?match[]=x", { Accept: accept });
    ok(response.headers.get("Content-Type")?.startsWith("text/plain; version=0.0.4"));
    equal(
      await response.text(),
      `# TYPE up untyped\nup{cluster="c1",job="é",instance=""} 1.5 ${NOW_MS - 1000}\n`,
    );
  });
