import {
  entryAt,
  readExemplars,
  readHistograms,
  readMetadata,
  readStarts,
} from "./attachment-payload.ts";
import { exemplarAt, insertExemplar } from "./attachments.ts";
import type { Head } from "./head.ts";
import { noteStarts } from "./start-writer.ts";
import type { WalPosition } from "./wal-payload.ts";
import type { RecordKind } from "./wal-record.ts";
import { isBefore } from "./wal-replay.ts";

/** Brings the head's histograms, exemplars, metadata and start timestamps back to what the log says. */
export class AttachmentReplay {
  readonly #head: Head;
  readonly #flushed: WalPosition;
  readonly #flushedBeforeMs: number;
  readonly #noteTime: (segment: number, timeMs: number) => void;
  /** No entry had this reference or a higher one. */
  nextRef = 0;
  #lost = 0;

  /**
   * @param flushed what was logged before this position and is before `flushedBeforeMs` is in blocks.
   * @param noteTime told the time of what is applied, and the segment that has it.
   */
  constructor(
    head: Head,
    flushed: WalPosition,
    flushedBeforeMs: number,
    noteTime: (segment: number, timeMs: number) => void,
  ) {
    this.#head = head;
    this.#flushed = flushed;
    this.#flushedBeforeMs = flushedBeforeMs;
    this.#noteTime = noteTime;
  }

  /** What could not be applied, in words. */
  get problems(): readonly string[] {
    if (this.#lost === 0) return [];
    return [
      `${this.#lost} native histograms, exemplars and start timestamps of the log are lost, since what defined their series cannot be read`,
    ];
  }

  /** Applies a record. Answers what is wrong with it, or undefined. */
  apply(kind: RecordKind, payload: Uint8Array, position: WalPosition): string | undefined {
    switch (kind) {
      case "histograms": {
        const record = readHistograms(payload);
        if (record === undefined) break;
        const { refs, timestampsMs, histograms } = record;
        for (const [at, ref] of refs.entries()) {
          const bytes = entryAt(histograms, at);
          const entry = { timestampMs: timestampsMs[at] as number, valueBits: undefined, bytes };
          if (this.#isWanted(ref, entry.timestampMs, position))
            this.#head.histograms.insert(ref, entry);
        }
        return undefined;
      }
      case "exemplars": {
        const record = readExemplars(payload);
        if (record === undefined) break;
        for (const [at, ref] of record.refs.entries()) {
          const entry = exemplarAt(record, at);
          if (this.#isWanted(ref, entry.timestampMs, position))
            insertExemplar(this.#head, ref, entry);
        }
        return undefined;
      }
      case "metadata": {
        const list = readMetadata(payload);
        if (list === undefined) break;
        this.#head.metadata.set(list);
        return undefined;
      }
      case "starts": {
        const record = readStarts(payload);
        if (record === undefined) break;
        noteStarts(this.#head, record, (ref, timeMs) => this.#isWanted(ref, timeMs, position));
        return undefined;
      }
      case "series":
      case "samples":
      case "syncMark":
      case "checkpointStart":
      case "checkpointSeries":
      case "checkpointEnd":
        return `a ${kind} record does not belong here`;
    }
    return `a record of ${kind} that contradicts itself`;
  }

  #isWanted(ref: number, timestampMs: number, position: WalPosition): boolean {
    if (isBefore(position, this.#flushed) && timestampMs < this.#flushedBeforeMs) return false;
    this.#noteTime(position.segment, timestampMs);
    if (this.#head.chunks.has(ref)) return true;
    this.#lost++;
    this.nextRef = Math.max(this.nextRef, ref + 1);
    return false;
  }
}
