import { type Labels, METRIC_NAME } from "@pharos/base";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { type AlertRule, listAlertRules } from "./alert-rules.ts";
import { useApi } from "./api-context.ts";
import { NEW_PANEL, writeExploreState } from "./explore-search.ts";
import type { IncidentDetail } from "./incident-state.ts";
import type { PlotMarks } from "./plot-options.ts";
import { QueryError } from "./query-error.tsx";
import type { RangeResult } from "./query-result.ts";
import { alignToStep, autoStepMs } from "./query-step.ts";
import { ResultGraph } from "./result-graph.tsx";
import { absoluteRange, type Interval } from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";
import { useKeptParams } from "./url-state.ts";
import { useRangeQuery } from "./use-query-data.ts";
import { unitOfExpr } from "./value-format.ts";

const MINUTE_MS = 60_000;
/** What is shown before it began: enough to see how it came. */
const BEFORE_MS_MIN = 30 * MINUTE_MS;
const AFTER_MS = 10 * MINUTE_MS;
/** A chart that moves with every second is not read; this is how often the end of an open incident moves. */
const REFRESH_MS = 30_000;

/** The expression of each of the incident's rules around its time, with its threshold, what fired shaded. */
export function IncidentCharts(props: { incident: IncidentDetail; nowMs: number; zone: TimeZone }) {
  const { incident, nowMs } = props;
  const api = useApi();
  const { data } = useQuery({
    queryKey: ["alert-rules", incident.rules],
    queryFn: async ({ signal }) => {
      const lists = await Promise.all(
        incident.rules
          .slice(0, RULES_DRAWN_MAX)
          .map((name) => listAlertRules(api.transport, { name }, signal)),
      );
      return lists.flat();
    },
    staleTime: 60_000,
  });
  const tick = Math.floor(nowMs / REFRESH_MS) * REFRESH_MS;
  const interval = useMemo(
    () => intervalOf(incident.startedAtMs, incident.resolvedAtMs, tick),
    [incident.startedAtMs, incident.resolvedAtMs, tick],
  );
  const rules = (data ?? []).filter(({ kind }) => kind === "alerting").slice(0, RULES_DRAWN_MAX);
  return rules.map((rule) => (
    <RuleChart key={rule.id} rule={rule} interval={interval} {...props} />
  ));
}

/** Groups by something else than the name have alerts of many rules; their charts would be a page of their own. */
const RULES_DRAWN_MAX = 3;

function intervalOf(
  startedAtMs: number,
  resolvedAtMs: number | undefined,
  nowMs: number,
): Interval {
  const endMs = resolvedAtMs ?? nowMs;
  const beforeMs = Math.max(BEFORE_MS_MIN, (endMs - startedAtMs) / 4);
  const toMs = resolvedAtMs === undefined ? nowMs : Math.min(nowMs, resolvedAtMs + AFTER_MS);
  return { fromMs: startedAtMs - beforeMs, toMs: Math.max(toMs, startedAtMs + MINUTE_MS) };
}

function RuleChart(props: {
  rule: AlertRule;
  incident: IncidentDetail;
  interval: Interval;
  zone: TimeZone;
}) {
  const { incident, rule, zone } = props;
  const [zoomed, setZoomed] = useState<Interval>();
  const interval = zoomed ?? props.interval;
  const stepMs = autoStepMs(interval.toMs - interval.fromMs);
  const aligned = useMemo(() => alignToStep(interval, stepMs), [interval, stepMs]);
  const expr = rule.metricQuery ?? rule.expr;
  const { answer, error } = useRangeQuery(expr, aligned, stepMs, true);
  const kept = useKeptParams();
  const result = useMemo(
    () => (answer === undefined ? undefined : onlyAffected(answer.data, incident)),
    [answer, incident],
  );
  const threshold = rule.threshold;
  const spans = useMemo(
    () => firingSpans(incident, rule.name, aligned.toMs),
    [incident, rule.name, aligned.toMs],
  );
  const marks = useMemo<PlotMarks>(() => ({ threshold, spans }), [threshold, spans]);
  const link = writeExploreState({
    panels: [{ ...NEW_PANEL, expr }],
    range: absoluteRange(interval),
    refreshMs: undefined,
  });
  return (
    <section className="card" aria-label={`Chart of ${rule.name}`}>
      <div className="card__head incident__charthead">
        <h2>{rule.name}</h2>
        <code className="incident__expr">{rule.expr}</code>
        <Link to="/" search={{ ...link, ...kept }}>
          Explore
        </Link>
      </div>
      <div className="panel__graph panel__body incident__chart">
        {error !== undefined && <QueryError error={error} expr={expr} />}
        {result === undefined && error === undefined && (
          <div className="empty">Waiting for the samples …</div>
        )}
        {result !== undefined &&
          answer !== undefined &&
          (result.series.length === 0 ? (
            <div className="empty">No series in this time.</div>
          ) : (
            <ResultGraph
              title={rule.name}
              result={result}
              interval={answer.interval}
              unit={unitOfExpr(expr)}
              stacked={false}
              zone={zone}
              height={200}
              legendHeightMax={96}
              syncKey="incident"
              marks={marks}
              onZoom={setZoomed}
              onZoomOut={() => setZoomed(undefined)}
            />
          ))}
      </div>
    </section>
  );
}

/** The series of the incident's alerts; all of them where labels of the rule hide which those are. */
function onlyAffected(result: RangeResult, { alerts }: IncidentDetail): RangeResult {
  const affected = result.series.filter(({ labels }) =>
    alerts.some((alert) => isPartOf(labels, alert.labels)),
  );
  return affected.length === 0 ? result : { ...result, series: affected };
}

function isPartOf(series: Labels, alert: Labels): boolean {
  const values = new Map(alert);
  return series.every(([name, value]) => name === METRIC_NAME || values.get(name) === value);
}

/** When alerts of the rule fired, overlapping times as one. */
function firingSpans({ alerts }: IncidentDetail, name: string, nowMs: number): Interval[] {
  const spans = alerts
    .filter(({ labels }) =>
      labels.some(([label, value]) => label === "alertname" && value === name),
    )
    .map(({ startsAtMs, endsAtMs }) => ({ fromMs: startsAtMs ?? nowMs, toMs: endsAtMs ?? nowMs }))
    .sort((a, b) => a.fromMs - b.fromMs);
  const joined: Interval[] = [];
  for (const span of spans) {
    const last = joined.at(-1);
    if (last !== undefined && span.fromMs <= last.toMs)
      joined[joined.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, span.toMs) };
    else joined.push(span);
  }
  return joined;
}
