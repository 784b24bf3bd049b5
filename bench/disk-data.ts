// The inputs of the disk comparison: series with all their samples, whose values are kept bit by bit.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type Rng, seededRng } from "@pharos/base";
import { parseSeriesText } from "@pharos/kernels";
import { readCapture } from "./capture-file.ts";
import { STEP_MS, w1LabelSets, w1Values } from "./workload-w1.ts";

export const CAPTURE_FILE = resolve(import.meta.dirname, "../.setup/bench/capture.bin");

/** The NaN that Prometheus makes of a NaN in a target's text. */
const ORDINARY_NAN = 0x7ff8_0000_0000_0001n;
/** The staleness marker. */
export const STALE_NAN = 0x7ff0_0000_0000_0002n;

export interface SeriesSamples {
  readonly labels: Readonly<Record<string, string>>;
  /** Strictly increasing whole numbers. */
  readonly timestampsMs: Float64Array;
  /** Not read as numbers where bits matter. */
  readonly values: Float64Array;
}

export interface DiskData {
  /** What it is, for a reader of the figures. */
  readonly title: string;
  readonly series: readonly SeriesSamples[];
}

/**
 * The series of W1's generator, every 15 s until `endMs`.
 * @param jitterMsMax how much later than the step each scrape of a host is, at most.
 */
export function generatedData(options: {
  readonly hosts: number;
  readonly rounds: number;
  readonly endMs: number;
  readonly jitterMsMax: number;
}): DiskData {
  const { hosts, rounds, endMs, jitterMsMax } = options;
  const labelSets = w1LabelSets(hosts);
  const columns = labelSets.map((labels) => ({
    labels,
    timestampsMs: new Float64Array(rounds),
    values: new Float64Array(rounds),
  }));
  const values = w1Values(labelSets.length);
  const jitter = seededRng(2);
  const seriesPerHost = labelSets.length / hosts;
  for (let round = 0; round < rounds; round++) {
    const stepMs = endMs - (rounds - 1 - round) * STEP_MS;
    let timestampMs = stepMs;
    for (const [at, column] of columns.entries()) {
      // All samples of a scrape have its time.
      if (at % seriesPerHost === 0) timestampMs = stepMs + jitter.below(jitterMsMax + 1);
      column.timestampsMs[round] = timestampMs;
      column.values[round] = values.next(at);
    }
  }
  const steps = `${hosts * seriesPerHost} generated series, ${rounds} samples each at 15 s`;
  return { title: jitterMsMax === 0 ? steps : `${steps} + 0-${jitterMsMax} ms`, series: columns };
}

/**
 * What was captured, either with its true timestamps moved so that they end at `endMs`, or every scrape exactly 15 s after
 * the one before it. Undefined where nothing was captured yet.
 */
export function capturedData(
  path: string,
  options: { readonly endMs: number; readonly restamp: boolean; readonly scrapesMax: number },
): DiskData | undefined {
  if (!existsSync(path)) return undefined;
  const series = new Map<string, GrowingSeries>();
  let [scrapes, lastMs] = [0, 0];
  for (const { scrape, timestampMs, target, text } of readCapture(path)) {
    if (scrape >= options.scrapesMax) break;
    scrapes = scrape + 1;
    lastMs = timestampMs;
    const time = options.restamp ? scrape * STEP_MS : timestampMs;
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const blank = line.lastIndexOf(" ");
      const name = line.slice(0, blank);
      const key = `${target} ${name}`;
      let found = series.get(key);
      if (found === undefined) {
        const labels = Object.fromEntries(parseSeriesText(name));
        found = new GrowingSeries({ ...labels, job: target, instance: `${target}:9100` });
        series.set(key, found);
      }
      found.push(time, line.slice(blank + 1));
    }
  }
  const shiftMs = options.endMs - (options.restamp ? (scrapes - 1) * STEP_MS : lastMs);
  const kind = options.restamp ? "re-stamped to 15 s" : "true 1 s timestamps";
  return {
    title: `${series.size} captured series, ${scrapes} scrapes, ${kind}`,
    series: [...series.values()].map((each) => each.finish(shiftMs)),
  };
}

/** Columns that grow as scrapes are read. */
class GrowingSeries {
  readonly #labels: Readonly<Record<string, string>>;
  #timestampsMs = new Float64Array(64);
  #values = new Float64Array(64);
  #bits = new BigUint64Array(this.#values.buffer);
  #length = 0;

  constructor(labels: Readonly<Record<string, string>>) {
    this.#labels = labels;
  }

  push(timestampMs: number, text: string): void {
    if (this.#length === this.#values.length) {
      this.#timestampsMs = twice(this.#timestampsMs);
      this.#values = twice(this.#values);
      this.#bits = new BigUint64Array(this.#values.buffer);
    }
    this.#timestampsMs[this.#length] = timestampMs;
    if (text === "NaN") this.#bits[this.#length] = ORDINARY_NAN;
    else this.#values[this.#length] = parseValue(text);
    this.#length++;
  }

  finish(shiftMs: number): SeriesSamples {
    return {
      labels: this.#labels,
      timestampsMs: this.#timestampsMs.slice(0, this.#length).map((each) => each + shiftMs),
      values: this.#values.slice(0, this.#length),
    };
  }
}

/**
 * Values that codecs get wrong: any bit pattern, NaNs with payloads, staleness markers, both zeros, infinities, the
 * smallest and the largest numbers. For the comparison of bits; their size says nothing.
 */
export function oddData(endMs: number): DiskData {
  const rng = seededRng(3);
  const count = 2000;
  const series = ODD_KINDS.map((kind, at) => {
    const bits = BigUint64Array.from({ length: count }, (_, i) => kind(rng, i));
    return {
      labels: { __name__: "odd", instance: "odd", job: "odd", kind: String(at) },
      timestampsMs: Float64Array.from(
        { length: count },
        (_, i) => endMs - (count - 1 - i) * STEP_MS,
      ),
      values: new Float64Array(bits.buffer),
    };
  });
  return { title: `${series.length} series of odd values`, series };
}

const SPECIAL_BITS = [
  ...[0n, 1n << 63n, 1n, 0x000f_ffff_ffff_ffffn, 0x0010_0000_0000_0000n, 0x7fef_ffff_ffff_ffffn],
  ...[0x7ff0_0000_0000_0000n, 0xfff0_0000_0000_0000n, ORDINARY_NAN, STALE_NAN],
  ...[
    0x7ff8_0000_0000_0000n,
    0xfff8_0000_0000_0000n,
    0x7ff0_0000_0000_0001n,
    0xffff_ffff_ffff_ffffn,
  ],
];

const ODD_KINDS: readonly ((rng: Rng, at: number) => bigint)[] = [
  (rng) => (BigInt(rng.below(2 ** 32)) << 32n) | BigInt(rng.below(2 ** 32)),
  (rng) => SPECIAL_BITS[rng.below(SPECIAL_BITS.length)] ?? 0n,
  // A counter with gaps that are marked stale.
  (rng, at) => (rng.chance(5) ? STALE_NAN : bitsOf(at * 3)),
  // Decimals whose last digits are noise, as sums of them have.
  (_, at) => bitsOf(at * 0.1 + at * 0.2),
  // Seventeen digits.
  (rng) => bitsOf(1e15 * rng.unit()),
  (rng, at) => bitsOf((rng.chance(50) ? -1 : 1) * 10 ** ((at % 600) - 300)),
];

function bitsOf(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0] ?? 0n;
}

function parseValue(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return Number(text);
}

function twice(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  // As bytes: a NaN keeps its payload.
  new Uint8Array(larger.buffer).set(new Uint8Array(column.buffer));
  return larger;
}
