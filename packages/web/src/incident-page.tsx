import "./incidents.css";
import "./incident-page.css";
import { Button } from "@mantine/core";
import { labelsKey, labelValue } from "@pharos/base";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { ApiError } from "./api-error.ts";
import { useCommand } from "./commands.tsx";
import { BellOffIcon, CheckIcon, CommentIcon, HandIcon } from "./icons.tsx";
import { IncidentActionDialog, type IncidentActionKind } from "./incident-action-dialog.tsx";
import { IncidentAlerts } from "./incident-alerts.tsx";
import { IncidentCharts } from "./incident-chart.tsx";
import { HushChips, PriorityChip, StatusChip } from "./incident-chips.tsx";
import { listIncidents, loadIncident } from "./incident-requests.ts";
import { alertsText, NotifiedText } from "./incident-row.tsx";
import { type IncidentDetail, incidentTitle } from "./incident-state.ts";
import { Timeline } from "./incident-timeline-card.tsx";
import { LabelChips } from "./label-chips.tsx";
import { selectorOfLabels } from "./label-query.ts";
import { QueryError } from "./query-error.tsx";
import { silenceLink } from "./silence-draft.ts";
import { formatAge, formatDateTime, formatShortDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { useKeptParams, useTimeZone } from "./url-state.ts";
import { useNow } from "./use-now.ts";

const REFRESH_MS = 5000;

/** All there is to know of an incident, and what can be done with it. */
export function IncidentPage() {
  const { id } = useParams({ from: "/incidents/$id" });
  const api = useApi();
  const { data, error, refetch } = useQuery({
    queryKey: ["incident", id],
    queryFn: ({ signal }) => loadIncident(api.transport, id, signal),
    refetchInterval: REFRESH_MS,
  });
  useCommand("refresh", () => void refetch());
  return (
    <>
      <AlertsNav />
      <main className="page">
        {error !== null &&
          (error instanceof ApiError && error.kind === "not_found" ? (
            <div className="card empty">There is no incident {id} (any more).</div>
          ) : (
            <QueryError error={error} expr="" />
          ))}
        {data === undefined ? (
          error === null && <div className="empty">Waiting for the incident …</div>
        ) : (
          <IncidentView key={id} incident={data} />
        )}
      </main>
    </>
  );
}

function IncidentView({ incident }: { incident: IncidentDetail }) {
  const nowMs = useNow(1000);
  const [zone] = useTimeZone();
  const [doing, setDoing] = useState<IncidentActionKind>();
  const kept = useKeptParams();
  const navigate = useNavigate();
  const silence = useMemo(() => silenceLink(commonLabels(incident)), [incident]);
  const isOpen = incident.status !== "resolved";
  const isAcknowledged = incident.acknowledgement !== undefined && isOpen;

  useCommand("acknowledge", () => isOpen && setDoing("acknowledge"));
  useCommand("unacknowledge", () => isAcknowledged && setDoing("unacknowledge"));
  useCommand("comment", () => setDoing("comment"));
  useCommand(
    "silence",
    () =>
      void navigate({
        to: "/silences/$id",
        params: { id: "new" },
        search: { ...silence, ...kept },
      }),
  );

  return (
    <>
      <header className="card incident__header">
        <div className="incident__head">
          <StatusChip status={incident.status} />
          <PriorityChip {...incident} />
          <HushChips {...incident} />
          <h1>{incidentTitle(incident)}</h1>
          <LabelChips labels={incident.labels} without={["alertname"]} />
        </div>
        {incident.summary !== "" && <p className="incident__says">{incident.summary}</p>}
        <Facts incident={incident} nowMs={nowMs} zone={zone} />
        <div className="incident__buttons">
          {isOpen && (
            <Button
              leftSection={<HandIcon />}
              variant={incident.status === "firing" ? "filled" : "default"}
              onClick={() => setDoing("acknowledge")}
              title="Acknowledge (a)"
            >
              {isAcknowledged ? "Acknowledge anew" : "Acknowledge"}
            </Button>
          )}
          {isAcknowledged && (
            <Button variant="default" onClick={() => setDoing("unacknowledge")} title="(u)">
              Unacknowledge
            </Button>
          )}
          <Button
            variant="default"
            leftSection={<BellOffIcon />}
            title="Silence these alerts (s)"
            renderRoot={(props) => (
              <Link
                to="/silences/$id"
                params={{ id: "new" }}
                search={{ ...silence, ...kept }}
                {...props}
              />
            )}
          >
            Silence
          </Button>
          <Button
            variant="default"
            leftSection={<CommentIcon />}
            onClick={() => setDoing("comment")}
            title="Comment (c)"
          >
            Comment
          </Button>
          {isOpen && (
            <Button
              variant="default"
              leftSection={<CheckIcon />}
              onClick={() => setDoing("resolve")}
            >
              Resolve
            </Button>
          )}
        </div>
      </header>
      <div className="incident__columns">
        <div className="incident__column">
          <IncidentAlerts incident={incident} nowMs={nowMs} zone={zone} />
          <IncidentCharts incident={incident} nowMs={nowMs} zone={zone} />
        </div>
        <div className="incident__column">
          <Timeline incident={incident} nowMs={nowMs} zone={zone} />
          <EarlierIncidents incident={incident} zone={zone} />
        </div>
      </div>
      {doing !== undefined && (
        <IncidentActionDialog
          incident={incident}
          kind={doing}
          onClose={() => setDoing(undefined)}
        />
      )}
    </>
  );
}

function Facts({
  incident,
  nowMs,
  zone,
}: {
  incident: IncidentDetail;
  nowMs: number;
  zone: TimeZone;
}) {
  const { acknowledgement, escalation, resolvedAtMs, startedAtMs } = incident;
  const endMs = resolvedAtMs ?? nowMs;
  return (
    <dl className="incident__facts">
      <Fact name={resolvedAtMs === undefined ? "Firing for" : "Lasted"}>
        <b>{formatAge(endMs - startedAtMs)}</b>
        <span className="dim"> since {formatDateTime(startedAtMs, zone)}</span>
      </Fact>
      <Fact name="Alerts">{alertsText(incident)}</Fact>
      <Fact name="Notified">
        <NotifiedText {...incident} /> <span className="dim">by {incident.receiver}</span>
      </Fact>
      {acknowledgement !== undefined && (
        <Fact name="Acknowledged by">
          <b>{acknowledgement.by}</b>
          <span className="dim">
            {" "}
            after {formatAge(acknowledgement.atMs - incident.openedAtMs)}, at{" "}
            {formatShortDateTime(acknowledgement.atMs, zone)}
            {acknowledgement.untilMs === undefined
              ? ", until resolved"
              : `, until ${formatShortDateTime(acknowledgement.untilMs, zone)}`}
          </span>
          {acknowledgement.comment !== "" && <div>{acknowledgement.comment}</div>}
        </Fact>
      )}
      {escalation !== undefined && (
        <Fact name="Escalation">
          {escalation.policy}
          <span className="dim">
            {escalation.step < 1 ? "" : `, step ${escalation.step} taken`}
            {escalation.nextAtMs === undefined || incident.status !== "firing"
              ? ""
              : `, next ${nextText(escalation.nextAtMs - nowMs)}`}
          </span>
        </Fact>
      )}
    </dl>
  );
}

function nextText(inMs: number): string {
  return inMs <= 0 ? "now" : `in ${formatAge(inMs)}`;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What all alerts that fire have in common; of an incident that is over, all that it had. */
function commonLabels({ alerts }: IncidentDetail): [string, string][] {
  const firing = alerts.filter(({ state }) => state === "firing");
  const [first, ...rest] = firing.length > 0 ? firing : alerts;
  if (first === undefined) return [];
  return first.labels
    .filter(([name, value]) => rest.every((alert) => labelValue(alert.labels, name) === value))
    .map(([name, value]) => [name, value]);
}

const EARLIER_MAX = 10;

/** Whether it happened before, when, and who dealt with it. */
function EarlierIncidents({ incident, zone }: { incident: IncidentDetail; zone: TimeZone }) {
  const api = useApi();
  const kept = useKeptParams();
  const [rule = ""] = incident.rules;
  const selector = selectorOfLabels(incident.labels);
  const { data } = useQuery({
    queryKey: ["incidents", "earlier", rule, labelsKey(incident.labels)],
    queryFn: ({ signal }) =>
      listIncidents(
        api.transport,
        { rule, ...(incident.labels.length > 0 ? { "match[]": selector } : {}), limit: "50" },
        signal,
      ),
    enabled: rule !== "",
    staleTime: 30_000,
  });
  const earlier = (data?.incidents ?? [])
    .filter(({ id, startedAtMs }) => id !== incident.id && startedAtMs <= incident.startedAtMs)
    .slice(0, EARLIER_MAX);
  return (
    <section className="card" aria-label="Earlier incidents">
      <div className="card__head">
        <h2>Earlier</h2>
        <span className="dim">of {rule}, with the same labels</span>
      </div>
      {earlier.length === 0 ? (
        <div className="empty">{data === undefined ? "…" : "This is the first."}</div>
      ) : (
        <ul className="incident__earlier">
          {earlier.map((one) => (
            <li key={one.id}>
              <Link to="/incidents/$id" params={{ id: one.id }} search={kept}>
                {formatShortDateTime(one.startedAtMs, zone)}
              </Link>
              <span className="dim">
                {one.resolvedAtMs === undefined
                  ? one.status
                  : `for ${formatAge(one.resolvedAtMs - one.startedAtMs)}`}
                {one.acknowledgement !== undefined && ` · ${one.acknowledgement.by}`}
              </span>
              {one.acknowledgement !== undefined && one.acknowledgement.comment !== "" && (
                <span>{one.acknowledgement.comment}</span>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
