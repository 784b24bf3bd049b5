import "./time-chart.css";
import { useComputedColorScheme } from "@mantine/core";
import {
  type KeyboardEvent,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import uPlot from "uplot";
import type { CursorStore } from "./chart-cursor.ts";
import { BYTE_INCREMENTS, formatSplits, valueRange } from "./chart-scale.ts";
import { ChartTooltip } from "./chart-tooltip.tsx";
import { colorOf, type Scheme, type SeriesStyle } from "./series-color.ts";
import { plotColumn, stackColumns } from "./series-stack.ts";
import { formatTicks } from "./time-format.ts";
import type { Interval } from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";
import type { Unit } from "./value-format.ts";

/** A series as the chart draws it. */
export interface ChartLine {
  readonly name: string;
  readonly style: SeriesStyle;
  /** One for each time; null where there is no sample. */
  readonly values: readonly (number | null)[];
  readonly shown: boolean;
}

export interface TimeChartProps {
  /** Ascending. */
  readonly timesSec: readonly number[];
  readonly lines: readonly ChartLine[];
  /** What the axis covers; samples may begin later. */
  readonly interval: Interval;
  readonly stacked: boolean;
  readonly unit: Unit;
  readonly zone: TimeZone;
  readonly height: number;
  /** The chart in words, for those who do not see it. */
  readonly label: string;
  readonly cursor: CursorStore;
  /** Charts with the same key show the same time under the pointer. */
  readonly syncKey: string;
  onZoom(interval: Interval): void;
  onZoomOut(): void;
}

/** Farther from a line than this, the pointer means none in particular. */
const NEAR_PX = 40;

/** Lines over time on a canvas: our own surface over uPlot, which nothing else of the page knows. */
export function TimeChart(props: TimeChartProps) {
  const { cursor, height, lines, stacked, timesSec, unit, zone } = props;
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const width = useWidth(holder);
  const summaryId = useId();
  const focused = useRef<number | null>(null);

  const columns = useMemo(() => columnsOf(lines, stacked), [lines, stacked]);
  const data = useMemo<uPlot.AlignedData>(
    () => [timesSec as number[], ...columns],
    [timesSec, columns],
  );
  const dataRef = useRef(data);
  dataRef.current = data;

  // Colours, names and units are built into a plot; new samples are not. So only these make a new one.
  const build = JSON.stringify([
    lines.map(({ style, shown }) => [style, shown]),
    stacked,
    unit,
    zone,
    scheme,
    height,
    props.syncKey,
    width > 0,
  ]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `build` stands for all that a new plot is made from.
  useLayoutEffect(() => {
    const target = holder.current;
    if (target === null || width === 0) return;
    const made = new uPlot(plotOptions(latest, cursor, width, scheme), dataRef.current, target);
    made.over.addEventListener("mouseleave", () => cursor.clear());
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = undefined;
    };
  }, [build, cursor]);

  const { fromMs, toMs } = props.interval;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new interval with the same samples moves the axis too.
  useLayoutEffect(() => {
    const { current } = plot;
    if (current !== undefined && current.data !== data) current.setData(data);
    else current?.redraw(true, true);
  }, [data, fromMs, toMs]);

  useLayoutEffect(() => {
    plot.current?.setSize({ width, height });
  }, [width, height]);

  useEffect(
    () =>
      cursor.subscribe(() => {
        const { source, seriesIndex } = cursor.get();
        const { current } = plot;
        if (current === undefined) return;
        // Fading the other lines redraws all of them: worth it for a row pointed at, not for every move.
        const pointed = source === "legend" && seriesIndex !== undefined;
        const focus =
          pointed && latest.current.lines[seriesIndex]?.shown === true ? seriesIndex + 1 : null;
        if (focus !== null || focused.current !== null) {
          focused.current = focus;
          current.setSeries(focus, { focus: true });
        }
      }),
    [cursor],
  );
  function onKeyDown(event: KeyboardEvent) {
    const last = timesSec.length - 1;
    const index = nextIndex(event, cursor.get().index, last);
    if (index === undefined) return;
    event.preventDefault();
    const { current } = plot;
    if (current === undefined) return;
    const left = current.valToPos(timesSec[index] ?? 0, "x");
    current.setCursor({ left, top: 10 }, false);
    cursor.set({
      index,
      left: left + current.over.offsetLeft,
      top: 10,
      source: "keys",
      seriesIndex: undefined,
    });
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields; this is a picture that can be walked.
    <div
      className="chart"
      role="group"
      aria-roledescription="chart"
      aria-label={props.label}
      aria-describedby={summaryId}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move along the chart.
      tabIndex={0}
      onKeyDown={onKeyDown}
      onBlur={() => cursor.clear()}
    >
      <span id={summaryId} className="visually-hidden">
        Arrow keys read the values, t shows all of them as a table.
      </span>
      <div ref={holder} className="chart__plot" style={{ height }} />
      <ChartTooltip
        cursor={cursor}
        timesSec={timesSec}
        lines={lines}
        unit={unit}
        zone={zone}
        width={width}
        stacked={stacked}
      />
    </div>
  );
}

/** What the canvas draws: lines that are not shown leave no gap in a stack, and keep their place in the list. */
function columnsOf(lines: readonly ChartLine[], stacked: boolean): (number | null)[][] {
  const plain = lines.map(({ values }) => plotColumn(values));
  if (!stacked) return plain;
  const shown = plain.filter((_, index) => lines[index]?.shown === true);
  const sums = stackColumns(shown);
  let at = 0;
  return plain.map((column, index) =>
    lines[index]?.shown === true ? (sums[at++] ?? column) : column,
  );
}

function nextIndex(
  event: KeyboardEvent,
  index: number | undefined,
  last: number,
): number | undefined {
  const stride = event.shiftKey ? 10 : 1;
  switch (event.key) {
    case "ArrowLeft":
      return index === undefined ? last : Math.max(0, index - stride);
    case "ArrowRight":
      return index === undefined ? 0 : Math.min(last, index + stride);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return undefined;
  }
}

/** The width of an element in px, as it changes; 0 before the first layout. */
function useWidth(ref: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const measure = () => setWidth(Math.floor(element.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}

/** Options of a new plot. `latest` gives what may change while the plot lives. */
function plotOptions(
  latest: { readonly current: TimeChartProps },
  cursor: CursorStore,
  width: number,
  scheme: Scheme,
): uPlot.Options {
  const { height, lines, stacked, syncKey, unit, zone } = latest.current;
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: color("--ph-dim"),
    font: `11px ${color("--ph-font")}`,
    grid: { stroke: color("--ph-grid"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
    padding: [8, 10, 0, 0],
    legend: { show: false },
    tzDate: (sec) => uPlot.tzDate(new Date(sec * 1000), zone),
    focus: { alpha: 0.2 },
    ...(stacked ? { bands: bandsOf(lines, scheme) } : {}),
    cursor: {
      sync: { key: syncKey },
      points: { show: false },
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 5 },
      bind: {
        dblclick: () => () => {
          latest.current.onZoomOut();
          return null;
        },
      },
    },
    scales: {
      x: {
        time: true,
        range: () => {
          const { fromMs, toMs } = latest.current.interval;
          return [fromMs / 1000, toMs / 1000];
        },
      },
      y: { range: (_plot, min, max) => valueRange(min, max, stacked) },
    },
    axes: [
      {
        ...axis,
        size: 34,
        gap: 4,
        space: 70,
        values: (_plot, splits, _axis, _space, increment) => formatTicks(splits, increment, zone),
      },
      {
        ...axis,
        size: axisSize,
        gap: 6,
        space: 32,
        ...(unit === "bytes" || unit === "bytes/s" ? { incrs: BYTE_INCREMENTS } : {}),
        values: (_plot, splits) => formatSplits(splits, unit),
      },
    ],
    series: [{}, ...lines.map((line, index) => lineOptions(line, index, latest, scheme))],
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width: selected } = plot.select;
          if (selected < 5) return;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          latest.current.onZoom({
            fromMs: plot.posToVal(left, "x") * 1000,
            toMs: plot.posToVal(left + selected, "x") * 1000,
          });
        },
      ],
      setCursor: [(plot) => followPointer(plot, cursor, latest.current)],
    },
  };
}

function lineOptions(
  line: ChartLine,
  index: number,
  latest: { readonly current: TimeChartProps },
  scheme: Scheme,
): uPlot.Series {
  const { lines, stacked } = latest.current;
  const lowest = lines.findIndex(({ shown }) => shown);
  const color = colorOf(line.style, scheme);
  return {
    label: line.name,
    stroke: color,
    width: 1.4,
    dash: [...line.style.dash],
    points: { size: 4 },
    show: line.shown,
    // Of a stack, the lowest goes down to zero; the others are bands down to the line below.
    ...(stacked && index === lowest ? { fill: areaColor(color) } : {}),
  };
}

/** The areas of a stack, each from its line to that of the next lower shown line. */
function bandsOf(lines: readonly ChartLine[], scheme: Scheme): uPlot.Band[] {
  const bands: uPlot.Band[] = [];
  let lower: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (!line.shown) continue;
    if (lower !== undefined)
      bands.push({
        series: [index + 1, lower + 1],
        fill: areaColor(colorOf(line.style, scheme)),
      });
    lower = index;
  }
  return bands;
}

function areaColor(color: string): string {
  return `${color}59`;
}

/** As wide as the longest text asks for. */
function axisSize(plot: uPlot, values: string[] | null): number {
  if (values === null || values.length === 0) return 40;
  plot.ctx.save();
  plot.ctx.font = String(plot.axes[1]?.font?.[0] ?? "11px sans-serif");
  const widest = Math.max(...values.map((value) => plot.ctx.measureText(value).width));
  plot.ctx.restore();
  return Math.ceil(widest / devicePixelRatio) + 14;
}

/** Tells the tooltip and the legend what is under the pointer, or under that of a chart in sync. */
function followPointer(plot: uPlot, cursor: CursorStore, props: TimeChartProps): void {
  const { idx, left = -1, top = -1 } = plot.cursor;
  if (left < 0 || idx === null || idx === undefined) {
    if (cursor.get().source !== "legend") cursor.clear();
    return;
  }
  const own = plot.over.matches(":hover");
  cursor.set({
    index: idx,
    left: left + plot.over.offsetLeft,
    top,
    source: own ? "chart" : "other",
    seriesIndex: own ? nearestLine(plot, idx, top, props) : undefined,
  });
}

function nearestLine(
  plot: uPlot,
  index: number,
  top: number,
  { lines, stacked }: TimeChartProps,
): number | undefined {
  let nearest: number | undefined;
  let nearestPx = stacked ? Number.POSITIVE_INFINITY : NEAR_PX;
  for (const [at, line] of lines.entries()) {
    const value = plot.data[at + 1]?.[index];
    if (!line.shown || value === null || value === undefined) continue;
    const distancePx = plot.valToPos(value, "y") - top;
    // In a stack the pointer is inside the area whose upper edge is the first above it.
    const px = stacked
      ? distancePx <= 0
        ? -distancePx
        : Number.POSITIVE_INFINITY
      : Math.abs(distancePx);
    if (px < nearestPx) {
      nearestPx = px;
      nearest = at;
    }
  }
  return nearest;
}
