import { assert } from "./assert.ts";

const encoder = new TextEncoder();
/** A varint of 64 bits. */
const VARINT_SIZE_MAX = 10;
const SIZE_AT_FIRST = 1024;

/** Writes Protocol Buffers into memory that grows: the counterpart of `ProtoFields`. */
export class ProtoWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #at = 0;
  /** Where the messages that are open begin. */
  readonly #begun: number[] = [];

  constructor(sizeAtFirst = SIZE_AT_FIRST) {
    this.#bytes = new Uint8Array(sizeAtFirst);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes that are written. */
  get size(): number {
    return this.#at;
  }

  /** What is written: a view, until something else is written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    assert(this.#begun.length === 0, "every message has ended");
    return this.#bytes.subarray(0, this.#at);
  }

  /** Begins again, in the same memory. */
  clear(): void {
    this.#at = 0;
    this.#begun.length = 0;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + size));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** A number without a sign, up to 2^53. */
  varint(value: number): void {
    this.#reserve(VARINT_SIZE_MAX);
    let rest = value;
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80))
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
  }

  #tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  /** A field with a number of either sign, within 2^53; nothing for 0. */
  int64(field: number, value: number): void {
    if (value === 0) return;
    this.#tag(field, 0);
    if (value > 0) {
      this.varint(value);
      return;
    }
    this.#reserve(VARINT_SIZE_MAX);
    // In two's complement, which always has ten bytes.
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#at++] = Number(rest);
  }

  /** The same in the encoding that is short for small negative numbers. */
  sint64(field: number, value: number): void {
    if (value === 0) return;
    this.#tag(field, 0);
    this.zigzag(value);
  }

  /** A number of either sign within 2^52, without its field: for packed lists. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** A field with a double; nothing for 0, but for -0. */
  double(field: number, value: number): void {
    if (!Object.is(value, 0)) this.presentDouble(field, value);
  }

  /** The same, also for 0: for fields whose presence says something. */
  presentDouble(field: number, value: number): void {
    this.#tag(field, 1);
    this.fixedDouble(value);
  }

  /** A double without its field: for packed lists. */
  fixedDouble(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  /** A field with the 64 bits of a double, in two halves; nothing where all are 0. */
  doubleBits(field: number, low: number, high: number): void {
    if (low === 0 && high === 0) return;
    this.#tag(field, 1);
    this.#reserve(8);
    this.#view.setUint32(this.#at, low, true);
    this.#view.setUint32(this.#at + 4, high, true);
    this.#at += 8;
  }

  /** A field with a text, also an empty one. */
  text(field: number, value: string): void {
    this.#tag(field, 2);
    const sizeMax = value.length * 3;
    this.#reserve(VARINT_SIZE_MAX + sizeMax);
    if (sizeMax < 0x80) {
      const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#at + 1));
      this.#bytes[this.#at] = written;
      this.#at += 1 + written;
      return;
    }
    const bytes = encoder.encode(value);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A field with bytes, or with a message that is encoded already. */
  field(field: number, bytes: Uint8Array): void {
    this.#tag(field, 2);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Begins a field that is a message, or a packed list; what is written until `end` is in it. */
  begin(field: number): void {
    this.#tag(field, 2);
    this.#reserve(1);
    this.#at++; // For its size, which most often has one byte.
    this.#begun.push(this.#at);
  }

  /** Ends what was begun last. */
  end(): void {
    const start = this.#begun.pop();
    assert(start !== undefined, "a message was begun");
    const size = this.#at - start;
    if (size < 0x80) {
      this.#bytes[start - 1] = size;
      return;
    }
    this.#reserve(VARINT_SIZE_MAX);
    this.#at = start - 1;
    const sizeSize = size < 0x4000 ? 2 : size < 0x20_0000 ? 3 : size < 0x1000_0000 ? 4 : 5;
    this.#bytes.copyWithin(start - 1 + sizeSize, start, start + size);
    this.varint(size);
    this.#at += size;
  }
}
