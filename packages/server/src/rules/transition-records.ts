import type { AlertTransition } from "@pharos/alert";
import { type Labels, mergeLabels } from "@pharos/base";
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

/** Changes of alerts as they are written down: with the labels under which incidents and receivers know them. */
export function transitionRecords(
  transitions: readonly RuleTransition[],
  externalLabels: Labels,
): AlertTransitionRecord[] {
  return transitions.map(({ transition, from, alert, ruleName, groupKey, timeMs }) => ({
    rule: ruleName,
    ruleGroup: groupKey,
    labels: mergeLabels(externalLabels, alert.labels),
    from,
    to: STATE_AFTER[transition],
    atMs: timeMs,
    value: alert.value,
  }));
}
