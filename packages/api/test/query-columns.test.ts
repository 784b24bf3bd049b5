import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import {
  type ColumnsAnswer,
  type ColumnsSeries,
  decodeQueryColumns,
  encodeQueryColumns,
  valuesOnGrid,
} from "@pharos/api/columns";
import { OperatingError } from "@pharos/base";
import fc from "fast-check";

const NOTHING = { warnings: [], infos: [] };

function encode(answer: ColumnsAnswer, end: Parameters<typeof encodeQueryColumns>[1] = NOTHING) {
  const pieces = [...encodeQueryColumns(answer, end)];
  const bytes = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const value = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, -0, Infinity, -Infinity));
const labels = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 4 });
const histogram = fc.record(
  {
    count: fc.string(),
    sum: fc.string(),
    buckets: fc.array(
      fc.tuple(fc.integer({ min: 0, max: 3 }), fc.string(), fc.string(), fc.string()),
    ),
  },
  { requiredKeys: ["count", "sum"], noNullPrototype: true },
);

const grid = fc.record(
  {
    startMs: fc.integer({ min: -1e13, max: 1e13 }),
    stepMs: fc.integer({ min: 1, max: 1e9 }),
    count: fc.integer({ min: 1, max: 200 }),
  },
  { noNullPrototype: true },
);

/** Each step has nothing, a value, or a histogram. */
const matrix = grid.chain((steps) =>
  fc.record({
    steps: fc.constant(steps),
    series: fc.array(
      fc.record({
        labels,
        cells: fc.array(fc.oneof(fc.constant(null), value, histogram), {
          minLength: steps.count,
          maxLength: steps.count,
        }),
      }),
      { maxLength: 5 },
    ),
  }),
);

test("a range answer comes back as it was", () => {
  fc.assert(
    fc.property(matrix, ({ steps, series }) => {
      const timeOf = (i: number): number => steps.startMs + i * steps.stepMs;
      const given = series.map(({ labels: set, cells }): ColumnsSeries => {
        const at = cells.flatMap((cell, i) => (typeof cell === "number" ? [i] : []));
        return {
          labels: set,
          timestampsMs: Float64Array.from(at, timeOf),
          values: Float64Array.from(at, (i) => cells[i] as number),
          histograms: cells.flatMap((cell, i) =>
            typeof cell === "object" && cell !== null
              ? [{ timestampMs: timeOf(i), histogram: cell }]
              : [],
          ),
        };
      });
      const read = decodeQueryColumns(
        encode({ resultType: "matrix", grid: steps, series: given }, { ...NOTHING, infos: ["i"] }),
      );
      ok(read.resultType === "matrix" && read.grid !== undefined);
      deepEqual(read.grid, steps);
      deepEqual(read.infos, ["i"]);
      equal(read.series.length, series.length);
      for (const [i, one] of read.series.entries()) {
        const cells = series[i]?.cells ?? [];
        deepEqual(one.labels, series[i]?.labels);
        const expected = cells.map((cell) => (typeof cell === "number" ? cell : null));
        deepEqual(valuesOnGrid(one, steps.count), expected);
        deepEqual(one.histograms, given[i]?.histograms);
      }
    }),
  );
});

test("series with their own times come back as they were", () => {
  const run = fc.record({ labels, samples: fc.array(fc.tuple(value, value)) });
  fc.assert(
    fc.property(fc.array(run), (runs) => {
      const series = runs.map(({ labels: set, samples }) => ({
        labels: set,
        timestampsMs: Float64Array.from(samples, ([time]) => time),
        values: Float64Array.from(samples, ([, one]) => one),
        histograms: [],
      }));
      const read = decodeQueryColumns(encode({ resultType: "matrix", grid: undefined, series }));
      deepEqual(read, { resultType: "matrix", grid: undefined, series, ...NOTHING });
    }),
  );
});

test("a vector comes back as it was", () => {
  const entry = fc.record({ labels, cell: fc.oneof(value, histogram) });
  fc.assert(
    fc.property(fc.array(entry), fc.integer(), (entries, timestampMs) => {
      const isValue = (cell: unknown): cell is number => typeof cell === "number";
      const histograms = new Map(
        entries.flatMap(({ cell }, i) => (isValue(cell) ? [] : [[i, cell] as const])),
      );
      const values = Float64Array.from(entries, ({ cell }) => (isValue(cell) ? cell : 0));
      const sets = entries.map((one) => one.labels);
      const read = decodeQueryColumns(
        encode({ resultType: "vector", timestampMs, labels: sets, values, histograms }),
      );
      const expected = entries.map(({ labels: set, cell }) => ({
        labels: set,
        value: isValue(cell) ? cell : undefined,
        histogram: isValue(cell) ? undefined : cell,
      }));
      deepEqual(read, { resultType: "vector", timestampMs, entries: expected, ...NOTHING });
    }),
  );
});

test("scalars and strings come back as they were", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("scalar" as const, "string" as const),
      fc.string(),
      (resultType, text) => {
        const answer = { resultType, timestampMs: 5, value: text };
        deepEqual(decodeQueryColumns(encode(answer)), { ...answer, ...NOTHING });
      },
    ),
  );
});

test("warnings and statistics come beside the data", () => {
  const end = { warnings: ["w"], infos: [], stats: { samples: { samplesRead: 3 } } };
  const read = decodeQueryColumns(
    encode({ resultType: "scalar", timestampMs: 1, value: "2" }, end),
  );
  deepEqual({ warnings: read.warnings, infos: read.infos, stats: read.stats }, end);
});

/** Series of 20 steps, some without the last. */
function large(count = 3000): ColumnsAnswer {
  const timestampsMs = Float64Array.from({ length: 20 }, (_, i) => i * 1000);
  const series = Array.from({ length: count }, (_, i) => {
    const length = i % 2 === 0 ? 20 : 19;
    const own = timestampsMs.subarray(0, length);
    return { labels: [["i", String(i)] as const], timestampsMs: own, values: own };
  });
  return { resultType: "matrix", grid: { startMs: 0, stepMs: 1000, count: 20 }, series };
}

test("a large answer goes in pieces, each small", () => {
  const sizes = [...encodeQueryColumns(large(), NOTHING)].map(({ length }) => length);
  ok(sizes.length > 5);
  ok(Math.max(...sizes) < 512 * 1024);
  const read = decodeQueryColumns(encode(large()));
  ok(read.resultType === "matrix");
  equal(read.series.length, 3000);
  deepEqual(read.series[2999]?.labels, [["i", "2999"]]);
});

test("every array of numbers begins at a multiple of 8 bytes", () => {
  const read = decodeQueryColumns(encode(large()));
  ok(read.resultType === "matrix");
  for (const { values } of read.series) equal(values.byteOffset % 8, 0);
});

test("bytes that lie anywhere in their buffer are read", () => {
  const bytes = encode(large());
  const moved = new Uint8Array(bytes.length + 3).subarray(3);
  moved.set(bytes);
  deepEqual(decodeQueryColumns(moved), decodeQueryColumns(bytes));
});

const isRefused = (error: unknown): boolean =>
  error instanceof OperatingError && error.code === "input.invalid";

test("an answer that was cut off is refused, wherever that was", () => {
  const whole = encode(large(3));
  for (let size = 0; size < whole.length; size++)
    throws(() => decodeQueryColumns(whole.subarray(0, size)), isRefused, `${size} bytes`);
});

test("no bytes are read in another way than with an answer or a refusal", () => {
  const whole = encode(large()).subarray(0, 4096);
  const changes = fc.array(fc.tuple(fc.nat(4095), fc.integer({ min: 0, max: 255 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changes), (input) => {
      const bytes = input instanceof Uint8Array ? input : whole.slice();
      if (!(input instanceof Uint8Array)) for (const [at, byte] of input) bytes[at] = byte;
      try {
        decodeQueryColumns(bytes);
      } catch (error) {
        if (!isRefused(error)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
