import { assert } from "@pharos/base";
import type { DiskWriter } from "@pharos/ports";
import { ByteWriter } from "./byte-writer.ts";
import {
  type Compression,
  encodeFooter,
  encodePage,
  fileHeader,
  HEADER_SIZE,
  PAGE_HEADER_SIZE,
  PAGE_SIZE,
  PAGE_SIZE_MAX,
} from "./page-format.ts";

/** Encoded pages are handed to the disk once there is so much of them. */
const WRITE_SIZE = 1024 * 1024;

/** Writes a file of pages (page-format.ts): records, one after another, to several streams at once. */
export class PageWriter {
  readonly #disk: DiskWriter;
  readonly #magic: number;
  readonly #compression: Compression;
  readonly #streams: { readonly page: ByteWriter; size: number }[];
  readonly #directory = new ByteWriter();
  #pageCount = 0;
  #offset = HEADER_SIZE;
  #parts: Uint8Array[] = [];
  #partsSize = 0;

  /** The writer stays the caller's to close. */
  constructor(disk: DiskWriter, magic: number, streamCount: number, compression: Compression) {
    this.#disk = disk;
    this.#magic = magic;
    this.#compression = compression;
    this.#streams = Array.from({ length: streamCount }, () => ({
      page: new ByteWriter(),
      size: 0,
    }));
    this.#put(fileHeader(magic));
  }

  /** Bytes in a stream so far: where the next record will be. */
  sizeOf(stream: number): number {
    const { page, size } = this.#stream(stream);
    return size + page.length;
  }

  /**
   * Appends a record, made of parts, and answers where in the stream it begins. A record of no bytes is none.
   * @throws OperatingError `disk.full`, `disk.failed`.
   */
  append(stream: number, ...parts: readonly Uint8Array[]): number {
    const to = this.#stream(stream);
    let size = 0;
    for (const part of parts) size += part.length;
    assert(size <= PAGE_SIZE_MAX, () => `a record of ${size} bytes`);
    if (to.page.length > 0 && to.page.length + size > PAGE_SIZE) this.#endPage(stream);
    const offset = to.size + to.page.length;
    for (const part of parts) to.page.raw(part);
    return offset;
  }

  /** Writes all pages that are begun, the directory and the footer, and syncs the file. */
  async finish(): Promise<void> {
    for (let stream = 0; stream < this.#streams.length; stream++)
      if (this.#stream(stream).page.length > 0) this.#endPage(stream);
    const head = new ByteWriter(8);
    head.varint(this.#pageCount);
    head.raw(this.#directory.bytes);
    this.#parts.push(head.bytes, encodeFooter(this.#magic, this.#offset, head.bytes));
    this.#write();
    await this.#disk.sync();
  }

  #stream(stream: number): { readonly page: ByteWriter; size: number } {
    const found = this.#streams[stream];
    assert(found !== undefined, () => `stream ${stream} exists`);
    return found;
  }

  #endPage(stream: number): void {
    const to = this.#stream(stream);
    const raw = to.page.bytes;
    const [header, stored] = encodePage(stream, raw, this.#compression);
    this.#put(header);
    // The page's buffer is filled anew before the parts are written.
    this.#put(stored === raw ? raw.slice() : stored);
    this.#directory.varint(stream);
    this.#directory.varint(raw.length);
    this.#directory.varint(stored.length);
    this.#pageCount++;
    this.#offset += PAGE_HEADER_SIZE + stored.length;
    to.size += raw.length;
    to.page.clear();
    if (this.#partsSize >= WRITE_SIZE) this.#write();
  }

  #put(part: Uint8Array): void {
    this.#parts.push(part);
    this.#partsSize += part.length;
  }

  #write(): void {
    this.#disk.append(this.#parts);
    this.#parts = [];
    this.#partsSize = 0;
  }
}
