import { type Clock, errorText, OperatingError } from "@pharos/base";
import type { BlobStore } from "@pharos/ports";
import type { ArchivedFile } from "./archive-entry.ts";
import { ParquetLayout } from "./parquet-reader.ts";

/** How long one read may take. A query waits for it, and then goes on without. */
export const READ_MS_MAX = 10_000;
/** For so long after the archive could not be reached, queries do not try. */
export const UNREACHABLE_MS = 30_000;
/** Footers of files that were read lately are kept, up to so many bytes of them. */
export const LAYOUTS_SIZE_MAX = 16 * 1024 * 1024;

export interface ArchiveAccessStats {
  readonly reads: number;
  readonly readSize: number;
  /** Reads that failed, those not tried included. */
  readonly failures: number;
  /** Whether the last read that was tried could not reach the archive. */
  readonly unreachable: boolean;
}

/** Reads of the archive: each within a time, none for a while after one could not be made. */
export class ArchiveAccess {
  readonly #store: BlobStore;
  readonly #clock: Clock;
  /** The most recently used last. */
  readonly #layouts = new Map<string, { layout: ParquetLayout; size: number }>();
  #layoutsSize = 0;
  #reads = 0;
  #readSize = 0;
  #failures = 0;
  #failed: { readonly reason: string; readonly untilMs: number } | undefined;

  constructor(store: BlobStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get stats(): ArchiveAccessStats {
    return {
      reads: this.#reads,
      readSize: this.#readSize,
      failures: this.#failures,
      unreachable: this.#failed !== undefined,
    };
  }

  /** @throws OperatingError `blob.unavailable`, `not_found`; or the signal's reason. */
  async read(
    key: string,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    signal.throwIfAborted();
    try {
      if (this.#failed !== undefined && this.#clock.monotonicMs() < this.#failed.untilMs)
        throw new OperatingError("blob.unavailable", this.#failed.reason);
      const bytes = await this.#withinTime(key, signal, (stop) =>
        this.#store.get(key, { offset, length }, stop),
      );
      this.#reads++;
      this.#readSize += bytes.length;
      this.#failed = undefined;
      return bytes;
    } catch (error) {
      signal.throwIfAborted();
      this.#failures++;
      const now = this.#clock.monotonicMs();
      if (error instanceof OperatingError && error.code === "blob.unavailable")
        if (this.#failed === undefined || this.#failed.untilMs <= now)
          this.#failed = { reason: errorText(error), untilMs: now + UNREACHABLE_MS };
      throw error;
    }
  }

  /** Where everything in a file is, from memory if it was read lately. Throws as `read`, and `disk.corrupt`. */
  async layoutOf(
    { key, size, pagesEnd }: ArchivedFile,
    signal: AbortSignal,
  ): Promise<ParquetLayout> {
    const known = this.#layouts.get(key);
    this.#layouts.delete(key);
    let found = known;
    if (found === undefined) {
      const tail = await this.read(key, pagesEnd, size - pagesEnd, signal);
      found = { layout: new ParquetLayout(tail, pagesEnd), size: tail.length };
      // Another query may have read it meanwhile.
      if (!this.#layouts.has(key)) this.#layoutsSize += found.size;
    }
    this.#layouts.set(key, found);
    for (const [old, { size: oldSize }] of this.#layouts) {
      if (this.#layoutsSize <= LAYOUTS_SIZE_MAX || old === key) break;
      this.#layouts.delete(old);
      this.#layoutsSize -= oldSize;
    }
    return found.layout;
  }

  async #withinTime<T>(
    key: string,
    signal: AbortSignal,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const late = this.#clock.sleep(READ_MS_MAX, either).then(() => {
      throw new OperatingError("blob.unavailable", `${key}: no answer in ${READ_MS_MAX / 1000} s`);
    });
    try {
      return await Promise.race([call(either), late]);
    } finally {
      late.catch(() => {}); // The sleep ends with the call.
      stop.abort();
    }
  }
}
