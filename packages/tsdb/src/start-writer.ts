import { assert, OperatingError } from "@pharos/base";
import { type StartRecord, startsPayload } from "./attachment-payload.ts";
import { COLUMNS_MAX, type Head, TIMESTAMP_MS_MAX } from "./head.ts";
import type { StoreWriter } from "./store-writer.ts";
import type { TimeChanges } from "./time-changes.ts";
import type { Wal } from "./wal.ts";

export interface StartWriterParts {
  readonly head: Head;
  readonly wal: Wal;
  readonly writer: Pick<StoreWriter, "bounds" | "definitionRecords">;
  /** Told of the times of starts, when readers see them. */
  readonly changes: TimeChanges;
}

/** The way of start timestamps into a store: to the log, and then to the head. */
export class StartWriter {
  readonly #parts: StartWriterParts;

  constructor(parts: StartWriterParts) {
    this.#parts = parts;
  }

  /** Samples whose start was not kept since there was no room for it, since the start of the process. */
  get dropped(): number {
    return this.#parts.head.starts.dropped;
  }

  /** Whether so many wait in memory that they should be moved to blocks. */
  get isNearlyFull(): boolean {
    return this.#parts.head.starts.isNearlyFull;
  }

  /**
   * Notes when the counting of samples began: to be called with all samples of a batch, those whose start is not known
   * among them (NaN), right before these are appended, without a wait in between. The start that is known of a time stands,
   * until it is said not to be known; starts of samples that the store would refuse for their age are left out, and so are those for which there is
   * no room: their start is not known.
   *
   * @throws OperatingError `input.too_large`, `disk.full`, `disk.failed`, `queue.full`: nothing was noted.
   */
  append(record: StartRecord): void {
    const { head, wal, writer, changes } = this.#parts;
    const { refs, timestampsMs, startsMs } = record;
    assert(timestampsMs.length === refs.length, "one timestamp a sample");
    assert(startsMs.length === refs.length, "one start a sample");
    if (refs.length > COLUMNS_MAX)
      throw new OperatingError(
        "input.too_large",
        `a batch of ${refs.length} start timestamps; at most ${COLUMNS_MAX} are allowed`,
      );
    const { minMs, maxMs, outOfOrderWindowMs } = writer.bounds();
    const kept: number[] = [];
    let hasNews = false;
    let firstMs = TIMESTAMP_MS_MAX;
    let lastMs = -TIMESTAMP_MS_MAX;
    for (let at = 0; at < refs.length; at++) {
      const timestampMs = timestampsMs[at] as number;
      const oldestMs = Math.max(minMs, newestOf(head, refs[at] as number) - outOfOrderWindowMs);
      if (timestampMs > maxMs || timestampMs < oldestMs) continue;
      kept.push(at);
      const isKnown = !Number.isNaN(startsMs[at]);
      if (isKnown || head.starts.covers(refs[at] as number, timestampMs)) hasNews = true;
      firstMs = Math.min(firstMs, timestampMs);
      lastMs = Math.max(lastMs, timestampMs);
    }
    if (!hasNews) return;
    const accepted = kept.length === refs.length ? record : pick(record, kept);
    const payload = startsPayload(accepted);
    wal.append([...writer.definitionRecords(), { kind: "starts", payload }], lastMs);
    head.markDefined();
    noteStarts(head, accepted);
    // By themselves: of a sample that was there already they may be new.
    changes.note(firstMs, lastMs);
  }
}

/** Puts starts into the head, which does not have their samples yet. */
export function noteStarts(
  head: Head,
  { refs, timestampsMs, startsMs }: StartRecord,
  isWanted: (ref: number, timestampMs: number) => boolean = () => true,
): void {
  const newest = new Map<number, number>();
  for (let at = 0; at < refs.length; at++) {
    const ref = refs[at] as number;
    const timestampMs = timestampsMs[at] as number;
    if (!isWanted(ref, timestampMs)) continue;
    const newestMs = newest.get(ref) ?? newestOf(head, ref);
    const startMs = startsMs[at] as number;
    if (Number.isNaN(startMs)) head.starts.noteUnknown(ref, timestampMs);
    else head.starts.note(ref, timestampMs, startMs, newestMs);
    newest.set(ref, Math.max(newestMs, timestampMs));
  }
}

function newestOf({ chunks, histograms }: Head, ref: number): number {
  return Math.max(chunks.lastTimeMs(ref), histograms.newestMs(ref));
}

function pick(record: StartRecord, kept: readonly number[]): StartRecord {
  return {
    refs: Uint32Array.from(kept, (at) => record.refs[at] as number),
    timestampsMs: Float64Array.from(kept, (at) => record.timestampsMs[at] as number),
    startsMs: Float64Array.from(kept, (at) => record.startsMs[at] as number),
  };
}
