const decoder = new TextDecoder();

/** Thrown where bytes end too early or hold what cannot be. Who knows the place makes an OperatingError of it. */
export class MalformedBytes extends Error {
  override readonly name = "MalformedBytes";
}

/** Reads what `ByteWriter` wrote. Every read checks that there is enough left. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  byte(): number {
    const value = this.#bytes[this.at];
    if (value === undefined) throw new MalformedBytes("the bytes end too early");
    this.at++;
    return value;
  }

  varint(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let scale = 0x80; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new MalformedBytes("a number is too large");
      if (byte < 0x80) return value;
    }
  }

  /** A varint that counts things of at least `size` bytes each, all of which must still be there. */
  count(size = 1): number {
    const count = this.varint();
    if (count * size > this.left) throw new MalformedBytes(`${count} things are not there`);
    return count;
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  float64(): number {
    const bytes = this.raw(8);
    return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
  }

  /** A view. */
  raw(size: number): Uint8Array {
    if (size > this.left) throw new MalformedBytes("the bytes end too early");
    this.at += size;
    return this.#bytes.subarray(this.at - size, this.at);
  }

  text(): string {
    return decoder.decode(this.raw(this.varint()));
  }
}
