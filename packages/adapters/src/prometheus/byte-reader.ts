import { OperatingError } from "@pharos/base";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads what Prometheus writes: big-endian numbers, Go's varints, strings with their size before them. Every read
 * beyond the end is an error that names the file and the byte.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;
  /** Of the first byte, in the file. */
  readonly #fileOffset: number;
  at = 0;

  constructor(bytes: Uint8Array, file: string, fileOffset = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#file = file;
    this.#fileOffset = fileOffset;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  /** An error about the place that is read next. */
  error(what: string): OperatingError {
    return corrupt(this.#file, this.#fileOffset + this.at, what);
  }

  #need(size: number): void {
    if (this.at + size > this.#bytes.length) throw this.error("cut short");
  }

  u8(): number {
    this.#need(1);
    return this.#bytes[this.at++] as number;
  }

  u16(): number {
    this.#need(2);
    this.at += 2;
    return this.#view.getUint16(this.at - 2);
  }

  u32(): number {
    this.#need(4);
    this.at += 4;
    return this.#view.getUint32(this.at - 4);
  }

  /** Exact up to 2^53. */
  u64(): number {
    const high = this.u32();
    return high * 2 ** 32 + this.u32();
  }

  /** Exact within 2^53. */
  i64(): number {
    this.#need(8);
    this.at += 8;
    return Number(this.#view.getBigInt64(this.at - 8));
  }

  /** Exact up to 2^53. */
  uvarint(): number {
    let value = 0;
    for (let factor = 1, size = 0; ; factor *= 128, size++) {
      if (size === 10) throw this.error("a number of more than 64 bits");
      const byte = this.u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  /** Zigzag; exact within 2^52. */
  varint(): number {
    const coded = this.uvarint();
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
  }

  take(size: number): Uint8Array {
    this.#need(size);
    this.at += size;
    return this.#bytes.subarray(this.at - size, this.at);
  }

  /** A string with its size before it. */
  text(): string {
    return decoder.decode(this.take(this.uvarint()));
  }
}

/** What is wrong at a byte of a file of Prometheus's. */
export function corrupt(file: string, offset: number, what: string): OperatingError {
  return new OperatingError("disk.corrupt", `${file}, byte ${offset}: ${what}`);
}
