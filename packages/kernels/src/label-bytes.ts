import { compareUtf8, type Label, type Labels, OperatingError } from "@pharos/base";

// A label set as bytes, as Prometheus remote write sends it: for each label
//
//   | 0x0a | size | 0x0a | name size | name ... | 0x12 | value size | value ... |
//
// with sizes as varints. Sorted by name and with the shortest varints they are the canonical label bytes: equal label
// sets have equal bytes, and a well-behaved sender's bytes are the key of its series as they stand.
const TAG_LABEL = 0x0a;
const TAG_NAME = 0x0a;
const TAG_VALUE = 0x12;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

function putVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 0x80) {
    out[next++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  out[next++] = rest;
  return next;
}

/** The canonical bytes of a label set. */
export function encodeLabels(labels: Labels): Uint8Array {
  const parts: { name: Uint8Array; value: Uint8Array; size: number }[] = [];
  let total = 0;
  for (const [nameText, valueText] of labels) {
    const name = encoder.encode(nameText);
    const value = encoder.encode(valueText);
    const size =
      2 + varintSize(name.length) + name.length + varintSize(value.length) + value.length;
    parts.push({ name, value, size });
    total += 1 + varintSize(size) + size;
  }
  const out = new Uint8Array(total);
  let at = 0;
  for (const { name, value, size } of parts) {
    out[at++] = TAG_LABEL;
    at = putVarint(out, at, size);
    out[at++] = TAG_NAME;
    at = putVarint(out, at, name.length);
    out.set(name, at);
    at += name.length;
    out[at++] = TAG_VALUE;
    at = putVarint(out, at, value.length);
    out.set(value, at);
    at += value.length;
  }
  return out;
}

function invalid(at: number, what: string): OperatingError {
  return new OperatingError("input.invalid", `label bytes, byte ${at}: ${what}`);
}

/** Reads protobuf fields of `bytes` between two offsets; everything is checked against `end`. */
class Fields {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  get done(): boolean {
    return this.at === this.end;
  }

  /** At most 32 bits: tags and sizes are never longer. */
  varint(): number {
    const start = this.at;
    let value = 0;
    for (let scale = 1; this.at < this.end; scale *= 0x80) {
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
      if (scale > 2 ** 28) break;
    }
    throw invalid(start, "a number is cut short or too large");
  }

  /** A size, and that many bytes, as their range. */
  sized(): [start: number, end: number] {
    const sizeAt = this.at;
    const size = this.varint();
    const start = this.at;
    if (size > this.end - start) throw invalid(sizeAt, `size ${size} goes beyond the end`);
    this.at = start + size;
    return [start, this.at];
  }
}

function text(bytes: Uint8Array, [start, end]: [number, number]): string {
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new OperatingError("input.invalid", `label bytes, byte ${start}: not UTF-8`, { cause });
  }
}

/**
 * The label set of some label bytes, canonical or not: labels in any order, those with empty values left out.
 * @throws OperatingError `input.invalid` for bytes that are no label set: cut short, not UTF-8, a name empty or twice.
 */
export function decodeLabels(bytes: Uint8Array): Labels {
  const pairs: Label[] = [];
  const fields = new Fields(bytes, 0, bytes.length);
  while (!fields.done) {
    const start = fields.at;
    if (fields.varint() !== TAG_LABEL) throw invalid(start, "not a label");
    const label = new Fields(bytes, ...fields.sized());
    let name = "";
    let value = "";
    while (!label.done) {
      const tagAt = label.at;
      const tag = label.varint();
      if (tag === TAG_NAME) name = text(bytes, label.sized());
      else if (tag === TAG_VALUE) value = text(bytes, label.sized());
      else throw invalid(tagAt, "not a label's name or value");
    }
    if (name === "") throw invalid(start, "a label without a name");
    pairs.push([name, value]);
  }
  pairs.sort((a, b) => compareUtf8(a[0], b[0]));
  for (let i = 1; i < pairs.length; i++) {
    const name = pairs[i]?.[0];
    if (pairs[i - 1]?.[0] === name) throw invalid(0, `label ${name} comes twice`);
  }
  return pairs.filter(([, value]) => value !== "");
}

/** Whether the bytes are what `encodeLabels` writes. @throws OperatingError `input.invalid` as `decodeLabels`. */
export function isCanonical(bytes: Uint8Array): boolean {
  const canonical = encodeLabels(decodeLabels(bytes));
  return canonical.length === bytes.length && canonical.every((byte, at) => bytes[at] === byte);
}
