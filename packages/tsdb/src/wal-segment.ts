import { crc32 } from "node:zlib";

// A segment of the log: a header, then records until the end of the file. Checkpoints have the same form.
//
//   | magic "PHWL" or "PHCP" | version u32 | segment u32 | synced through u32 | crc32 of the 16 bytes before | records ...
//
// "Synced through" is the last segment that was known to be on the device as a whole when this one was begun: damage
// there can then be no unfinished write.
export const SEGMENT_HEADER_SIZE = 20;
export const WAL_VERSION = 1;
export const WAL_DIRECTORY = "wal";

const MAGIC = { segment: "PHWL", checkpoint: "PHCP" } as const;

export interface SegmentHeader {
  readonly segment: number;
  readonly syncedThrough: number;
}

export type DecodedHeader =
  | ({ readonly status: "header" } & SegmentHeader)
  | { readonly status: "damaged"; readonly reason: string }
  | { readonly status: "unknown"; readonly version: number };

export function encodeSegmentHeader(
  kind: keyof typeof MAGIC,
  { segment, syncedThrough }: SegmentHeader,
): Uint8Array {
  const header = new Uint8Array(SEGMENT_HEADER_SIZE);
  header.set(new TextEncoder().encode(MAGIC[kind]));
  const view = new DataView(header.buffer);
  view.setUint32(4, WAL_VERSION, true);
  view.setUint32(8, segment, true);
  view.setUint32(12, syncedThrough, true);
  view.setUint32(16, crc32(header.subarray(0, 16)), true);
  return header;
}

export function decodeSegmentHeader(
  kind: keyof typeof MAGIC,
  bytes: Uint8Array,
  segment: number,
): DecodedHeader {
  const damaged = (reason: string): DecodedHeader => ({ status: "damaged", reason });
  if (bytes.length < SEGMENT_HEADER_SIZE) return damaged("the file header is cut short");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(16, true) !== crc32(bytes.subarray(0, 16)))
    return damaged("the file header's checksum does not match");
  if (new TextDecoder().decode(bytes.subarray(0, 4)) !== MAGIC[kind])
    return damaged("this is a file of another kind");
  const version = view.getUint32(4, true);
  if (version !== WAL_VERSION) return { status: "unknown", version };
  const found = view.getUint32(8, true);
  if (found !== segment) return damaged(`the header says segment ${found}`);
  return { status: "header", segment, syncedThrough: view.getUint32(12, true) };
}

export function segmentPath(segment: number): string {
  return `${WAL_DIRECTORY}/${String(segment).padStart(8, "0")}`;
}

export function checkpointPath(segment: number): string {
  return `${WAL_DIRECTORY}/checkpoint.${String(segment).padStart(8, "0")}`;
}

/** The segments and checkpoints among the names in the log's folder, each in rising order. */
export function readWalNames(names: readonly string[]): {
  readonly segments: readonly number[];
  readonly checkpoints: readonly number[];
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
  };
}
