import {
  type Label,
  type Labels,
  labelsFrom,
  OperatingError,
  ProtoFields,
  ProtoWriter,
  packSnappy,
  readHistogramMessage,
  type TimedHistogram,
  unpackSnappy,
  writeHistogramMessage,
} from "@pharos/base";
import type { SeriesColumns } from "@pharos/ports";
import { readLabel, staleOf, valueBits, writeLabels } from "./series-message.ts";

/** What a whole response may have unpacked: it is put together in memory. Streams of chunks have no such limit. */
const RESPONSE_SIZE_MAX = 1024 * 1024 * 1024;

/** A series as it came: unlike `SeriesColumns`, it is nobody's but the reader's. */
export interface ReceivedSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly stale: Uint8Array | null;
  readonly histograms: readonly TimedHistogram[];
}

/** Puts a `prometheus.ReadResponse` together: for each query its series, one after another. */
export class SamplesResponse {
  readonly #out = new ProtoWriter(64 * 1024);
  readonly #message = new ProtoWriter(64 * 1024);
  readonly #result = new ProtoWriter(64 * 1024);

  /** @throws OperatingError `query.over_limit` where the response gets too large. */
  add(labels: Labels, { timestampsMs, values, stale, histograms }: SeriesColumns): void {
    const out = this.#message;
    out.clear();
    writeLabels(out, labels);
    const bits = valueBits(values, stale);
    for (let i = 0; i < timestampsMs.length; i++) {
      out.begin(2);
      out.doubleBits(1, bits[i * 2] as number, bits[i * 2 + 1] as number);
      out.int64(2, timestampsMs[i] as number);
      out.end();
    }
    for (let i = 0; i < (histograms?.timestampsMs.length ?? 0); i++) {
      if (histograms === undefined) break;
      out.begin(4);
      writeHistogramMessage(out, histograms.at(i), histograms.timestampsMs[i] as number);
      out.end();
    }
    this.#result.field(1, out.bytes);
    if (this.#out.size + this.#result.size > RESPONSE_SIZE_MAX)
      throw new OperatingError(
        "query.over_limit",
        `the response has more than ${RESPONSE_SIZE_MAX} bytes; ask for STREAMED_XOR_CHUNKS`,
      );
  }

  /** Ends a query; what follows is of the next. */
  endQuery(): void {
    this.#out.field(1, this.#result.bytes);
    this.#result.clear();
  }

  packed(): Uint8Array<ArrayBuffer> {
    return packSnappy(this.#out.bytes);
  }
}

/**
 * Reads a whole response: the series of each query, in the order of the answer.
 * @throws OperatingError `input.invalid`.
 */
export function decodeSamplesResponse(packed: Uint8Array): readonly (readonly ReceivedSeries[])[] {
  const bytes = unpackSnappy(packed, RESPONSE_SIZE_MAX);
  if (typeof bytes === "string") throw new OperatingError("input.invalid", bytes);
  const fields = new ProtoFields("read response", bytes);
  const results: ReceivedSeries[][] = [];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x0a) results.push(readResult(fields.message()));
    else fields.skip(tag);
  }
  return results;
}

function readResult(fields: ProtoFields): ReceivedSeries[] {
  const series: ReceivedSeries[] = [];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x0a) series.push(readSeries(fields.message()));
    else fields.skip(tag);
  }
  return series;
}

function readSeries(fields: ProtoFields): ReceivedSeries {
  const labels: Label[] = [];
  const timestampsMs: number[] = [];
  const bits: number[] = [];
  const histograms: TimedHistogram[] = [];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x0a) labels.push(readLabel(fields.message()));
    else if (tag === 0x12) readSample(fields.message(), timestampsMs, bits);
    else if (tag === 0x22) histograms.push(readHistogramMessage(fields.bytes()));
    else fields.skip(tag);
  }
  const words = Uint32Array.from(bits);
  return {
    labels: checkedLabels(labels),
    timestampsMs: Float64Array.from(timestampsMs),
    values: new Float64Array(words.buffer),
    stale: staleOf(words, timestampsMs.length),
    histograms,
  };
}

function readSample(fields: ProtoFields, timestampsMs: number[], bits: number[]): void {
  let timestampMs = 0;
  let [low, high] = [0, 0];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x09) {
      const bytes = fields.fixed64();
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      low = view.getUint32(0, true);
      high = view.getUint32(4, true);
    } else if (tag === 0x10) timestampMs = fields.int64();
    else fields.skip(tag);
  }
  timestampsMs.push(timestampMs);
  bits.push(low, high);
}

/** As label sets must be here. @throws OperatingError `input.invalid` for a name that is empty or comes twice. */
export function checkedLabels(labels: readonly Label[]): Labels {
  const names = new Set<string>();
  for (const [name] of labels) {
    if (name === "" || names.has(name))
      throw new OperatingError(
        "input.invalid",
        `read response: label "${name}" is empty or comes twice`,
      );
    names.add(name);
  }
  return labelsFrom(labels);
}
