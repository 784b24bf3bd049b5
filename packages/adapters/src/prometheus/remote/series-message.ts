import type { Label, Labels, ProtoFields, ProtoWriter } from "@pharos/base";

const STALE_LOW = 0x0000_0002;
const STALE_HIGH = 0x7ff0_0000;

/** Writes the labels of a series, as every message of remote read and remote write has them. */
export function writeLabels(out: ProtoWriter, labels: Labels): void {
  for (const [name, value] of labels) {
    out.begin(1);
    out.text(1, name);
    out.text(2, value);
    out.end();
  }
}

/** Reads one label. */
export function readLabel(fields: ProtoFields): Label {
  let [name, value] = ["", ""];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x0a) name = fields.text();
    else if (tag === 0x12) value = fields.text();
    else fields.skip(tag);
  }
  return [name, value];
}

/** The bits of values, two words each, the low half first; a staleness marker where `stale` says so. */
export function valueBits(values: Float64Array, stale: Uint8Array | null): Uint32Array {
  const bits = new Uint32Array(values.length * 2);
  bits.set(new Uint32Array(values.buffer, values.byteOffset, values.length * 2));
  if (stale === null) return bits;
  for (let i = 0; i < values.length; i++) {
    if (stale[i] !== 1) continue;
    bits[i * 2] = STALE_LOW;
    bits[i * 2 + 1] = STALE_HIGH;
  }
  return bits;
}

/** Which of some values are staleness markers; null where none is. */
export function staleOf(bits: Uint32Array, count: number): Uint8Array | null {
  let stale: Uint8Array | null = null;
  for (let i = 0; i < count; i++) {
    if (bits[i * 2] !== STALE_LOW || bits[i * 2 + 1] !== STALE_HIGH) continue;
    stale ??= new Uint8Array(count);
    stale[i] = 1;
  }
  return stale;
}
