import "./incidents.css";
import "./incident-history.css";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { AlertsNav } from "./alerts-nav.tsx";
import { useApi } from "./api-context.ts";
import { Choice } from "./choice.tsx";
import { useCommand } from "./commands.tsx";
import { writeIncidentFilter } from "./incident-filter.ts";
import {
  countByDay,
  type HistoryDay,
  type IncidentHistory,
  loadIncidentHistory,
  type RuleHistory,
  summarize,
  summarizeByRule,
} from "./incident-history.ts";
import { PRIORITIES } from "./incident-state.ts";
import { Note } from "./note.tsx";
import { QueryError } from "./query-error.tsx";
import { SearchField } from "./search-field.tsx";
import type { SearchParams } from "./search-params.ts";
import { calendarDays } from "./shift-calendar.ts";
import { formatAge, formatDateTime } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { useKeptParams, useTimeZone, useUrlState } from "./url-state.ts";
import { useNow } from "./use-now.ts";

const REFRESH_MS = 60_000;
/** Rules that are listed; the rest is rare. */
const RULES_SHOWN_MAX = 50;

const PERIODS = [
  { value: "7", name: "7 days" },
  { value: "30", name: "30 days" },
  { value: "90", name: "90 days" },
] as const;
type Period = (typeof PERIODS)[number]["value"];

/** Which part of history is shown; all of it is in the URL. */
interface HistoryView {
  readonly days: Period;
  readonly text: string;
}

function readView(params: SearchParams): HistoryView {
  const days = PERIODS.find(({ value }) => value === params["days"])?.value ?? "30";
  return { days, text: params["q"] ?? "" };
}

function writeView({ days, text }: HistoryView): SearchParams {
  return { ...(days === "30" ? {} : { days }), ...(text === "" ? {} : { q: text }) };
}

/** How many incidents there were on which day, of which rules, and how fast somebody was at them. */
export function IncidentHistoryPage() {
  const api = useApi();
  const nowMs = useNow(REFRESH_MS);
  const [zone] = useTimeZone();
  const [view, setView] = useUrlState(readView, writeView);
  const count = Number(view.days);
  const days = useMemo(() => calendarDays(nowMs, zone, count, 1 - count), [nowMs, zone, count]);
  const fromMs = days[0]?.startsAtMs ?? nowMs;
  const { data, error, refetch } = useQuery({
    queryKey: ["incidents", "history", fromMs, view.text],
    queryFn: ({ signal }) =>
      loadIncidentHistory(api.transport, { fromMs, text: view.text }, signal),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
  useCommand("refresh", () => void refetch());
  return (
    <>
      <AlertsNav />
      <main className="page">
        <div className="page__bar">
          <h1>History of incidents</h1>
          <Choice
            label="Period"
            options={PERIODS}
            value={view.days}
            onChange={(next) => setView({ ...view, days: next })}
          />
          <div className="page__spring" />
          <SearchField
            label="Alert name, or team=storage"
            text={view.text}
            onChange={(text) => setView({ ...view, text }, { replace: true })}
          />
        </div>
        {error !== null && <QueryError error={error} expr="" />}
        {data === undefined ? (
          error === null && <div className="empty">Waiting for the incidents …</div>
        ) : (
          <History history={data} days={days} text={view.text} zone={zone} />
        )}
      </main>
    </>
  );
}

function History(props: {
  history: IncidentHistory;
  days: Parameters<typeof countByDay>[1];
  text: string;
  zone: TimeZone;
}) {
  const { days, history, text, zone } = props;
  const { incidents, isTruncated } = history;
  const byDay = useMemo(() => countByDay(incidents, days), [incidents, days]);
  const byRule = useMemo(() => summarizeByRule(incidents), [incidents]);
  const all = useMemo(() => summarize(incidents), [incidents]);
  return (
    <>
      {isTruncated && (
        <Note kind="warning">
          Only the newest {incidents.length} incidents are counted. A search, or fewer days, shows
          all.
        </Note>
      )}
      <section className="card" aria-label="Incidents by day">
        <div className="card__head">
          <h2>Incidents by day</h2>
          <span className="dim">
            {all.count} in all, {all.acknowledgedCount} acknowledged
            {all.untilAcknowledgedMs !== undefined &&
              `, half of these within ${formatAge(all.untilAcknowledgedMs)}`}
          </span>
          <div className="page__spring" />
          {PRIORITIES.map((priority) => (
            <span key={priority} className="history__key">
              <span className={`history__swatch history__part--${priority}`} /> {priority}
            </span>
          ))}
        </div>
        <DayBars days={byDay} text={text} zone={zone} />
      </section>
      <RuleTable rules={byRule} fromMs={days[0]?.startsAtMs ?? 0} />
    </>
  );
}

/** The link to what was opened from one time to another. */
function useListLink() {
  const kept = useKeptParams();
  return (text: string, fromMs: number, toMs: number | undefined): SearchParams => ({
    ...writeIncidentFilter({
      ...{ status: "all", priority: undefined, text, cursor: undefined },
      from: { kind: "absolute", timestampMs: fromMs },
      to: toMs === undefined ? undefined : { kind: "absolute", timestampMs: toMs },
    }),
    ...kept,
  });
}

function DayBars({
  days,
  text,
  zone,
}: {
  days: readonly HistoryDay[];
  text: string;
  zone: TimeZone;
}) {
  const linkTo = useListLink();
  const most = Math.max(1, ...days.map(({ count }) => count));
  // About seven dates have room on a phone.
  const labelled = Math.ceil(days.length / 7);
  return (
    <ol className="history__days">
      {days.map((day, at) => {
        const date = formatDateTime(day.startsAtMs, zone).slice(0, 10);
        const parts = PRIORITIES.filter((priority) => day.byPriority[priority] > 0);
        const says = parts.map((priority) => `${day.byPriority[priority]} ${priority}`).join(", ");
        const title = `${date}: ${day.count === 0 ? "no incident" : says}`;
        return (
          <li key={day.startsAtMs}>
            <Link
              to="/incidents"
              search={linkTo(text, day.startsAtMs, day.endsAtMs - 1)}
              className={`history__day${day.isWeekend ? " history__day--weekend" : ""}`}
              title={title}
              aria-label={title}
            >
              <span className="history__count" aria-hidden="true">
                {day.count === 0 || days.length > 31 ? "" : day.count}
              </span>
              {parts.map((priority) => (
                <span
                  key={priority}
                  className={`history__part--${priority}`}
                  style={{ height: `${(day.byPriority[priority] / most) * 100}px` }}
                />
              ))}
            </Link>
            <span className="history__date dim" aria-hidden="true">
              {at % labelled === 0 ? date.slice(5) : ""}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function RuleTable({ rules, fromMs }: { rules: readonly RuleHistory[]; fromMs: number }) {
  const linkTo = useListLink();
  const age = (ms: number | undefined) => (ms === undefined ? "–" : formatAge(ms));
  if (rules.length === 0) return <div className="card empty">No incident in this time.</div>;
  return (
    <section className="card" aria-label="By rule">
      <div className="card__head">
        <h2>By rule</h2>
        <span className="dim">what keeps people busy; times are medians</span>
      </div>
      <div className="scroll-x">
        <table className="grid-table">
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col" className="num">
                Incidents
              </th>
              <th scope="col" className="num">
                Acknowledged
              </th>
              <th scope="col" className="num">
                After
              </th>
              <th scope="col" className="num">
                Lasted
              </th>
            </tr>
          </thead>
          <tbody>
            {rules.slice(0, RULES_SHOWN_MAX).map((rule) => (
              <tr key={rule.rule}>
                <td className="history__rule">
                  <Link
                    to="/incidents"
                    search={linkTo(`alertname=${JSON.stringify(rule.rule)}`, fromMs, undefined)}
                  >
                    {rule.rule}
                  </Link>
                </td>
                <td className="num">{rule.count}</td>
                <td className="num">{rule.acknowledgedCount}</td>
                <td className="num">{age(rule.untilAcknowledgedMs)}</td>
                <td className="num">{age(rule.lastedMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rules.length > RULES_SHOWN_MAX && (
        <p className="empty">{rules.length - RULES_SHOWN_MAX} more rules had fewer.</p>
      )}
    </section>
  );
}
