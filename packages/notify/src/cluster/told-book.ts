import { RECORD_RETENTION_MS } from "../dispatch/stored-record.ts";
import type { ToldUpdate } from "./cluster-message.ts";

/** What was told last of each slot, by whatever server. What is decided and not told yet is not in it. */
export class ToldBook {
  readonly #told = new Map<string, ToldUpdate>();

  get(slot: string): ToldUpdate | undefined {
    return this.#told.get(slot);
  }

  values(): Iterable<ToldUpdate> {
    return this.#told.values();
  }

  /** A time for something that is told now: after all that is known of the slot. */
  nextMs(slot: string, nowMs: number): number {
    return Math.max(nowMs, (this.#told.get(slot)?.settledAtMs ?? 0) + 1);
  }

  /** False where the same or something newer is known. */
  take(update: ToldUpdate): boolean {
    const known = this.#told.get(update.slot);
    if (known !== undefined && known.settledAtMs >= update.settledAtMs) return false;
    this.#told.set(update.slot, update);
    return true;
  }

  collect(nowMs: number): void {
    for (const [slot, { settledAtMs }] of this.#told)
      if (settledAtMs + RECORD_RETENTION_MS <= nowMs) this.#told.delete(slot);
  }
}
