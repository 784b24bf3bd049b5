// Decodes columns as docs/formats/columns.md says it, one value after another: the reference for as/column-decode.ts.
// Wrong bytes end in a RangeError.

const MASK = (1n << 64n) - 1n;
const signed64 = (bits: bigint): bigint => BigInt.asIntN(64, bits);

class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at === this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new RangeError("beyond the end");
    return byte;
  }

  number(): bigint {
    let number = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      number |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return number & MASK;
    }
    throw new RangeError("a number of more than ten bytes");
  }

  signed(): bigint {
    const number = this.number();
    return (number & 1n) === 0n ? number >> 1n : ~(number >> 1n);
  }

  /** The next `size` bytes as one large number. */
  word(size: number): bigint {
    let word = 0n;
    for (let i = 0; i < size; i++) word |= BigInt(this.byte()) << BigInt(i * 8);
    return word;
  }

  fields(count: number, width: number): bigint[] {
    const word = this.word(Math.ceil((count * width) / 8));
    return Array.from({ length: count }, (_, i) =>
      BigInt.asUintN(width, word >> BigInt(i * width)),
    );
  }
}

/** @returns the bits of the values, or undefined where these bytes are no column of `count` values. */
export function decodeColumn(bytes: Uint8Array, count: number): bigint[] | undefined {
  try {
    const reader = new Reader(bytes);
    const values = decode(reader, count);
    return reader.done ? values : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function decode(reader: Reader, count: number): bigint[] {
  const head = reader.byte();
  const scale = reader.byte();
  const isBits = (head & 1) === 1;
  const predictor = (head >> 1) & 3;
  const coding = (head >> 3) & 3;
  const shift = BigInt(scale);
  if (isBits ? scale > 63 : (scale & 31) > 22 || scale > 63) throw new RangeError("scale");

  const first = isBits ? reader.word(8) : reader.signed();
  const factor = !isBits && (scale & 0x20) !== 0 ? reader.number() : 1n;
  const slope = predictor === 2 || (predictor === 3 && !isBits) ? reader.signed() : 0n;
  const base = coding === 0 ? 0n : reader.signed();
  const residuals = readResiduals(reader, coding, base, count - 1, isBits ? 64 : 53);
  if ((head & 0x20) !== 0)
    for (const [at, patch] of readList(reader, count - 1)) residuals[at] = base + patch;

  const numbers = [0n];
  let step = slope;
  for (const [i, residual] of residuals.entries()) {
    const before = numbers[i] as bigint;
    if (predictor === 2) step += residual;
    if (predictor === 0) numbers.push(residual);
    else if (predictor === 1) numbers.push(before + residual);
    else if (predictor === 2) numbers.push(before + step);
    else if (isBits) numbers.push(before ^ BigInt.asUintN(64, residual));
    else numbers.push(((BigInt(i + 1) * slope) >> 16n) + residual);
  }
  const values = numbers.map((number) => {
    if (!isBits) return bitsOf(Number(first + number * factor) / 10 ** (scale & 31));
    if (predictor === 3) return BigInt.asUintN(64, first ^ (number << shift));
    return BigInt.asUintN(64, first + (number << shift));
  });
  if ((head & 0x40) !== 0)
    for (const [at, floats] of readList(reader, count))
      values[at] = BigInt.asUintN(64, (values[at] as bigint) + floats);
  return values;
}

function readResiduals(
  reader: Reader,
  coding: number,
  base: bigint,
  count: number,
  widthMax: number,
): bigint[] {
  if (coding <= 1) return Array<bigint>(count).fill(base);
  const width = reader.byte();
  if (width > widthMax) throw new RangeError("width");
  if (coding === 2) return reader.fields(count, width).map((field) => base + field);
  const fieldBase = reader.signed();
  const bitmap = reader.fields(count, 1);
  const fields = reader.fields(bitmap.filter((bit) => bit === 1n).length, width);
  return bitmap.map((bit) => (bit === 0n ? base : fieldBase + (fields.shift() as bigint)));
}

/** Indices with a number each, both as they come. */
function* readList(reader: Reader, count: number): Iterable<[number, bigint]> {
  const length = reader.number();
  if (length > BigInt(count)) throw new RangeError("length");
  let at = 0n;
  for (let i = 0n; i < length; i++, at++) {
    at += reader.number();
    const number = reader.signed();
    if (at >= BigInt(count)) throw new RangeError("index");
    yield [Number(at), signed64(number)];
  }
}

export function bitsOf(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint;
}
