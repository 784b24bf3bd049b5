// Remote write 1.0 read the plain way: one value after the other, big integers, a new object for everything. Anything
// malformed throws a RangeError.
export interface ReadSeries {
  readonly labelBytes: Uint8Array;
  readonly samples: { readonly timestampMs: number; readonly bits: bigint }[];
}

export interface ReadRequest {
  readonly series: ReadSeries[];
  readonly exemplars: number;
  readonly histograms: number;
  readonly metadata: number;
}

const TIMESTAMP_MAX = 2n ** 53n;

function refuse(): never {
  throw new RangeError("malformed");
}

class Reader {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  take(size: bigint | number): Uint8Array {
    if (BigInt(size) > BigInt(this.bytes.length - this.at)) refuse();
    this.at += Number(size);
    return this.bytes.subarray(this.at - Number(size), this.at);
  }

  varint(): bigint {
    let value = 0n;
    for (let i = 0n; i < 10n; i++) {
      const byte = BigInt(this.take(1)[0] as number);
      value |= (byte & 0x7fn) << (7n * i);
      if (byte < 0x80n) return value < 2n ** 64n ? value : refuse();
    }
    return refuse();
  }

  /** The next field: its number, its wire type and its content. */
  field(): { number: bigint; wire: bigint; varint: bigint; content: Uint8Array } {
    const tag = this.varint();
    const [number, wire] = [tag >> 3n, tag & 7n];
    if (number === 0n || tag > 0xffff_ffffn) refuse();
    const none = new Uint8Array(0);
    if (wire === 0n) return { number, wire, varint: this.varint(), content: none };
    if (wire === 1n) return { number, wire, varint: 0n, content: this.take(8) };
    if (wire === 2n) return { number, wire, varint: 0n, content: this.take(this.varint()) };
    if (wire === 5n) return { number, wire, varint: 0n, content: this.take(4) };
    return refuse();
  }
}

function readSample(bytes: Uint8Array): { timestampMs: number; bits: bigint } {
  const reader = new Reader(bytes);
  let bits = 0n;
  let timestamp = 0n;
  while (!reader.done) {
    const { number, wire, varint, content } = reader.field();
    if (number === 1n) {
      if (wire !== 1n) refuse();
      bits = new DataView(content.buffer, content.byteOffset, 8).getBigUint64(0, true);
    } else if (number === 2n) {
      if (wire !== 0n) refuse();
      timestamp = BigInt.asIntN(64, varint);
      if (timestamp > TIMESTAMP_MAX || timestamp < -TIMESTAMP_MAX) refuse();
    }
  }
  return { timestampMs: Number(timestamp), bits };
}

/** A MetricMetadata: its texts must be UTF-8, its type must fit 32 bits. */
function checkMetadata(bytes: Uint8Array): void {
  const reader = new Reader(bytes);
  while (!reader.done) {
    const { number, wire, varint, content } = reader.field();
    if (number === 1n && wire === 0n && varint > 0xffff_ffffn) refuse();
    if (![2n, 4n, 5n].includes(number) || wire !== 2n) continue;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(content);
    } catch {
      refuse();
    }
  }
}

export function readWriteRequest(bytes: Uint8Array): ReadRequest {
  const reader = new Reader(bytes);
  const series: ReadSeries[] = [];
  let [exemplars, histograms, metadata] = [0, 0, 0];
  while (!reader.done) {
    const { number, wire, content } = reader.field();
    if ((number === 1n || number === 3n) && wire !== 2n) refuse();
    if (number === 3n) {
      checkMetadata(content);
      metadata++;
    }
    if (number !== 1n) continue;
    const labels: number[] = [];
    const samples: ReadSeries["samples"] = [];
    const message = new Reader(content);
    while (!message.done) {
      const start = message.at;
      const field = message.field();
      if (field.number <= 4n && field.wire !== 2n) refuse();
      // A tag longer than need be is refused for the known fields.
      if (field.number <= 4n && (content[start] as number) >= 0x80) refuse();
      if (field.number === 1n) labels.push(...content.subarray(start, message.at));
      if (field.number === 2n) samples.push(readSample(field.content));
      if (field.number === 3n) exemplars++;
      if (field.number === 4n) histograms++;
    }
    if (labels.length > 65_535) refuse();
    series.push({ labelBytes: Uint8Array.from(labels), samples });
  }
  return { series, exemplars, histograms, metadata };
}

/** Snappy's block format, byte by byte. */
export function uncompress(body: Uint8Array): Uint8Array {
  const reader = new Reader(body);
  const size = reader.varint();
  if (reader.at > 5 || size > 0xffff_ffffn) refuse();
  if (size > BigInt(body.length * 22)) refuse();
  const out: number[] = [];
  const number = (bytes: Uint8Array): number => bytes.reduceRight((sum, b) => sum * 256 + b, 0);
  while (!reader.done) {
    const tag = reader.take(1)[0] as number;
    const high = tag >> 2;
    if ((tag & 3) === 0) {
      const length = high < 60 ? high + 1 : number(reader.take(high - 59)) + 1;
      out.push(...reader.take(length));
    } else {
      const length = (tag & 3) === 1 ? 4 + (high & 7) : high + 1;
      const low = number(reader.take([0, 1, 2, 4][tag & 3] as number));
      const distance = (tag & 3) === 1 ? ((tag >> 5) << 8) | low : low;
      if (distance === 0 || distance > out.length) refuse();
      for (let i = 0; i < length; i++) out.push(out[out.length - distance] as number);
    }
    if (BigInt(out.length) > size) refuse();
  }
  if (BigInt(out.length) !== size) refuse();
  return Uint8Array.from(out);
}
