import { equal, fail, ok } from "node:assert/strict";
import {
  assert,
  createMatcher,
  formatLabels,
  type Labels,
  labelsFrom,
  METRIC_NAME,
  type Rng,
} from "@pharos/base";
import { type Kernels, SampleColumns, SeriesTable } from "@pharos/kernels";
import type { AppendResult, Disk, TimeRange } from "@pharos/ports";
import type { SimClock } from "@pharos/testing";
import type { EmbeddedStore, openStore, StoreSettings } from "../src/store.ts";

/** What a store is opened with in a simulation: everything small, so that every limit is reached often. */
export const SMALL: Partial<StoreSettings> = {
  walSegmentSizeMax: 1500,
  flushGraceMs: 3_600_000,
  // They have a simulation of their own, and would make every flush several times as long.
  rollups: [],
};

const MINUTE_MS = 60_000;
const STALE = 0x7ff0000000000002n;
const words = new BigUint64Array(1);
const halves = new Uint32Array(words.buffer);
const doubles = new Float64Array(words.buffer);

/** One sample, by its exact bits. */
export interface SimSample {
  readonly series: number;
  readonly timestampMs: number;
  readonly bits: bigint;
}

export const LABEL_SETS: readonly Labels[] = Array.from({ length: 12 }, (_, i) =>
  labelsFrom({
    [METRIC_NAME]: `metric_${i % 3}`,
    host: `h${i}`,
    ...(i % 2 === 0 ? { even: "1" } : {}),
  }),
);

const NAMES = LABEL_SETS.map(formatLabels);
const SERIES_OF = new Map(NAMES.map((name, series) => [name, series]));

export function valueBits(rng: Rng): bigint {
  if (rng.chance(8)) return STALE;
  if (rng.chance(5)) return 0x7ff8000000000000n | BigInt(rng.below(1000));
  if (rng.chance(5)) return 0x8000000000000000n;
  doubles[0] = rng.chance(50) ? rng.below(100) : rng.unit() * 1e6;
  return words[0] as bigint;
}

/**
 * What was sent, by series and time. Checks every answer of a store against it: nothing made up, nothing doubled,
 * in order, bit by bit; and nothing lost of what had to stay.
 */
export class Model {
  /** By series, then time: every value that was ever sent for it, and whether one of them has to be there. */
  readonly #sent: Map<number, { values: Set<bigint>; kept: bigint | undefined; seen: number }>[] =
    LABEL_SETS.map(() => new Map());
  #round = 0;
  /** Before this, blocks may have been deleted. */
  expiredBeforeMs = Number.NEGATIVE_INFINITY;

  send({ series, timestampMs, bits }: SimSample): void {
    const times = this.#sent[series];
    assert(times !== undefined, "a series of the model");
    times
      .getOrInsertComputed(timestampMs, () => ({ values: new Set(), kept: undefined, seen: 0 }))
      .values.add(bits);
  }

  /** What was read stands from now on: it must be read again, the same. */
  keep({ series, timestampMs, bits }: SimSample): void {
    const entry = this.#sent[series]?.get(timestampMs);
    assert(entry !== undefined, "it was sent");
    entry.kept = bits;
  }

  /** Acknowledged as deleted: it must not be read again, unless it is sent again. */
  delete(series: number, { minMs, maxMs }: TimeRange): void {
    const times = this.#sent[series];
    for (const timestampMs of [...(times?.keys() ?? [])])
      if (timestampMs >= minMs && timestampMs <= maxMs) times?.delete(timestampMs);
  }

  /** Power went: only what `durable` has must still be there. */
  forgetAllBut(durable: readonly SimSample[]): void {
    for (const times of this.#sent) for (const entry of times.values()) entry.kept = undefined;
    for (const sample of durable) this.keep(sample);
  }

  check(found: readonly SimSample[], range: TimeRange, where: string): void {
    const round = ++this.#round;
    for (const { series, timestampMs, bits } of found) {
      const entry = this.#sent[series]?.get(timestampMs);
      if (entry?.values.has(bits) !== true)
        fail(`${where}: ${NAMES[series]} @ ${timestampMs}: ${bits.toString(16)} was never sent`);
      // Where the first value's block expired, the log may still have one that came second.
      const expired = timestampMs < this.expiredBeforeMs;
      if (!expired && entry.kept !== undefined && entry.kept !== bits)
        fail(`${where}: ${NAMES[series]} @ ${timestampMs}: ${bits.toString(16)} was another value`);
      entry.seen = round;
    }
    for (const [series, times] of this.#sent.entries())
      for (const [timestampMs, { kept, seen }] of times) {
        if (kept === undefined || seen === round) continue;
        if (timestampMs < range.minMs || timestampMs > range.maxMs) continue;
        if (timestampMs < this.expiredBeforeMs) continue;
        fail(`${where}: ${NAMES[series]} @ ${timestampMs}: lost`);
      }
  }
}

export const EVERYTHING: TimeRange = { minMs: -(2 ** 50), maxMs: 2 ** 50 };

/** Reads a range, by exact bits; checks that series are sorted and times increase. */
export async function readAll(store: EmbeddedStore, range = EVERYTHING): Promise<SimSample[]> {
  const out: SimSample[] = [];
  let before = "";
  const selection = store.select(range, [createMatcher("=~", METRIC_NAME, ".+")], {
    samplesMax: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
  });
  for await (const { labels, timestampsMs, values, stale } of selection) {
    const name = formatLabels(labels);
    const series = SERIES_OF.get(name);
    assert(series !== undefined, () => `${name} was sent`);
    ok(name > before, `${name} comes after ${before}`);
    before = name;
    const bits = new BigUint64Array(values.buffer, values.byteOffset, values.length);
    for (let i = 0; i < values.length; i++) {
      const timestampMs = timestampsMs[i] as number;
      if (i > 0 && timestampMs <= (timestampsMs[i - 1] as number)) fail(`${name}: times increase`);
      if (timestampMs < range.minMs || timestampMs > range.maxMs) fail(`${name}: within the range`);
      if ((stale?.[i] === 1) !== (bits[i] === STALE))
        fail(`${name}: the flag says what the bits say`);
      out.push({ series, timestampMs, bits: bits[i] as bigint });
    }
  }
  return out;
}

/** A client of a store: makes samples as time passes, most in order, some late, some again. */
export class Client {
  readonly #rng: Rng;
  readonly #clock: SimClock;
  readonly #columns: SampleColumns;
  #recent: SimSample[] = [];

  constructor(rng: Rng, clock: SimClock, kernels: Kernels) {
    this.#rng = rng;
    this.#clock = clock;
    this.#columns = new SampleColumns(kernels, 512);
  }

  release(): void {
    this.#columns.release();
  }

  makeBatch(): SimSample[] {
    const rng = this.#rng;
    const nowMs = this.#clock.nowMs();
    const batch: SimSample[] = [];
    const shared = rng.chance(50);
    const active = 1 + rng.below(LABEL_SETS.length);
    for (let i = rng.below(30); i >= 0; i--) {
      const recent = this.#recent[rng.below(Math.max(1, this.#recent.length))];
      if (recent !== undefined && rng.chance(10)) {
        // The same again, or another value for the same time.
        batch.push(rng.chance(70) ? recent : { ...recent, bits: valueBits(rng) });
        continue;
      }
      const lateMs = rng.chance(15) ? rng.below(50) * MINUTE_MS : shared ? 0 : rng.below(2000);
      const timestampMs = nowMs - lateMs + (rng.chance(2) ? 5 * 3_600_000 : 0);
      batch.push({ series: rng.below(active), timestampMs, bits: valueBits(rng) });
    }
    this.#recent = [...this.#recent, ...batch].slice(-60);
    return batch;
  }

  /** Appends by the hot entry, and checks that every sample is counted once. */
  async append(store: EmbeddedStore, batch: readonly SimSample[]): Promise<AppendResult> {
    this.#columns.clear();
    for (const { series, timestampMs, bits } of batch) {
      const at = this.#columns.length;
      this.#columns.push(store.intern(LABEL_SETS[series] as Labels), timestampMs, 0);
      words[0] = bits;
      this.#columns.valueBits[at * 2] = halves[0] as number;
      this.#columns.valueBits[at * 2 + 1] = halves[1] as number;
    }
    const result = await store.appendColumns(this.#columns);
    const { appended, duplicate, tooOld, tooNew, conflicting } = result;
    equal(appended + duplicate + tooOld + tooNew + conflicting, batch.length);
    return result;
  }
}

/** Opens a store on a disk, with a series table of its own. */
export function opener(
  open: typeof openStore,
  kernels: Kernels,
  clock: SimClock,
  settings: Partial<StoreSettings>,
): (disk: Disk) => Promise<EmbeddedStore> {
  return (disk) =>
    open({ disk, clock, kernels, table: new SeriesTable(kernels), ...SMALL, ...settings });
}
