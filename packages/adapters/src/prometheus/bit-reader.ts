/** Bits from the highest of each byte down. Beyond the end there are zeros, and a mark that it was passed. */
export class BitReader {
  readonly #bytes: Uint8Array;
  readonly #bitCount: number;
  #at: number;

  constructor(bytes: Uint8Array, fromByte: number) {
    this.#bytes = bytes;
    this.#bitCount = bytes.length * 8;
    this.#at = fromByte * 8;
  }

  get isBeyondEnd(): boolean {
    return this.#at > this.#bitCount;
  }

  /** The next 0 to 32 bits, unsigned. */
  take(count: number): number {
    if (count === 0) return 0;
    const bytes = this.#bytes;
    const from = this.#at;
    this.#at = from + count;
    const at = from >>> 3;
    const skip = from & 7;
    const word =
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number);
    const rest = skip === 0 ? 0 : (bytes[at + 4] as number) >>> (8 - skip);
    return ((word << skip) | rest) >>> (32 - count);
  }

  /** Exact up to 2^53. */
  uvarint(): number {
    let value = 0;
    for (let factor = 1, size = 0; size < 10; factor *= 128, size++) {
      const byte = this.take(8);
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    return value;
  }

  /** Zigzag. */
  varint(): number {
    const coded = this.uvarint();
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
  }
}

/** Reads floats as `XorWriter` writes them. */
export class XorReader {
  readonly #bits: BitReader;
  low = 0;
  high = 0;
  #leading = 0;
  #size = 0;

  constructor(bits: BitReader) {
    this.#bits = bits;
  }

  /** The first value of a chunk. */
  begin(): void {
    this.high = this.#bits.take(32);
    this.low = this.#bits.take(32);
  }

  /** The next value, into `low` and `high`; false where its bits are more than 64. */
  next(): boolean {
    const bits = this.#bits;
    if (bits.take(1) === 0) return true;
    if (bits.take(1) === 1) {
      this.#leading = bits.take(5);
      this.#size = bits.take(6) || 64;
    }
    const size = this.#size;
    const trailing = 64 - this.#leading - size;
    if (trailing < 0) return false;
    // The window's bits, moved to their place in the two halves.
    const top = size > 32 ? bits.take(size - 32) : 0;
    const bottom = bits.take(Math.min(size, 32));
    if (trailing >= 32) this.high ^= bottom << (trailing - 32);
    else if (trailing === 0) {
      this.low ^= bottom;
      this.high ^= top;
    } else {
      this.low ^= bottom << trailing;
      this.high ^= (bottom >>> (32 - trailing)) | (top << trailing);
    }
    return true;
  }
}
