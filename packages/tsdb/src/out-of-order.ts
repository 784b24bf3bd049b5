/** What became of a sample that came late. */
export type LateOutcome = "appended" | "duplicate" | "conflicting";

/** Samples of one series that came late, by time, until they are flushed. Values are bits, as little-endian halves. */
export class LateSamples {
  #timestampsMs = new Float64Array(8);
  #bits = new Uint32Array(16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A view, valid until the next insertion. */
  get timestampsMs(): Float64Array {
    return this.#timestampsMs.subarray(0, this.#length);
  }

  /** A view, valid until the next insertion. */
  get bits(): Uint32Array {
    return this.#bits.subarray(0, this.#length * 2);
  }

  /** The first one at a timestamp stands. */
  insert(timestampMs: number, low: number, high: number): LateOutcome {
    const at = this.indexFrom(timestampMs);
    if (at < this.#length && this.#timestampsMs[at] === timestampMs)
      return this.#bits[at * 2] === low && this.#bits[at * 2 + 1] === high
        ? "duplicate"
        : "conflicting";
    this.#reserve();
    this.#timestampsMs.copyWithin(at + 1, at, this.#length);
    this.#bits.copyWithin(at * 2 + 2, at * 2, this.#length * 2);
    this.#timestampsMs[at] = timestampMs;
    this.#bits[at * 2] = low;
    this.#bits[at * 2 + 1] = high;
    this.#length++;
    return "appended";
  }

  /** The index of the first sample at or after a time. */
  indexFrom(timestampMs: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#timestampsMs[middle] as number) < timestampMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A copy of the samples with `minMs <= timestamp <= maxMs`. */
  copy(minMs: number, maxMs: number): LateSamples {
    const from = this.indexFrom(minMs);
    let to = this.indexFrom(maxMs);
    if (to < this.#length && this.#timestampsMs[to] === maxMs) to++;
    const copy = new LateSamples();
    copy.#timestampsMs = this.#timestampsMs.slice(from, Math.max(to, from + 1));
    copy.#bits = this.#bits.slice(from * 2, Math.max(to, from + 1) * 2);
    copy.#length = to - from;
    return copy;
  }

  #reserve(): void {
    if (this.#length < this.#timestampsMs.length) return;
    const capacity = Math.max(8, this.#length * 2);
    const timestampsMs = new Float64Array(capacity);
    const bits = new Uint32Array(capacity * 2);
    timestampsMs.set(this.#timestampsMs);
    bits.set(this.#bits);
    this.#timestampsMs = timestampsMs;
    this.#bits = bits;
  }
}
