import type { LogPosition } from "@pharos/ports";

/** A batch of the log whose samples are on their way. */
export interface BatchOnTheWay {
  readonly next: LogPosition;
  /** Wall-clock time of its append. */
  readonly appendedMs: number;
  /** Samples that are neither sent nor dropped yet. */
  open: number;
}

/** How far the log is done: everything before a batch that has open samples, whatever else has been sent. */
export class WriteProgress {
  #batches: BatchOnTheWay[] = [];
  #done: LogPosition | undefined;
  /** When what was sent last had been appended. */
  #doneAppendedMs = 0;

  /** A batch that was read: the caller counts its samples down. */
  add(next: LogPosition, appendedMs: number): BatchOnTheWay {
    const batch = { next, appendedMs, open: 0 };
    this.#batches.push(batch);
    return batch;
  }

  /** Where to go on after a restart; undefined before anything is done. */
  get done(): LogPosition | undefined {
    let count = 0;
    for (const { open, next, appendedMs } of this.#batches) {
      if (open > 0) break;
      this.#done = next;
      this.#doneAppendedMs = appendedMs;
      count++;
    }
    if (count > 0) this.#batches.splice(0, count);
    return this.#done;
  }

  get doneAppendedMs(): number {
    return this.#doneAppendedMs;
  }

  get isAllDone(): boolean {
    return this.#batches.every(({ open }) => open === 0);
  }
}
