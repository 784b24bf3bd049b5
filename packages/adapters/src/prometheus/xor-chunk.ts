// Prometheus's chunk of float samples:
//
//   | count u16 | first time varint | first value f64 | step uvarint | value | (change of step | value) x (count - 2) |
//
// From the second value on all is bits, from the highest of each byte down. A change of step begins with how many bits
// it has: 0 for none, 10 for 14, 110 for 17, 1110 for 20, 1111 for 64. A value is XORed with the one before: 0 for the
// same, 10 for bits in the same window as before, 11 for a new window, 5 bits of leading zeros and 6 of its size.

/** Samples of one series that grow, chunk after chunk. Values are bits: the low half first. */
export class SampleBuffer {
  timestampsMs = new Float64Array(1024);
  valueBits = new Uint32Array(2048);
  length = 0;

  /** Makes room for so many more. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.timestampsMs.length) return;
    const capacity = Math.max(needed, this.timestampsMs.length * 2);
    const times = new Float64Array(capacity);
    times.set(this.timestampsMs.subarray(0, this.length));
    this.timestampsMs = times;
    const bits = new Uint32Array(capacity * 2);
    bits.set(this.valueBits.subarray(0, this.length * 2));
    this.valueBits = bits;
  }
}

/** How many samples a chunk says that it has, of whatever encoding. */
export function chunkSampleCount(data: Uint8Array): number {
  return data.length < 2 ? 0 : ((data[0] as number) << 8) | (data[1] as number);
}

/**
 * Appends the samples of a chunk whose times are in a range, both ends included. Answers what is wrong with the chunk
 * as text; what was appended of it then does not count.
 */
export function decodeXorChunk(
  data: Uint8Array,
  minMs: number,
  maxMs: number,
  out: SampleBuffer,
): string | undefined {
  const count = chunkSampleCount(data);
  out.reserve(count);
  const bits = new BitReader(data, 2);
  let timeMs = 0;
  let stepMs = 0;
  let low = 0;
  let high = 0;
  let leading = 0;
  let size = 0;
  for (let i = 0; i < count; i++) {
    if (i === 0) {
      timeMs = bits.varint();
      high = bits.take(32);
      low = bits.take(32);
    } else {
      if (i === 1) stepMs = bits.uvarint();
      else stepMs += changeOfStep(bits);
      timeMs += stepMs;
      if (bits.take(1) === 1) {
        if (bits.take(1) === 1) {
          leading = bits.take(5);
          size = bits.take(6) || 64;
          if (leading + size > 64) return "a value of more than 64 bits";
        }
        const trailing = 64 - leading - size;
        // The window's bits, moved to their place in the two halves.
        const top = size > 32 ? bits.take(size - 32) : 0;
        const bottom = bits.take(Math.min(size, 32));
        if (trailing >= 32) high ^= bottom << (trailing - 32);
        else if (trailing === 0) {
          low ^= bottom;
          high ^= top;
        } else {
          low ^= bottom << trailing;
          high ^= (bottom >>> (32 - trailing)) | (top << trailing);
        }
      }
    }
    if (bits.isBeyondEnd) return `cut short at sample ${i} of ${count}`;
    if (timeMs < minMs || timeMs > maxMs) continue;
    out.timestampsMs[out.length] = timeMs;
    out.valueBits[out.length * 2] = low;
    out.valueBits[out.length * 2 + 1] = high;
    out.length++;
  }
  return undefined;
}

function changeOfStep(bits: BitReader): number {
  if (bits.take(1) === 0) return 0;
  const size = bits.take(1) === 0 ? 14 : bits.take(1) === 0 ? 17 : bits.take(1) === 0 ? 20 : 64;
  if (size === 64) return (bits.take(32) | 0) * 2 ** 32 + bits.take(32);
  const value = bits.take(size);
  return value > 2 ** (size - 1) ? value - 2 ** size : value;
}

/** Bits from the highest of each byte down. Beyond the end there are zeros, and a mark that it was passed. */
class BitReader {
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
