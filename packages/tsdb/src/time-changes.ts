// Shared memory: 32-bit words. The first counts generations: of an older one nothing holds. The second gives out marks.
// Then come one word for each hour and one for each 10 s, both used in turns: the latest mark that had been given out when
// something changed there.
import type { StoreChanges, TimeRange } from "@pharos/ports";

const HOUR_MS = 3_600_000;
const FINE_MS = 10_000;
/** Hours that are told apart: more than seven years. */
const HOURS = 1 << 16;
/** A multiple of what an hour has. Older times are known by the hour, which then changed as a whole. */
const FINES = 4 * 360;
const FINES_PER_HOUR = HOUR_MS / FINE_MS;
const GENERATION = 0;
const COUNTER = 1;
const HOURS_AT = 2;
const FINES_AT = HOURS_AT + HOURS;
const WORDS = FINES_AT + FINES;
/** Above this the marks begin anew, and all that was before counts as changed. */
const COUNTER_MAX = 2 ** 31 - 1;

/**
 * Notes which times a store's samples came to or went from: by one writer, for readers on any thread. Two times that are
 * a multiple of seven years apart are not told apart, which makes more seem to have changed, never less.
 */
export class TimeChanges implements StoreChanges {
  readonly #words: Int32Array;
  /** What was noted last, so that a batch like the one before costs next to nothing. */
  #lastFrom = Number.NaN;
  #lastTo = Number.NaN;
  #lastMark = -1;

  /** @param memory that of the writer, for a reader on another thread. */
  constructor(memory = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.#words = new Int32Array(memory);
  }

  /** To be sent to readers. */
  get memory(): SharedArrayBuffer {
    return this.#words.buffer as SharedArrayBuffer;
  }

  /** Notes that samples at these times, both included, came or went. To be called when readers see that, not before. */
  note(minMs: number, maxMs: number): void {
    const from = Math.floor(minMs / FINE_MS);
    const to = Math.floor(maxMs / FINE_MS);
    const mark = Atomics.load(this.#words, COUNTER);
    if (mark === this.#lastMark && from === this.#lastFrom && to === this.#lastTo) return;
    if (mark >= COUNTER_MAX) {
      this.#beginAnew();
      return;
    }
    if (!(to - from < HOURS * FINES_PER_HOUR)) {
      this.noteEverything();
      return;
    }
    const words = this.#words;
    // First what is looked at last, or a reader might find an hour that changed at no time.
    for (let fine = Math.max(from, to - FINES + 1); fine <= to; fine++)
      Atomics.store(words, FINES_AT + modulo(fine, FINES), mark);
    for (let hour = hourOf(from); hour <= hourOf(to); hour++)
      Atomics.store(words, HOURS_AT + modulo(hour, HOURS), mark);
    [this.#lastFrom, this.#lastTo, this.#lastMark] = [from, to, mark];
  }

  /** Notes that samples of any time may have changed. */
  noteEverything(): void {
    Atomics.add(this.#words, GENERATION, 1);
  }

  /** In this order: a mark of the new generation is one of the new count, and words of before are higher than that. */
  #beginAnew(): void {
    Atomics.store(this.#words, COUNTER, 1);
    Atomics.add(this.#words, GENERATION, 1);
    for (let at = HOURS_AT; at < WORDS; at++) Atomics.store(this.#words, at, 0);
    this.#lastMark = -1;
  }

  mark(): number {
    for (;;) {
      const generation = Atomics.load(this.#words, GENERATION);
      const count = Atomics.add(this.#words, COUNTER, 1);
      if (Atomics.load(this.#words, GENERATION) === generation) return generation * 2 ** 32 + count;
    }
  }

  since(mark: number, range: TimeRange): TimeRange | undefined {
    const generation = Math.floor(mark / 2 ** 32);
    const found = this.#changed(mark % 2 ** 32, range);
    return Atomics.load(this.#words, GENERATION) === generation ? found : range;
  }

  #changed(mark: number, range: TimeRange): TimeRange | undefined {
    const firstFine = Math.floor(range.minMs / FINE_MS);
    const lastFine = Math.floor(range.maxMs / FINE_MS);
    const [firstHour, lastHour] = [hourOf(firstFine), hourOf(lastFine)];
    if (!(lastHour - firstHour < HOURS)) return range;
    const fines = (hour: number): readonly [first: number, last: number] | undefined =>
      this.#isNewer(HOURS_AT + modulo(hour, HOURS), mark)
        ? this.#changedFines(mark, hour, firstFine, lastFine)
        : undefined;
    let from: number | undefined;
    for (let hour = firstHour; hour <= lastHour && from === undefined; hour++)
      from = fines(hour)?.[0];
    if (from === undefined) return undefined;
    let to: number | undefined;
    for (let hour = lastHour; hour >= firstHour && to === undefined; hour--) to = fines(hour)?.[1];
    to ??= lastFine; // The writer goes on meanwhile.
    const minMs = Math.max(range.minMs, from * FINE_MS);
    const maxMs = Math.min(range.maxMs, (to + 1) * FINE_MS - 1);
    return { minMs, maxMs };
  }

  /** The first and the last of an hour's parts, within bounds, that changed; undefined for none. */
  #changedFines(
    mark: number,
    hour: number,
    first: number,
    last: number,
  ): readonly [first: number, last: number] | undefined {
    let from: number | undefined;
    let to: number | undefined;
    const start = Math.max(first, hour * FINES_PER_HOUR);
    const end = Math.min(last, (hour + 1) * FINES_PER_HOUR - 1);
    for (let fine = start; fine <= end; fine++) {
      if (!this.#isNewer(FINES_AT + modulo(fine, FINES), mark)) continue;
      from ??= fine;
      to = fine;
    }
    return from === undefined || to === undefined ? undefined : [from, to];
  }

  #isNewer(at: number, mark: number): boolean {
    return Atomics.load(this.#words, at) > mark;
  }
}

function hourOf(fine: number): number {
  return Math.floor(fine / FINES_PER_HOUR);
}

function modulo(value: number, divisor: number): number {
  const rest = value % divisor;
  return rest < 0 ? rest + divisor : rest;
}
