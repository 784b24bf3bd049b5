import { fingerprint, type Incident, type IncidentAlert, type ObservedAlert } from "@pharos/alert";

/** The alerts that fire as alerts that are over. */
export function endedAlerts(alerts: Iterable<IncidentAlert>, endsAtMs: number): ObservedAlert[] {
  const ended: ObservedAlert[] = [];
  for (const { labels, summary, startsAtMs, generatorUrl, firing } of alerts)
    if (firing)
      ended.push({
        alert: {
          labels,
          annotations: summary === "" ? [] : [["summary", summary]],
          startsAtMs,
          endsAtMs,
          generatorUrl,
        },
      });
  return ended;
}

/** Whether the alerts that fire are others than an incident knows. */
export function differs(
  known: Incident["alerts"],
  alerts: readonly ObservedAlert[],
  nowMs: number,
): boolean {
  let firingCount = 0;
  for (const { alert } of alerts) {
    if (alert.endsAtMs !== null && alert.endsAtMs <= nowMs) continue;
    firingCount++;
    if (known.get(fingerprint(alert.labels))?.firing !== true) return true;
  }
  return firingCount !== [...known.values()].filter(({ firing }) => firing).length;
}
