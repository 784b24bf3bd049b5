import { crc32 } from "node:zlib";
import type { WalPosition } from "./wal-payload.ts";

// A segment of the log: a header, then records until the end of the file. Checkpoints have the same form.
//
//   | magic "PHWL" or "PHCP" | version u32 | segment u32 | synced through u32 | created at f64
//   | continues segment u32 | continues offset u32 | crc32 of the 32 bytes before | records ...
//
// "Synced through" is the last segment that was known to be on the device as a whole when this one was begun: damage
// there can then be no unfinished write. "Continues" is where the log had ended: what lies between there and this
// segment is no part of it.
export const SEGMENT_HEADER_SIZE = 36;
export const WAL_VERSION = 2;
/** When a segment has grown to this, the next one begins. As Prometheus: whole segments are what truncation frees. */
export const SEGMENT_SIZE_MAX = 128 * 1024 * 1024;
export const WAL_DIRECTORY = "wal";

const MAGIC = { segment: "PHWL", checkpoint: "PHCP" } as const;

export interface SegmentHeader {
  readonly segment: number;
  readonly syncedThrough: number;
  /** Wall-clock time when it was begun. */
  readonly createdMs: number;
  /** Where the log ended before; segment 0 if there was none. */
  readonly continues: WalPosition;
}

export type DecodedHeader =
  | ({ readonly status: "header" } & SegmentHeader)
  | { readonly status: "damaged"; readonly reason: string }
  | { readonly status: "unknown"; readonly version: number };

export function encodeSegmentHeader(
  kind: keyof typeof MAGIC,
  { segment, syncedThrough, createdMs, continues }: SegmentHeader,
): Uint8Array {
  const header = new Uint8Array(SEGMENT_HEADER_SIZE);
  header.set(new TextEncoder().encode(MAGIC[kind]));
  const view = new DataView(header.buffer);
  view.setUint32(4, WAL_VERSION, true);
  view.setUint32(8, segment, true);
  view.setUint32(12, syncedThrough, true);
  view.setFloat64(16, createdMs, true);
  view.setUint32(24, continues.segment, true);
  view.setUint32(28, continues.offset, true);
  view.setUint32(32, crc32(header.subarray(0, 32)), true);
  return header;
}

export function decodeSegmentHeader(
  kind: keyof typeof MAGIC,
  bytes: Uint8Array,
  segment: number,
): DecodedHeader {
  const damaged = (reason: string): DecodedHeader => ({ status: "damaged", reason });
  const other = otherVersion(kind, bytes);
  if (other !== undefined) return { status: "unknown", version: other };
  if (bytes.length < SEGMENT_HEADER_SIZE) return damaged("the file header is cut short");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(32, true) !== crc32(bytes.subarray(0, 32)))
    return damaged("the file header's checksum does not match");
  if (!hasMagic(kind, bytes)) return damaged("this is a file of another kind");
  const found = view.getUint32(8, true);
  if (found !== segment) return damaged(`the header says segment ${found}`);
  return {
    status: "header",
    segment,
    syncedThrough: view.getUint32(12, true),
    createdMs: view.getFloat64(16, true),
    continues: { segment: view.getUint32(24, true), offset: view.getUint32(28, true) },
  };
}

function hasMagic(kind: keyof typeof MAGIC, bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes.subarray(0, 4)) === MAGIC[kind];
}

/** The version of a header that another version of this program wrote: version 1 was shorter, as later ones may be. */
function otherVersion(kind: keyof typeof MAGIC, bytes: Uint8Array): number | undefined {
  const sizes = [20, SEGMENT_HEADER_SIZE];
  for (const size of sizes) {
    if (bytes.length < size || !hasMagic(kind, bytes)) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const version = view.getUint32(4, true);
    if (version === WAL_VERSION) continue;
    if (view.getUint32(size - 4, true) === crc32(bytes.subarray(0, size - 4))) return version;
  }
  return undefined;
}

export function segmentPath(segment: number): string {
  return `${WAL_DIRECTORY}/${String(segment).padStart(8, "0")}`;
}

/** Where a damaged segment goes when the log does not need it any more. */
export function damagedPath(segment: number): string {
  return `${segmentPath(segment)}.damaged`;
}

export function consumerPath(name: string): string {
  return `${WAL_DIRECTORY}/consumer.${name}`;
}

export function checkpointPath(segment: number): string {
  return `${WAL_DIRECTORY}/checkpoint.${String(segment).padStart(8, "0")}`;
}

/** Names of consumers are part of file names. */
const CONSUMER_FILE = /^consumer\.([a-z0-9_-]{1,64})$/;

/** The segments, checkpoints and consumers among the names in the log's folder: numbers in rising order. */
export function readWalNames(names: readonly string[]): {
  readonly segments: readonly number[];
  readonly checkpoints: readonly number[];
  readonly consumers: readonly string[];
} {
  const numbersOf = (pattern: RegExp): number[] =>
    names
      .map((name) => pattern.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  return {
    segments: numbersOf(/^(\d{8})$/),
    checkpoints: numbersOf(/^checkpoint\.(\d{8})$/),
    consumers: names.flatMap((name) => CONSUMER_FILE.exec(name)?.[1] ?? []),
  };
}
