import { crc32 } from "node:zlib";
import type { ColumnEncoder } from "./column-encoder.ts";
import { SHARED_TIMESTAMPS, TIMESTAMPS } from "./index-format.ts";
import type { IndexWriter } from "./index-writer.ts";
import type { PageWriter } from "./page-writer.ts";

/** Columns of timestamps that were written are remembered up to this size, for those that have the same. */
const KNOWN_SIZE_MAX = 32 * 1024 * 1024;

interface KnownTimes {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly encoded: Uint8Array;
  isShared: boolean;
}

/**
 * Writes columns of timestamps, each once: the series of one target mostly share theirs. Those that are shared are
 * written a second time, somewhere else.
 */
export class TimesWriter {
  readonly #pages: PageWriter;
  readonly #index: IndexWriter;
  readonly #encoder: ColumnEncoder;
  /** By checksum; the longest known first. */
  readonly #known = new Map<number, KnownTimes>();
  #knownSize = 0;

  constructor(pages: PageWriter, index: IndexWriter, encoder: ColumnEncoder) {
    this.#pages = pages;
    this.#index = index;
    this.#encoder = encoder;
  }

  /** The number of a column with these timestamps. @throws OperatingError `disk.full`, `disk.failed`. */
  write(timestampsMs: Float64Array): number {
    const { buffer, byteOffset, byteLength, length } = timestampsMs;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    const checksum = crc32(bytes);
    const there = this.#known.get(checksum);
    if (there !== undefined && Buffer.compare(there.bytes, bytes) === 0) {
      if (!there.isShared)
        this.#index.addCopy(there.number, this.#pages.append(SHARED_TIMESTAMPS, there.encoded));
      there.isShared = true;
      return there.number;
    }
    const encoded = this.#encoder.timestamps(timestampsMs).slice();
    this.#pages.append(TIMESTAMPS, encoded);
    const number = this.#index.addTimes({
      size: encoded.length,
      count: length,
      minMs: timestampsMs[0] as number,
      maxMs: timestampsMs[length - 1] as number,
    });
    this.#remember(checksum, { number, bytes: bytes.slice(), encoded, isShared: false });
    return number;
  }

  #remember(checksum: number, times: KnownTimes): void {
    this.#knownSize -= this.#known.get(checksum)?.bytes.length ?? 0;
    this.#known.delete(checksum);
    this.#known.set(checksum, times);
    this.#knownSize += times.bytes.length;
    for (const [old, { bytes }] of this.#known) {
      if (this.#knownSize <= KNOWN_SIZE_MAX) break;
      this.#known.delete(old);
      this.#knownSize -= bytes.length;
    }
  }
}
