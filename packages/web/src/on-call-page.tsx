import "./incidents.css";
import "./on-call.css";
import "./routing.css";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { useCommand } from "./commands.tsx";
import { CheckIcon, ClockIcon, ErrorIcon, UserIcon } from "./icons.tsx";
import {
  type Heartbeat,
  listHeartbeats,
  loadOnCall,
  type OnCall,
  type Policy,
  type ScheduleNow,
} from "./oncall-state.ts";
import { OverrideDialog } from "./override-dialog.tsx";
import { Overrides } from "./overrides.tsx";
import { PagePreviewCard } from "./page-preview-card.tsx";
import { QueryError } from "./query-error.tsx";
import type { SearchParams } from "./search-params.ts";
import { ShiftCalendar } from "./shift-calendar-card.tsx";
import { formatAge, formatDateTime, formatShortDateTime, formatZone } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { useTimeZone, useUrlState } from "./url-state.ts";
import { useNow } from "./use-now.ts";

const REFRESH_MS = 15_000;

/** Of the alert that is asked about, as typed: it is in the URL, as on the page of routing. */
const readLabels = (params: SearchParams): string => params["labels"] ?? "";
const writeLabels = (labels: string): SearchParams => (labels === "" ? {} : { labels });

/** Who is on call, who comes next, who is called when nobody acknowledges. */
export function OnCallPage() {
  const api = useApi();
  const { data, error, refetch } = useQuery({
    queryKey: ["oncall"],
    queryFn: ({ signal }) => loadOnCall(api.transport, signal),
    refetchInterval: REFRESH_MS,
  });
  const heartbeats = useQuery({
    queryKey: ["heartbeats"],
    queryFn: ({ signal }) => listHeartbeats(api.transport, signal),
    refetchInterval: REFRESH_MS,
  });
  useCommand("refresh", () => void refetch());
  return (
    <>
      <AlertsNav />
      <main className="page">
        <div className="page__bar">
          <h1>On-call</h1>
        </div>
        {error !== null && <QueryError error={error} expr="" />}
        {data === undefined ? (
          error === null && <div className="empty">Waiting for the schedules …</div>
        ) : (
          <OnCallView oncall={data} heartbeats={heartbeats.data ?? []} />
        )}
      </main>
    </>
  );
}

function OnCallView({ oncall, heartbeats }: { oncall: OnCall; heartbeats: readonly Heartbeat[] }) {
  const nowMs = useNow(10_000);
  const [zone] = useTimeZone();
  const [overriding, setOverriding] = useState<string>();
  const [labels, setLabels] = useUrlState(readLabels, writeLabels);
  const { contacts, policies, schedules } = oncall;
  if (schedules.length === 0 && policies.length === 0 && heartbeats.length === 0)
    return (
      <div className="card empty">
        Nobody is on call: start Pharos with --oncall-config to say who is.
      </div>
    );
  return (
    <>
      {schedules.map((schedule) => (
        <section key={schedule.name} className="card" aria-label={`Schedule ${schedule.name}`}>
          <ScheduleHead
            schedule={schedule}
            nowMs={nowMs}
            zone={zone}
            onOverride={() => setOverriding(schedule.name)}
          />
          <ShiftCalendar schedule={schedule.name} nowMs={nowMs} zone={zone} />
          <Overrides schedule={schedule.name} nowMs={nowMs} zone={zone} />
        </section>
      ))}
      <PagePreviewCard
        text={labels}
        zone={zone}
        onChange={(text) => setLabels(text, { replace: true })}
      />
      <div className="on-call__columns">
        {policies.length > 0 && <Policies policies={policies} />}
        {heartbeats.length > 0 && <Heartbeats heartbeats={heartbeats} nowMs={nowMs} zone={zone} />}
      </div>
      {overriding !== undefined && (
        <OverrideDialog
          schedule={overriding}
          contacts={contacts}
          onClose={() => setOverriding(undefined)}
        />
      )}
    </>
  );
}

function ScheduleHead(props: {
  schedule: ScheduleNow;
  nowMs: number;
  zone: TimeZone;
  onOverride: () => void;
}) {
  const { next, now, name, timeZone, untilMs } = props.schedule;
  const { nowMs, zone } = props;
  return (
    <div className="card__head on-call__head">
      <h2>{name}</h2>
      <span className="on-call__now">
        <UserIcon />
        {now === undefined ? <b className="bad">nobody</b> : <b>{now.contact}</b>}
        {now?.isOverride === true && <span className="chip chip--amber">stands in</span>}
      </span>
      {untilMs !== undefined && (
        <span title={formatDateTime(untilMs, zone)}>
          until {formatShortDateTime(untilMs, zone).slice(0, 16)}{" "}
          <span className="dim">in {formatAge(untilMs - nowMs)}</span>
        </span>
      )}
      {next !== undefined && (
        <span>
          then{" "}
          {next.onDuty === undefined ? <b className="bad">nobody</b> : <b>{next.onDuty.contact}</b>}
        </span>
      )}
      <div className="page__spring" />
      <span className="dim">{formatZone(timeZone)}</span>
      <a
        href={`api/v1/oncall/schedules/${encodeURIComponent(name)}/calendar.ics`}
        download={`${name}.ics`}
      >
        Calendar file
      </a>
      <button type="button" className="filter" onClick={props.onOverride}>
        Stand in
      </button>
    </div>
  );
}

function Policies({ policies }: { policies: readonly Policy[] }) {
  return (
    <section className="card" aria-label="Escalation">
      <div className="card__head">
        <h2>Escalation</h2>
        <span className="dim">while nobody acknowledges; the first that fits</span>
      </div>
      {policies.map((policy) => (
        <article key={policy.name} className="policy" aria-label={policy.name}>
          <b>{policy.name}</b>{" "}
          <span className="dim">{policy.isFor === "" ? "for everything" : policy.isFor}</span>
          <ol className="policy__steps">
            {policy.steps.map((step) => (
              <li key={`${step.after} ${step.notify.join()}`}>
                <span className="policy__after">
                  {step.after === "0s" ? "at once" : `after ${step.after}`}
                </span>
                {step.notify.join(", ")}
              </li>
            ))}
          </ol>
          {policy.repeat !== undefined && <span className="dim">{policy.repeat}</span>}
        </article>
      ))}
    </section>
  );
}

function Heartbeats(props: { heartbeats: readonly Heartbeat[]; nowMs: number; zone: TimeZone }) {
  const { heartbeats, nowMs, zone } = props;
  return (
    <section className="card" aria-label="Heartbeats">
      <div className="card__head">
        <h2>Heartbeats</h2>
        <span className="dim">what must be heard of</span>
      </div>
      <ul className="plain-list">
        {heartbeats.map(({ lastSeenMs, missingSinceMs, name, within }) => (
          <li key={name} className="heartbeat">
            {missingSinceMs === undefined && lastSeenMs === undefined ? (
              <span className="chip chip--grey">
                <ClockIcon size={12} />
                awaited
              </span>
            ) : missingSinceMs === undefined ? (
              <span className="chip chip--green">
                <CheckIcon size={12} />
                there
              </span>
            ) : (
              <span className="chip chip--red" title={formatDateTime(missingSinceMs, zone)}>
                <ErrorIcon size={12} />
                missing for {formatAge(nowMs - missingSinceMs)}
              </span>
            )}
            <b>{name}</b>
            <span className="dim">
              every {within} at least,{" "}
              {lastSeenMs === undefined
                ? "not heard of yet"
                : `last ${formatAge(nowMs - lastSeenMs)} ago`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
