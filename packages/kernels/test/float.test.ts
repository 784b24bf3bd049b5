import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { seededRng } from "@pharos/base";
import fc from "fast-check";
import { Kernels } from "../src/index.ts";
import { createPowersOfTen } from "../src/powers-of-ten.ts";
import { NUMBER } from "./oracle/exposition.ts";

const kernels = await Kernels.load();
const powers = createPowersOfTen(kernels);
const block = kernels.allocate(4096);
const result = block + 4000;
const whole = new RegExp(`^${NUMBER}`, "i");

/** What the kernel reads at the start of a text: the number and how much of the text it is, or why not. */
function read(text: string): { status: number; size: number; value: number; bits: bigint } {
  const bytes = new TextEncoder().encode(`${text}\n`);
  kernels.bytes.set(bytes, block);
  const packed = kernels.call("floatFrom", block, powers, result);
  const view = new DataView(kernels.buffer);
  return {
    status: packed & 3,
    size: packed >> 2,
    value: view.getFloat64(result, true),
    bits: view.getBigUint64(result, true),
  };
}

const OK = 0;
const INVALID = 1;
const HARD = 2;
let hard = 0;
let readCount = 0;

function check(text: string): void {
  const { status, size, value } = read(text);
  const expected = whole.exec(text)?.[0];
  if (expected === undefined || /^[+-]?(?:\d+\.?\d*|\.\d+)e[+-]?$/i.test(text.slice(0, size))) {
    equal(status, INVALID, text);
    return;
  }
  ok(status !== INVALID, `${text} is a number`);
  equal(size, expected.length, text);
  readCount++;
  if (status === HARD) {
    hard++;
    return;
  }
  if (/inf/i.test(expected)) equal(value, expected.startsWith("-") ? -Infinity : Infinity);
  else if (/nan/i.test(expected)) ok(Number.isNaN(value));
  else ok(Object.is(value, Number(expected)), `${expected} is read as ${value}`);
}

test("every float64 that is printed is read back", () => {
  fc.assert(
    fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
      for (const text of [String(value), value.toExponential(), value.toPrecision(17)]) check(text);
    }),
    { numRuns: 5000 },
  );
});

test("numbers of any digits and powers round as JavaScript rounds them, and few are left to it", () => {
  const rng = seededRng(11);
  hard = 0;
  readCount = 0;
  for (let run = 0; run < 60_000; run++) {
    let text = ["", "-", "+"][rng.below(3)] as string;
    const digits = 1 + rng.below(19);
    const point = rng.below(digits + 1);
    for (let i = 0; i < digits; i++) text += (i === point ? "." : "") + rng.below(10);
    if (rng.chance(60))
      text += `e${["", "-", "+"][rng.below(3)]}${rng.below(rng.chance(50) ? 30 : 340)}`;
    check(text);
  }
  ok(readCount === 60_000 && hard < 6000, `${hard} of ${readCount} are left to JavaScript`);
});

test("half-way cases, limits and long numbers are read rightly or left to JavaScript", () => {
  for (const text of [
    "0",
    "-0",
    "00000000000000000000000000001",
    "0.00000000000000000000000000000000001",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.0",
    "9007199254740995",
    "18446744073709551615",
    "18446744073709551616",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "2.2250738585072014e-308",
    "2.2250738585072011e-308",
    "5e-324",
    "2e-324",
    "1e400",
    "1e-400",
    "1e-99999999999",
    `0.${"0".repeat(400)}1e400`,
    `1${"0".repeat(400)}e-400`,
    `0.${"1".repeat(800)}`,
    "6.02214076e23",
    "8.98846567431158e307",
    "123456789012345678",
    "1e22",
    "1e23",
    "1e-22",
    "1e-23",
  ])
    check(text);
});

test("words and malformed numbers are taken as Go's ParseFloat takes them", () => {
  for (const text of ["inf", "Inf", "+INF", "-iNf", "infinity", "-Infinity", "NaN", "nan", "NAN"])
    check(text);
  for (const text of [
    "+nan",
    "-NaN",
    "in",
    "na",
    "",
    "+",
    "-",
    ".",
    "-.",
    "e5",
    ".e5",
    "x",
    "1e",
    "1e+",
    "--1",
  ])
    equal(read(text).status, INVALID, text);
  // What follows the number is for the caller to refuse.
  for (const [text, size] of [
    ["1_000", 1],
    ["0x10", 1],
    ["1p3", 1],
    ["infinit", 3],
    ["nano", 3],
    ["1..2", 2],
    ["1e5.5", 3],
  ] as const) {
    equal(read(text).size, size, text);
    equal(read(text).status, OK);
  }
  equal(read("nan").bits, 0x7ff8_0000_0000_0001n);
});

test("any text at all is a number exactly where the grammar says so", () => {
  const parts = fc.constantFrom(
    ..."0123456789",
    "e",
    "E",
    "+",
    "-",
    ".",
    "inf",
    "nan",
    "Inity",
    "x",
    "99",
    "000",
  );
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 12 }), (list) => check(list.join(""))),
    { numRuns: 20_000 },
  );
});
