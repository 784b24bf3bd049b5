import { formatLabels } from "@pharos/base";
import { useMemo, useState } from "react";
import { CursorStore } from "./chart-cursor.ts";
import type { ChartLine } from "./chart-line.ts";
import { ChartValuesTable } from "./chart-values-table.tsx";
import { useCommand } from "./commands.tsx";
import { LegendTable } from "./legend-table.tsx";
import { Note } from "./note.tsx";
import type { PlotMarks } from "./plot-options.ts";
import type { RangeResult } from "./query-result.ts";
import { styleSeries } from "./series-color.ts";
import { shortNames } from "./series-name.ts";
import { statsOf } from "./series-stats.ts";
import { TimeChart } from "./time-chart.tsx";
import type { Interval } from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";
import { formatCompact, type Unit } from "./value-format.ts";

/** More lines than this can neither be told apart nor drawn smoothly; the note says so. */
export const LINES_MAX = 200;

interface ResultGraphProps {
  readonly title: string;
  readonly result: RangeResult;
  readonly interval: Interval;
  readonly unit: Unit;
  readonly stacked: boolean;
  readonly zone: TimeZone;
  readonly height: number;
  readonly legendHeightMax: number;
  readonly syncKey: string;
  readonly marks?: PlotMarks | undefined;
  onZoom(interval: Interval): void;
  onZoomOut(): void;
}

/** A range result as lines with their legend, or as a table of the same values. */
export function ResultGraph(props: ResultGraphProps) {
  const { result, unit, zone } = props;
  const [cursor] = useState(() => new CursorStore());
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [asTable, setAsTable] = useState(false);
  useCommand("toggleTable", () => setAsTable((on) => !on));

  const drawn = useMemo(() => result.series.slice(0, LINES_MAX), [result]);
  const fullNames = useMemo(() => drawn.map(({ labels }) => formatLabels(labels)), [drawn]);
  const lines = useMemo<ChartLine[]>(() => {
    const labelSets = drawn.map(({ labels }) => labels);
    const styles = styleSeries(labelSets);
    const names = shortNames(labelSets);
    // A filter that hides everything was made for other series.
    const allHidden = fullNames.every((name) => hidden.has(name));
    return drawn.map(({ values }, index) => ({
      name: names[index] ?? "",
      style: styles[index] ?? { slot: 0, dash: [] },
      values,
      shown: allHidden || !hidden.has(fullNames[index] ?? ""),
    }));
  }, [drawn, fullNames, hidden]);

  function pick(index: number, alone: boolean) {
    const name = fullNames[index] ?? "";
    if (!alone) {
      setHidden(
        new Set(hidden.has(name) ? [...hidden].filter((n) => n !== name) : [...hidden, name]),
      );
      return;
    }
    const isolated = lines.every((line, at) => line.shown === (at === index));
    setHidden(isolated ? new Set() : new Set(fullNames.filter((_, at) => at !== index)));
  }

  const more = result.series.length - drawn.length;
  return (
    <>
      {more > 0 && (
        <Note kind="info">
          The first {LINES_MAX} of {result.series.length} series are drawn. Aggregate, or add
          matchers, to see the rest.
        </Note>
      )}
      {result.histogramCount > 0 && (
        <Note kind="info">
          {result.histogramCount} series are native histograms, which lines cannot show; try
          histogram_quantile(0.95, …).
        </Note>
      )}
      {asTable ? (
        <ChartValuesTable
          timesSec={result.timesSec}
          lines={lines}
          zone={zone}
          height={props.height}
        />
      ) : (
        <TimeChart
          timesSec={result.timesSec}
          lines={lines}
          interval={props.interval}
          stacked={props.stacked}
          unit={unit}
          zone={zone}
          height={props.height}
          label={describe(props.title, lines, unit)}
          cursor={cursor}
          syncKey={props.syncKey}
          marks={props.marks}
          onZoom={props.onZoom}
          onZoomOut={props.onZoomOut}
        />
      )}
      <LegendTable
        lines={lines}
        unit={unit}
        cursor={cursor}
        heightMax={props.legendHeightMax}
        fullNames={fullNames}
        onPick={pick}
      />
    </>
  );
}

/** The chart in a sentence: what the first look would tell. */
function describe(title: string, lines: readonly ChartLine[], unit: Unit): string {
  const [first] = lines;
  if (first === undefined) return `${title}: no series`;
  if (lines.length > 1) {
    const maxima = lines.map(({ values }) => statsOf(values).max ?? Number.NEGATIVE_INFINITY);
    const top = maxima.indexOf(Math.max(...maxima));
    const value = formatCompact(maxima[top] ?? Number.NaN, unit);
    return `${title}: ${lines.length} series, the highest is ${lines[top]?.name} with ${value}`;
  }
  const { last, max, min } = statsOf(first.values);
  const text = (value: number | undefined) =>
    value === undefined ? "none" : formatCompact(value, unit);
  return `${title}: last ${text(last)}, lowest ${text(min)}, highest ${text(max)}`;
}
