/**
 * Samples by time, each time once. Values are bits, as little-endian halves.
 *
 * There is room on both sides, and an insertion moves the shorter one: who goes backwards costs no more than who goes
 * forwards.
 */
export class SortedSamples {
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

  /** Adds a sample, whose time is not there yet. */
  insert(timestampMs: number, low: number, high: number): void {
    const at = this.#openGap(this.indexFrom(timestampMs));
    this.#timestampsMs[at] = timestampMs;
    this.#bits[at * 2] = low;
    this.#bits[at * 2 + 1] = high;
  }

  /** The bits of the sample at exactly this time. */
  bitsAt(timestampMs: number): readonly [low: number, high: number] | undefined {
    const there = this.#start + this.indexFrom(timestampMs);
    if (there === this.#start + this.#length || this.#timestampsMs[there] !== timestampMs)
      return undefined;
    return [this.#bits[there * 2] as number, this.#bits[there * 2 + 1] as number];
  }

  /** Adds all of another, none of whose times is there. */
  insertAll(others: SortedSamples): void {
    const { timestampsMs, bits } = others;
    const count = timestampsMs.length;
    if (count === 0) return;
    const insertAt = (at: number): void =>
      this.insert(timestampsMs[at] as number, bits[at * 2] as number, bits[at * 2 + 1] as number);
    if (this.indexFrom(timestampsMs[0] as number) === this.#length)
      for (let at = 0; at < count; at++) insertAt(at);
    else if (this.indexFrom(timestampsMs[count - 1] as number) === 0)
      for (let at = count - 1; at >= 0; at--) insertAt(at);
    else this.#merge(others);
  }

  #merge(others: SortedSamples): void {
    const [a, b] = [this.timestampsMs, others.timestampsMs];
    const [aBits, bBits] = [this.bits, others.bits];
    const length = a.length + b.length;
    const timestampsMs = new Float64Array(length);
    const bits = new Uint32Array(length * 2);
    for (let i = 0, j = 0, at = 0; at < length; at++) {
      const own = j === b.length || (i < a.length && (a[i] as number) < (b[j] as number));
      const from = own ? aBits : bBits;
      const index = own ? i++ : j++;
      timestampsMs[at] = (own ? a : b)[index] as number;
      bits[at * 2] = from[index * 2] as number;
      bits[at * 2 + 1] = from[index * 2 + 1] as number;
    }
    this.#timestampsMs = timestampsMs;
    this.#bits = bits;
    this.#start = 0;
    this.#length = length;
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
  copy(minMs: number, maxMs: number): SortedSamples {
    const from = this.indexFrom(minMs);
    let to = this.indexFrom(maxMs);
    if (to < this.#length && this.#timestampsMs[this.#start + to] === maxMs) to++;
    const copy = new SortedSamples();
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
