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
import type { openStore } from "../src/open-store.ts";
import type { EmbeddedStore } from "../src/store.ts";
import type { StoreSettings } from "../src/store-settings.ts";

/** What a store is opened with in a simulation: everything small, so that every limit is reached often. */
export const SMALL: Partial<StoreSettings> = {
  walSegmentSizeMax: 1500,
  flushGraceMs: 3_600_000,
  // They have a simulation of their own, and would make every flush several times as long.
  rollups: [],
};

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
export const STALE = 0x7ff0000000000002n;
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

export const NAMES = LABEL_SETS.map(formatLabels);
const SERIES_OF = new Map(NAMES.map((name, series) => [name, series]));

export function numberOf(bits: bigint): number {
  words[0] = bits;
  return doubles[0] as number;
}

/** The bits of a value in an array of values. */
export function bitsOf(values: Float64Array, at: number): bigint {
  return new BigUint64Array(values.buffer, values.byteOffset + at * 8, 1)[0] as bigint;
}

export function valueBits(rng: Rng): bigint {
  if (rng.chance(8)) return STALE;
  if (rng.chance(5)) return 0x7ff8000000000000n | BigInt(rng.below(1000));
  if (rng.chance(5)) return 0x8000000000000000n;
  doubles[0] = rng.chance(50) ? rng.below(100) : rng.unit() * 1e6;
  return words[0] as bigint;
}

/** All that was ever sent for one series and time, and what has to be there of it. */
interface SentSample {
  readonly values: Set<bigint>;
  /** It has to be there, with these bits: it was read before. */
  kept: bigint | undefined;
  /** It has to be there, with any of the values: it was acknowledged. */
  present: boolean;
  /** A deletion of it failed: it may go, until the next start shows what became of it. */
  doubtful: boolean;
  /** What the rollup tiers hold of it, for as long as they are kept; undefined if nobody can say. */
  rolled: bigint | undefined;
  /** The last check that met it. */
  seen: number;
}

/**
 * What was sent, by series and time. Checks every answer of a store against it: nothing made up, nothing doubled,
 * in order, bit by bit; and nothing lost of what had to stay.
 */
export class Model {
  readonly #sent: Map<number, SentSample>[] = LABEL_SETS.map(() => new Map());
  /** Of each series: what was ever deleted. Sent again, it may be a duplicate of what the head remembers as the newest. */
  readonly #deleted = LABEL_SETS.map(() => new Set<number>());
  /** Of each series: what is older may have been deleted by retention. */
  readonly #expiredBeforeMs = LABEL_SETS.map(() => Number.NEGATIVE_INFINITY);
  #round = 0;

  send({ series, timestampMs, bits }: SimSample): void {
    const times = this.#sent[series];
    assert(times !== undefined, "a series of the model");
    times
      .getOrInsertComputed(timestampMs, () => ({
        values: new Set(),
        kept: undefined,
        present: false,
        doubtful: false,
        rolled: undefined,
        seen: 0,
      }))
      .values.add(bits);
  }

  #entry({ series, timestampMs }: SimSample): SentSample {
    const entry = this.#sent[series]?.get(timestampMs);
    assert(entry !== undefined, "it was sent");
    return entry;
  }

  /** What was acknowledged, none of it refused for its age, is there: this value, or one that came before. */
  acknowledge(batch: readonly SimSample[]): void {
    for (const sample of batch) {
      const entry = this.#entry(sample);
      const wasDeleted = this.#deleted[sample.series]?.has(sample.timestampMs) === true;
      if (!entry.doubtful && !wasDeleted) entry.present = true;
    }
  }

  /** What was read stands from now on: it must be read again, the same. */
  keep(sample: SimSample): void {
    const entry = this.#entry(sample);
    if (entry.doubtful) return;
    entry.kept = sample.bits;
    entry.rolled = sample.bits;
  }

  /** Acknowledged as deleted: it must not be read again, unless it is sent again. */
  delete(series: number, { minMs, maxMs }: TimeRange): void {
    const times = this.#sent[series];
    for (const timestampMs of [...(times?.keys() ?? [])])
      if (timestampMs >= minMs && timestampMs <= maxMs) {
        times?.delete(timestampMs);
        this.#deleted[series]?.add(timestampMs);
      }
    // The rows at the borders are made again of the samples there are.
    const from = Math.floor(minMs / DAY_MS) * DAY_MS;
    const to = Math.floor(maxMs / DAY_MS) * DAY_MS + DAY_MS;
    for (const [timestampMs, entry] of times ?? [])
      if (timestampMs >= from && timestampMs < to && this.isExpired(series, timestampMs))
        entry.rolled = undefined;
  }

  /** Wanted to be deleted, but that failed: it may be there or not, and it may go with the next start. */
  doubt(series: number, { minMs, maxMs }: TimeRange): void {
    const day = (timeMs: number): number => Math.floor(timeMs / DAY_MS);
    for (const [timestampMs, entry] of this.#sent[series] ?? []) {
      if (day(timestampMs) >= day(minMs) && day(timestampMs) <= day(maxMs))
        entry.rolled = undefined;
      if (timestampMs < minMs || timestampMs > maxMs) continue;
      entry.kept = undefined;
      entry.present = false;
      entry.doubtful = true;
    }
  }

  /** A full disk may have cost the rows of what had expired. */
  forgetRolled(): void {
    for (const [series, times] of this.#sent.entries())
      for (const [timestampMs, entry] of times)
        if (this.isExpired(series, timestampMs)) entry.rolled = undefined;
  }

  /** What is older may be gone from now on, whatever the settings become. */
  expire(series: number, beforeMs: number): void {
    this.#expiredBeforeMs[series] = Math.max(beforeMs, this.#expiredBeforeMs[series] as number);
  }

  isExpired(series: number, timestampMs: number): boolean {
    return timestampMs < (this.#expiredBeforeMs[series] as number);
  }

  /** Power went: only what `durable` has must still be there. What had expired before stays in the rollups. */
  forgetAllBut(durable: readonly SimSample[]): void {
    for (const times of this.#sent)
      for (const entry of times.values()) {
        if (entry.seen === this.#round) entry.rolled = undefined;
        entry.kept = undefined;
        entry.present = false;
      }
    for (const sample of durable) this.keep(sample);
  }

  /** A process began: what it read first is what there is. */
  begin(found: readonly SimSample[]): void {
    for (const times of this.#sent) for (const entry of times.values()) entry.doubtful = false;
    this.forgetAllBut(found);
  }

  check(found: readonly SimSample[], range: TimeRange, where: string): void {
    const round = ++this.#round;
    for (const { series, timestampMs, bits } of found) {
      const entry = this.#sent[series]?.get(timestampMs);
      if (entry?.values.has(bits) !== true)
        fail(`${where}: ${NAMES[series]} @ ${timestampMs}: ${bits.toString(16)} was never sent`);
      // Where the first value's block expired, the log may still have one that came second.
      const expired = this.isExpired(series, timestampMs);
      if (!expired && entry.kept !== undefined && entry.kept !== bits)
        fail(`${where}: ${NAMES[series]} @ ${timestampMs}: ${bits.toString(16)} was another value`);
      entry.seen = round;
    }
    for (const [series, times] of this.#sent.entries())
      for (const [timestampMs, { kept, present, seen }] of times) {
        if ((kept === undefined && !present) || seen === round) continue;
        if (timestampMs < range.minMs || timestampMs > range.maxMs) continue;
        if (this.isExpired(series, timestampMs)) continue;
        fail(`${where}: ${NAMES[series]} @ ${timestampMs}: lost`);
      }
  }

  /** What a series was ever sent, by time, for as long as it was not deleted. */
  samplesOf(series: number): ReadonlyMap<number, Readonly<SentSample>> {
    return this.#sent[series] as ReadonlyMap<number, SentSample>;
  }
}

export const EVERYTHING: TimeRange = { minMs: -(2 ** 50), maxMs: 2 ** 50 };

/** Reads a range, by exact bits; checks that series are sorted and times increase. */
export async function readAll(
  store: EmbeddedStore,
  range = EVERYTHING,
  between?: () => Promise<void>,
): Promise<SimSample[]> {
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
    if (between !== undefined) await between();
  }
  return out;
}

/** A client of a store: makes samples as time passes, most in order, some late, some again. */
export class Client {
  readonly #clock: SimClock;
  readonly #columns: SampleColumns;
  #recent: SimSample[] = [];

  constructor(clock: SimClock, kernels: Kernels) {
    this.#clock = clock;
    this.#columns = new SampleColumns(kernels, 512);
  }

  release(): void {
    this.#columns.release();
  }

  makeBatch(rng: Rng): SimSample[] {
    const nowMs = this.#clock.nowMs();
    const batch: SimSample[] = [];
    const shared = rng.chance(50);
    const active = 1 + rng.below(LABEL_SETS.length);
    for (let i = rng.below(16); i >= 0; i--) {
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

/** Opens a store on a disk, with a series table of its own, which `close` gives back. */
export function opener(
  open: typeof openStore,
  kernels: Kernels,
  clock: SimClock,
  settings: Partial<StoreSettings>,
): (disk: Disk) => Promise<EmbeddedStore> {
  return async (disk) => {
    const table = new SeriesTable(kernels);
    try {
      const store = await open({ disk, clock, kernels, table, ...SMALL, ...settings });
      TABLES.set(store, table);
      return store;
    } catch (error) {
      table.destroy();
      throw error;
    }
  };
}

const TABLES = new WeakMap<EmbeddedStore, SeriesTable>();

/** Closes a store that an `opener` opened. @throws OperatingError, as the store does. */
export async function close(store: EmbeddedStore): Promise<void> {
  try {
    await store[Symbol.asyncDispose]();
  } finally {
    TABLES.get(store)?.destroy();
  }
}
