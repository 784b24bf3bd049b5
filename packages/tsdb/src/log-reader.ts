import type { Disk, DiskReader } from "@pharos/ports";
import type { Wal } from "./wal.ts";
import type { WalPosition } from "./wal-payload.ts";
import {
  decodeRecord,
  decodeRecordHeader,
  findRecord,
  RECORD_HEADER_SIZE,
  type RecordKind,
} from "./wal-record.ts";
import { readSegmentHeader } from "./wal-scan.ts";
import { SEGMENT_HEADER_SIZE, segmentPath } from "./wal-segment.ts";

/** Bytes read from a segment at a time; a larger record is read as a whole. */
const WINDOW_SIZE = 1024 * 1024;

export interface LoggedRecord {
  readonly kind: RecordKind;
  /** A view, valid until the next record is asked for. */
  readonly payload: Uint8Array;
  readonly position: WalPosition;
  /** Where the next record begins. */
  readonly end: WalPosition;
}

/**
 * Reads a log that grows: the records from a place on, in order, up to what is written. Damage is passed over, and what
 * is not there any more: then it goes on with the oldest that is.
 */
export class LogReader {
  readonly #disk: Disk;
  readonly #wal: Wal;
  #position: WalPosition;
  #open:
    | { readonly segment: number; readonly reader: DiskReader; readonly endOffset: number }
    | undefined;
  /** Bytes of the open segment from `base` on. */
  #window = new Uint8Array(0);
  #base = 0;

  constructor(disk: Disk, wal: Wal, from: WalPosition) {
    this.#disk = disk;
    this.#wal = wal;
    this.#position = from;
  }

  /** Where the next record is looked for. */
  get position(): WalPosition {
    return this.#position;
  }

  /** The next record; undefined at what is written so far. @throws OperatingError `disk.failed`. */
  next(): LoggedRecord | undefined {
    for (;;) {
      const end = this.#wal.position;
      const { segment, offset } = this.#position;
      if (segment > end.segment || (segment === end.segment && offset >= end.offset))
        return undefined;
      if (!this.#enter(segment)) {
        this.#position = { segment: this.#segmentAfter(segment), offset: 0 };
        continue;
      }
      const limit = segment === end.segment ? end.offset : (this.#open?.endOffset ?? 0);
      const record = this.#recordBefore(limit);
      if (record !== undefined) return record;
      if (segment < this.#wal.position.segment)
        this.#position = { segment: this.#segmentAfter(segment), offset: 0 };
    }
  }

  /** The next whole record of the open segment; undefined if none begins before `limit`. */
  #recordBefore(limit: number): LoggedRecord | undefined {
    const { segment } = this.#position;
    let offset = Math.max(this.#position.offset, SEGMENT_HEADER_SIZE);
    while (offset < limit) {
      const place = { segment, offset };
      this.#load(offset, RECORD_HEADER_SIZE, limit);
      const header = decodeRecordHeader(this.#window, offset - this.#base, place);
      if (header === undefined) {
        // Looked for in one window after another, which overlap by a header.
        const found = findRecord(this.#window, { segment, offset: offset + 1 }, this.#base);
        const windowEnd = this.#base + this.#window.length;
        offset = found < windowEnd ? found : Math.max(offset + 1, windowEnd - RECORD_HEADER_SIZE);
        if (windowEnd >= limit && found >= windowEnd) offset = limit;
        continue;
      }
      this.#load(offset, RECORD_HEADER_SIZE + header.payloadSize, limit);
      const decoded = decodeRecord(this.#window, place, this.#base);
      if (decoded.status === "record") {
        const end = { segment, offset: decoded.end };
        this.#position = end;
        return { kind: decoded.kind, payload: decoded.payload, position: place, end };
      }
      offset += RECORD_HEADER_SIZE + header.payloadSize;
    }
    this.#position = { segment, offset: Math.max(this.#position.offset, limit) };
    return undefined;
  }

  /** Makes the window hold `size` bytes from an offset on, as far as they are below `limit`. */
  #load(offset: number, size: number, limit: number): void {
    const wanted = Math.min(offset + size, limit);
    if (offset >= this.#base && wanted <= this.#base + this.#window.length) return;
    const length = Math.min(Math.max(size, WINDOW_SIZE), limit - offset);
    this.#window = this.#open?.reader.read(offset, length) as Uint8Array<ArrayBuffer>;
    this.#base = offset;
  }

  /** Opens a segment, if it is there. */
  #enter(segment: number): boolean {
    if (this.#open?.segment === segment) {
      if (this.#open.endOffset > 0 || segment === this.#wal.position.segment) return true;
      // It was the last one when it was opened.
    }
    this.close();
    if (!this.#wal.segments.numbers.includes(segment)) return false;
    const reader = this.#disk.openRead(segmentPath(segment));
    this.#open = { segment, reader, endOffset: this.#endOf(segment, reader) };
    return true;
  }

  /** Where a segment ends, as the one says that goes on from it; 0 while it is the last. */
  #endOf(segment: number, reader: DiskReader): number {
    if (segment === this.#wal.position.segment) return 0;
    const next = readSegmentHeader(this.#disk, this.#segmentAfter(segment));
    if (next === undefined || next.continues.segment === segment)
      return next?.continues.offset ?? reader.size;
    // Written again in a later one.
    return next.continues.segment < segment ? SEGMENT_HEADER_SIZE : reader.size;
  }

  #segmentAfter(segment: number): number {
    return this.#wal.segments.numbers.find((number) => number > segment) ?? segment + 1;
  }

  close(): void {
    this.#open?.reader.close();
    this.#open = undefined;
    this.#window = new Uint8Array(0);
    this.#base = 0;
  }
}
