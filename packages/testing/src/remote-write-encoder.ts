import type { Labels } from "@pharos/base";

/** One series of a remote-write body, as a sender has it. */
export interface SentSeries {
  readonly labels: Labels;
  readonly samples: readonly SentSample[];
}

export interface SentSample {
  /** Unix epoch, an integer. */
  readonly timestampMs: number;
  readonly value: number;
  /** Send the staleness marker instead of `value`. */
  readonly stale?: boolean;
}

export interface SentMetadata {
  /** As in the protobuf enum: 0 unknown, 1 counter, 2 gauge, 3 histogram … */
  readonly type: number;
  readonly family: string;
  readonly help: string;
  readonly unit: string;
}

const STALE_NAN = 0x7ff0_0000_0000_0002n;
const text = new TextEncoder();

/**
 * A `prometheus.WriteRequest` (remote write 1.0) as Prometheus itself would encode it: fields in order, zeros left out,
 * not compressed. Labels go out in the order in which they are given.
 */
export function encodeWriteRequest(
  series: readonly SentSeries[],
  metadata: readonly SentMetadata[] = [],
): Uint8Array {
  const request: number[] = [];
  for (const { labels, samples } of series) {
    const message: number[] = [];
    for (const [name, value] of labels) {
      const label: number[] = [];
      putText(label, 1, name);
      putText(label, 2, value);
      putMessage(message, 1, label);
    }
    for (const sample of samples) putMessage(message, 2, encodeSample(sample));
    putMessage(request, 1, message);
  }
  for (const { type, family, help, unit } of metadata) {
    const message: number[] = [];
    if (type !== 0) message.push(0x08, type);
    putText(message, 2, family);
    if (help !== "") putText(message, 4, help);
    if (unit !== "") putText(message, 5, unit);
    putMessage(request, 3, message);
  }
  return Uint8Array.from(request);
}

function encodeSample({ timestampMs, value, stale }: SentSample): number[] {
  const out: number[] = [];
  const bits = new DataView(new ArrayBuffer(8));
  if (stale === true) bits.setBigUint64(0, STALE_NAN, true);
  else bits.setFloat64(0, value, true);
  if (bits.getBigUint64(0) !== 0n) out.push(0x09, ...new Uint8Array(bits.buffer));
  if (timestampMs !== 0) {
    out.push(0x10);
    putVarint(out, BigInt.asUintN(64, BigInt(timestampMs)));
  }
  return out;
}

function putVarint(out: number[], value: bigint): void {
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
}

function putMessage(out: number[], field: number, content: ArrayLike<number>): void {
  out.push((field << 3) | 2);
  putVarint(out, BigInt(content.length));
  for (let i = 0; i < content.length; i++) out.push(content[i] as number);
}

function putText(out: number[], field: number, value: string): void {
  putMessage(out, field, text.encode(value));
}
