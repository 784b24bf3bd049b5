import { assert, type Clock, OperatingError } from "@pharos/base";
import type { Disk, DiskWriter } from "@pharos/ports";
import { syncMarkPayload, type WalPosition } from "./wal-payload.ts";
import { recordParts } from "./wal-record.ts";
import { type ReplayEnd, type ReplayRecord, replayWal } from "./wal-replay.ts";
import { encodeSegmentHeader, readWalNames, segmentPath, WAL_DIRECTORY } from "./wal-segment.ts";

/** When a segment has grown to this, the next one begins. As Prometheus: whole segments are what truncation frees. */
export const SEGMENT_SIZE_MAX = 128 * 1024 * 1024;
/** How long an acknowledged sample may be lost to a power cut (never to the death of the process). */
export const SYNC_INTERVAL_MS = 100;

/** `always`: an append is acknowledged when it is on the device. Else it is synced within `intervalMs`. */
export type WalSync = "always" | { readonly intervalMs: number };

export interface WalOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly sync: WalSync;
  readonly segmentSizeMax: number;
  /** Whether to cut the log at damage instead of refusing to open. */
  readonly repair: boolean;
  /** Where replay starts: the checkpoint's first segment, or 1. */
  readonly first: number;
  /** How far the checkpoint says the log was synced. */
  readonly syncedTo: WalPosition;
}

interface Segment {
  readonly number: number;
  readonly writer: DiskWriter;
}

interface Waiter {
  readonly sequence: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The write-ahead log: what was appended is there after the process died, and after a power loss once `synced`. One
 * sync at a time serves everyone who waits (group commit).
 *
 * After a failed sync nothing is known about what the device holds, and asking again does not tell: every further
 * append is refused until the process starts anew and reads what is there. After a failed append the torn record is
 * cut off, and the next append may succeed.
 */
export class Wal {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #sync: WalSync;
  readonly #segmentSizeMax: number;
  #current: Segment;
  /** Full segments that are not synced yet, oldest first. */
  #unsynced: Segment[] = [];
  /** Where the current segment must be cut before anything is appended, because cutting it failed before. */
  #tornSize: number | undefined;
  /** Whether a segment was created since the folder was last synced. */
  #directoryChanged = false;
  /** Sizes of all segments that are there, by number. */
  readonly #sizes: Map<number, number>;
  /** The newest timestamp in each segment. */
  readonly #maxTimes = new Map<number, number>();
  /** Appends so far, and how many of them are synced. */
  #appended = 0;
  #syncedCount = 0;
  #syncing = false;
  #waiters: Waiter[] = [];
  #syncedThrough: number;
  /** What the last sync covered; written with the next append. */
  #mark: WalPosition | undefined;
  #timerArmed = false;
  #failure: OperatingError | undefined;
  readonly #closed = new AbortController();

  private constructor(
    options: WalOptions,
    current: Segment,
    sizes: Map<number, number>,
    syncedThrough: number,
  ) {
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#sync = options.sync;
    this.#segmentSizeMax = options.segmentSizeMax;
    this.#current = current;
    this.#sizes = sizes;
    this.#syncedThrough = syncedThrough;
  }

  /**
   * Reads the log, then goes on where it ends. When this resolves, all that was read survives a power loss. `noteTime`
   * must be called for the samples replayed.
   *
   * @throws OperatingError `disk.corrupt` (see `replayWal`), `disk.full`, `disk.failed`.
   */
  static async open(
    options: WalOptions,
    replay: ReplayRecord,
  ): Promise<{ readonly wal: Wal; readonly repaired: string | undefined }> {
    const { disk, first } = options;
    const names = readWalNames(disk.list(WAL_DIRECTORY)).segments;
    const segments = names.filter((segment) => segment >= first);
    const end = replayWal(disk, segments, options, replay);
    for (const segment of names)
      if (segment < first || end.surplus.includes(segment)) disk.remove(segmentPath(segment));
    const kept = segments.filter((segment) => !end.surplus.includes(segment));
    const sizes = new Map(kept.map((segment) => [segment, sizeOf(disk, segment)]));
    const current = openSegment(disk, end, first);
    sizes.set(current.number, current.writer.size);
    await syncReplayed(disk, kept, current, end.syncedThrough);
    const wal = new Wal(options, current, sizes, current.number - 1);
    wal.#mark = wal.position;
    return { wal, repaired: end.repaired };
  }

  /** Where the next record goes. */
  get position(): WalPosition {
    return { segment: this.#current.number, offset: this.#current.writer.size };
  }

  get segmentCount(): number {
    return this.#sizes.size;
  }

  get totalSize(): number {
    let size = 0;
    for (const [segment, segmentSize] of this.#sizes)
      size += segment === this.#current.number ? this.#current.writer.size : segmentSize;
    return size;
  }

  get firstSegment(): number {
    return Math.min(...this.#sizes.keys());
  }

  /** Says that a segment holds a sample at this time. */
  noteTime(segment: number, timestampMs: number): void {
    const maxMs = this.#maxTimes.get(segment) ?? Number.NEGATIVE_INFINITY;
    if (timestampMs > maxMs) this.#maxTimes.set(segment, timestampMs);
  }

  /**
   * Appends records (each as `recordParts` gives it) in one write: all of them or none.
   * @param maxMs the newest timestamp among their samples, -Infinity without samples.
   * @throws OperatingError `disk.full`, `disk.failed`.
   */
  append(records: readonly (readonly Uint8Array[])[], maxMs: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#cutTornTail();
    if (this.#current.writer.size >= this.#segmentSizeMax) this.#beginSegment();
    const { number, writer } = this.#current;
    const parts = records.flat();
    if (this.#mark !== undefined)
      parts.unshift(...recordParts("syncMark", syncMarkPayload(this.#mark)));
    const sizeBefore = writer.size;
    try {
      writer.append(parts);
    } catch (error) {
      this.#tornSize = sizeBefore;
      this.#tryToCutTornTail();
      throw error;
    }
    this.#mark = undefined;
    this.#appended++;
    this.noteTime(number, maxMs);
    if (this.#sync !== "always") this.#armTimer(this.#sync.intervalMs);
  }

  /** Resolves when all that was appended before the call survives a power loss. @throws OperatingError `disk.failed`. */
  synced(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#syncedCount === this.#appended && !this.#directoryChanged) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence: this.#appended, resolve, reject });
      if (!this.#syncing) void this.#syncLoop();
    });
  }

  /**
   * The first segment that is needed when all samples before `beforeMs` written before `position` are in blocks:
   * segments below it can go.
   */
  firstNeeded(beforeMs: number, position: WalPosition): number {
    const numbers = [...this.#sizes.keys()].sort((a, b) => a - b);
    for (const number of numbers) {
      if (number >= position.segment) return number;
      if ((this.#maxTimes.get(number) ?? Number.NEGATIVE_INFINITY) >= beforeMs) return number;
    }
    return position.segment;
  }

  /** Removes the segments below `segment`, which is not beyond the current one. */
  async removeBelow(segment: number): Promise<void> {
    assert(segment <= this.#current.number, "the current segment stays");
    const numbers = [...this.#sizes.keys()].filter((number) => number < segment);
    if (numbers.length === 0) return;
    for (const number of numbers) {
      this.#disk.remove(segmentPath(number));
      this.#sizes.delete(number);
      this.#maxTimes.delete(number);
    }
    await this.#disk.syncDirectory(WAL_DIRECTORY);
  }

  /** Syncs what there is and closes the files. No call may follow. */
  async close(): Promise<void> {
    try {
      await this.synced();
    } finally {
      this.#closed.abort();
      for (const { writer } of [...this.#unsynced, this.#current]) writer.close();
    }
  }

  #beginSegment(): void {
    const number = this.#current.number + 1;
    const writer = this.#disk.openAppend(segmentPath(number));
    this.#directoryChanged = true;
    try {
      // Something may be there from an attempt that failed.
      if (writer.size > 0) writer.truncate(0);
      const syncedThrough = this.#syncedThrough;
      writer.append([encodeSegmentHeader("segment", { segment: number, syncedThrough })]);
    } catch (error) {
      writer.close();
      throw error;
    }
    this.#sizes.set(this.#current.number, this.#current.writer.size);
    this.#sizes.set(number, writer.size);
    this.#unsynced.push(this.#current);
    this.#current = { number, writer };
  }

  #cutTornTail(): void {
    if (this.#tornSize === undefined) return;
    this.#current.writer.truncate(this.#tornSize);
    this.#tornSize = undefined;
  }

  #tryToCutTornTail(): void {
    try {
      this.#cutTornTail();
    } catch (error) {
      // The next append tries again first; until then the log ends in a torn record, which replay would cut.
      if (!(error instanceof OperatingError)) throw error;
    }
  }

  #armTimer(intervalMs: number): void {
    if (this.#timerArmed) return;
    this.#timerArmed = true;
    this.#clock.sleep(intervalMs, this.#closed.signal).then(
      () => {
        this.#timerArmed = false;
        // Whoever appends next hears of a failure.
        this.synced().catch(() => {});
      },
      () => {}, // Closed, which syncs by itself.
    );
  }

  async #syncLoop(): Promise<void> {
    this.#syncing = true;
    try {
      while (this.#waiters.length > 0) {
        const sequence = this.#appended;
        await this.#syncAll();
        this.#syncedCount = sequence;
        const done = this.#waiters.filter((waiter) => waiter.sequence <= sequence);
        this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > sequence);
        for (const waiter of done) waiter.resolve();
      }
    } catch (error) {
      this.#failure = new OperatingError(
        "disk.failed",
        "the write-ahead log could not be synced; nothing is accepted until a restart",
        { cause: error },
      );
      for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
    } finally {
      this.#syncing = false;
    }
  }

  async #syncAll(): Promise<void> {
    const { number, writer } = this.#current;
    const full = [...this.#unsynced];
    const offset = this.#tornSize ?? writer.size;
    for (const segment of full) await segment.writer.sync();
    if (this.#directoryChanged) {
      this.#directoryChanged = false;
      await this.#disk.syncDirectory(WAL_DIRECTORY);
    }
    await writer.sync();
    for (const segment of full) segment.writer.close();
    this.#unsynced = this.#unsynced.filter((segment) => !full.includes(segment));
    this.#syncedThrough = Math.max(this.#syncedThrough, number - 1);
    this.#mark = { segment: number, offset };
  }
}

function sizeOf(disk: Disk, segment: number): number {
  const reader = disk.openRead(segmentPath(segment));
  const { size } = reader;
  reader.close();
  return size;
}

/** Opens the segment the log ends in, cut to its whole records, or the first one. */
function openSegment(disk: Disk, end: ReplayEnd, first: number): Segment {
  const number = end.segment === 0 ? first : end.segment;
  const writer = disk.openAppend(segmentPath(number));
  if (writer.size > end.size) writer.truncate(end.size);
  if (end.size === 0) {
    const syncedThrough = Math.max(0, Math.min(end.syncedThrough, number - 1));
    writer.append([encodeSegmentHeader("segment", { segment: number, syncedThrough })]);
  }
  return { number, writer };
}

/** Syncs what the process before may have left unsynced, so that what was read once is there for good. */
async function syncReplayed(
  disk: Disk,
  kept: readonly number[],
  current: Segment,
  syncedThrough: number,
): Promise<void> {
  for (const segment of kept) {
    if (segment <= syncedThrough || segment === current.number) continue;
    const writer = disk.openAppend(segmentPath(segment));
    await writer.sync();
    writer.close();
  }
  await current.writer.sync();
  await disk.syncDirectory(WAL_DIRECTORY);
}
