import "./incidents.css";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useRef, useState } from "react";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { Choice } from "./choice.tsx";
import { useCommand } from "./commands.tsx";
import { FilterButton } from "./filter-button.tsx";
import { CheckIcon } from "./icons.tsx";
import { IncidentActionDialog } from "./incident-action-dialog.tsx";
import {
  type IncidentFilter,
  incidentQuery,
  readIncidentFilter,
  type StatusChoice,
  writeIncidentFilter,
} from "./incident-filter.ts";
import { listIncidents } from "./incident-requests.ts";
import { ageClock, IncidentRow } from "./incident-row.tsx";
import { byUrgency, INCIDENT_STATUSES, type Incident, PRIORITIES } from "./incident-state.ts";
import { QueryError } from "./query-error.tsx";
import { SearchField } from "./search-field.tsx";
import { formatTimeBound, parseTimeBound } from "./time-range.ts";
import { UTC } from "./time-zone.ts";
import { useKeptParams, useTimeZone, useUrlState } from "./url-state.ts";
import { useNow } from "./use-now.ts";

export const INCIDENTS_REFRESH_MS = 5000;
/** A long list is a long answer: it is asked for less often. */
const LONG_LIST = 200;
const LONG_LIST_REFRESH_MS = 20_000;
/** Lines that are drawn at first; nobody reads on without wanting to. */
const SHOWN_AT_FIRST = 100;

const STATUSES = [
  { value: "open", name: "Open" },
  { value: "firing", name: "Firing" },
  { value: "acknowledged", name: "Acknowledged" },
  { value: "resolved", name: "Resolved" },
  { value: "all", name: "All" },
] as const satisfies readonly { value: StatusChoice; name: string }[];

const PERIODS = [
  { value: "", name: "Any time" },
  { value: "now-1h", name: "Last hour" },
  { value: "now-1d", name: "Last day" },
  { value: "now-1w", name: "Last week" },
  { value: "now-30d", name: "Last 30 days" },
];

/** What is wrong now, and what was: one line for each incident. */
export function IncidentsPage() {
  const api = useApi();
  const kept = useKeptParams();
  const [filter, setFilter] = useUrlState(readIncidentFilter, writeIncidentFilter);
  // Filters begin at the newest again: a cursor belongs to the list that it was given for.
  const narrow = (change: Partial<IncidentFilter>, options?: { replace?: boolean }) =>
    setFilter({ ...filter, cursor: undefined, ...change }, options);
  const { data, error, refetch } = useQuery({
    queryKey: ["incidents", filter],
    queryFn: ({ signal }) =>
      listIncidents(api.transport, incidentQuery(filter, api.nowMs()), signal),
    refetchInterval: ({ state }) =>
      (state.data?.incidents.length ?? 0) > LONG_LIST ? LONG_LIST_REFRESH_MS : INCIDENTS_REFRESH_MS,
    placeholderData: keepPreviousData,
  });
  useCommand("refresh", () => void refetch());

  return (
    <>
      <AlertsNav />
      <main className="page">
        <div className="page__bar">
          <h1>Incidents</h1>
          <Choice
            label="Status"
            options={STATUSES}
            value={filter.status}
            onChange={(status) => narrow({ status })}
          />
          <div className="filters">
            {PRIORITIES.map((priority) => (
              <FilterButton
                key={priority}
                name={priority}
                pressed={filter.priority === priority}
                onClick={() =>
                  narrow({ priority: filter.priority === priority ? undefined : priority })
                }
              />
            ))}
          </div>
          <PeriodSelect filter={filter} onChange={narrow} />
          <Link
            to="/incidents/history"
            search={{ ...(filter.text === "" ? {} : { q: filter.text }), ...kept }}
          >
            History
          </Link>
          <span className="dim" aria-live="polite">
            {data !== undefined && countText(data.incidents, data.cursor !== undefined)}
          </span>
          <div className="page__spring" />
          <SearchField
            label="Alert name, or team=storage"
            text={filter.text}
            onChange={(text) => narrow({ text }, { replace: true })}
          />
        </div>
        {error !== null && <QueryError error={error} expr="" />}
        {data === undefined ? (
          error === null && <div className="empty">Waiting for the incidents …</div>
        ) : (
          <Incidents
            incidents={data.incidents}
            whole={data.cursor === undefined && filter.cursor === undefined}
            filter={filter}
          />
        )}
        {(data?.cursor !== undefined || filter.cursor !== undefined) && (
          <div className="pager">
            {filter.cursor !== undefined && (
              <button type="button" className="filter" onClick={() => narrow({})}>
                Newest
              </button>
            )}
            {data?.cursor !== undefined && (
              <button
                type="button"
                className="filter"
                onClick={() => setFilter({ ...filter, cursor: data.cursor })}
              >
                Older
              </button>
            )}
          </div>
        )}
      </main>
    </>
  );
}

/** `3 firing, 1 acknowledged`: how bad it is, before anything is read. */
function countText(incidents: readonly Incident[], isPart: boolean): string {
  return INCIDENT_STATUSES.map((status) => ({
    status,
    count: incidents.filter((one) => one.status === status).length,
  }))
    .filter(({ count }) => count > 0)
    .map(({ count, status }) => `${count}${isPart ? "+" : ""} ${status}`)
    .join(", ");
}

function PeriodSelect(props: {
  filter: IncidentFilter;
  onChange: (change: Pick<IncidentFilter, "from" | "to">) => void;
}) {
  const { from, to } = props.filter;
  const fromText = from === undefined ? "" : formatTimeBound(from);
  const known = to === undefined && PERIODS.some(({ value }) => value === fromText);
  const value = known ? fromText : "custom";
  return (
    <select
      className="select"
      aria-label="Opened"
      value={value}
      onChange={(event) =>
        props.onChange({ from: parseTimeBound(event.currentTarget.value, UTC), to: undefined })
      }
    >
      {PERIODS.map((period) => (
        <option key={period.value} value={period.value}>
          {period.name}
        </option>
      ))}
      {!known && (
        <option value="custom">
          {fromText === "" ? "" : `from ${fromText}`}
          {to === undefined ? "" : ` to ${formatTimeBound(to)}`}
        </option>
      )}
    </select>
  );
}

function Incidents(props: {
  incidents: readonly Incident[];
  /** Whether these are all that pass the filter. */
  whole: boolean;
  filter: IncidentFilter;
}) {
  const { filter, incidents, whole } = props;
  const nowMs = useNow(1000);
  const [zone] = useTimeZone();
  const [chosenId, setChosenId] = useState<string>();
  const [acknowledging, setAcknowledging] = useState<Incident>();
  const list = useRef<HTMLTableElement>(null);
  // A page of a longer list keeps the order in which it goes on.
  const sorted = useMemo(
    () => (whole && filter.status !== "all" ? [...incidents].sort(byUrgency) : incidents),
    [incidents, whole, filter.status],
  );
  const [all, setAll] = useState(false);
  const shown = all ? sorted : sorted.slice(0, SHOWN_AT_FIRST);

  const move = (by: 1 | -1) => {
    const links = [...(list.current?.querySelectorAll<HTMLElement>(".incident__name") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    const next = at < 0 ? (by === 1 ? 0 : links.length - 1) : at + by;
    links[Math.min(Math.max(next, 0), links.length - 1)]?.focus();
  };
  useCommand("next", () => move(1));
  useCommand("previous", () => move(-1));
  useCommand("acknowledge", () => {
    // Without a choice, what somebody who was woken up means: the one that fires, if there is only one.
    const firing = sorted.filter(({ status }) => status === "firing");
    const [only] = firing.length === 1 ? firing : [];
    const chosen = shown.find(({ id }) => id === chosenId);
    const target = chosen ?? only;
    if (target !== undefined && target.status !== "resolved") setAcknowledging(target);
    else move(1);
  });

  if (incidents.length === 0)
    return (
      <div className="card empty incidents__none">
        {isWithoutFilter(filter) ? (
          <>
            <CheckIcon size={20} />
            <p>Nothing is wrong: no incident is open.</p>
          </>
        ) : (
          "No incident passes these filters."
        )}
      </div>
    );
  return (
    <div className="card">
      <table className="grid-table incidents" ref={list}>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Priority</th>
            <th scope="col">Incident</th>
            <th scope="col">Alerts</th>
            <th scope="col">Since</th>
            <th scope="col">Notified</th>
            <th scope="col">Who is at it</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((incident) => (
            <IncidentRow
              key={incident.id}
              incident={incident}
              chosen={incident.id === chosenId}
              nowMs={ageClock(incident, nowMs)}
              zone={zone}
              onChoose={setChosenId}
              onAcknowledge={setAcknowledging}
            />
          ))}
        </tbody>
      </table>
      {sorted.length > shown.length && (
        <div className="pager pager--inside">
          <button type="button" className="filter" onClick={() => setAll(true)}>
            {sorted.length - shown.length} more{whole ? ", less urgent" : ""}
          </button>
        </div>
      )}
      {acknowledging !== undefined && (
        <IncidentActionDialog
          incident={acknowledging}
          kind="acknowledge"
          onClose={() => setAcknowledging(undefined)}
        />
      )}
    </div>
  );
}

function isWithoutFilter({ cursor, from, priority, status, text }: IncidentFilter): boolean {
  return (
    (status === "open" || status === "firing") &&
    text === "" &&
    priority === undefined &&
    from === undefined &&
    cursor === undefined
  );
}
