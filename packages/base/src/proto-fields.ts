import { OperatingError } from "./errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the fields of one protobuf message, for what is not worth a kernel. Everything is checked against the end.
 * Every method throws OperatingError `input.invalid` that names `what` and the byte.
 */
export class ProtoFields {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  readonly #end: number;
  #at: number;

  constructor(what: string, bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#what = what;
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at === this.#end;
  }

  /** Where the next byte is read. */
  get offset(): number {
    return this.#at;
  }

  /** A number of at most 32 bits: tags, sizes and enums are never longer. */
  varint(): number {
    const start = this.#at;
    let value = 0;
    for (let scale = 1; this.#at < this.#end && scale <= 2 ** 28; scale *= 0x80) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw this.error(start, "a number is cut short or too large");
  }

  /** The next number where it takes at most seven bytes, as most do; else undefined, and nothing is read. */
  #short(): number | undefined {
    let value = 0;
    let scale = 1;
    for (let at = this.#at; at < this.#end && scale < 2 ** 49; at++) {
      const byte = this.#bytes[at] as number;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte >= 0x80) continue;
      this.#at = at + 1;
      return value;
    }
    return undefined;
  }

  /** A number of 64 bits as it is written. */
  #varint64(): bigint {
    const start = this.#at;
    let value = 0n;
    for (let shift = 0n; this.#at < this.#end && shift < 64n; shift += 7n) {
      const byte = this.#bytes[this.#at++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value >= 2n ** 64n) break;
        return value;
      }
    }
    throw this.error(start, "a number is cut short or longer than 64 bits");
  }

  #safe(start: number, value: bigint): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw this.error(start, `${value} is beyond 2^53`);
    return number;
  }

  /** A number of 64 bits without a sign, up to 2^53. */
  uint64(): number {
    const start = this.#at;
    return this.#short() ?? this.#safe(start, this.#varint64());
  }

  /** A number of 64 bits of either sign, within 2^53. */
  int64(): number {
    const start = this.#at;
    return this.#short() ?? this.#safe(start, BigInt.asIntN(64, this.#varint64()));
  }

  /** The same, of any 64 bits: those beyond 2^53 are taken for the nearest that is exact. */
  clampedInt64(): number {
    const short = this.#short();
    if (short !== undefined) return short;
    const value = Number(BigInt.asIntN(64, this.#varint64()));
    return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  }

  /** The same in the encoding that is short for small negative numbers. */
  sint64(): number {
    const start = this.#at;
    const short = this.#short();
    if (short !== undefined) return short % 2 === 0 ? short / 2 : -(short + 1) / 2;
    const value = this.#varint64();
    return this.#safe(start, value & 1n ? -((value + 1n) >> 1n) : value >> 1n);
  }

  /** Eight bytes, such as a double's: a view. */
  fixed64(): Uint8Array {
    const start = this.#at;
    if (this.#end - start < 8) throw this.error(start, "cut short");
    this.#at += 8;
    return this.#bytes.subarray(start, this.#at);
  }

  /** The content of a field with a size: a view. */
  bytes(): Uint8Array {
    const [start, end] = this.#range();
    return this.#bytes.subarray(start, end);
  }

  /** A message within this one. */
  message(): ProtoFields {
    const [start, end] = this.#range();
    return new ProtoFields(this.#what, this.#bytes, start, end);
  }

  text(): string {
    const [start, end] = this.#range();
    try {
      return decoder.decode(this.#bytes.subarray(start, end));
    } catch {
      throw this.error(start, "not UTF-8");
    }
  }

  /** Skips the content of a field with this tag. */
  skip(tag: number): void {
    const start = this.#at;
    const wireType = tag & 7;
    if (tag < 8) throw this.error(start, "a field with the number 0");
    if (wireType === 2) this.#range();
    else if (wireType === 1 || wireType === 5) {
      this.#at += wireType === 1 ? 8 : 4;
      if (this.#at > this.#end) throw this.error(start, "cut short");
    } else if (wireType === 0) {
      let length = 1;
      while (this.#at < this.#end && (this.#bytes[this.#at] as number) >= 0x80 && length < 10) {
        this.#at++;
        length++;
      }
      if (this.#at >= this.#end) throw this.error(start, "cut short");
      this.#at++;
    } else throw this.error(start, `wire type ${wireType}`);
  }

  error(at: number, why: string): OperatingError {
    return new OperatingError("input.invalid", `${this.#what}, byte ${at}: ${why}`);
  }

  #range(): [start: number, end: number] {
    const sizeAt = this.#at;
    const size = this.varint();
    const start = this.#at;
    if (size > this.#end - start) throw this.error(sizeAt, `size ${size} goes beyond the end`);
    this.#at = start + size;
    return [start, this.#at];
  }
}
