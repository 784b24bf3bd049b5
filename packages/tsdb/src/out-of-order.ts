/** What became of a sample that came late. */
export type LateOutcome = "appended" | "duplicate" | "conflicting";

/**
 * Samples of one series that came late, by time, until they are flushed. Values are bits, as little-endian halves.
 *
 * There is room on both sides, and an insertion moves the shorter one: a sender that goes backwards costs no more than
 * one that goes forwards.
 */
export class LateSamples {
  #timestampsMs = new Float64Array(8);
  #bits = new Uint32Array(16);
  /** Where the first one is. */
  #start = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A view, valid until the next insertion. */
  get timestampsMs(): Float64Array {
    return this.#timestampsMs.subarray(this.#start, this.#start + this.#length);
  }

  /** A view, valid until the next insertion. */
  get bits(): Uint32Array {
    return this.#bits.subarray(this.#start * 2, (this.#start + this.#length) * 2);
  }

  /** The first one at a timestamp stands. */
  insert(timestampMs: number, low: number, high: number): LateOutcome {
    const index = this.indexFrom(timestampMs);
    const there = this.#start + index;
    if (index < this.#length && this.#timestampsMs[there] === timestampMs)
      return this.#bits[there * 2] === low && this.#bits[there * 2 + 1] === high
        ? "duplicate"
        : "conflicting";
    const at = this.#openGap(index);
    this.#timestampsMs[at] = timestampMs;
    this.#bits[at * 2] = low;
    this.#bits[at * 2 + 1] = high;
    return "appended";
  }

  /** The index of the first sample at or after a time. */
  indexFrom(timestampMs: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#timestampsMs[this.#start + middle] as number) < timestampMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A copy of the samples with `minMs <= timestamp <= maxMs`. */
  copy(minMs: number, maxMs: number): LateSamples {
    const from = this.indexFrom(minMs);
    let to = this.indexFrom(maxMs);
    if (to < this.#length && this.#timestampsMs[this.#start + to] === maxMs) to++;
    const copy = new LateSamples();
    copy.#timestampsMs = this.timestampsMs.slice(from, Math.max(to, from + 1));
    copy.#bits = this.bits.slice(from * 2, Math.max(to, from + 1) * 2);
    copy.#length = to - from;
    return copy;
  }

  /** Makes room for one more before the one at `index`, and answers where. */
  #openGap(index: number): number {
    const start = this.#start;
    const inFront = index < this.#length / 2;
    if (inFront ? start === 0 : start + this.#length === this.#timestampsMs.length) {
      this.#grow();
      return this.#openGap(index);
    }
    const at = start + index;
    const end = start + this.#length;
    this.#length++;
    if (!inFront) {
      this.#timestampsMs.copyWithin(at + 1, at, end);
      this.#bits.copyWithin(at * 2 + 2, at * 2, end * 2);
      return at;
    }
    this.#timestampsMs.copyWithin(start - 1, start, at);
    this.#bits.copyWithin(start * 2 - 2, start * 2, at * 2);
    this.#start = start - 1;
    return at - 1;
  }

  /** Leaves as much room on both sides as there are samples, at least for a few. */
  #grow(): void {
    const room = Math.max(4, this.#length);
    const timestampsMs = new Float64Array(this.#length + 2 * room);
    const bits = new Uint32Array(timestampsMs.length * 2);
    timestampsMs.set(this.timestampsMs, room);
    bits.set(this.bits, room * 2);
    this.#timestampsMs = timestampsMs;
    this.#bits = bits;
    this.#start = room;
  }
}
