// Bodies of remote write 1.0, made fast and with every bit of a value as it is. The encoder of `testing` is the plain one.
import { compress } from "snappyjs";

/** What a label set is in a `TimeSeries` message: its repeated field 1. */
export function encodeLabelFields(labels: Readonly<Record<string, string>>): Uint8Array {
  const parts = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      const pair = concatenated([field(1, utf8(name)), field(2, utf8(value))]);
      return field(1, pair);
    });
  return concatenated(parts);
}

const TIME_SERIES_TAG = 0x0a;
const SAMPLE_TAG = 0x12;
const VALUE_TAG = 0x09;
const TIMESTAMP_TAG = 0x10;
/** A tag, a value, a tag. */
const SAMPLE_FIXED_SIZE = 1 + 8 + 1;

/** A `WriteRequest` that grows series by series. */
export class WriteRequest {
  #bytes = new Uint8Array(1 << 16);
  #size = 0;
  sampleCount = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Adds the samples `from` to `to` (excluded) of a series. Values are copied as bytes, since a NaN that passes through
   * a number may lose its payload. Answers where the first sample's value lies in the request.
   */
  add(
    labelFields: Uint8Array,
    timestampsMs: Float64Array,
    values: Float64Array,
    from = 0,
    to = timestampsMs.length,
  ): number {
    let size = labelFields.length;
    for (let i = from; i < to; i++) size += 2 + sampleSize(timestampsMs[i] as number);
    this.#reserve(size + 8);
    this.#bytes[this.#size++] = TIME_SERIES_TAG;
    this.#putVarint(size);
    this.#bytes.set(labelFields, this.#size);
    this.#size += labelFields.length;
    const valueBytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    let firstValueOffset = this.#size;
    for (let i = from; i < to; i++) {
      const timestampMs = timestampsMs[i] as number;
      this.#bytes[this.#size++] = SAMPLE_TAG;
      this.#bytes[this.#size++] = sampleSize(timestampMs);
      this.#bytes[this.#size++] = VALUE_TAG;
      if (i === from) firstValueOffset = this.#size;
      for (let byte = i * 8; byte < i * 8 + 8; byte++)
        this.#bytes[this.#size++] = valueBytes[byte] as number;
      this.#bytes[this.#size++] = TIMESTAMP_TAG;
      this.#putVarint(timestampMs);
    }
    this.sampleCount += to - from;
    return firstValueOffset;
  }

  /** The request so far, compressed; the next `add` begins another one. */
  takeCompressed(): Uint8Array {
    return compress(this.take());
  }

  /** As `takeCompressed`, not compressed. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#size);
    this.#size = 0;
    this.sampleCount = 0;
    return taken;
  }

  #reserve(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#size + size));
    larger.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = larger;
  }

  #putVarint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128))
      this.#bytes[this.#size++] = (rest % 128) | 128;
    this.#bytes[this.#size++] = rest;
  }
}

/** Bytes of a whole number that is not negative as a varint. */
export function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
  return Uint8Array.from(out);
}

/** A snappy block with all of `bytes` in one literal: any place in it can be written anew. */
export function snappyLiteral(bytes: Uint8Array): Uint8Array {
  const last = bytes.length - 1;
  // The tag of a literal whose size, less one, follows in three bytes.
  const tag = Uint8Array.of(62 << 2, last & 255, (last >> 8) & 255, last >> 16);
  return concatenated([varint(bytes.length), tag, bytes]);
}

function sampleSize(timestampMs: number): number {
  let size = SAMPLE_FIXED_SIZE + 1;
  for (let rest = timestampMs; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

function field(number: number, payload: Uint8Array): Uint8Array {
  return concatenated([Uint8Array.of((number << 3) | 2), varint(payload.length), payload]);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
