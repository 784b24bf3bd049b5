import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chunkSizeMax, Gorilla } from "../src/gorilla.ts";
import { Kernels } from "../src/kernels.ts";
import { decode, encode, type Sample } from "./oracle/gorilla.ts";

const kernels = await Kernels.load();
const gorilla = new Gorilla(kernels);
const COUNT_MAX = 200;
const timestamps = kernels.allocate(COUNT_MAX * 8);
const values = kernels.allocate(COUNT_MAX * 8);
const stale = kernels.allocate(COUNT_MAX);
const chunk = kernels.allocate(chunkSizeMax(COUNT_MAX));
const t64 = new Float64Array(kernels.buffer, timestamps, COUNT_MAX);
const v64 = new BigUint64Array(kernels.buffer, values, COUNT_MAX);
const s8 = new Uint8Array(kernels.buffer, stale, COUNT_MAX);
const STALE = 0x7ff0000000000002n;

function encodeByKernel(samples: readonly Sample[]): Uint8Array {
  for (const [i, { t, v }] of samples.entries()) {
    t64[i] = Number(t);
    v64[i] = v;
  }
  const size = gorilla.encode(timestamps, values, samples.length, chunk);
  return kernels.bytes.slice(chunk, chunk + size);
}

function decodeByKernel(
  bytes: Uint8Array,
  count: number,
  minMs = Number.NEGATIVE_INFINITY,
  maxMs = Number.POSITIVE_INFINITY,
): Sample[] | undefined {
  kernels.bytes.fill(0xa5, chunk, chunk + chunkSizeMax(COUNT_MAX));
  kernels.bytes.set(bytes, chunk);
  const written = gorilla.decode({ pointer: chunk, size: bytes.length, count }, minMs, maxMs, {
    timestampsMs: timestamps,
    values,
    stale,
  });
  if (written === undefined) return undefined;
  return Array.from({ length: written }, (_, i) => ({
    t: BigInt(t64[i] as number),
    v: v64[i] as bigint,
  }));
}

const special = [
  STALE,
  0x7ff8000000000000n,
  0x7ff8000000000001n,
  0xfff8000000000000n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x8000000000000000n,
  0n,
  1n,
  0xffffffffffffffffn,
];
const bitsOf = (value: number): bigint =>
  new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint;
const value = fc.oneof(
  fc.constantFrom(...special),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.integer({ min: 0, max: 1000 }).map(bitsOf),
  fc.double().map(bitsOf),
);
const step = fc.oneof(
  { arbitrary: fc.constantFrom(15000, 15000, 15000, 14999, 15001, 60000), weight: 5 },
  { arbitrary: fc.integer({ min: 1, max: 2 ** 20 }), weight: 2 },
  { arbitrary: fc.integer({ min: 1, max: 2 ** 44 }), weight: 1 },
);
const samples = fc
  .tuple(
    fc.integer({ min: -(2 ** 47), max: 2 ** 47 }),
    fc.array(fc.tuple(step, value), { minLength: 1, maxLength: 150 }),
  )
  .map(([start, list]) => {
    let t = BigInt(start);
    return list.map(([by, v]) => {
      t += BigInt(by);
      return { t, v };
    });
  });

test("kernel and oracle write the same bytes, and read each other's, bit for bit", () => {
  fc.assert(
    fc.property(samples, (list) => {
      const bytes = encodeByKernel(list);
      deepEqual(bytes, encode(list));
      deepEqual(decodeByKernel(bytes, list.length), list);
      deepEqual(decode(bytes, list.length), list);
    }),
    { numRuns: 400 },
  );
});

test("staleness markers are flagged by their bits, other NaNs are not", () => {
  const list = special.map((v, i) => ({ t: BigInt(i), v }));
  decodeByKernel(encodeByKernel(list), list.length);
  deepEqual(
    [...s8.subarray(0, list.length)],
    list.map(({ v }) => (v === STALE ? 1 : 0)),
  );
});

test("a range of time cuts both ends, inclusively", () => {
  fc.assert(
    fc.property(samples, fc.nat(150), fc.nat(150), (list, a, b) => {
      const minMs = Number(list[Math.min(a, list.length - 1)]?.t);
      const maxMs = Number(list[Math.min(b, list.length - 1)]?.t);
      deepEqual(
        decodeByKernel(encode(list), list.length, minMs, maxMs),
        list.filter(({ t }) => t >= minMs && t <= maxMs),
      );
    }),
  );
});

test("damaged bytes either decode to no more than was asked for, or are reported; nothing else is touched", () => {
  const before = kernels.allocate(16);
  fc.assert(
    fc.property(samples, fc.nat(), fc.nat(255), fc.nat(3000), (list, at, byte, cut) => {
      const bytes = encode(list).slice(0, Math.max(1, cut));
      bytes[at % bytes.length] = byte;
      s8.fill(0xee);
      kernels.bytes.fill(0x77, before, before + 16);
      const decoded = decodeByKernel(bytes, list.length);
      ok(decoded === undefined || decoded.length <= list.length);
      ok(s8.subarray(list.length).every((flag) => flag === 0xee));
      equal(kernels.bytes[before], 0x77);
    }),
    { numRuns: 500 },
  );
});

test("a steady series takes two bits a sample", () => {
  const list = Array.from({ length: 120 }, (_, i) => ({ t: BigInt(i * 15000), v: bitsOf(42) }));
  equal(encodeByKernel(list).length, 16 + Math.ceil((24 + 1 + 118 * 2) / 8));
});
