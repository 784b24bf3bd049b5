import { crc32 } from "node:zlib";
import { assert, OperatingError } from "@pharos/base";
import type { Disk, DiskReader } from "@pharos/ports";
import type { BlockCache, CacheSpace, PageHolder } from "./block-cache.ts";
import { ByteReader, MalformedBytes } from "./byte-reader.ts";
import {
  decodeFooter,
  decodePage,
  ENCODING_NONE,
  ENCODING_ZSTD,
  FOOTER_SIZE,
  fileHeader,
  HEADER_SIZE,
  PAGE_HEADER_SIZE,
  PAGE_SIZE_MAX,
  type PageHeader,
  readPageHeader,
} from "./page-format.ts";

/** The pages of one stream, by number. */
interface PageList {
  /** Where each begins in the stream; one more than there are pages, the last being the stream's size. */
  readonly starts: Float64Array;
  /** Where each lies in the file. */
  readonly offsets: Float64Array;
  /** Bytes in the file, with the header. */
  readonly sizes: Float64Array;
}

/** A page, and where in its stream it begins. */
interface PageBytes {
  readonly start: number;
  readonly bytes: Uint8Array;
}

const NO_PAGE: PageBytes = { start: 0, bytes: new Uint8Array(0) };

/** Reads a file of pages (page-format.ts), page by page, when asked, through the cache. */
export class PageFile implements PageHolder {
  readonly path: string;
  /** What is damaged around the pages, and made good from them; undefined as long as nothing is known to be. */
  damage: string | undefined;
  /** Called when the pages at hand are dropped, so that what was made of them goes, too. */
  onDrop: () => void = () => {};
  /** A file with the same bytes, read where this one is damaged. */
  readonly #copyPath: string | undefined;
  readonly #disk: Disk;
  readonly #magic: number;
  readonly #cache: BlockCache;
  readonly #pages: CacheSpace<Uint8Array>[];
  readonly #directory: CacheSpace<readonly PageList[]>;
  /** The page of each stream that was read last: records that are read one after another mostly lie in it. */
  readonly #latest: PageBytes[];

  constructor(
    disk: Disk,
    path: string,
    magic: number,
    streamCount: number,
    cache: BlockCache,
    copyPath?: string,
  ) {
    this.path = path;
    this.#copyPath = copyPath;
    this.#disk = disk;
    this.#magic = magic;
    this.#cache = cache;
    this.#pages = Array.from({ length: streamCount }, () => cache.space());
    this.#directory = cache.space();
    this.#latest = this.#pages.map(() => NO_PAGE);
  }

  /** Bytes in a stream. @throws OperatingError `disk.corrupt`, `disk.failed`. */
  sizeOf(stream: number): number {
    return this.#list(stream).starts.at(-1) ?? 0;
  }

  /** Bytes of a stream's pages in the file, with their headers. */
  storedSizeOf(stream: number): number {
    return this.#list(stream).sizes.reduce((sum, size) => sum + size, 0);
  }

  /**
   * A record: a view on its page, which must not be changed.
   * @throws OperatingError `disk.corrupt` with the file and the byte, `disk.failed`.
   */
  record(stream: number, offset: number, size: number): Uint8Array {
    let latest = this.#latest[stream] as PageBytes;
    if (offset < latest.start || offset + size > latest.start + latest.bytes.length) {
      latest = this.#read(stream, offset);
      if (offset + size > latest.start + latest.bytes.length)
        throw this.corrupt(`a record at ${offset} of stream ${stream} is not in one page`);
      this.#latest[stream] = latest;
      this.#cache.hold(this);
    }
    return latest.bytes.subarray(offset - latest.start, offset - latest.start + size);
  }

  /**
   * The bytes where a record lies in a page that is damaged and not compressed: not verified. Undefined where it cannot
   * be told.
   */
  unverified(stream: number, offset: number, size: number): Uint8Array | undefined {
    const { starts, offsets, sizes } = this.#list(stream);
    const number = pageAt(starts, offset);
    const [start, at, stored] = [starts[number], offsets[number], sizes[number]];
    if (start === undefined || at === undefined || stored === undefined) return undefined;
    if (stored - PAGE_HEADER_SIZE !== (starts[number + 1] as number) - start) return undefined;
    const bytes = this.#reader().read(at + PAGE_HEADER_SIZE + offset - start, size);
    return bytes.length === size ? bytes : undefined;
  }

  #read(stream: number, offset: number): PageBytes {
    const { starts, offsets, sizes } = this.#list(stream);
    const number = pageAt(starts, offset);
    const start = starts[number];
    const [at, size] = [offsets[number], sizes[number]];
    if (start === undefined || at === undefined || size === undefined)
      throw this.corrupt(`a record at ${offset} of stream ${stream} is not there`);
    const pages = this.#pages[stream];
    assert(pages !== undefined, () => `stream ${stream} exists`);
    const there = pages.get(number);
    if (there !== undefined) return { start, bytes: there };
    const rawSize = (starts[number + 1] as number) - start;
    const bytes = this.#orFromCopy((reader) => {
      const page = reader.read(at, size);
      if (page.length !== size) throw this.corrupt(`byte ${at}: the file is cut short`);
      const raw = decodePage(page);
      if (typeof raw === "string") throw this.corrupt(`the page at byte ${at}: ${raw}`);
      if (readPageHeader(page)?.stream !== stream || raw.length !== rawSize)
        throw this.corrupt(`the page at byte ${at} is another one`);
      return raw;
    });
    pages.put(number, bytes, bytes.length);
    return { start, bytes };
  }

  /** Reads the file, or its copy where the file is damaged. @throws The file's error where both are. */
  #orFromCopy<T>(read: (reader: DiskReader) => T): T {
    try {
      return read(this.#reader());
    } catch (error) {
      const damaged = error instanceof OperatingError && error.code === "disk.corrupt";
      if (!damaged || this.#copyPath === undefined || !this.#disk.exists(this.#copyPath))
        throw error;
      const copy = this.#disk.openRead(this.#copyPath);
      try {
        return read(copy);
      } catch (copyError) {
        if (copyError instanceof OperatingError && copyError.code === "disk.corrupt") throw error;
        throw copyError;
      } finally {
        copy.close();
      }
    }
  }

  #list(stream: number): PageList {
    let lists = this.#directory.get(0);
    if (lists === undefined) {
      lists = this.#readLists();
      const pages = lists.reduce((sum, { sizes }) => sum + sizes.length, 0);
      this.#directory.put(0, lists, pages * 24);
    }
    const list = lists[stream];
    assert(list !== undefined, () => `stream ${stream} exists`);
    return list;
  }

  /** Where the pages are: as the directory says, or where that is damaged, as they say one after another. */
  #readLists(): PageList[] {
    try {
      return this.#orFromCopy((reader) => this.#readDirectory(reader));
    } catch (error) {
      if (!(error instanceof OperatingError && error.code === "disk.corrupt")) throw error;
      const headers = this.#findPages(this.#reader());
      if (headers.length === 0) throw error;
      this.damage = error.message;
      return pageLists(headers, this.#pages.length);
    }
  }

  /** The headers of the pages from the file's begin on, until something else comes. */
  #findPages(reader: DiskReader): PageHeader[] {
    const found: PageHeader[] = [];
    for (let offset = HEADER_SIZE; ; ) {
      const header = readPageHeader(reader.read(offset, PAGE_HEADER_SIZE));
      if (header === undefined || !isPlausible(header, this.#pages.length)) return found;
      offset += PAGE_HEADER_SIZE + header.storedSize;
      if (offset > reader.size) return found;
      found.push(header);
    }
  }

  #readDirectory(reader: DiskReader): PageList[] {
    const { size } = reader;
    // The footer says the same once more, and with a checksum.
    if (!equalBytes(reader.read(0, HEADER_SIZE), fileHeader(this.#magic)))
      this.damage = this.corrupt("byte 0: the file's header is not that of this version").message;
    const footerAt = size - FOOTER_SIZE;
    const footer = decodeFooter(reader.read(Math.max(0, footerAt), FOOTER_SIZE), this.#magic);
    if (typeof footer === "string") throw this.corrupt(`byte ${Math.max(0, footerAt)}: ${footer}`);
    const { directoryOffset, directorySize, directoryChecksum } = footer;
    if (directoryOffset + directorySize !== footerAt)
      throw this.corrupt(`byte ${footerAt}: the directory does not end where the footer begins`);
    const bytes = reader.read(directoryOffset, directorySize);
    if (crc32(bytes) !== directoryChecksum)
      throw this.corrupt(`byte ${directoryOffset}: the directory's checksum does not match`);
    try {
      return parseDirectory(bytes, this.#pages.length, directoryOffset);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      throw this.corrupt(`byte ${directoryOffset}: ${error.message}`);
    }
  }

  /** Where each page lies in the file, for who looks at all of it. @throws OperatingError `disk.corrupt`. */
  pages(): { readonly stream: number; readonly offset: number; readonly size: number }[] {
    return this.#pages
      .flatMap((_, stream) => {
        const { offsets, sizes } = this.#list(stream);
        return Array.from(offsets, (offset, i) => ({ stream, offset, size: sizes[i] as number }));
      })
      .sort((a, b) => a.offset - b.offset);
  }

  #reader(): DiskReader {
    return this.#cache.files.reader(this, () => this.#disk.openRead(this.path));
  }

  corrupt(reason: string): OperatingError {
    return new OperatingError("disk.corrupt", `${this.path}: ${reason}`);
  }

  /** Lets go of the file and of what the cache has of it. It may be read again. */
  close(): void {
    for (const space of this.#pages) space.clear();
    this.#directory.clear();
    this.dropPages();
    this.#cache.files.close(this);
  }

  dropPages(): void {
    this.#latest.fill(NO_PAGE);
    this.onDrop();
  }
}

/** What the directory says of a page. */
type PageSizes = Pick<PageHeader, "stream" | "rawSize" | "storedSize">;

function parseDirectory(bytes: Uint8Array, streamCount: number, end: number): PageList[] {
  const reader = new ByteReader(bytes);
  const pages: PageSizes[] = [];
  let left = end - HEADER_SIZE;
  for (let count = reader.count(3); count > 0; count--) {
    const [stream, rawSize, storedSize] = [reader.varint(), reader.varint(), reader.varint()];
    if (stream >= streamCount) throw new MalformedBytes("a page of a stream that is not known");
    pages.push({ stream, rawSize, storedSize });
    left -= PAGE_HEADER_SIZE + storedSize;
  }
  if (left !== 0 || reader.left > 0) throw new MalformedBytes("the pages do not fill the file");
  return pageLists(pages, streamCount);
}

/** Where pages lie that come one after another from the file's header on. */
function pageLists(pages: readonly PageSizes[], streamCount: number): PageList[] {
  const lists = Array.from({ length: streamCount }, () => ({
    starts: [0],
    offsets: [] as number[],
    sizes: [] as number[],
  }));
  let offset = HEADER_SIZE;
  for (const { stream, rawSize, storedSize } of pages) {
    const list = lists[stream];
    assert(list !== undefined, () => `stream ${stream} exists`);
    list.starts.push((list.starts.at(-1) as number) + rawSize);
    list.offsets.push(offset);
    list.sizes.push(PAGE_HEADER_SIZE + storedSize);
    offset += PAGE_HEADER_SIZE + storedSize;
  }
  return lists.map(({ starts, offsets, sizes }) => ({
    starts: Float64Array.from(starts),
    offsets: Float64Array.from(offsets),
    sizes: Float64Array.from(sizes),
  }));
}

/** Whether this may be a page's header, which is not verified yet. */
function isPlausible({ stream, encoding, rawSize, storedSize }: PageHeader, streams: number) {
  if (stream >= streams || rawSize > PAGE_SIZE_MAX || storedSize === 0) return false;
  if (encoding === ENCODING_NONE) return storedSize === rawSize;
  return encoding === ENCODING_ZSTD && storedSize < rawSize;
}

/** The number of the page that has a byte of the stream; -1 or too high where none has. */
function pageAt(starts: Float64Array, offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] as number) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
