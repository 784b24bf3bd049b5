const encoder = new TextEncoder();
const FIRST_SIZE = 64 * 1024;

/** Writes protobuf messages one field after another, into memory that grows. Zeros are the caller's to leave out. */
export class ProtobufWriter {
  #bytes = new Uint8Array(FIRST_SIZE);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** What has been written; holds until more is. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  /** @param value a whole number from 0 to 2^53. */
  varint(field: number, value: number): void {
    this.#put(field * 8);
    this.#put(value);
  }

  /** A whole number of either sign, as `sint32` and `sint64` have it. */
  signed(field: number, value: number): void {
    this.varint(field, zigzag(value));
  }

  double(field: number, value: number): void {
    this.#put(field * 8 + 1);
    this.#reserve(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  text(field: number, value: string): void {
    this.message(field, () => {
      this.#reserve(value.length * 3);
      this.#at += encoder.encodeInto(value, this.#bytes.subarray(this.#at)).written;
    });
  }

  /** A message, or a list in one piece: what `write` writes. */
  message(field: number, write: () => void): void {
    this.#put(field * 8 + 2);
    this.delimited(write);
  }

  /** What `write` writes, behind its length. */
  delimited(write: () => void): void {
    const start = this.#at;
    this.#put(0);
    write();
    const size = this.#at - start - 1;
    const extra = varintSize(size) - 1;
    this.#reserve(extra);
    // One byte was kept for the length, which is enough for most.
    this.#bytes.copyWithin(start + 1 + extra, start + 1, this.#at);
    this.#at = start;
    this.#put(size);
    this.#at += size;
  }

  /** Items of a list in one piece. */
  packedSigned(values: readonly number[]): void {
    for (const value of values) this.#put(zigzag(value));
  }

  packedDoubles(values: readonly number[]): void {
    this.#reserve(values.length * 8);
    for (const value of values) {
      this.#view.setFloat64(this.#at, value, true);
      this.#at += 8;
    }
  }

  #put(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + size));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
