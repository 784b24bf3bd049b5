import { type Clock, OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { SEGMENT_SIZE_MAX } from "./wal-segment.ts";

/** How long a look at the free space holds; others write to the disk as well. */
const LOOK_INTERVAL_MS = 1000;
/** At the latest after this many bytes of ours it is looked at again. */
const LOOK_SIZE = 16 * 1024 * 1024;
/** The samples of so many bytes of the log take one byte in a block, about. */
const LOG_SIZE_PER_BLOCK_SIZE = 8;

/**
 * Watches how much room the disk has, so that the log stops growing while there is enough left to move its samples to
 * blocks: that takes far less room than the log, and frees it.
 */
export class FreeSpace {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #keepFree: number;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #free = Number.POSITIVE_INFINITY;
  #writtenSince = 0;
  /** Whether the last write was refused: it may have been larger than what is left above the floor. */
  #refused = false;

  /** @param keepFree bytes that are always kept free; 0 for a log that takes all there is. */
  constructor(disk: Disk, clock: Clock, keepFree: number) {
    this.#disk = disk;
    this.#clock = clock;
    this.#keepFree = keepFree;
  }

  /** Bytes to keep free beside a log of this size. */
  floor(logSize: number): number {
    if (this.#keepFree === 0) return 0;
    // What a flush needs at most before the log becomes smaller: the blocks of a whole segment, which are no larger than
    // it even if its values cannot be compressed.
    const segmentSize = Math.min(logSize, SEGMENT_SIZE_MAX);
    return Math.max(this.#keepFree, logSize / LOG_SIZE_PER_BLOCK_SIZE, segmentSize);
  }

  /** Whether the log may not grow. */
  isShort(logSize: number): boolean {
    return this.#keepFree > 0 && (this.#refused || this.#look() < this.floor(logSize));
  }

  /** Before `size` bytes are written to a log of `logSize`. @throws OperatingError `disk.full`: nothing may be written. */
  take(size: number, logSize: number): void {
    if (this.#keepFree === 0) return;
    const nowMs = this.#clock.monotonicMs();
    const floor = this.floor(logSize);
    const known = this.#free - this.#writtenSince - size;
    if (
      nowMs - this.#lookedMs >= LOOK_INTERVAL_MS ||
      this.#writtenSince > LOOK_SIZE ||
      known < floor
    )
      this.#look();
    const left = this.#free - this.#writtenSince - size;
    this.#refused = left < floor;
    if (this.#refused)
      throw new OperatingError(
        "disk.full",
        `${Math.round(this.#free / 2 ** 20)} MiB are free; ${Math.ceil(floor / 2 ** 20)} MiB are kept free to move ` +
          "samples from the log to blocks. Writes go on when there is space; reads do meanwhile",
      );
    this.#writtenSince += size;
  }

  #look(): number {
    try {
      this.#free = this.#disk.freeSpace();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#free = Number.POSITIVE_INFINITY; // Not known; the write will tell.
    }
    this.#lookedMs = this.#clock.monotonicMs();
    this.#writtenSince = 0;
    return this.#free;
  }
}
