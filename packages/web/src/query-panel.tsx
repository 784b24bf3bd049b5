import "./query-panel.css";
import { ActionIcon, Button, Tabs } from "@mantine/core";
import { formatDuration } from "@pharos/base";
import { useEffect, useMemo, useState } from "react";
import type { Answer } from "./api-transport.ts";
import { placeError } from "./error-position.ts";
import { type PanelState, TABS, type Tab } from "./explore-search.ts";
import { ExpressionEditor } from "./expression-editor.tsx";
import { CrossIcon, StackIcon } from "./icons.tsx";
import { Note } from "./note.tsx";
import { QueryError } from "./query-error.tsx";
import type { InstantResult, RangeResult } from "./query-result.ts";
import { alignToStep, allowedStepMs } from "./query-step.ts";
import { ResultGraph } from "./result-graph.tsx";
import { ResultTable } from "./result-table.tsx";
import { formatDateTime } from "./time-format.ts";
import type { Interval } from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";
import { useExplanation, useInstantQuery, useRangeQuery } from "./use-query-data.ts";
import { unitOfExpr } from "./value-format.ts";

const TAB_NAMES: Readonly<Record<Tab, string>> = {
  graph: "Graph",
  table: "Table",
  explain: "Explain",
};
const STEPS_MS = [1000, 5000, 15_000, 60_000, 300_000, 3_600_000] as const;
/** Warnings and infos beyond these say the same again. */
const NOTES_MAX = 5;

export interface QueryPanelProps {
  readonly panel: PanelState;
  /** From 1, for the names of its parts. */
  readonly number: number;
  readonly interval: Interval;
  readonly zone: TimeZone;
  readonly takesFocus: boolean;
  onChange(panel: PanelState): void;
  /** The reader asked again for what is shown. */
  onRefresh(): void;
  /** Undefined where it is the only one. */
  readonly onRemove: (() => void) | undefined;
  onZoom(interval: Interval): void;
  onZoomOut(): void;
}

/** A query with its answer. What is typed becomes part of the URL when it is run. */
export function QueryPanel(props: QueryPanelProps) {
  const { interval, panel, zone } = props;
  const [draft, setDraft] = useState(panel.expr);
  // Back and forward change the URL under the panel.
  useEffect(() => setDraft(panel.expr), [panel.expr]);

  const stepMs = allowedStepMs(panel.stepMs, interval.toMs - interval.fromMs);
  const aligned = alignToStep(interval, stepMs);
  const graph = useRangeQuery(panel.expr, aligned, stepMs, panel.tab === "graph");
  const table = useInstantQuery(panel.expr, interval.toMs, panel.tab === "table");
  const explanation = useExplanation(panel.expr, aligned, stepMs, panel.tab === "explain");
  const view = { graph, table, explain: explanation }[panel.tab];

  const errorSpan = useMemo(
    () =>
      view.error instanceof Error ? placeError(view.error.message, panel.expr)?.span : undefined,
    [view.error, panel.expr],
  );

  function run() {
    const expr = draft.trim();
    if (expr === panel.expr) props.onRefresh();
    else props.onChange({ ...panel, expr });
  }

  return (
    <section className="card panel" aria-label={`Query ${props.number}`} aria-busy={view.loading}>
      <div className="panel__query">
        <ExpressionEditor
          text={draft}
          label={`Expression ${props.number}`}
          errorSpan={errorSpan}
          takesFocus={props.takesFocus}
          onChange={setDraft}
          onRun={run}
        />
        <Button size="sm" h={32} onClick={run} title="Run (Enter)">
          Run
        </Button>
        {props.onRemove !== undefined && (
          <ActionIcon
            variant="subtle"
            color="gray"
            size={32}
            onClick={props.onRemove}
            aria-label={`Remove query ${props.number}`}
            title="Remove this query"
          >
            <CrossIcon />
          </ActionIcon>
        )}
      </div>
      <div className="panel__notes">
        {view.error !== undefined && <QueryError error={view.error} expr={panel.expr} />}
        {view.answer?.warnings.slice(0, NOTES_MAX).map((text) => (
          <Note key={text} kind="warning">
            {text}
          </Note>
        ))}
        {view.answer?.infos.slice(0, NOTES_MAX).map((text) => (
          <Note key={text} kind="info">
            {text}
          </Note>
        ))}
      </div>
      {panel.expr !== "" && (
        <Tabs
          value={panel.tab}
          onChange={(tab) => {
            const known = TABS.find((name) => name === tab);
            if (known !== undefined) props.onChange({ ...panel, tab: known });
          }}
        >
          <div className="panel__bar">
            <Tabs.List>
              {TABS.map((tab) => (
                <Tabs.Tab key={tab} value={tab}>
                  {TAB_NAMES[tab]}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            {panel.tab === "graph" && (
              <button
                type="button"
                className="panel__option"
                aria-pressed={panel.stacked}
                onClick={() => props.onChange({ ...panel, stacked: !panel.stacked })}
              >
                <StackIcon /> Stacked
              </button>
            )}
            {panel.tab !== "table" && (
              <StepChoice panel={panel} stepMs={stepMs} onChange={props.onChange} />
            )}
            <span className="panel__stats">
              {panel.tab === "graph" &&
                graph.answer !== undefined &&
                rangeStats(graph.answer, stepMs)}
              {panel.tab === "table" &&
                table.answer !== undefined &&
                instantStats(table.answer, interval.toMs, zone)}
            </span>
          </div>
          <Tabs.Panel value={panel.tab}>
            <div className="panel__body" data-stale={view.stale && view.answer !== undefined}>
              {view.loading && (
                <div className="panel__progress" role="progressbar" aria-label="Loading" />
              )}
              {view.answer === undefined && view.error === undefined && (
                <div className="empty">Waiting for the answer …</div>
              )}
              {panel.tab === "graph" && graph.answer !== undefined && (
                <GraphBody {...props} answer={graph.answer} />
              )}
              {panel.tab === "table" && table.answer !== undefined && (
                <ResultTable result={table.answer.data} zone={zone} />
              )}
              {panel.tab === "explain" && explanation.answer !== undefined && (
                // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard.
                <pre className="panel__plan" tabIndex={0}>
                  {explanation.answer.data}
                </pre>
              )}
            </div>
          </Tabs.Panel>
        </Tabs>
      )}
    </section>
  );
}

function GraphBody(
  props: QueryPanelProps & { answer: Answer<RangeResult> & { interval: Interval } },
) {
  const { answer, panel } = props;
  const unit = useMemo(() => unitOfExpr(panel.expr), [panel.expr]);
  if (answer.data.series.length === 0 && answer.data.histogramCount === 0)
    return <div className="empty">No series in this range.</div>;
  return (
    <div className="panel__graph">
      <ResultGraph
        title={panel.expr}
        result={answer.data}
        interval={answer.interval}
        unit={unit}
        stacked={panel.stacked}
        zone={props.zone}
        height={320}
        legendHeightMax={280}
        syncKey="explore"
        onZoom={props.onZoom}
        onZoomOut={props.onZoomOut}
      />
    </div>
  );
}

function StepChoice(props: {
  panel: PanelState;
  stepMs: number;
  onChange: (panel: PanelState) => void;
}) {
  const { panel } = props;
  const choices = new Set([...STEPS_MS, ...(panel.stepMs === undefined ? [] : [panel.stepMs])]);
  return (
    <select
      className="panel__step"
      aria-label="Step"
      title="Time between two points"
      value={panel.stepMs ?? "auto"}
      onChange={(event) => {
        const { value } = event.currentTarget;
        props.onChange({ ...panel, stepMs: value === "auto" ? undefined : Number(value) });
      }}
    >
      <option value="auto">step auto</option>
      {[...choices].map((ms) => (
        <option key={ms} value={ms}>
          step {formatDuration(ms)}
        </option>
      ))}
    </select>
  );
}

/** `step 15s · 40 series · 12 ms · 9 600 points`. */
export function rangeStats(answer: Answer<RangeResult>, stepMs: number): string {
  const { pointCount, series } = answer.data;
  return [
    `step ${formatDuration(stepMs)}`,
    `${grouped(series.length)} series`,
    `${Math.round(answer.tookMs)} ms`,
    `${grouped(pointCount)} points`,
  ].join(" · ");
}

function instantStats(answer: Answer<InstantResult>, timestampMs: number, zone: TimeZone): string {
  return [
    `at ${formatDateTime(timestampMs, zone)}`,
    `${grouped(answer.data.rows.length)} rows`,
    `${Math.round(answer.tookMs)} ms`,
  ].join(" · ");
}

/** Thousands apart, with thin spaces that no locale turns into points or commas. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}
