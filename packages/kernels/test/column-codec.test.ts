import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { COLUMN_SAMPLES_MAX, ColumnCodec, columnSizeMax } from "../src/column-codec.ts";
import { Kernels } from "../src/kernels.ts";
import { bitsOf, decodeColumn } from "./oracle/column.ts";

const kernels = await Kernels.load();
const codec = new ColumnCodec(kernels);
const GUARD = 8;
const values = kernels.allocate(COLUMN_SAMPLES_MAX * 8);
const out = kernels.allocate((COLUMN_SAMPLES_MAX + 2 * GUARD) * 8) + GUARD * 8;
const column = kernels.allocate(columnSizeMax(COLUMN_SAMPLES_MAX) + 64);
const v64 = new BigUint64Array(kernels.buffer, values, COLUMN_SAMPLES_MAX);
const o64 = new BigUint64Array(kernels.buffer, out, COLUMN_SAMPLES_MAX);
const f64 = new Float64Array(kernels.buffer, values, COLUMN_SAMPLES_MAX);
const STALE = 0x7ff0000000000002n;

function encode(bits: readonly bigint[], as: "values" | "timestamps" = "values"): Uint8Array {
  for (const [i, value] of bits.entries()) v64[i] = value;
  // What lies in the output already must not matter.
  kernels.bytes.fill(0xa5, column, column + columnSizeMax(bits.length) + 64);
  const size =
    as === "values"
      ? codec.encodeValues(values, bits.length, column)
      : codec.encodeTimestamps(values, bits.length, column);
  return kernels.bytes.slice(column, column + size);
}

/** Decodes with `behind` in all bytes behind the column, and sees that nothing outside of the output is written. */
function decode(bytes: Uint8Array, count: number, behind = 0xa5): bigint[] | undefined {
  kernels.bytes.fill(behind, column + bytes.length, column + bytes.length + 64);
  kernels.bytes.set(bytes, column);
  const guarded = kernels.bytes.subarray(out - GUARD * 8, out + (count + GUARD) * 8);
  guarded.fill(0xee);
  const whole = codec.decodeValues(column, bytes.length, count, out);
  ok(guarded.subarray(0, GUARD * 8).every((byte) => byte === 0xee));
  ok(guarded.subarray((GUARD + count) * 8).every((byte) => byte === 0xee));
  return whole ? [...o64.subarray(0, count)] : undefined;
}

const SPECIAL = [
  STALE,
  0x7ff8000000000000n,
  0x7ff8000000000001n,
  0xfff8000000000000n,
  0x7ff0000000000001n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x8000000000000000n,
  0n,
  1n,
  0x000fffffffffffffn,
  0x8000000000000001n,
  0xffffffffffffffffn,
  0x7fefffffffffffffn,
];
const special = fc.constantFrom(...SPECIAL);
const anyBits = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const count = fc.oneof(
  { arbitrary: fc.integer({ min: 1, max: 40 }), weight: 3 },
  { arbitrary: fc.integer({ min: 1, max: 300 }), weight: 1 },
);

/** A class of columns: from a list of chances in [0, 1) to the values. */
const classes: Record<string, (chances: readonly number[], scale: number) => number[]> = {
  "a constant": (chances, scale) => chances.map(() => scale / 8),
  "a straight line": (chances, scale) => chances.map((_, i) => scale * i - 7),
  "a counter": (chances, scale) => sums(chances.map((chance) => Math.floor(chance * scale))),
  "a counter with resets": (chances, scale) => {
    let value = scale;
    return chances.map((chance) => {
      value = chance < 0.05 ? 0 : value + Math.floor(chance * scale);
      return value;
    });
  },
  "a counter that mostly rests": (chances, scale) =>
    sums(chances.map((chance) => (chance < 0.8 ? 0 : Math.ceil((chance - 0.8) * scale)))),
  "a parabola": (chances, scale) => chances.map((_, i) => scale * i * i - i + 1),
  hundredths: (chances, scale) => chances.map((chance) => Math.round(chance * scale) / 100),
  "sums of tenths": (chances) => sums(chances.map((chance) => Math.round(chance * 10) / 10)),
  multiples: (chances, scale) => chances.map((chance) => Math.floor(chance * 1000) * scale),
  floats: (chances, scale) => chances.map((chance) => (chance - 0.5) * scale),
  "sums of floats": (chances, scale) => sums(chances.map((chance) => chance * scale)),
  "single precision": (chances, scale) => chances.map((chance) => Math.fround(chance * scale)),
  "many sizes": (chances, scale) => chances.map((chance) => 10 ** (chance * 40 - 20) * scale),
  "near 2^50 and 2^53": (chances, scale) =>
    chances.map(
      (chance) => (chance < 0.5 ? -1 : 1) * (2 ** 50 * (1 + (scale % 8)) - (chance > 0.7 ? 1 : 0)),
    ),
};
function sums(list: readonly number[]): number[] {
  let sum = 0;
  return list.map((number) => {
    sum += number;
    return sum;
  });
}

const chances = count.chain((length) =>
  fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    minLength: length,
    maxLength: length,
  }),
);
const ordinary = fc
  .tuple(fc.constantFrom(...Object.values(classes)), chances, fc.integer({ min: 1, max: 100_000 }))
  .map(([make, list, scale]) => make(list, scale).map(bitsOf));
/** Ordinary columns, in which some values are anything. */
const columns = fc
  .tuple(
    ordinary,
    fc.array(fc.tuple(fc.nat(), fc.oneof(special, anyBits)), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([bits, guests, welcome]) => {
    if (welcome) for (const [at, guest] of guests) bits[at % bits.length] = guest;
    return bits;
  });
const anyColumns = fc.oneof(
  { arbitrary: columns, weight: 6 },
  { arbitrary: fc.array(fc.oneof(special, anyBits), { minLength: 1, maxLength: 70 }), weight: 2 },
  { arbitrary: fc.array(special, { minLength: 1, maxLength: 70 }), weight: 1 },
);

test("every column comes back bit for bit, from the kernel and from the oracle", () => {
  fc.assert(
    fc.property(anyColumns, (bits) => {
      const bytes = encode(bits);
      ok(bytes.length <= columnSizeMax(bits.length));
      deepEqual(decode(bytes, bits.length), bits);
      deepEqual(decodeColumn(bytes, bits.length), bits);
    }),
    { numRuns: 4000 },
  );
});

test("columns of the largest size come back", () => {
  let seed = 1;
  const next = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  for (const [name, make] of Object.entries(classes)) {
    const list = Array.from({ length: COLUMN_SAMPLES_MAX }, next);
    const bits = make(list, 1000).map(bitsOf);
    deepEqual(decode(encode(bits), bits.length), bits, name);
  }
  const random = Array.from({ length: COLUMN_SAMPLES_MAX }, () =>
    BigInt.asUintN(
      64,
      (BigInt(Math.floor(next() * 2 ** 32)) << 32n) | BigInt(Math.floor(next() * 2 ** 32)),
    ),
  );
  deepEqual(decode(encode(random), random.length), random);
});

test("fields of every width come back", () => {
  for (let width = 1; width <= 64; width++) {
    const all = (1n << BigInt(width)) - 1n;
    const bits = Array.from({ length: 67 }, (_, i) =>
      BigInt.asUintN(64, i % 3 === 0 ? all : (BigInt(i) * 0x9e3779b97f4a7c15n) & all),
    );
    deepEqual(decode(encode(bits), bits.length), bits, `${width} bits of the float`);
    if (width > 49) continue;
    const whole = bits.map((number) => bitsOf(Number(number)));
    deepEqual(decode(encode(whole), whole.length), whole, `whole numbers of ${width} bits`);
  }
});

test("a column says whether a value of it is a staleness marker", () => {
  fc.assert(
    fc.property(columns, (bits) => {
      encode(bits);
      equal(codec.hasStale(column), bits.includes(STALE));
    }),
  );
});

test("the bytes behind a column do not matter", () => {
  fc.assert(
    fc.property(anyColumns, (bits) => {
      const bytes = encode(bits);
      deepEqual(decode(bytes, bits.length, 0), decode(bytes, bits.length, 0xff));
    }),
  );
});

test("damaged columns decode to something or are reported, and nothing else is touched", () => {
  fc.assert(
    fc.property(anyColumns, fc.nat(), fc.nat(255), fc.nat(600), (bits, at, byte, cut) => {
      const bytes = encode(bits).slice(0, Math.max(1, cut));
      bytes[at % bytes.length] = byte;
      const decoded = decode(bytes, bits.length, 0);
      deepEqual(decode(bytes, bits.length, 0xff), decoded);
      // The oracle sees the same damage: it reads the same bytes.
      equal(decodeColumn(bytes, bits.length) === undefined, decoded === undefined);
    }),
    { numRuns: 4000 },
  );
});

test("random bytes decode to something or are reported", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 0, max: 100 }), (bytes, n) => {
      const decoded = decode(bytes, n, 0);
      deepEqual(decode(bytes, n, 0xff), decoded);
      if (n > 0 && bytes.length >= 3)
        equal(decodeColumn(bytes, n) === undefined, decoded === undefined);
      else equal(decoded, undefined);
    }),
    { numRuns: 20_000 },
  );
});

test("a column that is cut short or has a byte more is damaged", () => {
  fc.assert(
    fc.property(anyColumns, fc.nat(), (bits, cut) => {
      const bytes = encode(bits);
      equal(decode(bytes.slice(0, cut % bytes.length), bits.length), undefined);
      equal(decode(Uint8Array.of(...bytes, 0), bits.length), undefined);
    }),
  );
});

test("fields wider than a number are damage", () => {
  const packed = (
    head: number,
    scale: number,
    rest: readonly number[],
    width: number,
  ): Uint8Array =>
    Uint8Array.of(head, scale, ...rest, width, ...Array<number>(Math.ceil(width / 8)).fill(0));
  const decimals = (width: number): Uint8Array => packed(0x10, 0, [2, 0], width);
  const bits = (width: number): Uint8Array => packed(0x11, 0, Array<number>(9).fill(0), width);
  for (const [column, whole] of [
    [decimals(53), true],
    [decimals(54), false],
    [decimals(64), false],
    [bits(64), true],
    [bits(65), false],
    [bits(255), false],
  ] as const) {
    equal(decode(column, 2) !== undefined, whole);
    equal(decodeColumn(column, 2) !== undefined, whole);
  }
});

const steps = fc.oneof(
  { arbitrary: fc.constantFrom(15000, 15000, 14999, 15001, 60000), weight: 5 },
  { arbitrary: fc.integer({ min: 1, max: 40_000 }), weight: 3 },
  { arbitrary: fc.integer({ min: 1, max: 2 ** 38 }), weight: 1 },
);
const timestamps = fc
  .tuple(fc.integer({ min: -(2 ** 48), max: 2 ** 48 }), fc.array(steps, { maxLength: 200 }))
  .map(([start, list]) => sums([start, ...list]).map(bitsOf));

test("timestamps come back", () => {
  fc.assert(
    fc.property(timestamps, (bits) => {
      const bytes = encode(bits, "timestamps");
      ok(codec.decodeTimestamps(column, bytes.length, bits.length, out));
      deepEqual([...o64.subarray(0, bits.length)], bits);
      deepEqual(decodeColumn(bytes, bits.length), bits);
    }),
    { numRuns: 2000 },
  );
});

test("a line is exact however long it is", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: COLUMN_SAMPLES_MAX }),
      fc.double({ min: 20, max: 2 ** 36, noNaN: true }),
      fc.integer({ min: 0, max: 19 }),
      (length, step, jitter) => {
        const bits = Array.from({ length }, (_, i) =>
          bitsOf(Math.floor(i * step) + ((i * 7) % (jitter + 1))),
        );
        const bytes = encode(bits, "timestamps");
        ok(codec.decodeTimestamps(column, bytes.length, length, out));
        deepEqual([...o64.subarray(0, length)], bits);
        deepEqual(decodeColumn(bytes, length), bits);
      },
    ),
    { numRuns: 60 },
  );
});

test("timestamps that do not strictly increase, or are not whole, are damage", () => {
  for (const length of [1, 2, 3, 8, 9])
    for (let at = 0; at < length; at++) {
      const list = Array.from({ length }, (_, i) => 1000 + i * 10);
      const swapped = list.map((time, i) => (i === at ? time - 10 : time));
      const halved = list.map((time, i) => (i === at ? time + 0.5 : time));
      for (const [times, right] of [
        [list, true],
        [swapped, at === 0],
        [halved, false],
        [list.map((time, i) => (i === at ? Number.NaN : time)), false],
      ] as const) {
        const bytes = encode(times.map(bitsOf));
        equal(codec.decodeTimestamps(column, bytes.length, length, out), right, `${times}`);
      }
    }
});

/** Bytes of a column of `count` floats. */
function sizeOf(length: number, value: (i: number) => number, as?: "timestamps"): number {
  return encode(
    Array.from({ length }, (_, i) => bitsOf(value(i))),
    as,
  ).length;
}

test("the examples of the format's document are right", () => {
  const bytesOf = (list: readonly number[]): Uint8Array => encode(list.map(bitsOf));
  deepEqual(bytesOf([1, 1, 1]), Uint8Array.of(0, 0, 2));
  deepEqual(bytesOf([0.5, 0.5]), Uint8Array.of(0, 1, 0x0a));
  deepEqual(bytesOf([100, 115, 130]), Uint8Array.of(0x0a, 0x20, 0xc8, 1, 15, 2));
});

test("what is regular takes a few bytes, however long", () => {
  equal(
    sizeOf(480, () => 1),
    3,
  );
  equal(
    sizeOf(480, () => 0.25),
    3,
  );
  ok(sizeOf(4096, (i) => 1e6 + 15 * i) <= 8);
  ok(sizeOf(4096, (i) => (100 + 15 * i) / 100) <= 8);
  ok(sizeOf(4096, (i) => 1_700_000_000_123 + 15_000 * i, "timestamps") <= 12);
});

test("noise takes its own width and little more", () => {
  const noise = (i: number, limit: number): number =>
    Math.floor((((Math.imul(i + 1, 0x9e3779b1) ^ (i * 0x85ebca6b)) >>> 0) / 2 ** 32) * limit);
  const bitsEach = (size: number): number => (size * 8) / 2000;
  ok(bitsEach(sizeOf(2000, (i) => 4096 * (10_000 + noise(i, 1000)))) < 10.2);
  ok(bitsEach(sizeOf(2000, (i) => noise(i, 1000) / 100)) < 10.2);
  // A grid with a jitter below 16 ms: four bits, not the five or six of its differences.
  ok(bitsEach(sizeOf(2000, (i) => 1.7e12 + 15_000 * i + noise(i, 16), "timestamps")) < 4.2);
  // A counter that moves one time in four, by up to 15: a bit for each and four for those.
  let sum = 0;
  const resting = Array.from(
    { length: 2000 },
    (_, i) => (sum += noise(i, 4) > 0 ? 0 : noise(i * 7, 16)),
  );
  ok(bitsEach(sizeOf(2000, (i) => resting[i] as number)) < 2.2);
  // A tenth added over and over is off by a few floats here and there.
  let tenths = 0;
  const drifting = Array.from({ length: 200 }, () => (tenths += 0.1));
  f64.set(drifting);
  ok(sizeOf(200, (i) => drifting[i] as number) < 3 * 200);
});
