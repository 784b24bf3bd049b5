/** Writes bits from the highest of each byte down, as Prometheus's chunks have them, into memory that grows. */
export class BitWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  /** Bits that are written. */
  #at = 0;

  constructor(sizeAtFirst = 1024) {
    this.#bytes = new Uint8Array(sizeAtFirst);
  }

  /** What is written, with zeros up to the next byte: a view, until something else is written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, (this.#at + 7) >>> 3);
  }

  clear(): void {
    this.#bytes.fill(0, 0, (this.#at + 7) >>> 3);
    this.#at = 0;
  }

  /** The low `count` bits of a number, 0 to 32 of them. */
  put(value: number, count: number): void {
    const needed = (this.#at + count + 7) >>> 3;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, needed));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    let rest = count;
    while (rest > 0) {
      const room = 8 - (this.#at & 7);
      const size = Math.min(room, rest);
      const bits = (value >>> (rest - size)) & (0xff >>> (8 - size));
      (this.#bytes[this.#at >>> 3] as number) |= bits << (room - size);
      this.#at += size;
      rest -= size;
    }
  }

  /** A number of 64 bits in two's complement, exact within 2^53. */
  putInt64(value: number): void {
    this.put(Math.floor(value / 2 ** 32) | 0, 32);
    this.put(value | 0, 32);
  }

  /** A number without a sign in bytes of seven bits, up to 2^53. */
  putUvarint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.put((rest % 0x80) | 0x80, 8);
    this.put(rest, 8);
  }

  /** Zigzag, within 2^52. */
  putVarint(value: number): void {
    this.putUvarint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** Overwrites the first bytes, which the caller has put before. */
  overwrite(byteOffset: number, byte: number): void {
    this.#bytes[byteOffset] = byte;
  }
}

/** Writes floats as what changed of the bits since the one before. */
export class XorWriter {
  readonly #bits: BitWriter;
  #low = 0;
  #high = 0;
  /** Zeros before and behind the window of the last change; no window at first. */
  #leading = 0xff;
  #trailing = 0;

  constructor(bits: BitWriter) {
    this.#bits = bits;
  }

  /** The first value of a chunk, whole. */
  begin(low: number, high: number): void {
    this.#bits.put(high, 32);
    this.#bits.put(low, 32);
    this.#low = low;
    this.#high = high;
    this.#leading = 0xff;
    this.#trailing = 0;
  }

  put(low: number, high: number): void {
    const changeLow = (low ^ this.#low) >>> 0;
    const changeHigh = (high ^ this.#high) >>> 0;
    this.#low = low;
    this.#high = high;
    const bits = this.#bits;
    if (changeLow === 0 && changeHigh === 0) {
      bits.put(0, 1);
      return;
    }
    // The size of the leading zeros has five bits.
    const leading = Math.min(
      31,
      changeHigh !== 0 ? Math.clz32(changeHigh) : 32 + Math.clz32(changeLow),
    );
    const trailing = changeLow !== 0 ? zerosBehind(changeLow) : 32 + zerosBehind(changeHigh);
    if (this.#leading !== 0xff && leading >= this.#leading && trailing >= this.#trailing) {
      bits.put(0b10, 2);
      this.#window(changeLow, changeHigh);
      return;
    }
    this.#leading = leading;
    this.#trailing = trailing;
    bits.put(0b11, 2);
    bits.put(leading, 5);
    // 64 is written as 0, which no window has.
    bits.put((64 - leading - trailing) & 63, 6);
    this.#window(changeLow, changeHigh);
  }

  /** The bits of a change that lie in the window. */
  #window(low: number, high: number): void {
    const size = 64 - this.#leading - this.#trailing;
    const trailing = this.#trailing;
    const shiftedLow =
      trailing === 0
        ? low
        : trailing < 32
          ? (low >>> trailing) | (high << (32 - trailing))
          : high >>> (trailing - 32);
    const shiftedHigh = trailing === 0 ? high : trailing < 32 ? high >>> trailing : 0;
    if (size > 32) this.#bits.put(shiftedHigh, size - 32);
    this.#bits.put(shiftedLow, Math.min(size, 32));
  }
}

/** Of 32 bits that are not all zero. */
function zerosBehind(word: number): number {
  return 31 - Math.clz32(word & -word);
}
