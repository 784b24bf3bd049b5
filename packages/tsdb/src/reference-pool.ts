import { HEAD_REFERENCES_MAX } from "@pharos/kernels";

/** A reference that may mean another series once the log no longer mentions the old one. */
interface FreedReference {
  readonly ref: number;
  /** The log's segment when it was freed. */
  readonly segment: number;
}

/** The numbers that series have: given out from the lowest on, and again when nothing mentions their series any more. */
export class ReferencePool {
  #next = 0;
  #epoch = 0;
  #freed: FreedReference[] = [];
  /** Falling, so that the lowest is taken first: the lists of series by label stay short and in order. */
  readonly #reusable: number[] = [];

  /** No series ever had this reference or a higher one. */
  get next(): number {
    return this.#next;
  }

  /** While it stays the same, a reference that meant a series means it still, or none. */
  get epoch(): number {
    return this.#epoch;
  }

  /** How many references wait for the log to forget them. */
  get freedCount(): number {
    return this.#freed.length;
  }

  /** Writes the references that come next to `out`, without taking them; answers how many there are. */
  offer(out: Uint32Array): number {
    const reused = Math.min(out.length, this.#reusable.length);
    for (let i = 0; i < reused; i++)
      out[i] = this.#reusable[this.#reusable.length - 1 - i] as number;
    const fresh = Math.min(out.length - reused, HEAD_REFERENCES_MAX - this.#next);
    for (let i = 0; i < fresh; i++) out[reused + i] = this.#next + i;
    return reused + fresh;
  }

  /** Takes the first `count` of what `offer` gave last. */
  take(count: number): void {
    const reused = Math.min(count, this.#reusable.length);
    this.#reusable.length -= reused;
    this.#next += count - reused;
  }

  /** A reference is in use, as the log says. */
  use(ref: number): void {
    this.#next = Math.max(this.#next, ref + 1);
  }

  /** The series of a reference has ended; the log may mention it up to `segment`. */
  free(ref: number, segment: number): void {
    this.#freed.push({ ref, segment });
  }

  /** Ends the replay: every reference that is not in use and was (below `next`) may be mentioned up to `segment`. */
  finishReplay(next: number, segment: number, isUsed: (ref: number) => boolean): void {
    this.#next = Math.max(this.#next, next);
    this.#freed = [];
    for (let ref = 0; ref < this.#next; ref++) if (!isUsed(ref)) this.#freed.push({ ref, segment });
  }

  /**
   * The log's segments below `segment` are gone, and the checkpoint in force was written after the series freed up to
   * `freedCount` had ended: references freed before that may mean other series.
   */
  forgetBelow(segment: number, freedCount: number): void {
    const old = this.#freed.slice(0, freedCount);
    const kept = old.filter((freed) => freed.segment >= segment);
    this.#freed = [...kept, ...this.#freed.slice(freedCount)];
    if (kept.length < old.length) this.#epoch++;
    for (const freed of old) if (freed.segment < segment) this.#reusable.push(freed.ref);
    this.#reusable.sort((a, b) => b - a);
  }
}
