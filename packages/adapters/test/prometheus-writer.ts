// Files as Prometheus writes them, for tests: its chunks, blocks and logs, byte by byte as its format documents say.
import type { Labels } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { crc32c } from "../src/prometheus/crc32c.ts";

export interface WrittenSample {
  readonly timeMs: number;
  /** The value's bits. */
  readonly bits: bigint;
}

/** Bytes that grow, big-endian. */
export class Bytes {
  readonly list: number[] = [];

  get length(): number {
    return this.list.length;
  }

  get array(): Uint8Array {
    return Uint8Array.from(this.list);
  }

  add(...bytes: readonly number[]): this {
    for (const byte of bytes) this.list.push(byte);
    return this;
  }

  number(value: bigint | number, size: number): this {
    const bits = BigInt.asUintN(size * 8, BigInt(value));
    for (let i = size - 1; i >= 0; i--) this.list.push(Number((bits >> BigInt(i * 8)) & 0xffn));
    return this;
  }

  uvarint(value: bigint | number): this {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) this.list.push(Number(rest & 0x7fn) | 0x80);
    return this.add(Number(rest));
  }

  varint(value: bigint | number): this {
    const wide = BigInt(value);
    return this.uvarint((wide << 1n) ^ (wide >> 63n));
  }

  text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.uvarint(bytes.length).add(...bytes);
  }
}

/** A chunk of encoding XOR. */
export function xorChunk(samples: readonly WrittenSample[]): Uint8Array {
  const bits: number[] = [];
  const put = (value: bigint, size: number): void => {
    for (let i = size - 1; i >= 0; i--) bits.push(Number((value >> BigInt(i)) & 1n));
  };
  const putBytes = (bytes: Bytes): void => {
    for (const byte of bytes.list) put(BigInt(byte), 8);
  };
  let [stepMs, leading, trailing] = [0, -1, -1];
  for (const [i, { timeMs, bits: value }] of samples.entries()) {
    const before = samples[i - 1];
    if (before === undefined) {
      putBytes(new Bytes().varint(timeMs).number(value, 8));
      continue;
    }
    const nextStepMs = timeMs - before.timeMs;
    if (i === 1) putBytes(new Bytes().uvarint(nextStepMs));
    else {
      const change = BigInt(nextStepMs - stepMs);
      const fits = (size: number): boolean =>
        change >= -(2n ** BigInt(size - 1)) + 1n && change <= 2n ** BigInt(size - 1);
      if (change === 0n) put(0n, 1);
      else if (fits(14)) put((0b10n << 14n) | BigInt.asUintN(14, change), 16);
      else if (fits(17)) put((0b110n << 17n) | BigInt.asUintN(17, change), 20);
      else if (fits(20)) put((0b1110n << 20n) | BigInt.asUintN(20, change), 24);
      else put((0b1111n << 64n) | BigInt.asUintN(64, change), 68);
    }
    stepMs = nextStepMs;
    const xor = value ^ before.bits;
    if (xor === 0n) {
      put(0n, 1);
      continue;
    }
    const text = xor.toString(2).padStart(64, "0");
    const newLeading = Math.min(31, text.indexOf("1"));
    const newTrailing = 63 - text.lastIndexOf("1");
    if (leading >= 0 && newLeading >= leading && newTrailing >= trailing) {
      put(0b10n, 2);
    } else {
      [leading, trailing] = [newLeading, newTrailing];
      const size = 64 - leading - trailing;
      put(0b11n, 2);
      put(BigInt(leading), 5);
      put(BigInt(size === 64 ? 0 : size), 6);
    }
    put(xor >> BigInt(trailing), 64 - leading - trailing);
  }
  const out = new Bytes().number(samples.length, 2);
  for (let at = 0; at < bits.length; at += 8)
    out.add(
      Number.parseInt(
        bits
          .slice(at, at + 8)
          .join("")
          .padEnd(8, "0"),
        2,
      ),
    );
  return out.array;
}

export interface WrittenChunk {
  readonly encoding: number;
  readonly data: Uint8Array;
  readonly minMs: number;
  readonly maxMs: number;
}

export interface WrittenSeries {
  readonly labels: Labels;
  readonly chunks: readonly WrittenChunk[];
}

export function chunkOf(samples: readonly WrittenSample[]): WrittenChunk {
  const times = samples.map(({ timeMs }) => timeMs);
  const [minMs, maxMs] = [Math.min(...times), Math.max(...times)];
  return { encoding: 1, data: xorChunk(samples), minMs, maxMs };
}

export function writeFile(disk: Disk, path: string, bytes: Uint8Array): void {
  disk.makeDirectory(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
  disk.remove(path);
  const writer = disk.openAppend(path);
  writer.append([bytes]);
  writer.close();
}

/** A block of index version 2, series in the order given, its chunks in one file. */
export function writeBlock(
  disk: Disk,
  directory: string,
  series: readonly WrittenSeries[],
  meta: object,
): void {
  const chunks = new Bytes().number(0x85bd40dd, 4).add(1, 0, 0, 0);
  const texts = [...new Set(series.flatMap(({ labels }) => labels.flat()))].sort();
  const index = new Bytes().number(0xbaaad700, 4).add(2);
  const symbols = new Bytes().number(texts.length, 4);
  for (const text of texts) symbols.text(text);
  const symbolsAt = putSection(index, symbols);
  const references: number[] = [];
  for (const { labels, chunks: list } of series) {
    while (index.length % 16 !== 0) index.add(0);
    references.push(index.length / 16);
    const entry = new Bytes().uvarint(labels.length);
    for (const text of labels.flat()) entry.uvarint(texts.indexOf(text));
    entry.uvarint(list.length);
    let [lastMs, lastAt] = [0, 0];
    for (const [i, { encoding, data, minMs, maxMs }] of list.entries()) {
      const at = chunks.length;
      if (i === 0)
        entry
          .varint(minMs)
          .uvarint(maxMs - minMs)
          .uvarint(at);
      else
        entry
          .uvarint(minMs - lastMs)
          .uvarint(maxMs - minMs)
          .varint(at - lastAt);
      [lastMs, lastAt] = [maxMs, at];
      chunks.uvarint(data.length).add(encoding, ...data);
      chunks.number(crc32c(Uint8Array.of(encoding, ...data)), 4);
    }
    index
      .uvarint(entry.length)
      .add(...entry.list)
      .number(crc32c(entry.array), 4);
  }
  const postings = new Bytes().number(references.length, 4);
  for (const reference of references) postings.number(reference, 4);
  const postingsAt = putSection(index, postings);
  const table = new Bytes().number(1, 4).add(2).text("").text("").uvarint(postingsAt);
  const tableAt = putSection(index, table);
  const toc = new Bytes();
  for (const at of [symbolsAt, 0, 0, 0, postingsAt, tableAt]) toc.number(at, 8);
  index.add(...toc.list).number(crc32c(toc.array), 4);
  writeFile(disk, `${directory}/index`, index.array);
  writeFile(disk, `${directory}/chunks/000001`, chunks.array);
  writeFile(disk, `${directory}/meta.json`, new TextEncoder().encode(JSON.stringify(meta)));
}

/** Answers where it begins. */
function putSection(index: Bytes, content: Bytes): number {
  while (index.length % 4 !== 0) index.add(0);
  const at = index.length;
  index
    .number(content.length, 4)
    .add(...content.list)
    .number(crc32c(content.array), 4);
  return at;
}

/** A file of tombstones. */
export function tombstonesFile(
  list: readonly { reference: number; minMs: number; maxMs: number }[],
): Uint8Array {
  const content = new Bytes();
  for (const { reference, minMs, maxMs } of list)
    content.uvarint(reference).varint(minMs).varint(maxMs);
  const header = new Bytes().number(0x0130ba30, 4).add(1);
  return header.add(...content.list).number(crc32c(content.array), 4).array;
}

/** A segment of a log. `pack` may compress a record, and answers the flag for it. */
export function segmentOf(
  records: readonly Uint8Array[],
  pack: (record: Uint8Array) => readonly [flag: number, bytes: Uint8Array] = (record) => [
    0,
    record,
  ],
): Uint8Array {
  const pageSize = 32 * 1024;
  const out = new Bytes();
  for (const record of records) {
    const [flag, bytes] = pack(record);
    let rest = bytes;
    for (let isFirst = true; isFirst || rest.length > 0; isFirst = false) {
      let room = pageSize - (out.length % pageSize);
      if (room < 8) {
        out.add(...new Array<number>(room).fill(0));
        room = pageSize;
      }
      const part = rest.subarray(0, room - 7);
      rest = rest.subarray(part.length);
      const kind = isFirst ? (rest.length === 0 ? 1 : 2) : rest.length === 0 ? 4 : 3;
      out
        .add(kind | flag)
        .number(part.length, 2)
        .number(crc32c(part), 4);
      out.add(...part);
    }
  }
  return out.array;
}

export function seriesRecord(list: readonly (readonly [number, Labels])[]): Uint8Array {
  const out = new Bytes().add(1);
  for (const [reference, labels] of list) {
    out.number(reference, 8).uvarint(labels.length);
    for (const text of labels.flat()) out.text(text);
  }
  return out.array;
}

export function samplesRecord(
  list: readonly (WrittenSample & { readonly reference: number })[],
): Uint8Array {
  const [first] = list;
  const out = new Bytes()
    .add(2)
    .number(first?.reference ?? 0, 8)
    .number(first?.timeMs ?? 0, 8);
  for (const { reference, timeMs, bits } of list)
    out
      .varint(reference - (first?.reference ?? 0))
      .varint(timeMs - (first?.timeMs ?? 0))
      .number(bits, 8);
  return out.array;
}

export function tombstonesRecord(reference: number, minMs: number, maxMs: number): Uint8Array {
  return new Bytes().add(3).number(reference, 8).varint(minMs).varint(maxMs).array;
}

/** A file of head chunks, with room after them as Prometheus leaves it. */
export function headChunksFile(
  list: readonly (WrittenChunk & { readonly reference: number })[],
): Uint8Array {
  const out = new Bytes().number(0x0130bc91, 4).add(1, 0, 0, 0);
  for (const { reference, minMs, maxMs, encoding, data } of list) {
    const chunk = new Bytes().number(reference, 8).number(minMs, 8).number(maxMs, 8);
    chunk
      .add(encoding)
      .uvarint(data.length)
      .add(...data);
    out.add(...chunk.list).number(crc32c(chunk.array), 4);
  }
  return out.add(...new Array<number>(512).fill(0)).array;
}
