import { SortedSamples } from "./sorted-samples.ts";

/** What became of a sample that came late. */
export type LateOutcome = "appended" | "duplicate" | "conflicting";

/**
 * Samples of one series that came late, by time, until they are flushed. Values are bits, as little-endian halves.
 *
 * The newest of them are by themselves until there are many or someone reads: in a random order, each would have to make
 * room among all the others. Some roots of how many there are is where that and putting them together cost the same.
 */
export class LateSamples {
  #settled = new SortedSamples();
  #recent = new SortedSamples();

  get length(): number {
    return this.#settled.length + this.#recent.length;
  }

  /** A view, valid until the next insertion. */
  get timestampsMs(): Float64Array {
    this.#settle();
    return this.#settled.timestampsMs;
  }

  /** A view, valid until the next insertion. */
  get bits(): Uint32Array {
    this.#settle();
    return this.#settled.bits;
  }

  /** The first one at a timestamp stands. */
  insert(timestampMs: number, low: number, high: number): LateOutcome {
    const there = this.bitsAt(timestampMs);
    if (there !== undefined)
      return there[0] === low && there[1] === high ? "duplicate" : "conflicting";
    this.#recent.insert(timestampMs, low, high);
    if (this.#recent.length > RECENT_MIN + RECENT_ROOTS * Math.sqrt(this.#settled.length))
      this.#settle();
    return "appended";
  }

  /** The bits of the sample at exactly this time. */
  bitsAt(timestampMs: number): readonly [low: number, high: number] | undefined {
    return this.#settled.bitsAt(timestampMs) ?? this.#recent.bitsAt(timestampMs);
  }

  /** The index of the first sample at or after a time. */
  indexFrom(timestampMs: number): number {
    return this.#settled.indexFrom(timestampMs) + this.#recent.indexFrom(timestampMs);
  }

  /** A copy of the samples with `minMs <= timestamp <= maxMs`. */
  copy(minMs: number, maxMs: number): LateSamples {
    const copy = new LateSamples();
    copy.#settled = this.#settled.copy(minMs, maxMs);
    copy.#settled.insertAll(this.#recent.copy(minMs, maxMs));
    return copy;
  }

  #settle(): void {
    if (this.#recent.length === 0) return;
    this.#settled.insertAll(this.#recent);
    this.#recent = new SortedSamples();
  }
}

const RECENT_MIN = 16;
const RECENT_ROOTS = 6;
