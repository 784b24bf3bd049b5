import type { Disk } from "@pharos/ports";
import type { WalPosition } from "./wal-payload.ts";
import { damagedPath, segmentPath, WAL_DIRECTORY } from "./wal-segment.ts";

/** How many damaged segments are kept aside once the log does not need them, for whoever wants to look at them. */
const DAMAGED_SEGMENTS_MAX = 4;

interface ListedSegment {
  readonly number: number;
  /** In bytes; of the one that is written, what it had when it was begun. */
  size: number;
  /** The newest timestamp in it, among the samples that replay or appends have told of. */
  maxTimeMs: number;
  readonly createdMs: number;
  damaged: boolean;
}

/** What is known of the log's segments without reading them. */
export class SegmentList {
  readonly #disk: Disk;
  /** By number, rising. */
  readonly #segments = new Map<number, ListedSegment>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** A segment after all others. */
  add(number: number, size: number, createdMs: number): void {
    const maxTimeMs = Number.NEGATIVE_INFINITY;
    this.#segments.set(number, { number, size, maxTimeMs, createdMs, damaged: false });
  }

  get count(): number {
    return this.#segments.size;
  }

  get numbers(): readonly number[] {
    return [...this.#segments.keys()];
  }

  /** The oldest that is there. */
  get first(): number {
    for (const number of this.#segments.keys()) return number;
    return 0;
  }

  /** The bytes of all segments but one. */
  sizeWithout(number: number): number {
    let sum = 0;
    for (const segment of this.#segments.values())
      if (segment.number !== number) sum += segment.size;
    return sum;
  }

  sizeOf(number: number): number {
    return this.#segments.get(number)?.size ?? 0;
  }

  setSize(number: number, size: number): void {
    const segment = this.#segments.get(number);
    if (segment !== undefined) segment.size = size;
  }

  /** Says that a segment holds a sample at this time. */
  noteTime(number: number, timestampMs: number): void {
    const segment = this.#segments.get(number);
    if (segment !== undefined && timestampMs > segment.maxTimeMs) segment.maxTimeMs = timestampMs;
  }

  noteDamage(number: number): void {
    const segment = this.#segments.get(number);
    if (segment !== undefined) segment.damaged = true;
  }

  maxTimeMs(number: number): number {
    return this.#segments.get(number)?.maxTimeMs ?? Number.NEGATIVE_INFINITY;
  }

  /**
   * The first segment that is needed when all samples before `beforeMs` written before `position` are in blocks:
   * replay can start there.
   */
  firstNeeded(beforeMs: number, position: WalPosition): number {
    for (const { number, maxTimeMs } of this.#segments.values()) {
      if (number >= position.segment) return number;
      if (maxTimeMs >= beforeMs) return number;
    }
    return position.segment;
  }

  /**
   * Up to which time the oldest segments with samples at `fromMs` or later reach, as many as have `sizeMax` bytes
   * together, at least one: the end is after their newest sample. Infinity if these are all.
   */
  endWithin(fromMs: number, sizeMax: number): number {
    let endMs = Number.NEGATIVE_INFINITY;
    let sum = 0;
    for (const { maxTimeMs, size } of this.#segments.values()) {
      if (maxTimeMs < fromMs) continue;
      sum += size;
      if (sum > sizeMax && endMs > fromMs) return endMs;
      endMs = Math.max(endMs, maxTimeMs + 1);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The first segment that was still written to at a time; `current` if all others ended before. */
  firstWrittenSince(timeMs: number, current: number): number {
    // A segment ended when the next one began, or later, if the clock jumped back in between.
    let endedMs = Number.NEGATIVE_INFINITY;
    let before: ListedSegment | undefined;
    for (const segment of this.#segments.values()) {
      endedMs = Math.max(endedMs, segment.createdMs);
      if (before !== undefined && endedMs > timeMs) return Math.min(before.number, current);
      before = segment;
    }
    return current;
  }

  /** Removes the segments below `number`; a damaged one is moved aside. @throws OperatingError `disk.failed`. */
  async removeBelow(number: number): Promise<void> {
    const old = this.numbers.filter((other) => other < number);
    if (old.length === 0) return;
    for (const segment of old) this.#remove(segment);
    await this.#disk.syncDirectory(WAL_DIRECTORY);
  }

  #remove(number: number): void {
    if (this.#segments.get(number)?.damaged === true) {
      const aside = this.#disk.list(WAL_DIRECTORY).filter((name) => name.endsWith(".damaged"));
      for (const name of aside.slice(0, Math.max(0, aside.length - DAMAGED_SEGMENTS_MAX + 1)))
        this.#disk.remove(`${WAL_DIRECTORY}/${name}`);
      if (this.#disk.exists(segmentPath(number)))
        this.#disk.rename(segmentPath(number), damagedPath(number));
    } else this.#disk.remove(segmentPath(number));
    this.#segments.delete(number);
  }

  /** Removes segments whose content stands elsewhere in the log. */
  removeReplaced(number: number): void {
    this.#disk.remove(segmentPath(number));
    this.#segments.delete(number);
  }
}
