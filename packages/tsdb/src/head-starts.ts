import type { TimeRange } from "@pharos/ports";
import type { ColumnSet } from "./block/column-set.ts";

/** Runs in memory, about 100 MB; of more samples it is not known when their counting began. */
export const STARTS_MAX = 2_000_000;

/**
 * The runs of a series, three numbers each: the first sample's time, the last one's, and when the counting of both and of
 * all in between began. Rising, without overlap.
 */
type Runs = number[];
const RUN = 3;

/**
 * When the counting of the head's samples began, where that is known. The samples of a counter mostly began with the same
 * start, one after another: these are one run, so that a series takes the same few bytes however often it is sent.
 */
export class HeadStarts {
  readonly #max: number;
  readonly #live = new Map<number, Runs>();
  /** Those that are being written to a block. */
  readonly #frozen = new Map<number, Runs>();
  #count = 0;
  #dropped = 0;

  constructor(max = STARTS_MAX) {
    this.#max = max;
  }

  /** Runs in memory. */
  get count(): number {
    return this.#count;
  }

  /** Samples whose start was not kept since there was no room for it, since the start of the process. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether so many are in memory that they should be moved to blocks. */
  get isNearlyFull(): boolean {
    return this.#count > this.#max / 2;
  }

  /**
   * Notes the start of a sample. What is known of that time stands, so that noting it again changes nothing.
   *
   * @param newestMs the series' newest sample before this one was appended: a run goes on only from there, since the start
   *   of a sample in between would not be known.
   */
  note(ref: number, timestampMs: number, startMs: number, newestMs: number): void {
    const frozen = this.#frozen.get(ref);
    if (frozen !== undefined && covers(frozen, runFrom(frozen, timestampMs), timestampMs)) return;
    const runs = this.#live.get(ref);
    if (runs === undefined) {
      if (this.#takeRoom()) this.#live.set(ref, [timestampMs, timestampMs, startMs]);
      return;
    }
    const last = runs.length - RUN;
    const lastMs = runs[last + 1] as number;
    if (timestampMs > lastMs && newestMs <= lastMs && runs[last + 2] === startMs) {
      runs[last + 1] = timestampMs;
      return;
    }
    const at = timestampMs > lastMs ? runs.length : runFrom(runs, timestampMs);
    if (covers(runs, at, timestampMs) || !this.#takeRoom()) return;
    runs.splice(at, 0, timestampMs, timestampMs, startMs);
  }

  /** Whether a start is known at a time, of what is not being written to a block. */
  covers(ref: number, timestampMs: number): boolean {
    const runs = this.#live.get(ref);
    return runs !== undefined && covers(runs, runFrom(runs, timestampMs), timestampMs);
  }

  /** Notes that the start of a sample is not known: it came between others, whose run is cut in two. */
  noteUnknown(ref: number, timestampMs: number): void {
    const runs = this.#live.get(ref);
    if (runs === undefined) return;
    const at = runFrom(runs, timestampMs);
    if (!covers(runs, at, timestampMs)) return;
    const [firstMs, lastMs, startMs] = runs.splice(at, RUN) as [number, number, number];
    this.#count--;
    const earlier = firstMs < timestampMs ? [firstMs, timestampMs - 1, startMs] : [];
    const later = lastMs > timestampMs ? [timestampMs + 1, lastMs, startMs] : [];
    for (const part of [later, earlier])
      if (part.length > 0 && this.#takeRoom()) runs.splice(at, 0, ...part);
    if (runs.length === 0) this.#live.delete(ref);
  }

  #takeRoom(): boolean {
    if (this.#count < this.#max) {
      this.#count++;
      return true;
    }
    this.#dropped++;
    return false;
  }

  has(ref: number): boolean {
    return this.#live.has(ref) || this.#frozen.has(ref);
  }

  /** Adds a series' runs that reach into a range to a list, rising: three numbers each. Answers whether there are any. */
  addWithin(ref: number, { minMs, maxMs }: TimeRange, out: number[]): boolean {
    const before = out.length;
    const [frozen, live] = [this.#frozen.get(ref), this.#live.get(ref)];
    const runs = frozen && live ? merged(frozen, live) : (frozen ?? live ?? []);
    for (
      let at = runFrom(runs, minMs);
      at < runs.length && (runs[at] as number) <= maxMs;
      at += RUN
    )
      out.push(runs[at] as number, runs[at + 1] as number, runs[at + 2] as number);
    return out.length > before;
  }

  /** Sets aside what is before a time, to be flushed: `addWithin` still has it. */
  freeze(beforeMs: number): void {
    for (const [ref, runs] of this.#live) {
      if ((runs[0] as number) >= beforeMs) continue;
      this.#put(this.#frozen, ref, before(runs, beforeMs));
      this.#put(this.#live, ref, from(runs, beforeMs));
    }
    this.#recount();
  }

  /** What is frozen before a time is in a block now. */
  dropFrozen(beforeMs: number): void {
    for (const [ref, runs] of this.#frozen) this.#put(this.#frozen, ref, from(runs, beforeMs));
    this.#recount();
  }

  /** What is left of the frozen is in no block: back to the others. */
  thaw(): void {
    for (const [ref, runs] of this.#frozen) {
      const live = this.#live.get(ref);
      this.#live.set(ref, live === undefined ? runs : merged(runs, live));
    }
    this.#frozen.clear();
    this.#recount();
  }

  #put(map: Map<number, Runs>, ref: number, runs: Runs): void {
    if (runs.length > 0) map.set(ref, runs);
    else map.delete(ref);
  }

  #recount(): void {
    this.#count = 0;
    for (const map of [this.#live, this.#frozen])
      for (const runs of map.values()) this.#count += runs.length / RUN;
  }

  /**
   * The starts of those of the given samples of a series whose start is frozen, as columns of a block; undefined where it
   * is of none of them.
   *
   * @param times ascending lists of the times of samples.
   */
  frozenColumns(ref: number, times: readonly Float64Array[]): ColumnSet | undefined {
    const runs = this.#frozen.get(ref);
    if (runs === undefined) return undefined;
    const known: number[] = [];
    const starts: number[] = [];
    let at = 0;
    for (const timeMs of ascending(times)) {
      while (at < runs.length && (runs[at + 1] as number) < timeMs) at += RUN;
      if (!covers(runs, at, timeMs)) continue;
      known.push(timeMs);
      starts.push(runs[at + 2] as number);
    }
    if (known.length === 0) return undefined;
    const bits = new Uint32Array(Float64Array.from(starts).buffer);
    return { kind: "starts", timestampsMs: Float64Array.from(known), floats: [bits], bytes: [] };
  }

  /** A series has ended. */
  forget(ref: number): void {
    for (const map of [this.#live, this.#frozen]) {
      this.#count -= (map.get(ref)?.length ?? 0) / RUN;
      map.delete(ref);
    }
  }
}

/** Where the first run is that does not end before a time; behind the last where all do. */
function runFrom(runs: Readonly<Runs>, timeMs: number): number {
  let low = 0;
  let high = runs.length / RUN;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[middle * RUN + 1] as number) < timeMs) low = middle + 1;
    else high = middle;
  }
  return low * RUN;
}

/** Whether a time is in the run at a place, of those that do not end before it. */
function covers(runs: Readonly<Runs>, at: number, timeMs: number): boolean {
  return at < runs.length && (runs[at] as number) <= timeMs;
}

function before(runs: Readonly<Runs>, timeMs: number): Runs {
  const end = runFrom(runs, timeMs);
  const part = runs.slice(0, end);
  if (end < runs.length && (runs[end] as number) < timeMs)
    part.push(runs[end] as number, timeMs - 1, runs[end + 2] as number);
  return part;
}

function from(runs: Readonly<Runs>, timeMs: number): Runs {
  const part = runs.slice(runFrom(runs, timeMs));
  if (part.length > 0) part[0] = Math.max(part[0] as number, timeMs);
  return part;
}

/** Two lists of runs that do not overlap as one; a run that was cut in two is whole again. */
function merged(a: Readonly<Runs>, b: Readonly<Runs>): Runs {
  const out: Runs = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const own = (a[i] ?? Number.POSITIVE_INFINITY) < (b[j] ?? Number.POSITIVE_INFINITY);
    const [first, last, start] = own ? a.slice(i, i + RUN) : b.slice(j, j + RUN);
    if (own) i += RUN;
    else j += RUN;
    if (out.at(-2) === (first as number) - 1 && out.at(-1) === start)
      out[out.length - 2] = last as number;
    else out.push(first as number, last as number, start as number);
  }
  return out;
}

/** Every time of some ascending lists once, ascending. */
function* ascending(lists: readonly Float64Array[]): Generator<number> {
  const places = lists.map(() => 0);
  for (;;) {
    let next = Number.POSITIVE_INFINITY;
    for (const [i, list] of lists.entries())
      next = Math.min(next, list[places[i] as number] ?? next);
    if (next === Number.POSITIVE_INFINITY) return;
    for (const [i, list] of lists.entries())
      if (list[places[i] as number] === next) places[i] = (places[i] as number) + 1;
    yield next;
  }
}
