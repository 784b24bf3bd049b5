import { assert, type Clock, OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { FreeSpace } from "./free-space.ts";
import { GroupCommit } from "./group-commit.ts";
import { openLastSegment, syncReplayed, type WritableSegment } from "./last-segment.ts";
import { SegmentList } from "./segment-list.ts";
import { syncMarkPayload, type WalPosition } from "./wal-payload.ts";
import { placeRecords, recordSize, type WalRecord } from "./wal-record.ts";
import { isBefore, type ReplayEnd, type ReplayRecord, replayWal } from "./wal-replay.ts";
import { readSegment, readSegmentHeader, scanSegment, segmentFileSize } from "./wal-scan.ts";
import {
  encodeSegmentHeader,
  readWalNames,
  SEGMENT_HEADER_SIZE,
  segmentPath,
  WAL_DIRECTORY,
} from "./wal-segment.ts";

/** How long an acknowledged sample may be lost to a power cut (never to the death of the process). */
export const SYNC_INTERVAL_MS = 100;
/** Bytes that may wait for the device; more are refused with `queue.full`. Some seconds of the heaviest load. */
export const UNSYNCED_SIZE_MAX = 256 * 1024 * 1024;

/** `always`: an append is acknowledged when it is on the device. Else it is synced within `intervalMs`. */
export type WalSync = "always" | { readonly intervalMs: number };

export interface WalOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly sync: WalSync;
  readonly segmentSizeMax: number;
  /** Bytes that the whole log may have; more are refused with `queue.full`. */
  readonly sizeMax: number;
  /** Bytes that the disk keeps free at least (see `FreeSpace`). */
  readonly keepFree: number;
  /** Where replay starts: the checkpoint's first segment, or 1. */
  readonly first: number;
  /** How far the checkpoint says the log was synced. */
  readonly syncedTo: WalPosition;
}

/**
 * The write-ahead log: what was appended is there after the process died, and after a power loss once `synced`. One
 * sync at a time serves everyone who waits (group commit).
 *
 * After a failed append the torn record is cut off, and the next append may succeed. After a sync that found no room on
 * the device, the next append first writes again what is not on the device, into a new segment. After a sync that failed
 * otherwise nothing is known about what the device holds, and asking again does not tell: every further append is
 * refused until the process starts anew and reads what is there.
 */
export class Wal {
  readonly segments: SegmentList;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #sync: WalSync;
  readonly #segmentSizeMax: number;
  readonly #sizeMax: number;
  readonly #space: FreeSpace;
  #current: WritableSegment;
  /** Bytes of all segments but the current one. */
  #fullSize = 0;
  /** Full segments that are not synced yet, oldest first. */
  #unsynced: WritableSegment[] = [];
  /** Where the current segment must be cut before anything is appended, because cutting it failed before. */
  #tornSize: number | undefined;
  /** Whether a segment was created since the folder was last synced. */
  #directoryChanged = false;
  readonly #commit = new GroupCommit({
    sync: () => this.#syncAll(),
    failed: (error) => this.#noteFailure(error),
  });
  #syncedThrough: number;
  /** How far the log is on the device. */
  #synced: WalPosition;
  /** Whether the next append says how far the log is on the device. */
  #markDue = true;
  /** Damage that was reported when the log was opened and was never on the device: no mark may vouch for it. */
  #lost: readonly WalPosition[] = [];
  /** Whether the log said at its end, when it was opened, that all of it is on the device. */
  #endsMarked = false;
  /** The current segment's size without any record but that. */
  #emptySize = SEGMENT_HEADER_SIZE;
  #timerArmed = false;
  /** The device had no room for what was written since `#synced`. */
  #stalled: OperatingError | undefined;
  #failure: OperatingError | undefined;
  /** Called with the next append. */
  readonly #watchers = new Set<() => void>();
  readonly #closed = new AbortController();
  /** Who needs the log's oldest bytes, for the error when it is full. */
  holder: () => string = () => "samples wait to be moved to blocks";

  private constructor(
    options: WalOptions,
    segments: SegmentList,
    current: WritableSegment,
    syncedThrough: number,
  ) {
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#sync = options.sync;
    this.#segmentSizeMax = options.segmentSizeMax;
    this.#sizeMax = options.sizeMax;
    this.#space = new FreeSpace(options.disk, options.clock, options.keepFree);
    this.segments = segments;
    this.#current = current;
    this.#fullSize = segments.sizeWithout(current.number);
    this.#syncedThrough = syncedThrough;
    this.#synced = this.position;
  }

  /**
   * Reads the log, then goes on where it ends. When this resolves, all that was read survives a power loss. `noteTime`
   * must be called for the samples replayed. Segments before `first` stay, for consumers.
   *
   * @throws OperatingError `disk.corrupt` (see `replayWal`), `disk.full`, `disk.failed`.
   */
  static async open(
    options: WalOptions,
    replay: ReplayRecord,
  ): Promise<{ readonly wal: Wal; readonly end: ReplayEnd }> {
    const { disk, clock, first } = options;
    const names = readWalNames(disk.list(WAL_DIRECTORY)).segments;
    const needed = names.filter((number) => number >= first);
    const end = replayWal(disk, needed, options, replay);
    const segments = new SegmentList(disk);
    for (const number of names) {
      const createdMs = readSegmentHeader(disk, number)?.createdMs ?? clock.nowMs();
      segments.add(number, segmentFileSize(disk, number), createdMs);
    }
    for (const { segment } of end.damages) segments.noteDamage(segment);
    const current = openLastSegment(disk, segments, end, { first, nowMs: clock.nowMs() });
    await syncReplayed(disk, needed, current, end.syncedThrough);
    const wal = new Wal(options, segments, current, current.number - 1);
    // What was cut off is not there any more; what lies between whole records is found again by every start.
    const logEnd = { segment: end.segment, offset: end.size };
    wal.#lost = end.unfinished.filter((damage) => !end.continues || isBefore(damage, logEnd));
    wal.#endsMarked = end.endMark !== undefined && wal.#lost.length === 0;
    if (end.continues && end.endMark?.offset === SEGMENT_HEADER_SIZE) wal.#emptySize = end.size;
    return { wal, end };
  }

  /** Where the next record goes. */
  get position(): WalPosition {
    return { segment: this.#current.number, offset: this.#tornSize ?? this.#current.writer.size };
  }

  /** How far the log survives a power loss. */
  get syncedPosition(): WalPosition {
    return this.#synced;
  }

  get totalSize(): number {
    return this.#fullSize + this.#current.writer.size;
  }

  /** Whether the log's size, or the disk's free space, asks for samples to be moved to blocks early. */
  get isNearlyFull(): boolean {
    return this.totalSize > this.#sizeMax / 2 || this.#space.isShort(this.totalSize);
  }

  /** Says that a segment holds a sample at this time. */
  noteTime(segment: number, timestampMs: number): void {
    this.segments.noteTime(segment, timestampMs);
  }

  /**
   * Appends records in one write: all of them or none. Answers where they begin.
   *
   * @param maxMs the newest timestamp among their samples, -Infinity without samples.
   * @throws OperatingError `disk.full`, `disk.failed`; `queue.full` if the log, or what waits for the device, has grown to
   *   its limit. The limits do not hold for what is `unlimited`.
   */
  append(
    records: readonly WalRecord[],
    maxMs: number,
    limits: "limited" | "unlimited" = "limited",
  ): WalPosition {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stalled !== undefined) this.#writeUnsyncedAgain();
    this.#cutTornTail();
    if (limits === "limited")
      this.#checkLimits(records.reduce((size, record) => size + recordSize(record), 0));
    if (this.#current.writer.size >= this.#segmentSizeMax) this.#beginSegment(this.position, []);
    const { number, writer } = this.#current;
    const position = { segment: number, offset: writer.size };
    const marks = this.#markDue ? [this.#syncMark()] : [];
    const parts = placeRecords([...marks, ...records], position);
    try {
      writer.append(parts);
    } catch (error) {
      this.#tornSize = position.offset;
      this.#tryTo(() => this.#cutTornTail());
      throw error;
    }
    this.#markDue = false;
    this.#commit.noteAppend(writer.size - position.offset);
    this.noteTime(number, maxMs);
    if (this.#sync !== "always") this.#armTimer(this.#sync.intervalMs);
    for (const wake of this.#watchers) wake();
    return position;
  }

  #checkLimits(size: number): void {
    const total = this.totalSize;
    if (total + size > this.#sizeMax)
      throw new OperatingError(
        "queue.full",
        `the write-ahead log has ${total} bytes, and --log-size-max allows ${this.#sizeMax}: ${this.holder()}`,
      );
    const waiting = this.#commit.waitingSize;
    if (waiting > UNSYNCED_SIZE_MAX)
      throw new OperatingError(
        "queue.full",
        `${waiting} bytes of the write-ahead log wait for the device; at most ${UNSYNCED_SIZE_MAX} may`,
      );
    this.#space.take(size, total);
  }

  /**
   * Begins the next segment, so that what is before can go as a whole. Nothing happens where the current one has no
   * record yet, or where beginning another fails: then the current one stays longer than it must.
   */
  roll(): void {
    const { size } = this.#current.writer;
    const isWhole = this.#tornSize === undefined && this.#stalled === undefined;
    if (this.#failure !== undefined || !isWhole || size <= this.#emptySize) return;
    this.#tryTo(() => {
      this.#beginSegment(this.position, []);
      // Who waits for a sync from now on waits for the new file's, too: one that goes on already leaves it out.
      if (this.#commit.appended > 0) this.#commit.noteAppend(0);
    });
  }

  /** Resolves when all that was appended before the call survives a power loss. @throws OperatingError `disk.full`, `disk.failed`. */
  async synced(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stalled !== undefined) this.#writeUnsyncedAgain();
    if (this.#commit.isDone && !this.#directoryChanged) return;
    return this.#commit.wait();
  }

  /** Resolves with the next append; rejects with the signal's reason, or when the log is closed. */
  nextAppend(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    if (ended.aborted) return Promise.reject(ended.reason);
    const finish = (settle: () => void) => () => {
      this.#watchers.delete(wake);
      ended.removeEventListener("abort", abort);
      settle();
    };
    const wake = finish(resolve);
    const abort = finish(() => reject(ended.reason));
    this.#watchers.add(wake);
    ended.addEventListener("abort", abort);
    return promise;
  }

  /** Removes the segments below `segment`, which is not beyond the current one. @throws OperatingError `disk.failed`. */
  async removeBelow(segment: number): Promise<void> {
    assert(segment <= this.#current.number, "the current segment stays");
    try {
      await this.segments.removeBelow(segment);
    } finally {
      this.#fullSize = this.segments.sizeWithout(this.#current.number);
    }
  }

  /** Syncs what there is, says so at the log's end, and closes the files. No call may follow. */
  async close(): Promise<void> {
    try {
      await this.synced();
      await this.#markEnd();
    } finally {
      this.#closed.abort(new OperatingError("disk.failed", "the log is closing"));
      for (const { writer } of [...this.#unsynced, this.#current]) writer.close();
    }
  }

  /**
   * Says that all is on the device, so that damage found later is known to be no unfinished write. Where that fails,
   * nothing is lost but this knowledge.
   */
  async #markEnd(): Promise<void> {
    const { appended } = this.#commit;
    if (appended === 0 && (this.#endsMarked || this.position.offset <= SEGMENT_HEADER_SIZE)) return;
    const { writer } = this.#current;
    try {
      this.#cutTornTail();
      this.#tornSize = writer.size;
      writer.append(placeRecords([this.#syncMark()], this.position));
      await writer.sync();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#tryTo(() => this.#cutTornTail());
    }
  }

  /** Begins the next segment, with records in it. */
  #beginSegment(continues: WalPosition, records: readonly WalRecord[]): void {
    const number = this.#current.number + 1;
    const createdMs = this.#clock.nowMs();
    const syncedThrough = Math.min(this.#syncedThrough, continues.segment);
    const header = encodeSegmentHeader("segment", {
      segment: number,
      syncedThrough,
      createdMs,
      continues,
    });
    const place = { segment: number, offset: SEGMENT_HEADER_SIZE };
    const writer = this.#disk.openAppend(segmentPath(number));
    this.#directoryChanged = true;
    try {
      // Something may be there from an attempt that failed.
      if (writer.size > 0) writer.truncate(0);
      writer.append([header, ...placeRecords(records, place)]);
    } catch (error) {
      writer.close();
      this.#tryTo(() => this.#disk.remove(segmentPath(number)));
      throw error;
    }
    this.segments.setSize(this.#current.number, this.#current.writer.size);
    this.segments.add(number, writer.size, createdMs);
    this.#unsynced.push(this.#current);
    this.#current = { number, writer };
    this.#emptySize = SEGMENT_HEADER_SIZE;
    this.#fullSize = this.segments.sizeWithout(number);
  }

  /**
   * Writes what is not on the device into a new segment, which goes on where the device has all: a file whose sync has
   * failed may be whole in memory only, and a later sync may say that it is well. @throws OperatingError `disk.full`.
   */
  #writeUnsyncedAgain(): void {
    this.#tornSize ??= this.#current.writer.size;
    const from = this.#synced;
    const old = [...this.#unsynced, this.#current].filter(({ number }) => number >= from.segment);
    const records = [this.#syncMark()];
    let maxMs = Number.NEGATIVE_INFINITY;
    for (const { number } of old) {
      const torn = number === this.#current.number ? this.#tornSize : undefined;
      const bytes = readSegment(this.#disk, number, torn ?? Number.POSITIVE_INFINITY);
      for (const part of scanSegment(bytes, number)) {
        if (part.status !== "record" || part.kind === "syncMark") continue;
        if (!isBefore(part.position, from))
          records.push({ kind: part.kind, payload: [part.payload] });
      }
      maxMs = Math.max(maxMs, this.segments.maxTimeMs(number));
    }
    this.#beginSegment(from, records);
    this.#stalled = undefined;
    this.#tornSize = undefined;
    this.noteTime(this.#current.number, maxMs);
    this.#unsynced = this.#unsynced.filter((segment) => !old.includes(segment));
    for (const { number, writer } of old) {
      this.#tryTo(() => {
        if (number === from.segment) writer.truncate(from.offset);
        else this.segments.removeReplaced(number);
      });
      this.segments.setSize(number, writer.size);
      writer.close();
    }
    this.#fullSize = this.segments.sizeWithout(this.#current.number);
  }

  #cutTornTail(): void {
    if (this.#tornSize === undefined) return;
    this.#current.writer.truncate(this.#tornSize);
    this.#tornSize = undefined;
  }

  /** What the next append tries again if it fails. */
  #tryTo(work: () => void): void {
    try {
      work();
    } catch (error) {
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

  async #syncAll(): Promise<void> {
    const { number, writer } = this.#current;
    const full = [...this.#unsynced];
    const { appended } = this.#commit;
    const { offset } = this.position;
    for (const segment of full) await segment.writer.sync();
    if (this.#directoryChanged) {
      this.#directoryChanged = false;
      await this.#disk.syncDirectory(WAL_DIRECTORY);
    }
    await writer.sync();
    for (const segment of full) segment.writer.close();
    this.#unsynced = this.#unsynced.filter((segment) => !full.includes(segment));
    this.#syncedThrough = Math.max(this.#syncedThrough, number - 1);
    this.#synced = { segment: number, offset };
    this.#markDue = true;
    if (appended > 0) this.#lost = [];
  }

  /** What is wrong, to those who wait for the sync. */
  #noteFailure(error: unknown): OperatingError {
    const failure = syncFailure(error);
    if (failure.code === "disk.full") this.#stalled = failure;
    else this.#failure = failure;
    return failure;
  }

  #syncMark(): WalRecord {
    return { kind: "syncMark", payload: syncMarkPayload({ ...this.#synced, lost: this.#lost }) };
  }
}

function syncFailure(cause: unknown): OperatingError {
  if (cause instanceof OperatingError && cause.code === "disk.full")
    return new OperatingError(
      "disk.full",
      "the device has no room for the write-ahead log; it is written again when there is",
      { cause },
    );
  return new OperatingError(
    "disk.failed",
    "the write-ahead log could not be synced; nothing is accepted until a restart",
    { cause },
  );
}
