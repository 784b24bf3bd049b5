import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { NEW_PANEL, writeExploreState } from "./explore-search.ts";
import { FirstSamples } from "./first-samples.tsx";
import { HOST_CHARTS, HOST_PROBE_EXPR, type OverviewChart } from "./host-overview.ts";
import { QueryError } from "./query-error.tsx";
import { alignToStep, autoStepMs } from "./query-step.ts";
import { ResultGraph } from "./result-graph.tsx";
import type { Interval, TimeRange } from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";
import { useKeptParams } from "./url-state.ts";
import { useRangeQuery } from "./use-query-data.ts";

interface MachineOverviewProps {
  readonly range: TimeRange;
  /** `range` as of the last refresh. */
  readonly interval: Interval;
  readonly zone: TimeZone;
  onZoom(interval: Interval): void;
  onZoomOut(): void;
}

/** This machine at a glance; until its first samples are there, how far their way is. */
export function MachineOverview(props: MachineOverviewProps) {
  const { interval } = props;
  const stepMs = autoStepMs(interval.toMs - interval.fromMs);
  const probe = useRangeQuery(HOST_PROBE_EXPR, alignToStep(interval, stepMs), stepMs, true);
  if (probe.answer === undefined)
    return probe.error === undefined ? null : <QueryError error={probe.error} expr="" />;
  if (probe.answer.data.series.length === 0) return <FirstSamples />;
  return (
    <>
      <div className="overview__title">
        <h2>This machine</h2>
        <span className="dim">Drag over a chart to zoom in, double-click to zoom out.</span>
      </div>
      <div className="overview">
        {HOST_CHARTS.map((chart) => (
          <ChartCard key={chart.title} chart={chart} stepMs={stepMs} {...props} />
        ))}
      </div>
    </>
  );
}

function ChartCard(props: MachineOverviewProps & { chart: OverviewChart; stepMs: number }) {
  const { chart, interval, stepMs } = props;
  const aligned = useMemo(() => alignToStep(interval, stepMs), [interval, stepMs]);
  const { answer, error, stale } = useRangeQuery(chart.expr, aligned, stepMs, true);
  const kept = useKeptParams();
  const link = writeExploreState({
    panels: [{ ...NEW_PANEL, expr: chart.expr, stacked: chart.stacked }],
    range: props.range,
    refreshMs: undefined,
  });
  return (
    <section className="card" aria-label={chart.title}>
      <div className="overview__head">
        <h2>{chart.title}</h2>
        <Link to="/" search={{ ...link, ...kept }} aria-label={`Explore ${chart.title}`}>
          Explore
        </Link>
      </div>
      <div className="panel__graph panel__body" data-stale={stale && error !== undefined}>
        {error !== undefined && <QueryError error={error} expr={chart.expr} />}
        {answer !== undefined &&
          (answer.data.series.length === 0 ? (
            <div className="empty">No series in this range.</div>
          ) : (
            <ResultGraph
              title={chart.title}
              result={answer.data}
              interval={answer.interval}
              unit={chart.unit}
              stacked={chart.stacked}
              zone={props.zone}
              height={190}
              legendHeightMax={124}
              syncKey="explore"
              onZoom={props.onZoom}
              onZoomOut={props.onZoomOut}
            />
          ))}
      </div>
    </section>
  );
}
