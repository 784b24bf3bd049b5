// Prometheus's chunk of float samples:
//
//   | count u16 | first time varint | first value f64 | step uvarint | value | (change of step | value) x (count - 2) |
//
// From the second value on all is bits, from the highest of each byte down. A change of step begins with how many bits
// it has: 0 for none, 10 for 14, 110 for 17, 1110 for 20, 1111 for 64. A value is XORed with the one before: 0 for the
// same, 10 for bits in the same window as before, 11 for a new window, 5 bits of leading zeros and 6 of its size.

import { BitReader, XorReader } from "./bit-reader.ts";

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
  const value = new XorReader(bits);
  for (let i = 0; i < count; i++) {
    if (i === 0) {
      timeMs = bits.varint();
      value.begin();
    } else {
      if (i === 1) stepMs = bits.uvarint();
      else stepMs += changeOfStep(bits);
      timeMs += stepMs;
      if (!value.next()) return "a value of more than 64 bits";
    }
    if (bits.isBeyondEnd) return `cut short at sample ${i} of ${count}`;
    if (timeMs < minMs || timeMs > maxMs) continue;
    out.timestampsMs[out.length] = timeMs;
    out.valueBits[out.length * 2] = value.low;
    out.valueBits[out.length * 2 + 1] = value.high;
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
