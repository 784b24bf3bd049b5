/** How long a server has a slot to itself unless it is heard of: an attempt and some time to say what became of it. */
export const CLAIM_MS = 90_000;

interface Claim {
  readonly by: string;
  /** By the monotonic clock. */
  readonly untilMs: number;
}

/** Who sends what, as the server knows that the others ask. */
export class ClaimTable {
  readonly #claims = new Map<string, Claim>();

  /** Whether `by` may send: nobody else is at it who lives. */
  claim(slot: string, by: string, isUp: (name: string) => boolean, nowMs: number): boolean {
    const held = this.#claims.get(slot);
    if (held !== undefined && held.by !== by && held.untilMs > nowMs && isUp(held.by)) return false;
    this.#claims.set(slot, { by, untilMs: nowMs + CLAIM_MS });
    return true;
  }

  /** It is known what became of the slot. */
  release(slot: string): void {
    this.#claims.delete(slot);
  }

  collect(nowMs: number): void {
    for (const [slot, { untilMs }] of this.#claims) if (untilMs <= nowMs) this.#claims.delete(slot);
  }
}
