import { labelsKey } from "@pharos/base";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { AnnotationValue } from "./annotation-value.tsx";
import { useApi } from "./api-context.ts";
import { RULES_REFRESH_MS } from "./frame.tsx";
import { BellOffIcon, CheckIcon, FireIcon } from "./icons.tsx";
import type { IncidentAlert, IncidentDetail } from "./incident-state.ts";
import { suppressorsText } from "./incident-timeline.ts";
import { LabelChips } from "./label-chips.tsx";
import type { ActiveAlert, RuleGroup } from "./rule-state.ts";
import { formatAge, formatDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { shortValue } from "./value-format.ts";

/** Rows that are of use to eyes; the number of the others is said. */
const ROWS_MAX = 200;

/** The incident's alerts with the values that the rules have now. */
export function IncidentAlerts(props: { incident: IncidentDetail; nowMs: number; zone: TimeZone }) {
  const { incident, nowMs, zone } = props;
  const api = useApi();
  const { data } = useQuery({
    queryKey: ["rules"],
    queryFn: ({ signal }) => api.rules(signal),
    refetchInterval: RULES_REFRESH_MS,
  });
  const active = useMemo(() => activeByLabels(data ?? []), [data]);
  const shown = incident.alerts.slice(0, ROWS_MAX);
  // What the group has in common stands above the table.
  const common = incident.labels.map(([name]) => name);
  return (
    <section className="card" aria-label="Alerts">
      <div className="card__head">
        <h2>Alerts</h2>
      </div>
      <table className="grid-table grid-table--folds incident__alerts">
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Labels</th>
            <th scope="col">Since</th>
            <th scope="col" className="num">
              Value
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((alert) => {
            const now = active.get(labelsKey(alert.labels));
            return (
              <tr key={alert.fingerprint}>
                <td>
                  <AlertChip alert={alert} />
                </td>
                <td>
                  <LabelChips labels={alert.labels} without={common} />
                  {alert.summary !== "" && <div className="incident__summary">{alert.summary}</div>}
                  {now?.annotations
                    .filter(([name]) => name !== "summary")
                    .map(([name, value]) => (
                      <div key={name} className="incident__summary" title={name}>
                        <AnnotationValue value={value} />
                      </div>
                    ))}
                  {alert.suppressedBy.length > 0 && (
                    <div className="incident__summary">
                      <BellOffIcon size={12} /> muted by {suppressorsText(alert.suppressedBy)}
                    </div>
                  )}
                </td>
                <td className="incident__since">
                  {alert.startsAtMs === undefined ? (
                    "–"
                  ) : (
                    <span title={formatDateTime(alert.startsAtMs, zone)}>
                      {alert.state === "resolved" && alert.endsAtMs !== undefined
                        ? `for ${formatAge(alert.endsAtMs - alert.startsAtMs)}`
                        : `${formatAge(nowMs - alert.startsAtMs)} ago`}
                    </span>
                  )}
                </td>
                <td className="num mono">
                  {now === undefined || alert.state === "resolved" ? "–" : shortValue(now.value)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {incident.alerts.length > shown.length && (
        <p className="empty">{incident.alerts.length - shown.length} more.</p>
      )}
    </section>
  );
}

function AlertChip({ alert }: { alert: IncidentAlert }) {
  const isOver = alert.state === "resolved";
  const Icon = isOver ? CheckIcon : FireIcon;
  const tone = isOver ? "green" : alert.state === "dismissed" ? "grey" : "red";
  return (
    <span className={`chip chip--${tone}`}>
      <Icon size={12} />
      {alert.state}
    </span>
  );
}

function activeByLabels(groups: readonly RuleGroup[]): Map<string, ActiveAlert> {
  const found = new Map<string, ActiveAlert>();
  for (const { rules } of groups)
    for (const rule of rules)
      if (rule.kind === "alerting")
        for (const alert of rule.alerts) found.set(labelsKey(alert.labels), alert);
  return found;
}
