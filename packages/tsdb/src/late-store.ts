import { assert, OperatingError } from "@pharos/base";
import { type LateOutcome, LateSamples } from "./out-of-order.ts";

/** The samples of all series of the head that came late, until they are flushed. */
export class LateStore {
  readonly #countMax: number;
  readonly #late = new Map<number, LateSamples>();
  /** Those that are being written to a block. */
  readonly #frozen = new Map<number, LateSamples>();
  #count = 0;

  /** @param countMax samples that may wait for a flush. */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Samples that are in no block, the frozen ones included. */
  get count(): number {
    return this.#count;
  }

  /** Whether so many samples came late that they should be flushed before more are refused. */
  get isNearlyFull(): boolean {
    return this.#count > this.#countMax / 2;
  }

  /** @throws OperatingError `memory.full` where that many more are too many. */
  checkRoomFor(count: number): void {
    if (this.#count + count > this.#countMax)
      throw new OperatingError(
        "memory.full",
        `${this.#count} samples that came late wait to be written to blocks; at most ${this.#countMax} may`,
      );
  }

  has(ref: number): boolean {
    return this.#late.has(ref) || this.#frozen.has(ref);
  }

  /** The late samples of a series, in up to two lists. */
  samplesOf(ref: number): LateSamples[] {
    return [this.#frozen.get(ref), this.#late.get(ref)].filter((list) => list !== undefined);
  }

  /** The bits of the sample that a series has at exactly this time. */
  bitsAt(ref: number, timestampMs: number): readonly [low: number, high: number] | undefined {
    return this.#frozen.get(ref)?.bitsAt(timestampMs) ?? this.#late.get(ref)?.bitsAt(timestampMs);
  }

  /** Whoever calls this knows that no frozen sample is at this time. */
  insert(ref: number, timestampMs: number, low: number, high: number): LateOutcome {
    const late = this.#late.getOrInsertComputed(ref, () => new LateSamples());
    const outcome = late.insert(timestampMs, low, high);
    if (outcome === "appended") this.#count++;
    return outcome;
  }

  /** The earliest sample; Infinity if there is none. */
  get nextTimeMs(): number {
    return Math.min(earliestMs(this.#late), this.nextFrozenMs);
  }

  /** The earliest frozen sample; Infinity if there is none. */
  get nextFrozenMs(): number {
    return earliestMs(this.#frozen);
  }

  /** Sets aside what is before a time, to be flushed: readers still see it. */
  freeze(beforeMs: number): void {
    assert(this.#frozen.size === 0, "one flush at a time");
    for (const [ref, late] of this.#late) {
      const frozen = late.copy(Number.NEGATIVE_INFINITY, beforeMs - 1);
      if (frozen.length === 0) continue;
      this.#frozen.set(ref, frozen);
      this.#replace(ref, [late.copy(beforeMs, Number.POSITIVE_INFINITY)]);
    }
  }

  frozenOf(ref: number): LateSamples | undefined {
    return this.#frozen.get(ref);
  }

  /** What is frozen before a time is in a block now. */
  dropFrozen(beforeMs: number): void {
    for (const [ref, frozen] of this.#frozen) {
      const rest = frozen.copy(beforeMs, Number.POSITIVE_INFINITY);
      this.#count -= frozen.length - rest.length;
      if (rest.length === 0) this.#frozen.delete(ref);
      else this.#frozen.set(ref, rest);
    }
  }

  /** What is left of the frozen is in no block: back to the others. */
  thaw(): void {
    for (const ref of this.#frozen.keys()) this.#replace(ref, this.samplesOf(ref));
    this.#frozen.clear();
  }

  #replace(ref: number, lists: readonly LateSamples[]): void {
    const merged = new LateSamples();
    for (const list of lists)
      for (let i = 0; i < list.length; i++)
        merged.insert(
          list.timestampsMs[i] as number,
          list.bits[i * 2] as number,
          list.bits[i * 2 + 1] as number,
        );
    if (merged.length === 0) this.#late.delete(ref);
    else this.#late.set(ref, merged);
  }
}

function earliestMs(lists: ReadonlyMap<number, LateSamples>): number {
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const { timestampsMs } of lists.values())
    earliestMs = Math.min(earliestMs, timestampsMs[0] ?? earliestMs);
  return earliestMs;
}
