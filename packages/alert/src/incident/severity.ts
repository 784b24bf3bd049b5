import { type Labels, labelValue } from "@pharos/base";

/** How urgent an incident is, whatever its alerts call it; P1 is the most urgent. */
export type Priority = "P1" | "P2" | "P3" | "P4";

export const PRIORITIES = ["P1", "P2", "P3", "P4"] as const satisfies readonly Priority[];

/** Labels that say how severe an alert is; the first that is there counts. */
const SEVERITY_LABELS = ["severity", "priority"] as const;

/** The words that teams use for severities, in lower case. */
const PRIORITY_OF: ReadonlyMap<string, Priority> = new Map([
  ...["p0", "p1", "sev0", "sev1", "critical", "page", "emergency", "fatal", "disaster"].map(
    (word) => [word, "P1"] as const,
  ),
  ...["p2", "sev2", "error", "high", "major"].map((word) => [word, "P2"] as const),
  ...["p3", "sev3", "warning", "warn", "medium", "minor", "ticket"].map(
    (word) => [word, "P3"] as const,
  ),
  ...["p4", "p5", "sev4", "sev5", "info", "low", "notice", "none", "debug"].map(
    (word) => [word, "P4"] as const,
  ),
]);

/** As the alert's own label has it; "" where it does not say. */
export function severityOf(labels: Labels): string {
  for (const name of SEVERITY_LABELS) {
    const value = labelValue(labels, name);
    if (value !== "") return value;
  }
  return "";
}

/** What a word for a severity means; P3 for one that nobody knows, and for none: somebody should look, nobody must wake. */
export function priorityOf(severity: string): Priority {
  return PRIORITY_OF.get(severity.toLowerCase()) ?? "P3";
}

/** Below 0 where `a` is more urgent than `b`. */
export function comparePriorities(a: Priority, b: Priority): number {
  return PRIORITIES.indexOf(a) - PRIORITIES.indexOf(b);
}
