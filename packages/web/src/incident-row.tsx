import { Button } from "@mantine/core";
import { labelValue } from "@pharos/base";
import { Link } from "@tanstack/react-router";
import { memo } from "react";
import { HandIcon } from "./icons.tsx";
import { HushChips, PriorityChip, StatusChip } from "./incident-chips.tsx";
import { type Incident, incidentTitle } from "./incident-state.ts";
import { LabelChips } from "./label-chips.tsx";
import { formatAge, formatDateTime, formatShortDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { useKeptParams } from "./url-state.ts";

interface IncidentRowProps {
  readonly incident: Incident;
  /** Whether the keyboard's choice is on it. */
  readonly chosen: boolean;
  /** Now, as `ageClock` has it: a line is drawn anew only when what it says changes. */
  readonly nowMs: number;
  readonly zone: TimeZone;
  readonly onChoose: (id: string) => void;
  readonly onAcknowledge: (incident: Incident) => void;
}

const MINUTE_MS = 60_000;

/** Now, but in whole minutes of the incident's age once that is shown without seconds. */
export function ageClock({ startedAtMs }: Incident, nowMs: number): number {
  const ageMs = nowMs - startedAtMs;
  return ageMs < 60 * MINUTE_MS ? nowMs : startedAtMs + Math.floor(ageMs / MINUTE_MS) * MINUTE_MS;
}

/** A line of the list: enough to decide whether to get up. */
export const IncidentRow = memo(function IncidentRow(props: IncidentRowProps) {
  const { incident, nowMs, zone } = props;
  const kept = useKeptParams();
  // The title says it already, where there is one name.
  const without = incident.rules.includes(labelValue(incident.labels, "alertname"))
    ? ["alertname", "severity"]
    : ["severity"];
  return (
    <tr data-chosen={props.chosen || undefined} onFocus={() => props.onChoose(incident.id)}>
      <td>
        <StatusChip status={incident.status} />
      </td>
      <td>
        <PriorityChip {...incident} />
      </td>
      <td className="incident__what">
        <span className="incident__title">
          <Link
            to="/incidents/$id"
            params={{ id: incident.id }}
            search={kept}
            className="incident__name"
          >
            {incidentTitle(incident)}
          </Link>
          <HushChips {...incident} />
          <LabelChips labels={incident.labels} without={without} />
        </span>
        {incident.summary !== "" && <span className="incident__summary">{incident.summary}</span>}
      </td>
      <td className="incident__count">{alertsText(incident)}</td>
      <td className="incident__since" title={formatDateTime(incident.startedAtMs, zone)}>
        {sinceText(incident, nowMs, zone)}
      </td>
      <td>
        <NotifiedText {...incident} />
      </td>
      <td className="incident__who">
        {incident.acknowledgement !== undefined && incident.status !== "firing" && (
          <AcknowledgedText incident={incident} zone={zone} />
        )}
        {incident.status === "firing" && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<HandIcon />}
            onClick={() => props.onAcknowledge(incident)}
            title="Acknowledge (a)"
          >
            Acknowledge
          </Button>
        )}
      </td>
    </tr>
  );
});

/** `3 of 5` where some have ended. */
export function alertsText({ firingCount, firingCountMax, status }: Incident): string {
  if (status === "resolved") return `${firingCountMax} at most`;
  return firingCount === firingCountMax
    ? `${firingCount} firing`
    : `${firingCount} of ${firingCountMax}`;
}

function sinceText(incident: Incident, nowMs: number, zone: TimeZone): string {
  const { resolvedAtMs, startedAtMs } = incident;
  if (resolvedAtMs === undefined) return formatAge(nowMs - startedAtMs);
  return `${formatShortDateTime(startedAtMs, zone)}, for ${formatAge(resolvedAtMs - startedAtMs)}`;
}

/** How often people were told, and whether that failed. */
export function NotifiedText({ deliveredCount, failedCount }: Incident) {
  if (deliveredCount + failedCount === 0) return <span className="dim">not yet</span>;
  return (
    <>
      {deliveredCount}×
      {failedCount > 0 && (
        <>
          , <span className="bad">{failedCount} failed</span>
        </>
      )}
    </>
  );
}

function AcknowledgedText({ incident, zone }: { incident: Incident; zone: TimeZone }) {
  const { acknowledgement } = incident;
  if (acknowledgement === undefined) return null;
  const { by, comment, untilMs } = acknowledgement;
  return (
    <span title={comment}>
      <b>{by}</b>
      {untilMs !== undefined && incident.status === "acknowledged" && (
        <span className="dim"> until {formatShortDateTime(untilMs, zone).slice(11)}</span>
      )}
      {comment !== "" && <span className="incident__summary">{comment}</span>}
    </span>
  );
}
