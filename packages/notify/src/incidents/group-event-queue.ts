import { fingerprint, type IncidentEvent } from "@pharos/alert";

/** Something that happened to a group, and when. */
export interface GroupEvent {
  readonly groupId: string;
  readonly atMs: number;
  readonly event: Extract<IncidentEvent, { kind: "alerts" | "notified" | "regrouped" }>;
}

/** An event on its way into the store. */
export interface WaitingEvent extends GroupEvent {
  /** Whether memory has it already, since the store failed. */
  isInMemory: boolean;
}

/**
 * What happened to groups and is not kept yet, in order. Alerts that come while others of their group wait are kept with
 * them, so that a storm of alerts in pieces writes an incident once for many pieces.
 */
export class GroupEventQueue {
  #waiting: Mutable[] = [];
  /** The event of each group that may still take in more alerts. */
  readonly #open = new Map<string, Mutable>();

  get length(): number {
    return this.#waiting.length;
  }

  /** Puts alerts to those of their group that wait; false where there are none, or one of them waits already. */
  addsTo({ groupId, event, atMs }: GroupEvent): boolean {
    const open = this.#open.get(groupId);
    if (open === undefined || event.kind !== "alerts" || open.event.kind !== "alerts") return false;
    const ids = event.alerts.map(({ alert }) => fingerprint(alert.labels));
    // What became of one alert step by step must stay step by step.
    if (ids.some((id) => open.alertIds.has(id))) return false;
    for (const id of ids) open.alertIds.add(id);
    open.event = { ...event, alerts: [...open.event.alerts, ...event.alerts] };
    open.atMs = atMs;
    return true;
  }

  push({ groupId, event, atMs }: GroupEvent): void {
    const waiting: Mutable = { groupId, event, atMs, isInMemory: false, alertIds: new Set() };
    this.#waiting.push(waiting);
    // Alerts bring acknowledgements along from the group that they leave: its end stays before them.
    if (event.kind === "regrouped") this.#open.clear();
    if (event.kind === "alerts") {
      for (const { alert } of event.alerts) waiting.alertIds.add(fingerprint(alert.labels));
      this.#open.set(groupId, waiting);
    } else this.#open.delete(groupId);
  }

  /**
   * The oldest events, to be kept: up to `count` of them, and no more once they weigh `weightMax`.
   *
   * @param sizeOf alerts that a group's incident has already.
   */
  take(
    count: number,
    weightMax = Number.POSITIVE_INFINITY,
    sizeOf: (groupId: string) => number = () => 0,
  ): readonly WaitingEvent[] {
    let taken = 0;
    let weight = 0;
    for (const { groupId, event } of this.#waiting) {
      if (taken === count || weight >= weightMax) break;
      taken++;
      weight += sizeOf(groupId) + (event.kind === "alerts" ? event.alerts.length : 1);
    }
    const batch = this.#waiting.splice(0, taken);
    for (const waiting of batch)
      if (this.#open.get(waiting.groupId) === waiting) this.#open.delete(waiting.groupId);
    return batch;
  }

  /** They could not be kept, and are the next again. */
  putBack(batch: readonly WaitingEvent[]): void {
    const back = batch.map((waiting) => ({ ...waiting, alertIds: new Set<string>() }));
    this.#waiting = [...back, ...this.#waiting];
  }
}

interface Mutable extends WaitingEvent {
  atMs: number;
  event: GroupEvent["event"];
  /** Fingerprints of its alerts. */
  readonly alertIds: Set<string>;
}
