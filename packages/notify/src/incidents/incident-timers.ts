import { type FlapPolicy, type Incident, nextStepMs } from "@pharos/alert";

/**
 * When something becomes of incidents by itself: an acknowledgement runs out, an alert ends, a flapping one is stable.
 * All of them are looked at only when one may be due, not after every change of one.
 */
export class IncidentTimers {
  readonly #policy: FlapPolicy;
  /** Nothing is due before; what is put off, or is over, leaves it too early until the next look. */
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(policy: FlapPolicy) {
    this.#policy = policy;
  }

  /** When to look again, by the wall clock; infinity for never. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** One has changed. */
  changed(incident: Incident): void {
    this.#dueMs = Math.min(this.#dueMs, this.#nextMsOf(incident));
  }

  /** Any may have changed. */
  lookAtAll(): void {
    this.#dueMs = Number.NEGATIVE_INFINITY;
  }

  /** Those that are due. Whoever takes them tells of their changes. */
  take(incidents: () => readonly Incident[], nowMs: number): readonly Incident[] {
    if (this.#dueMs > nowMs) return [];
    const due: Incident[] = [];
    let dueMs = Number.POSITIVE_INFINITY;
    for (const incident of incidents()) {
      const nextMs = this.#nextMsOf(incident);
      if (nextMs <= nowMs) due.push(incident);
      else dueMs = Math.min(dueMs, nextMs);
    }
    this.#dueMs = dueMs;
    return due;
  }

  #nextMsOf(incident: Incident): number {
    return nextStepMs(incident, this.#policy) ?? Number.POSITIVE_INFINITY;
  }
}
