import { type AlertTransition, ruleGroupKey } from "@pharos/alert";
import type { AlertTransitionRecord } from "@pharos/notify";
import type { RuleTransition } from "./rule-surroundings.ts";

/** The state that each change leads to. */
const STATE_AFTER: Readonly<Record<Exclude<AlertTransition, "none">, AlertTransitionRecord["to"]>> =
  {
    activated: "pending",
    fired: "firing",
    resolved: "resolved",
    forgotten: "inactive",
  };

/** Changes of alerts as they are written down. */
export function transitionRecords(transitions: readonly RuleTransition[]): AlertTransitionRecord[] {
  return transitions.map(({ transition, from, alert, rule, group, timeMs }) => ({
    rule: rule.name,
    ruleGroup: ruleGroupKey(group),
    labels: alert.labels,
    from,
    to: STATE_AFTER[transition],
    atMs: timeMs,
    value: alert.value,
  }));
}
