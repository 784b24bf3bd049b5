import uPlot from "uplot";
import type { CursorStore } from "./chart-cursor.ts";
import type { ChartLine } from "./chart-line.ts";
import { BYTE_INCREMENTS, formatSplits, valueRange } from "./chart-scale.ts";
import { colorOf, type Scheme } from "./series-color.ts";
import { formatTicks } from "./time-format.ts";
import type { Interval } from "./time-range.ts";
import type { TimeZone } from "./time-zone.ts";
import type { Unit } from "./value-format.ts";

/** What a plot is made from. */
export interface PlotContent {
  readonly lines: readonly ChartLine[];
  /** What the axis covers; samples may begin later. */
  readonly interval: Interval;
  readonly stacked: boolean;
  readonly unit: Unit;
  readonly zone: TimeZone;
  readonly height: number;
  /** What is drawn beside the lines; nothing unless given. */
  readonly marks?: PlotMarks | undefined;
  /** Charts with the same key show the same time under the pointer. */
  readonly syncKey: string;
  onZoom(interval: Interval): void;
  onZoomOut(): void;
}

/** What an alert's rule says of a chart of its expression. */
export interface PlotMarks {
  /** A line across, and the axis reaches it. */
  readonly threshold: number | undefined;
  /** Shaded: when it fired. In ms. */
  readonly spans: readonly Interval[];
}

/** Room for half the label of a tick that stands at the right edge. */
const RIGHT_PX = 24;

/** Farther from a line than this, the pointer means none in particular. */
const NEAR_PX = 40;

/** Options of a new plot. `latest` gives what may change while the plot lives. */
export function plotOptions(
  latest: { readonly current: PlotContent },
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
    padding: [8, RIGHT_PX, 0, 0],
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
      y: {
        range: (_plot, min, max) => {
          const level = latest.current.marks?.threshold ?? min;
          return valueRange(lower(min, level), upper(max, level), stacked);
        },
      },
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
      drawAxes: [(plot) => drawSpans(plot, latest.current.marks, color("--ph-red"))],
      draw: [(plot) => drawThreshold(plot, latest.current.marks, color("--ph-red"))],
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

function lower(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

function upper(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

/** Below the lines, so that they stay what one looks at. */
function drawSpans(plot: uPlot, marks: PlotMarks | undefined, color: string): void {
  if (marks === undefined) return;
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  ctx.save();
  ctx.fillStyle = color;
  for (const { fromMs, toMs } of marks.spans) {
    const from = Math.max(left, plot.valToPos(fromMs / 1000, "x", true));
    const to = Math.min(left + width, plot.valToPos(toMs / 1000, "x", true));
    if (to <= from) continue;
    ctx.globalAlpha = 0.1;
    ctx.fillRect(from, top, to - from, height);
    ctx.globalAlpha = 0.7;
    ctx.fillRect(from, top, devicePixelRatio, height);
  }
  ctx.restore();
}

function drawThreshold(plot: uPlot, marks: PlotMarks | undefined, color: string): void {
  if (marks?.threshold === undefined) return;
  const { ctx } = plot;
  const { left, width } = plot.bbox;
  const y = Math.round(plot.valToPos(marks.threshold, "y", true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.4 * devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(left, y);
  ctx.lineTo(left + width, y);
  ctx.stroke();
  ctx.restore();
}

function lineOptions(
  line: ChartLine,
  index: number,
  latest: { readonly current: PlotContent },
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
function followPointer(plot: uPlot, cursor: CursorStore, props: PlotContent): void {
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
  { lines, stacked }: PlotContent,
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
