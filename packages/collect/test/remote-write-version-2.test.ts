import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  type Labels,
  labelsFrom,
  OperatingError,
  ProtoWriter,
  packSnappy,
  STALE_HISTOGRAM,
  unpackSnappy,
  writeHistogramMessage,
} from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import { encodeWriteRequest, type SentSeries } from "@pharos/testing";
import fc from "fast-check";
import { RemoteWriteReceiver, writeRequestOfVersion2 } from "../src/index.ts";
import { MemorySink } from "./memory-sink.ts";

interface Described {
  /** As in the enum: 1 counter, 3 histogram … */
  readonly type: number;
  readonly help: string;
  readonly unit: string;
}

/** The same series as a sender of 2.0 writes them, each with what describes its metric. */
function version2(list: readonly SentSeries[], described: readonly Described[] = []): Uint8Array {
  const symbols = [""];
  const place = (text: string): number => {
    const known = symbols.indexOf(text);
    return known >= 0 ? known : symbols.push(text) - 1;
  };
  const body = new ProtoWriter();
  const putLabels = (labels: Labels): void => {
    body.begin(1);
    for (const label of labels) for (const text of label) body.varint(place(text));
    body.end();
  };
  for (const [i, { labels, samples, exemplars = [], histograms = [] }] of list.entries()) {
    body.begin(5);
    putLabels(labels);
    for (const { value, timestampMs } of samples) {
      body.begin(2);
      body.double(1, value);
      body.int64(2, timestampMs);
      body.end();
    }
    for (const exemplar of exemplars) {
      body.begin(4);
      putLabels(exemplar.labels);
      body.double(2, exemplar.value);
      body.int64(3, exemplar.timestampMs);
      body.end();
    }
    for (const { histogram, timestampMs } of histograms) {
      body.begin(3);
      writeHistogramMessage(body, histogram, timestampMs);
      body.end();
    }
    const about = described[i];
    if (about !== undefined) {
      body.begin(5);
      body.int64(1, about.type);
      body.int64(3, place(about.help));
      body.int64(4, place(about.unit));
      body.end();
    }
    body.end();
  }
  const out = new ProtoWriter();
  for (const symbol of symbols) out.text(4, symbol);
  out.raw(body.bytes);
  return packSnappy(out.bytes);
}

function translated(body: Uint8Array): Uint8Array {
  const bytes = unpackSnappy(writeRequestOfVersion2(body));
  ok(typeof bytes !== "string");
  return bytes;
}

test("a body of 2.0 says the same as one of 1.0", () => {
  const name = fc.constantFrom("__name__", "job", "é", "instance");
  const labels = fc
    .dictionary(name, fc.string({ unit: "binary", minLength: 1, maxLength: 5 }))
    .map((record) =>
      labelsFrom(
        Object.entries(record).map(([key, value]) => [key, value.toWellFormed()] as const),
      ),
    );
  const point = fc.record({
    timestampMs: fc.integer({ min: -(2 ** 40), max: 2 ** 45 }),
    value: fc.double({ noNaN: true }),
  });
  const series = fc.record({
    labels,
    samples: fc.array(point, { maxLength: 3 }),
    exemplars: fc.array(
      point.chain((one) => labels.map((own) => ({ ...one, labels: own }))),
      { maxLength: 2 },
    ),
  });
  fc.assert(
    fc.property(fc.array(series, { maxLength: 4 }), (list) => {
      deepEqual(translated(version2(list)), encodeWriteRequest(list));
    }),
  );
});

test("histograms come as they were sent", () => {
  const message = new ProtoWriter();
  writeHistogramMessage(message, STALE_HISTOGRAM, 7);
  const series = { labels: labelsFrom({ __name__: "size" }), samples: [] };
  const histograms = [{ timestampMs: 7, histogram: STALE_HISTOGRAM }];
  const expected = new ProtoWriter();
  expected.raw(encodeWriteRequest([series]).subarray(2));
  expected.field(4, message.bytes);
  const whole = new ProtoWriter();
  whole.field(1, expected.bytes);
  deepEqual(translated(version2([{ ...series, histograms }])), whole.bytes);
});

test("start timestamps reach the sink before their samples, and a body without any says nothing", async () => {
  const kernels = await Kernels.load();
  const starts = async (startMs: number): Promise<readonly string[]> => {
    const out = new ProtoWriter();
    for (const symbol of ["", "__name__", "hits_total", "size"]) out.text(4, symbol);
    out.begin(5);
    out.begin(1);
    for (const place of [1, 2]) out.varint(place);
    out.end();
    for (const timestampMs of [10, 20]) {
      out.begin(2);
      out.double(1, timestampMs);
      out.int64(2, timestampMs);
      if (timestampMs === 20) out.int64(3, startMs);
      out.end();
    }
    out.end();
    out.begin(5);
    out.begin(1);
    for (const place of [1, 3]) out.varint(place);
    out.end();
    out.begin(3);
    writeHistogramMessage(out, STALE_HISTOGRAM, 30);
    out.int64(17, startMs);
    out.end();
    out.end();
    const sink = new MemorySink(kernels);
    const receiver = new RemoteWriteReceiver(kernels, sink);
    await receiver.receive(writeRequestOfVersion2(packSnappy(out.bytes)));
    equal(sink.valuesOf("hits_total"), "10 20");
    return sink.startLines;
  };
  deepEqual(await starts(5), ["hits_total 10 NaN", "hits_total 20 5", "size 30 5"]);
  deepEqual(await starts(0), []);
});

test("metrics are described once each, under the name of their family", () => {
  const series = (name: string): SentSeries => ({
    labels: labelsFrom({ __name__: name }),
    samples: [],
  });
  const list = [series("hits_total"), series("size_bucket"), series("size_count"), series("up")];
  const histogram = { type: 3, help: "Sizes.", unit: "bytes" };
  const described = [
    { type: 1, help: "Hits.", unit: "" },
    histogram,
    histogram,
    { type: 0, help: "", unit: "" },
  ];
  const expected = encodeWriteRequest(list, [
    { type: 1, family: "hits_total", help: "Hits.", unit: "" },
    { ...histogram, family: "size" },
  ]);
  // An empty unit is written, too, and means the same.
  const bytes = Buffer.from(translated(version2(list, described)));
  equal(bytes.includes(Buffer.from(expected.subarray(-20))), true);
  equal(bytes.toString("latin1").split("Sizes.").length, 2);
});

test("places that are no symbols, and labels without a value, are refused", () => {
  const withPlaces = (...list: readonly number[]): Uint8Array => {
    const out = new ProtoWriter();
    out.text(4, "");
    out.text(4, "a");
    out.begin(5);
    out.begin(1);
    for (const place of list) out.varint(place);
    out.end();
    out.end();
    return packSnappy(out.bytes);
  };
  throws(() => writeRequestOfVersion2(withPlaces(1, 2)), /symbol 2, and there are 2/);
  throws(() => writeRequestOfVersion2(withPlaces(1)), /a label has a name and no value/);
  const first = new ProtoWriter();
  first.text(4, "a");
  throws(() => writeRequestOfVersion2(packSnappy(first.bytes)), /first symbol is not empty/);
});

test("any bytes at all are translated or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        writeRequestOfVersion2(packSnappy(bytes));
      } catch (error) {
        if (!(error instanceof OperatingError && error.code === "input.invalid")) throw error;
      }
    }),
  );
});
