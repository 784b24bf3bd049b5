import { crc32, constants as zlib, zstdCompressSync, zstdDecompressSync } from "node:zlib";

// A file of pages, little-endian; drawn in docs/formats/block.md.
//
//   header    | magic u32 | version u32 |
//   page      | crc32 u32 | stream u8 | encoding u8 | 0 u16 | raw size u32 | stored size u32 | bytes ... |      repeated
//   directory | page count varint | (stream varint | raw size varint | stored size varint) x pages |
//   footer    | directory offset f64 | directory size u32 | its crc32 u32 | version u32 | magic u32 | crc32 u32 |
//
// A page's checksum is over all of it that follows; the footer's over all of it before. A stream is the bytes of its
// pages one after another; records in it never cross from one page to the next.
export const BLOCK_VERSION = 2;
export const HEADER_SIZE = 8;
export const PAGE_HEADER_SIZE = 16;
export const FOOTER_SIZE = 28;

/** A page ends when it has so many bytes. A record that is larger has a page of its own. */
export const PAGE_SIZE = 64 * 1024;
/** What a page may have at most, before compression; so no record may be larger. */
export const PAGE_SIZE_MAX = 256 * 1024 * 1024;

export const ENCODING_NONE = 0;
export const ENCODING_ZSTD = 1;

/** "PHIX", "PHCO". */
export const INDEX_MAGIC = 0x58494850;
export const COLUMNS_MAGIC = 0x4f434850;

export type Compression = "none" | "zstd";

/** Above this level a page gets hardly smaller, and takes longer. */
const ZSTD_LEVEL = 3;

/** Smaller pages are not worth the 25 µs that compressing any takes. */
const COMPRESSED_SIZE_MIN = 512;

/** What compression must save at least: a sixteenth. Below that it is not worth the time to undo it. */
const WORTH = 15 / 16;

export interface PageHeader {
  readonly stream: number;
  readonly encoding: number;
  readonly rawSize: number;
  readonly storedSize: number;
}

export function fileHeader(magic: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, BLOCK_VERSION, true);
  return bytes;
}

/** A page as it is stored: its header and its bytes. */
export function encodePage(
  stream: number,
  raw: Uint8Array,
  compression: Compression,
): readonly [header: Uint8Array, stored: Uint8Array] {
  let stored = raw;
  let encoding = ENCODING_NONE;
  if (compression === "zstd" && raw.length >= COMPRESSED_SIZE_MIN) {
    const params = { [zlib.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
    const smaller = zstdCompressSync(raw, { params });
    if (smaller.length < raw.length * WORTH) {
      stored = smaller;
      encoding = ENCODING_ZSTD;
    }
  }
  const header = new Uint8Array(PAGE_HEADER_SIZE);
  const view = new DataView(header.buffer);
  view.setUint8(4, stream);
  view.setUint8(5, encoding);
  view.setUint32(8, raw.length, true);
  view.setUint32(12, stored.length, true);
  view.setUint32(0, crc32(stored, crc32(header.subarray(4))), true);
  return [header, stored];
}

/** The header of the page at an offset, unverified; undefined where none can be. */
export function readPageHeader(bytes: Uint8Array, offset = 0): PageHeader | undefined {
  if (bytes.length < offset + PAGE_HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  return {
    stream: view.getUint8(4),
    encoding: view.getUint8(5),
    rawSize: view.getUint32(8, true),
    storedSize: view.getUint32(12, true),
  };
}

/** The bytes of a stored page, header and all; or what is wrong with it. */
export function decodePage(page: Uint8Array): Uint8Array | string {
  const header = readPageHeader(page);
  if (header === undefined) return "the page is cut short";
  const stored = page.subarray(PAGE_HEADER_SIZE);
  const view = new DataView(page.buffer, page.byteOffset);
  if (view.getUint32(0, true) !== crc32(page.subarray(4))) return "the checksum does not match";
  if (stored.length !== header.storedSize) return "the page is of another size";
  if (header.rawSize > PAGE_SIZE_MAX) return `a page of ${header.rawSize} bytes`;
  if (header.encoding === ENCODING_NONE)
    return stored.length === header.rawSize ? stored : "the page is of another size";
  if (header.encoding !== ENCODING_ZSTD) return `encoding ${header.encoding}, not known`;
  try {
    const raw = zstdDecompressSync(stored, { maxOutputLength: Math.max(1, header.rawSize) });
    return raw.length === header.rawSize ? raw : "the page is of another size";
  } catch {
    return "the page does not decompress";
  }
}

export interface Footer {
  readonly directoryOffset: number;
  readonly directorySize: number;
  readonly directoryChecksum: number;
}

export function encodeFooter(magic: number, offset: number, directory: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FOOTER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, offset, true);
  view.setUint32(8, directory.length, true);
  view.setUint32(12, crc32(directory), true);
  view.setUint32(16, BLOCK_VERSION, true);
  view.setUint32(20, magic, true);
  view.setUint32(24, crc32(bytes.subarray(0, 24)), true);
  return bytes;
}

/** Answers what is wrong with it as text. */
export function decodeFooter(bytes: Uint8Array, magic: number): Footer | string {
  if (bytes.length !== FOOTER_SIZE) return "the file is cut short";
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(24, true) !== crc32(bytes.subarray(0, 24)))
    return "the footer's checksum does not match";
  if (view.getUint32(20, true) !== magic) return "this is another kind of file";
  const version = view.getUint32(16, true);
  if (version !== BLOCK_VERSION) return `format version ${version}, not known`;
  return {
    directoryOffset: view.getFloat64(0, true),
    directorySize: view.getUint32(8, true),
    directoryChecksum: view.getUint32(12, true),
  };
}
