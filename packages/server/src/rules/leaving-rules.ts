import type { AlertingEntry, RuleEntry } from "./rule-entry.ts";

/** An alerting rule that goes on elsewhere: the document that its alerts were in, and who has them now. */
export interface MovedRule {
  readonly fromId: string;
  readonly entry: AlertingEntry;
}

/**
 * Rules that are no more where they were. One with the same name and labels that is new in another group, because it was
 * moved there or because its group or file has another name, goes on where they were.
 */
export class LeavingRules {
  readonly #byRule = new Map<string, AlertingEntry[]>();
  readonly #moved = new Set<RuleEntry>();

  constructor(entries: Iterable<RuleEntry>) {
    for (const entry of entries) {
      if (entry.kind !== "alert" || entry.state.alerts.size === 0) continue;
      const same = this.#byRule.get(entry.ruleKey);
      if (same === undefined) this.#byRule.set(entry.ruleKey, [entry]);
      else same.push(entry);
    }
  }

  /** Gives a new rule the alerts of one that left, if there is one left for it. */
  moveTo(entry: AlertingEntry): MovedRule | undefined {
    const from = this.#byRule.get(entry.ruleKey)?.shift();
    if (from === undefined) return undefined;
    const { state, told, keptAtMs } = from;
    Object.assign(entry, { state, told, keptAtMs });
    this.#moved.add(from);
    return { fromId: from.id, entry };
  }

  /** Whether nobody goes on where this one was: its alerts are over. */
  hasEnded(entry: RuleEntry): boolean {
    return !this.#moved.has(entry);
  }
}
