// What the column codec makes of a sample, by class of series: bytes, and CPU nanoseconds to encode and to decode.
// `node bench/columns.ts [--samples 480] [--capture FILE]`; without a capture, only what is generated.
import { type Rng, seededRng } from "@pharos/base";
import { COLUMN_SAMPLES_MAX, ColumnCodec, columnSizeMax, Kernels } from "@pharos/kernels";
import { scriptOptions } from "../scripts/script-options.ts";
import { CAPTURE_FILE, capturedData, generatedData } from "./disk-data.ts";

const COLUMNS_PER_CLASS = 64;
/** Decoding is repeated until so many samples have been decoded, for the clock's sake. */
const SAMPLES_MIN = 4_000_000;
const ENCODE_EVERY = 16;
const REPETITIONS = 5;

const { values: options } = scriptOptions({
  options: {
    samples: { type: "string", default: "480" },
    capture: { type: "string", default: CAPTURE_FILE },
  },
});
const samplesPerColumn = Math.min(Number(options.samples), COLUMN_SAMPLES_MAX);

/** Makes the next value of a series from the one before. */
type Next = (before: number, rng: Rng, i: number) => number;
const CLASSES: Readonly<Record<string, Next>> = {
  constant: () => 42,
  "counter, steady": (before) => before + 15,
  "counter, +0..49": (before, rng) => before + rng.below(50),
  "counter, +0..4999": (before, rng) => before + rng.below(5000),
  "counter, half at rest": (before, rng) => before + (rng.chance(50) ? 0 : rng.below(20)),
  "counter, slow": (before, rng) => before + (rng.chance(98) ? 0 : 1),
  "counter, resets": (before, rng) => (rng.chance(1) ? 0 : before + rng.below(50)),
  "counter, hundredths": (before, rng) => Math.round((before + rng.unit()) * 100) / 100,
  "gauge, hundredths": (_, rng) => rng.below(1000) / 100,
  "gauge, random walk of ones": (before, rng) => before + rng.below(3) - 1,
  "gauge, pages of memory": (_, rng) => 4096 * (10_000 + rng.below(1000)),
  "gauge, single precision": (_, rng) => Math.fround(rng.unit()),
  "gauge, random walk": (before, rng) => before + fullUnit(rng) - 0.5,
  "sum of floats": (before, rng) => before + fullUnit(rng),
  "sum of tenths": (before, rng) => before + rng.below(10) / 10,
  "random floats": (_, rng) => fullUnit(rng),
};

/** With all 53 bits. */
function fullUnit(rng: Rng): number {
  return rng.unit() + rng.unit() / 2 ** 32;
}

const kernels = await Kernels.load();
const codec = new ColumnCodec(kernels);

interface Columns {
  readonly name: string;
  readonly grid: boolean;
  /** Where each lies in the kernels' memory, and how long it is. */
  readonly list: readonly { readonly at: number; readonly count: number }[];
}

function place(name: string, columns: readonly Float64Array[], grid = false): Columns {
  const list = columns.map((column) => {
    const at = kernels.allocate(column.byteLength);
    // By words: a NaN's bits are part of the data.
    const { buffer, byteOffset, length } = column;
    kernels.words.set(new Uint32Array(buffer, byteOffset, length * 2), at / 4);
    return { at, count: length };
  });
  return { name, grid, list };
}

function release({ list }: Columns): void {
  for (const { at, count } of list) kernels.release(at, count * 8);
}

/** CPU nanoseconds a sample; the least of some repetitions, as what disturbs only adds. */
function nanoseconds(samples: number, run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, ((user + system) * 1000) / samples);
  }
  return best;
}

function measure(columns: Columns): void {
  const { name, grid, list } = columns;
  const room = kernels.allocate(columnSizeMax(COLUMN_SAMPLES_MAX));
  const out = kernels.allocate(COLUMN_SAMPLES_MAX * 8);
  const encode = (at: number, count: number): number =>
    grid ? codec.encodeTimestamps(at, count, room) : codec.encodeValues(at, count, room);
  const encoded = list.map(({ at, count }) => {
    const size = encode(at, count);
    const copy = kernels.allocate(size);
    kernels.bytes.copyWithin(copy, room, room + size);
    return { at: copy, size, count };
  });
  const samples = list.reduce((sum, { count }) => sum + count, 0);
  const bytes = encoded.reduce((sum, { size }) => sum + size, 0);
  const rounds = Math.max(1, Math.ceil(SAMPLES_MIN / samples));
  const encodeRounds = Math.ceil(rounds / ENCODE_EVERY);
  const encodeNs = nanoseconds(samples * encodeRounds, () => {
    for (let round = 0; round < encodeRounds; round++)
      for (const { at, count } of list) encode(at, count);
  });
  let damaged = 0;
  const decodeNs = nanoseconds(samples * rounds, () => {
    for (let round = 0; round < rounds; round++)
      for (const { at, size, count } of encoded) {
        const whole = grid
          ? codec.decodeTimestamps(at, size, count, out)
          : codec.decodeValues(at, size, count, out);
        if (!whole) damaged++;
      }
  });
  if (damaged > 0) throw new Error(`${name}: ${damaged} columns did not decode`);
  const cells = [
    name.padEnd(46),
    String(samples).padStart(9),
    (bytes / samples).toFixed(3).padStart(8),
    encodeNs.toFixed(1).padStart(8),
    decodeNs.toFixed(2).padStart(7),
  ];
  process.stdout.write(`${cells.join(" ")}\n`);
  for (const { at, size } of encoded) kernels.release(at, size);
  kernels.release(room, columnSizeMax(COLUMN_SAMPLES_MAX));
  kernels.release(out, COLUMN_SAMPLES_MAX * 8);
}

function run(columns: Columns): void {
  measure(columns);
  release(columns);
}

/** All columns' samples in pieces of one column each. */
function pieces(columns: Iterable<Float64Array>): Float64Array[] {
  const list: Float64Array[] = [];
  for (const column of columns)
    for (let from = 0; from < column.length; from += samplesPerColumn)
      list.push(column.slice(from, from + samplesPerColumn));
  return list;
}

function isConstant(column: Float64Array): boolean {
  return column.every((value) => Object.is(value, column[0]));
}

process.stdout.write(`columns of ${samplesPerColumn} samples\n`);
process.stdout.write(`${"class".padEnd(46)}   samples  B/sample ns enc  ns dec\n`);
const rng = seededRng(1);
for (const [name, next] of Object.entries(CLASSES)) {
  const columns = Array.from({ length: COLUMNS_PER_CLASS }, () => {
    let value = rng.below(1_000_000);
    return Float64Array.from({ length: samplesPerColumn }, (_, i) => {
      value = next(value, rng, i);
      return value;
    });
  });
  run(place(name, columns));
}

const STEP_MS = 15_000;
const START_MS = 1_700_000_000_123;
const GRIDS: Readonly<Record<string, (i: number) => number>> = {
  "timestamps, a grid": (i) => i * STEP_MS,
  "timestamps, 0-20 ms late": (i) => i * STEP_MS + rng.below(21),
  "timestamps, 0-20 ms late, with gaps": (i) =>
    i * STEP_MS + rng.below(21) + Math.floor(i / 100) * 60_000,
  "timestamps, 2 ms slow each": (i) => i * (STEP_MS + 2) + rng.below(3),
};
for (const [name, time] of Object.entries(GRIDS)) {
  const column = Float64Array.from({ length: samplesPerColumn }, (_, i) => START_MS + time(i));
  run(place(name, [column], true));
}

const endMs = 1_700_000_000_000;
const generated = generatedData({ hosts: 1, rounds: 5760, endMs, jitterMsMax: 0 });
run(place(generated.title, pieces(generated.series.map(({ values }) => values))));

const captured = capturedData(options.capture, {
  endMs,
  restamp: false,
  scrapesMax: Number.POSITIVE_INFINITY,
});
if (captured !== undefined) {
  const all = pieces(captured.series.map(({ values }) => values));
  run(place("captured, all", all));
  run(
    place(
      "captured, not constant",
      all.filter((column) => !isConstant(column)),
    ),
  );
  const times = pieces(captured.series.map(({ timestampsMs }) => timestampsMs));
  run(place("captured, timestamps", times, true));
}
