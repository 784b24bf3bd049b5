import { compareUtf8, type Label, type Labels, ProtoFields } from "@pharos/base";

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

function labelSize(nameSize: number, valueSize: number): number {
  return 2 + varintSize(nameSize) + nameSize + varintSize(valueSize) + valueSize;
}

/** The canonical bytes of a label set. */
export function encodeLabels(labels: Labels): Uint8Array {
  return encodeAscii(labels) ?? encodeUtf8(labels);
}

/** As `encodeLabels`, or undefined where a text is not ASCII: for such short texts a loop beats the encoder. */
function encodeAscii(labels: Labels): Uint8Array | undefined {
  let total = 0;
  for (const [name, value] of labels) {
    const size = labelSize(name.length, value.length);
    total += 1 + varintSize(size) + size;
  }
  const out = new Uint8Array(total);
  let at = 0;
  let units = 0;
  for (const [name, value] of labels) {
    out[at++] = TAG_LABEL;
    at = putVarint(out, at, labelSize(name.length, value.length));
    out[at++] = TAG_NAME;
    at = putVarint(out, at, name.length);
    for (let i = 0; i < name.length; i++) {
      const unit = name.charCodeAt(i);
      units |= unit;
      out[at++] = unit;
    }
    out[at++] = TAG_VALUE;
    at = putVarint(out, at, value.length);
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      units |= unit;
      out[at++] = unit;
    }
  }
  return units < 0x80 ? out : undefined;
}

function encodeUtf8(labels: Labels): Uint8Array {
  const texts = labels.flat().map((text) => encoder.encode(text));
  const sizeAt = (i: number): number =>
    labelSize(texts[i]?.length as number, texts[i + 1]?.length as number);
  let total = 0;
  for (let i = 0; i < texts.length; i += 2) total += 1 + varintSize(sizeAt(i)) + sizeAt(i);
  const out = new Uint8Array(total);
  let at = 0;
  for (const [i, text] of texts.entries()) {
    if (i % 2 === 0) {
      out[at++] = TAG_LABEL;
      at = putVarint(out, at, sizeAt(i));
    }
    out[at++] = i % 2 === 0 ? TAG_NAME : TAG_VALUE;
    at = putVarint(out, at, text.length);
    out.set(text, at);
    at += text.length;
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
