import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  formatLabels,
  type Labels,
  labelsFrom,
  OperatingError,
  type Rng,
  seededRng,
} from "@pharos/base";
import { encodeWriteRequest, type SentSeries } from "@pharos/testing";
import { compress } from "snappyjs";
import {
  decodeLabels,
  encodeLabels,
  HEAD_NAMESPACE,
  HeadChunks,
  IndexList,
  Kernels,
  RemoteWriteDecoder,
  type ResolveLabelBytes,
  SampleColumns,
  type SeriesStarter,
  SeriesTable,
  VALUE_DROPPED,
  VALUE_REFUSED,
} from "../src/index.ts";
import { readWriteRequest, uncompress } from "./oracle/remote-write.ts";

const kernels = await Kernels.load();

/** A table, columns and a decoder, with a resolver that numbers series as it meets them and counts its calls. */
function setUp({ capacity = 1000, drop = (_: Labels): boolean => false } = {}) {
  const table = new SeriesTable(kernels);
  const columns = new SampleColumns(kernels, capacity);
  const decoder = new RemoteWriteDecoder(kernels, table, columns);
  const known: Labels[] = [];
  const asked: Labels[] = [];
  const resolve: ResolveLabelBytes = (bytes) => {
    const labels = decodeLabels(bytes);
    asked.push(labels);
    if (drop(labels)) return VALUE_DROPPED;
    const canonical = encodeLabels(labels);
    const entry = table.find(HEAD_NAMESPACE, canonical);
    if (entry >= 0) return table.valueOf(entry);
    table.insert(HEAD_NAMESPACE, canonical, known.length);
    return known.push(labels) - 1;
  };
  const decode = (request: Uint8Array) => decoder.decode(compress(request), resolve);
  return { table, columns, decoder, known, asked, resolve, decode };
}

function rowsOf(columns: SampleColumns): string[] {
  const rows: string[] = [];
  for (let i = 0; i < columns.length; i++)
    rows.push(
      `${columns.series[i]} ${columns.timestampsMs[i]} ${columns.isStale(i) ? "stale" : columns.values[i]}`,
    );
  return rows;
}

const T = 1_700_000_000_000;
const nodeSeries = (count: number): SentSeries[] =>
  Array.from({ length: count }, (_, i) => ({
    labels: labelsFrom({
      __name__: "node_cpu_seconds_total",
      cpu: String(i),
      instance: "10.0.0.1:9100",
      job: "node",
      mode: i % 2 === 0 ? "idle" : "user",
    }),
    samples: [{ timestampMs: T + i, value: i * 1.5 }],
  }));

test("a body's samples are in the columns, and each series is asked for once in its life", () => {
  const { columns, decode, asked, known } = setUp();
  const series = nodeSeries(3);
  equal(decode(encodeWriteRequest(series)).samples, 3);
  deepEqual(rowsOf(columns), [`0 ${T} 0`, `1 ${T + 1} 1.5`, `2 ${T + 2} 3`]);
  deepEqual(
    known,
    series.map(({ labels }) => labels),
  );
  decode(encodeWriteRequest(series.toReversed()));
  deepEqual(rowsOf(columns), [`2 ${T + 2} 3`, `1 ${T + 1} 1.5`, `0 ${T} 0`]);
  equal(asked.length, 3);
});

test("values keep their bits: staleness markers, NaN, infinities and the two zeros", () => {
  const { columns, decode } = setUp();
  const samples = [NaN, Infinity, -Infinity, 0, -0, Number.MIN_VALUE, Number.MAX_VALUE];
  decode(
    encodeWriteRequest([
      {
        labels: labelsFrom({ __name__: "up" }),
        samples: [
          { timestampMs: 1, value: 0, stale: true },
          ...samples.map((value, i) => ({ timestampMs: i + 2, value })),
        ],
      },
    ]),
  );
  equal(columns.isStale(0), true);
  for (const [i, value] of samples.entries()) {
    equal(columns.isStale(i + 1), false);
    ok(Object.is(columns.values[i + 1], value), `${value}`);
  }
});

test("timestamps are kept from -2^53 to 2^53 ms and refused beyond", () => {
  const { columns, decode } = setUp();
  const sent = (timestampMs: number): Uint8Array =>
    encodeWriteRequest([
      { labels: labelsFrom({ __name__: "up" }), samples: [{ timestampMs, value: 1 }] },
    ]);
  for (const timestampMs of [0, 1, -1, T, 2 ** 42 - 1, 2 ** 42, 2 ** 53, -(2 ** 53)]) {
    decode(sent(timestampMs));
    deepEqual(rowsOf(columns), [`0 ${timestampMs} 1`]);
  }
  throws(() => decode(sent(2 ** 53 + 2)), /write request, byte \d+: a timestamp is beyond 2\^53/);
  throws(() => decode(sent(-(2 ** 60))), { code: "input.invalid" });
  equal(columns.length, 0);
});

test("samples of dropped series are left out, and their series asked for once", () => {
  const { columns, decode, asked } = setUp({
    drop: (labels) => labels.some(([name, value]) => name === "mode" && value === "user"),
  });
  const body = encodeWriteRequest(nodeSeries(6));
  for (let round = 0; round < 3; round++) {
    const { samples, dropped, series } = decode(body);
    deepEqual({ samples, dropped, series }, { samples: 3, dropped: 3, series: 6 });
    deepEqual(rowsOf(columns), [`0 ${T} 0`, `1 ${T + 2} 3`, `2 ${T + 4} 6`]);
  }
  equal(asked.length, 6);
});

test("a series that comes unsorted, or twice in a body, is one series", () => {
  const { columns, decode, known, asked, table } = setUp();
  const [first] = nodeSeries(1) as [SentSeries];
  const unsorted = { ...first, labels: first.labels.toReversed() };
  decode(encodeWriteRequest([first, unsorted, unsorted, first]));
  deepEqual([...columns.series.subarray(0, 4)], [0, 0, 0, 0]);
  equal(known.length, 1);
  equal(asked.length, 2);
  equal(table.size, 2);
});

test("what the table may not remember is asked for again, with the same result", () => {
  const { columns, asked, resolve } = setUp();
  const table = new SeriesTable(kernels, { entriesMax: 0 });
  const decoder = new RemoteWriteDecoder(kernels, table, columns);
  const body = compress(encodeWriteRequest(nodeSeries(2)));
  for (let round = 0; round < 2; round++) {
    decoder.decode(body, (bytes) => {
      resolve(bytes);
      return asked.length > 0 ? VALUE_DROPPED : 0;
    });
    equal(columns.length, 0);
  }
  equal(asked.length, 4);
});

test("a series without samples is not asked for", () => {
  const { decode, asked } = setUp();
  const [first] = nodeSeries(1) as [SentSeries];
  const { series, samples } = decode(encodeWriteRequest([{ ...first, samples: [] }]));
  deepEqual({ series, samples }, { series: 1, samples: 0 });
  equal(asked.length, 0);
});

test("metadata, exemplars and histograms are told of", () => {
  const { decode } = setUp();
  const family = {
    type: 1,
    family: "http_requests_total",
    help: "Requests, by “code”.",
    unit: "requests",
  };
  const { metadata } = decode(
    encodeWriteRequest(nodeSeries(2), [family, { type: 99, family: "x", help: "", unit: "" }]),
  );
  deepEqual(metadata, [
    { ...family, type: "counter" },
    { family: "x", type: "unknown", help: "", unit: "" },
  ]);
  const message = [...encodeLabels(labelsFrom({ a: "b" })), 0x1a, 0, 0x1a, 1, 0xff, 0x22, 2, 0, 0];
  const summary = decode(Uint8Array.from([0x0a, message.length, ...message]));
  deepEqual([summary.exemplars, summary.histograms], [2, 1]);
  deepEqual(summary.attachments?.refused, {
    histograms: 1,
    exemplars: 1,
    reason: "native histogram, byte 1: a field with the number 0",
  });
  equal(summary.attachments?.exemplars.refs.length, 1);
});

test("labels that stand between samples are read as if they stood together", () => {
  const { columns, decode, known } = setUp();
  const label = (name: string): number[] => [...encodeLabels(labelsFrom({ [name]: "x" }))];
  const sample = (timestamp: number): number[] => [0x12, 2, 0x10, timestamp];
  const message = [
    ...sample(1),
    ...label("a"),
    ...sample(2),
    ...label("b"),
    ...sample(3),
    ...label("c"),
    ...sample(4),
  ];
  decode(Uint8Array.from([0x0a, message.length, ...message]));
  deepEqual(known, [labelsFrom({ a: "x", b: "x", c: "x" })]);
  deepEqual(rowsOf(columns), ["0 1 0", "0 2 0", "0 3 0", "0 4 0"]);
});

test("a resolver that refuses leaves the columns empty, and the next body is read", () => {
  const { columns, decoder, decode } = setUp();
  const body = encodeWriteRequest(nodeSeries(3));
  throws(
    () =>
      decoder.decode(compress(body), () => {
        throw new OperatingError("input.too_large", "too many series");
      }),
    /too many series/,
  );
  equal(columns.length, 0);
  equal(decode(body).samples, 3);
});

test("bodies are read at addresses beyond 2 GiB as well", async () => {
  // Reserved and never touched, so that no memory is used for it.
  const high = await Kernels.load();
  for (let i = 0; i < 2; i++) high.allocate(2 ** 30);
  const table = new SeriesTable(high);
  const columns = new SampleColumns(high, 1000);
  const decoder = new RemoteWriteDecoder(high, table, columns);
  ok(table.pointer > 2 ** 31 && columns.pointers.every((pointer) => pointer > 2 ** 31));
  const body = encodeWriteRequest(nodeSeries(100));
  let references = 0;
  for (let round = 0; round < 2; round++) {
    decoder.decode(compress(body), (labelBytes) => {
      table.insert(HEAD_NAMESPACE, labelBytes, references);
      return references++;
    });
    deepEqual(
      rowsOf(columns),
      Array.from({ length: 100 }, (_, i) => `${i} ${T + i} ${i * 1.5}`),
    );
  }
  equal(references, 100);
  throws(
    () => decoder.decode(compress(body.subarray(0, 5000)), () => 0),
    /write request, byte \d{4}: a field goes beyond/,
  );
});

test("limits are named when a body goes beyond them", () => {
  const { columns, table, decode, resolve } = setUp({ capacity: 4 });
  const [first] = nodeSeries(1) as [SentSeries];
  const five = Array.from({ length: 5 }, (_, i) => ({ timestampMs: T + i, value: i }));
  throws(() => decode(encodeWriteRequest([{ ...first, samples: five }])), {
    code: "input.too_large",
    message: "more than 4 samples in one body; send smaller ones",
  });
  const empty = nodeSeries(5).map((series) => ({ ...series, samples: [] }));
  throws(() => decode(encodeWriteRequest(empty)), /more than 4 series/);
  const limits = { bodySizeMax: 100, decodedSizeMax: 300 };
  const small = new RemoteWriteDecoder(kernels, table, columns, limits);
  throws(() => small.decode(new Uint8Array(101), resolve), /a body of 101 bytes; at most 100/);
  throws(
    () => small.decode(compress(new Uint8Array(301)), resolve),
    /a body of 301 bytes decoded; at most 300/,
  );
  throws(
    () => small.decode(Uint8Array.of(0xac, 2, 0, 0), resolve),
    /snappy, byte 0: 300 bytes cannot come out of 4/,
  );
  const long = labelsFrom({ __name__: "x".repeat(70_000) });
  throws(
    () => decode(encodeWriteRequest([{ labels: long, samples: [{ timestampMs: 1, value: 1 }] }])),
    /write request, byte 4: the labels of a series take more than 65535 bytes/,
  );
});

test("a large body gives its memory back, whether it was read or refused", () => {
  const { decode } = setUp();
  decode(encodeWriteRequest(nodeSeries(1)));
  const { usedSize } = kernels.memoryUse();
  const large = new Uint8Array(20 * 1024 * 1024).fill(0x82);
  throws(() => decode(large), { code: "input.invalid" });
  // A field that nobody knows, of 20 MiB less its tag and size.
  large.set([0x7a, 0xfb, 0xff, 0xff, 0x09]);
  equal(decode(large).series, 0);
  // The compressed body, about 1 MiB, is small enough to keep room for.
  ok(kernels.memoryUse().usedSize <= usedSize + 2 * 1024 * 1024);
});

/** A body as senders make them: some series, in some order, with what the protocol allows. */
function anyRequest(rng: Rng): Uint8Array {
  const series: SentSeries[] = [];
  for (let i = rng.below(12); i > 0; i--) {
    const id = rng.below(20);
    const labels = labelsFrom({
      __name__: `metric_${id % 7}`,
      id: String(id),
      long: "é".repeat(id * 4),
    });
    const samples = Array.from({ length: rng.below(4) }, () => ({
      timestampMs: rng.chance(80) ? T + rng.below(100_000) : rng.below(2 ** 32) * 1000 - 2 ** 41,
      value: rng.chance(30) ? 0 : rng.chance(50) ? rng.below(1000) : rng.unit(),
      stale: rng.chance(10),
    }));
    series.push({ labels: rng.chance(10) ? labels.toReversed() : labels, samples });
  }
  const metadata = { type: rng.below(9), family: "metric_1", help: "Help.", unit: "" };
  return encodeWriteRequest(series, rng.chance(20) ? [metadata] : []);
}

/** Flips, cuts, lies about a length, or repeats a piece. */
function damage(bytes: Uint8Array, rng: Rng): Uint8Array {
  const out = Uint8Array.from(bytes);
  if (out.length === 0) return out;
  switch (rng.below(4)) {
    case 0:
      for (let i = rng.below(3); i >= 0; i--) out[rng.below(out.length)] = rng.below(256);
      return out;
    case 1:
      return out.subarray(0, rng.below(out.length));
    case 2: {
      const at = rng.below(out.length);
      out[at] = [0, 0x7f, 0x80, 0xff, (out[at] as number) + 1, (out[at] as number) - 1][
        rng.below(6)
      ] as number;
      return out;
    }
    default: {
      const at = rng.below(out.length);
      const to = Math.min(out.length, at + rng.below(40));
      return Uint8Array.from([...out.subarray(0, to), ...out.subarray(at)]);
    }
  }
}

/** What the kernel makes of a body, as text: rows with labels instead of references, or "refused". */
function viaKernel(fixture: ReturnType<typeof setUp>, body: Uint8Array): string {
  const { columns, decoder } = fixture;
  const names: string[] = [];
  try {
    const { exemplars, histograms, series } = decoder.decode(body, (bytes) => {
      const name = bytes.toHex();
      fixture.table.insert(HEAD_NAMESPACE, bytes, references.size);
      references.set(references.size, name);
      return references.size - 1;
    });
    for (let i = 0; i < columns.length; i++) {
      const low = BigInt(columns.valueBits[i * 2] as number);
      const bits = (BigInt(columns.valueBits[i * 2 + 1] as number) << 32n) | low;
      names.push(
        `${references.get(columns.series[i] as number)} ${columns.timestampsMs[i]} ${bits}`,
      );
    }
    return `${series} ${exemplars} ${histograms}\n${names.join("\n")}`;
  } catch (error) {
    if (!(error instanceof OperatingError && error.code === "input.invalid")) throw error;
    equal(columns.length, 0);
    return "refused";
  }
}
const references = new Map<number, string>();

function viaOracle(body: Uint8Array): string {
  try {
    const { series, exemplars, histograms } = readWriteRequest(uncompress(body));
    const rows = series.flatMap(({ labelBytes, samples }) =>
      samples.map(({ timestampMs, bits }) => `${labelBytes.toHex()} ${timestampMs} ${bits}`),
    );
    return `${series.length} ${exemplars} ${histograms}\n${rows.join("\n")}`;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return "refused";
  }
}

test("whole or damaged, a body gives the same rows as the plain reader, or is refused by both", () => {
  const fixture = setUp();
  const rng = seededRng(20_261);
  let refused = 0;
  for (let run = 0; run < 6000; run++) {
    const request = anyRequest(rng);
    let body: Uint8Array;
    if (rng.chance(20)) body = compress(request);
    else if (rng.chance(70)) body = compress(damage(request, rng));
    else body = damage(compress(request), rng);
    const expected = viaOracle(body);
    const got = viaKernel(fixture, body);
    equal(got, expected, `run ${run}`);
    if (got === "refused") refused++;
  }
  ok(refused > 500 && refused < 4500, `${refused} refused`);
});

test("with any one byte changed, a body is read as the plain reader reads it", () => {
  const fixture = setUp();
  const request = encodeWriteRequest([
    {
      labels: labelsFrom({ __name__: "up", a: "b" }),
      samples: [
        { timestampMs: T, value: 1.5 },
        { timestampMs: T + 1, value: 0 },
      ],
    },
    { labels: labelsFrom({ __name__: "x" }), samples: [{ timestampMs: T, value: 2 }] },
    { labels: labelsFrom({ __name__: "y" }), samples: [{ timestampMs: 5, value: 0 }] },
  ]);
  let different = 0;
  for (let at = 0; at < request.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const changed = Uint8Array.from(request);
      changed[at] = byte;
      const body = literal(changed);
      const got = viaKernel(fixture, body);
      equal(got, viaOracle(body), `byte ${at} is ${byte}`);
      if (got !== "refused") different++;
    }
  }
  ok(different > 1000);
});

test("tags, sizes and numbers that are too long are refused by both readers", () => {
  const fixture = setUp();
  const long = (last: number): number[] => [0x8a, 0x80, 0x80, 0x80, 0x80, last];
  const bodies: [number[], "refused" | "read"][] = [
    [[0x8a, 0x00, 0], "read"],
    [[...long(0x00), 0], "read"],
    [[...long(0x01), 0], "refused"],
    [[0x0a, 9, ...long(0x01), 1, 0x80, 0], "refused"],
    [[0x0a, ...new Array<number>(9).fill(0x80), 0x00], "read"],
    [[0x0a, ...new Array<number>(10).fill(0x80), 0x00], "refused"],
    [[0x0a, ...new Array<number>(9).fill(0xff), 0x01], "refused"],
    [[0x0a, 9, 0x12, 7, ...long(0x01), 0], "refused"],
    [[0x0a, 11, 0x12, 9, 0x10, ...new Array<number>(7).fill(0x80), 0x01], "read"],
  ];
  for (const [bytes, expected] of bodies) {
    const body = literal(Uint8Array.from(bytes));
    equal(viaOracle(body) === "refused" ? "refused" : "read", expected, `${bytes}`);
    equal(viaKernel(fixture, body), viaOracle(body));
  }
});

/** Snappy that only says the bytes, at most 60. More go in several literals. */
function literal(bytes: Uint8Array): Uint8Array {
  const out: number[] =
    bytes.length < 128 ? [bytes.length] : [bytes.length | 128, bytes.length >> 7];
  for (let at = 0; at < bytes.length; at += 60) {
    const piece = bytes.subarray(at, at + 60);
    out.push((piece.length - 1) << 2, ...piece);
  }
  return Uint8Array.from(out);
}

test("a series that was removed is asked for again, though the hint still points to it", () => {
  const { columns, table, decode, asked, known } = setUp();
  const body = encodeWriteRequest(nodeSeries(4));
  decode(body);
  decode(body);
  equal(asked.length, 4);
  equal(
    table.removeWhere((value) => value === 2),
    1,
  );
  decode(body);
  equal(asked.length, 5);
  deepEqual([...columns.series.subarray(0, 4)], [0, 1, 4, 3]);

  // The freed entry is taken by a target whose text happens to be these very bytes: still not the head's series.
  table.removeWhere((value) => value === 1);
  const labels = known[1] as Labels;
  table.insert(table.openNamespace(), encodeLabels(labels), 77);
  decode(body);
  equal(asked.length, 6);
  deepEqual([...columns.series.subarray(0, 4)], [0, 5, 4, 3]);
});

test("the kernels touch nothing outside their buffers and do not look at what lies behind a body", () => {
  const rng = seededRng(7);
  const size = 16 * 1024;
  const guard = 256;
  const block = kernels.allocate(8 * size);
  const at = (i: number): number => block + i * size;
  const fill = (byte: number): void => {
    kernels.bytes.fill(byte, block, block + 8 * size);
  };
  const guarded = (i: number, used: number): void => {
    const bytes = kernels.bytes.subarray(at(i) + used, at(i) + used + guard);
    ok(
      bytes.every((byte) => byte === bytes[0]),
      `block ${i} is untouched behind ${used}`,
    );
  };
  for (let run = 0; run < 1500; run++) {
    const request = anyRequest(rng);
    const body = rng.chance(50) ? damage(compress(request), rng) : compress(request);
    const results: string[] = [];
    for (const poison of [0x00, 0xff, 0x0a]) {
      fill(poison);
      kernels.bytes.set(body, at(0));
      const decoded = request.length;
      const status = kernels.call("snappyDecode", at(0), body.length, at(1), decoded);
      guarded(1, decoded + 64);
      const walked = damage(request, seededRng(run));
      fill(poison);
      kernels.bytes.set(walked, at(2));
      const walk = kernels.call(
        "remoteWriteWalk",
        at(3),
        at(2),
        walked.length,
        at(4),
        10,
        at(5),
        at(6),
        12,
      );
      guarded(3, 32);
      guarded(4, 10 * 32);
      guarded(5, 12 * 8);
      guarded(6, 12 * 8);
      const counts = [...new Uint32Array(kernels.buffer, at(3) + 4, 6)];
      results.push(`${status} ${walk} ${walk === 0 ? counts : ""}`);
    }
    equal(new Set(results).size, 1, `run ${run}: ${results}`);
  }
  kernels.release(block, 8 * size);
});

test("new series begin without being asked for, as far as there are references and labels allow", () => {
  const { table, columns, decoder, asked, resolve } = setUp();
  const head = new HeadChunks(kernels);
  const references = new IndexList(kernels, 8);
  references.words.set([9, 4, 5]);
  let count = 3;
  let taken = 0;
  const starter: SeriesStarter = {
    offer: (wanted) => ({
      head: head.pointer,
      references: references.pointer,
      count: Math.min(wanted, count),
    }),
    take(used) {
      taken += used;
    },
  };
  const limits = { labelsPerSeriesMax: 3, labelNameSizeMax: 20, labelValueSizeMax: 20 };
  const sent = (labels: Labels, ...values: number[]): SentSeries => ({
    labels,
    samples: values.map((value, i) => ({ timestampMs: T + i, value, stale: false })),
  });
  const first = labelsFrom({ __name__: "first", a: "1" });
  const second = labelsFrom({ __name__: "second" });
  const request = encodeWriteRequest([
    sent(first, 1),
    sent(first.toReversed(), 2),
    sent(labelsFrom({ a: "without a name" }), 3),
    sent(first, 4),
    sent(labelsFrom({ __name__: "silent" })),
    sent(second, 5),
    sent(labelsFrom({ __name__: "long", a: "x".repeat(21) }), 6),
  ]);
  resolve(encodeLabels(first)); // What is asked for numbers from here, under other references.
  table.remove(table.find(HEAD_NAMESPACE, encodeLabels(first)));
  asked.length = 0;
  decoder.decode(compress(request), resolve, { starter, limits });
  equal(taken, 2);
  deepEqual(asked.map(formatLabels), [
    'first{a="1"}',
    '{a="without a name"}',
    `long{a="${"x".repeat(21)}"}`,
  ]);
  deepEqual(rowsOf(columns), [
    `9 ${T} 1`,
    `9 ${T} 2`,
    `1 ${T} 3`,
    `9 ${T} 4`,
    `4 ${T} 5`,
    `2 ${T} 6`,
  ]);
  deepEqual([head.has(9), head.has(4), head.has(5)], [true, true, false]);
  equal(head.ownerOf(4), table.find(HEAD_NAMESPACE, encodeLabels(second)));

  // Without references the others are asked for, and what is refused is not remembered.
  count = 0;
  const more = encodeWriteRequest([sent(labelsFrom({ __name__: "more" }), 7), sent(second, 8)]);
  let refusals = 0;
  for (let time = 1; time <= 2; time++) {
    const refuse = (): number => {
      refusals++;
      return VALUE_REFUSED;
    };
    equal(decoder.decode(compress(more), refuse, { starter, limits }).dropped, 1);
    equal(refusals, time);
    deepEqual(rowsOf(columns), [`4 ${T} 8`]);
  }
  head.destroy();
  table.destroy();
});
