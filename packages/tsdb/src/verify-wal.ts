import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { readExemplars, readHistograms, readMetadata, readStarts } from "./attachment-payload.ts";
import { type ReadCheckpoint, readCheckpoint } from "./checkpoint.ts";
import { LogConsumers } from "./log-consumers.ts";
import { readSeries, sampleCount, type WalPosition } from "./wal-payload.ts";
import type { RecordKind } from "./wal-record.ts";
import { isBefore, replayWal } from "./wal-replay.ts";
import {
  damageText,
  readSegment,
  type ScannedPart,
  scanSegment,
  segmentFileSize,
} from "./wal-scan.ts";
import { readWalNames, segmentPath, WAL_DIRECTORY } from "./wal-segment.ts";

/** What was found in a write-ahead log. */
export interface WalReport {
  readonly segments: number;
  readonly records: number;
  readonly samples: number;
  /** In words, with the file and the byte. */
  readonly problems: readonly string[];
  /** Writes that a crash left unfinished: nothing to worry about. */
  readonly remarks: readonly string[];
}

/** How much of the log's bytes was looked at. */
export type OnProgress = (doneSize: number, totalSize: number) => void;

const START: WalPosition = { segment: 0, offset: 0 };

/**
 * Reads the whole write-ahead log of a data directory, every checksum of it, and changes nothing. Of a running server's
 * the newest records may look unfinished.
 *
 * @throws OperatingError `disk.failed`.
 */
export function verifyWal(disk: Disk, onProgress: OnProgress = () => {}): WalReport {
  const { segments: all } = readWalNames(disk.list(WAL_DIRECTORY));
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof OperatingError && error.code === "disk.corrupt")) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const checkpoint: ReadCheckpoint | undefined = attempt(() => readCheckpoint(disk));
  problems.push(...(checkpoint?.problems ?? []));
  const first = checkpoint?.firstSegment ?? all[0] ?? 1;

  const sizes = new Map(all.map((segment) => [segment, segmentFileSize(disk, segment)]));
  const totalSize = sizes.values().reduce((sum, size) => sum + size, 0);
  let records = 0;
  let samples = 0;
  const readPart = (kind: RecordKind, payload: Uint8Array, { segment, offset }: WalPosition) => {
    records++;
    if (kind === "samples") samples += sampleCount(payload) ?? 0;
    let before = 0;
    for (const [number, size] of sizes) if (number < segment) before += size;
    onProgress(before + offset, totalSize);
    return isReadable(kind, payload) ? undefined : `a ${kind} record that contradicts itself`;
  };
  const end = attempt(() => {
    // Older segments are there for consumers only; they are verified all the same.
    const from = Math.min(first, all[0] ?? first);
    const syncedTo = checkpoint?.position ?? START;
    return replayWal(disk, all, { first: from, syncedTo }, readPart);
  });
  problems.push(...(end?.damages ?? []).map((damage) => damageText(damage)));
  const last = { segment: all.at(-1) ?? 0, offset: sizes.get(all.at(-1) ?? 0) ?? 0 };
  problems.push(...(attempt(() => LogConsumers.open(disk, last).problems) ?? []));
  onProgress(totalSize, totalSize);
  const remarks = (end?.unfinished ?? []).map((damage) => damageText(damage));
  return { segments: all.length, records, samples, problems, remarks };
}

function isReadable(kind: RecordKind, payload: Uint8Array): boolean {
  switch (kind) {
    case "series":
      return readSeries(payload) !== undefined;
    case "samples":
      return sampleCount(payload) !== undefined;
    case "histograms":
      return readHistograms(payload) !== undefined;
    case "exemplars":
      return readExemplars(payload) !== undefined;
    case "metadata":
      return readMetadata(payload) !== undefined;
    case "starts":
      return readStarts(payload) !== undefined;
    case "syncMark":
      return true;
    case "checkpointStart":
    case "checkpointSeries":
    case "checkpointEnd":
      return false;
  }
}

/**
 * The records of the log and the damage between them, in order, from a place on.
 *
 * @throws OperatingError `disk.corrupt` where another version wrote something, `disk.failed`.
 */
export function* dumpWal(disk: Disk, from: WalPosition = START): Generator<ScannedPart> {
  for (const segment of readWalNames(disk.list(WAL_DIRECTORY)).segments) {
    if (segment < from.segment) continue;
    const bytes = readSegment(disk, segment, Number.POSITIVE_INFINITY);
    for (const part of scanSegment(bytes, segment)) {
      const place = part.status === "record" ? part.position : part;
      if (!isBefore(place, from)) yield part;
    }
  }
}

/** A part of the log on one line, for people. */
export function dumpLine(part: ScannedPart): string {
  if (part.status === "damaged") return `${damageText(part)}`;
  const { segment, offset } = part.position;
  const place = `${segmentPath(segment)}, byte ${offset}`;
  const count = part.kind === "samples" ? ` of ${sampleCount(part.payload) ?? "?"}` : "";
  return `${place}: ${part.kind}${count}, ${part.payload.length} bytes`;
}
