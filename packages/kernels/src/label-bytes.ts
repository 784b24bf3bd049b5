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

/** Of its UTF-8. */
function sizeOf(text: string): number {
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) >= 0x80) return encoder.encode(text).length;
  return text.length;
}

/** Writes a text of `size` bytes. Most are ASCII and short: a loop beats the encoder, which makes an object of each. */
function putText(out: Uint8Array, at: number, text: string, size: number): number {
  if (size === text.length) for (let i = 0; i < size; i++) out[at + i] = text.charCodeAt(i);
  else out.set(encoder.encode(text), at);
  return at + size;
}

function labelSize(nameSize: number, valueSize: number): number {
  return 2 + varintSize(nameSize) + nameSize + varintSize(valueSize) + valueSize;
}

/** The canonical bytes of a label set. */
export function encodeLabels(labels: Labels): Uint8Array {
  let total = 0;
  for (const [name, value] of labels) {
    const size = labelSize(sizeOf(name), sizeOf(value));
    total += 1 + varintSize(size) + size;
  }
  const out = new Uint8Array(total);
  let at = 0;
  for (const [name, value] of labels) {
    const nameSize = sizeOf(name);
    const valueSize = sizeOf(value);
    out[at++] = TAG_LABEL;
    at = putVarint(out, at, labelSize(nameSize, valueSize));
    out[at++] = TAG_NAME;
    at = putText(out, putVarint(out, at, nameSize), name, nameSize);
    out[at++] = TAG_VALUE;
    at = putText(out, putVarint(out, at, valueSize), value, valueSize);
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
