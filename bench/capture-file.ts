// What exporters answered, scrape by scrape, as they wrote it: the input of the disk comparison. Records one after
// another until the end of the file, a half-written last one being left out, little-endian:
//
//   | size of the rest u32 | scrape u32 | timestampMs f64 | target size u8 | target | text, zstd |
//
// `scrape` counts the rounds in which all targets are scraped; `timestampMs` is when its round began.
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

const HEADER_SIZE = 4 + 4 + 8 + 1;

export interface Scrape {
  readonly scrape: number;
  readonly timestampMs: number;
  /** The name of the exporter. */
  readonly target: string;
  /** In the text format 0.0.4. */
  readonly text: string;
}

export class CaptureWriter implements Disposable {
  readonly #file: number;

  /** Begins the file anew. */
  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  add({ scrape, timestampMs, target, text }: Scrape): void {
    const name = Buffer.from(target);
    const compressed = zstdCompressSync(text);
    const record = Buffer.alloc(HEADER_SIZE + name.length + compressed.length);
    record.writeUInt32LE(record.length - 4, 0);
    record.writeUInt32LE(scrape, 4);
    record.writeDoubleLE(timestampMs, 8);
    record.writeUInt8(name.length, 16);
    name.copy(record, HEADER_SIZE);
    compressed.copy(record, HEADER_SIZE + name.length);
    writeSync(this.#file, record);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** The scrapes of a file, in the order in which they were made. */
export function* readCapture(path: string): Generator<Scrape> {
  const bytes = readFileSync(path);
  for (let at = 0; at + HEADER_SIZE <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    if (end > bytes.length) return;
    const textAt = at + HEADER_SIZE + bytes.readUInt8(at + 16);
    yield {
      scrape: bytes.readUInt32LE(at + 4),
      timestampMs: bytes.readDoubleLE(at + 8),
      target: bytes.toString("utf8", at + HEADER_SIZE, textAt),
      text: zstdDecompressSync(bytes.subarray(textAt, end)).toString(),
    };
    at = end;
  }
}
