import { compareUtf8, type Label, type Labels } from "@pharos/base";
import { ProtoFields } from "./proto-fields.ts";

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

/**
 * The label set of some label bytes, canonical or not: labels in any order, those with empty values left out.
 * @throws OperatingError `input.invalid` for bytes that are no label set: cut short, not UTF-8, a name empty or twice.
 */
export function decodeLabels(bytes: Uint8Array): Labels {
  const pairs: Label[] = [];
  const fields = new ProtoFields("label bytes", bytes);
  while (!fields.done) {
    const start = fields.offset;
    if (fields.varint() !== TAG_LABEL) throw fields.error(start, "not a label");
    const label = fields.message();
    let name = "";
    let value = "";
    while (!label.done) {
      const tagAt = label.offset;
      const tag = label.varint();
      if (tag === TAG_NAME) name = label.text();
      else if (tag === TAG_VALUE) value = label.text();
      else throw label.error(tagAt, "not a label's name or value");
    }
    if (name === "") throw fields.error(start, "a label without a name");
    pairs.push([name, value]);
  }
  pairs.sort((a, b) => compareUtf8(a[0], b[0]));
  for (let i = 1; i < pairs.length; i++) {
    const name = pairs[i]?.[0];
    if (pairs[i - 1]?.[0] === name) throw fields.error(0, `label ${name} comes twice`);
  }
  return pairs.filter(([, value]) => value !== "");
}

/** Whether the bytes are what `encodeLabels` writes. @throws OperatingError `input.invalid` as `decodeLabels`. */
export function isCanonical(bytes: Uint8Array): boolean {
  const canonical = encodeLabels(decodeLabels(bytes));
  return canonical.length === bytes.length && canonical.every((byte, at) => bytes[at] === byte);
}
