import { assert, OperatingError } from "@pharos/base";

// How the archive's Parquet files encode values: the few of the format's encodings that we write, and therefore read.
// Their descriptions are in Parquet's own "Encodings" document. All numbers are little-endian.

/** `count` times the same. */
export interface Run<T> {
  readonly value: T;
  readonly count: number;
}

/** Delta encoding: values in a block, and in each of the parts of it that have a width of bits of their own. */
const BLOCK_VALUES = 128;
const MINIBLOCKS = 4;
const MINIBLOCK_VALUES = BLOCK_VALUES / MINIBLOCKS;
/** Differences of timestamps stay below this, so that shifting them by up to 7 bits is exact. */
const DELTA_BITS_MAX = 46;

/** Bytes that grow as they are written. */
export class ByteBuffer {
  #bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** A view, valid until more is written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.length++] = value;
  }

  u32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.byte((value >>> shift) & 0xff);
  }

  /** Below 2^53. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  /** Within ±2^52. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  append(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  clear(): void {
    this.length = 0;
  }

  #grow(by: number): void {
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + by));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}

/** Bits that the numbers below `count` need. */
export function bitWidthOf(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1);
}

/** The RLE half of "RLE / bit-packing hybrid": runs only. Neighbours that are equal become one. */
export function encodeRuns(runs: Iterable<Run<number>>, bitWidth: number, out: ByteBuffer): void {
  const width = Math.ceil(bitWidth / 8);
  const put = ({ value, count }: Run<number>): void => {
    out.varint(count * 2);
    for (let at = 0; at < width; at++) out.byte((value >>> (at * 8)) & 0xff);
  };
  let last: Run<number> | undefined;
  for (const { value, count } of runs) {
    if (last?.value === value) last = { value, count: last.count + count };
    else {
      if (last !== undefined) put(last);
      last = { value, count };
    }
  }
  if (last !== undefined) put(last);
}

/** DELTA_BINARY_PACKED, for timestamps in ms: whole numbers within ±2^45. */
export function encodeDeltas(values: Float64Array, out: ByteBuffer): void {
  out.varint(BLOCK_VALUES);
  out.varint(MINIBLOCKS);
  out.varint(values.length);
  out.zigzag(values[0] ?? 0);
  const deltas = new Float64Array(BLOCK_VALUES);
  for (let start = 1; start < values.length; start += BLOCK_VALUES) {
    const count = Math.min(BLOCK_VALUES, values.length - start);
    let min = Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const delta = (values[start + i] as number) - (values[start + i - 1] as number);
      deltas[i] = delta;
      if (delta < min) min = delta;
    }
    deltas.fill(min, count);
    out.zigzag(min);
    const widths = Array.from({ length: MINIBLOCKS }, (_, part) => {
      let max = 0;
      for (let i = part * MINIBLOCK_VALUES; i < (part + 1) * MINIBLOCK_VALUES; i++)
        max = Math.max(max, (deltas[i] as number) - min);
      return bitsOf(max);
    });
    for (const width of widths) out.byte(width);
    for (const [part, width] of widths.entries()) {
      assert(width <= DELTA_BITS_MAX, () => `a step of ${width} bits between timestamps`);
      packBits(deltas, part * MINIBLOCK_VALUES, min, width, out);
    }
  }
}

function bitsOf(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(value);
}

function packBits(
  values: Float64Array,
  from: number,
  base: number,
  width: number,
  out: ByteBuffer,
): void {
  let pending = 0;
  let pendingBits = 0;
  for (let i = 0; i < MINIBLOCK_VALUES && width > 0; i++) {
    pending += ((values[from + i] as number) - base) * 2 ** pendingBits;
    pendingBits += width;
    while (pendingBits >= 8) {
      out.byte(pending % 256);
      pending = Math.floor(pending / 256);
      pendingBits -= 8;
    }
  }
}

/** Turns `| a0 a1 … | b0 b1 … |` of 8-byte values into `| a0 b0 … | a1 b1 … | …`: BYTE_STREAM_SPLIT. */
export function splitBytes(values: Uint8Array, out: Uint8Array): void {
  const count = values.length / 8;
  for (let at = 0, i = 0; i < count; i++)
    for (let part = 0; part < 8; part++) out[part * count + i] = values[at++] as number;
}

export function joinBytes(split: Uint8Array, out: Uint8Array): void {
  const count = split.length / 8;
  for (let at = 0, i = 0; i < count; i++)
    for (let part = 0; part < 8; part++) out[at++] = split[part * count + i] as number;
}

/** Reads values back. What does not fit into the bytes is damage: OperatingError `disk.corrupt`. */
export class ValueReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw damaged("cut short");
    return value;
  }

  u32(): number {
    return this.byte() + this.byte() * 2 ** 8 + this.byte() * 2 ** 16 + this.byte() * 2 ** 24;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw damaged("a number too long");
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  take(size: number): Uint8Array {
    const part = this.#bytes.subarray(this.#at, this.#at + size);
    if (part.length !== size) throw damaged("cut short");
    this.#at += size;
    return part;
  }

  /** Runs of one-bit values that make `count` together, as `encodeRuns` writes them. */
  *bitRuns(count: number): Generator<Run<number>> {
    for (let left = count; left > 0; ) {
      const header = this.varint();
      const run = Math.floor(header / 2);
      if (header % 2 !== 0 || run === 0 || run > left) throw damaged(`a run header of ${header}`);
      yield { value: this.byte(), count: run };
      left -= run;
    }
  }

  /** As `encodeDeltas` writes them. */
  deltas(out: Float64Array): void {
    const shape = [this.varint(), this.varint(), this.varint()];
    if (shape[0] !== BLOCK_VALUES || shape[1] !== MINIBLOCKS || shape[2] !== out.length)
      throw damaged(`deltas of shape ${shape}`);
    let value = this.zigzag();
    if (out.length > 0) out[0] = value;
    for (let start = 1; start < out.length; start += BLOCK_VALUES) {
      const min = this.zigzag();
      const widths = [this.byte(), this.byte(), this.byte(), this.byte()];
      for (const [part, width] of widths.entries()) {
        if (width > DELTA_BITS_MAX) throw damaged(`deltas of ${width} bits`);
        const from = start + part * MINIBLOCK_VALUES;
        // Values that fill up the last block are there as bits, but are none.
        const to = Math.min(out.length, from + MINIBLOCK_VALUES);
        value = unpackDeltas(
          this.take(width * (MINIBLOCK_VALUES / 8)),
          width,
          min,
          value,
          out,
          from,
          to,
        );
      }
    }
  }
}

/** Adds up packed differences from the value before `from` on; answers the last value. */
function unpackDeltas(
  packed: Uint8Array,
  width: number,
  min: number,
  before: number,
  out: Float64Array,
  from: number,
  to: number,
): number {
  const scale = 2 ** width;
  let value = before;
  let at = 0;
  let pending = 0;
  let pendingScale = 1;
  for (let i = from; i < to; i++) {
    while (pendingScale < scale) {
      pending += (packed[at++] as number) * pendingScale;
      pendingScale *= 256;
    }
    const rest = Math.floor(pending / scale);
    value += min + (pending - rest * scale);
    pending = rest;
    pendingScale /= scale;
    out[i] = value;
  }
  return value;
}

export function damaged(reason: string): OperatingError {
  return new OperatingError("disk.corrupt", `Parquet page: ${reason}`);
}
