import { useSyncExternalStore } from "react";
import type { CursorStore } from "./chart-cursor.ts";
import { Swatch } from "./swatch.tsx";
import type { ChartLine } from "./time-chart.tsx";
import { formatDateTime, formatZone } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";
import { formatCompact, type Unit } from "./value-format.ts";

/** More rows would hide the chart that they explain. */
const ROWS_MAX = 12;

interface ChartTooltipProps {
  readonly cursor: CursorStore;
  readonly timesSec: readonly number[];
  readonly lines: readonly ChartLine[];
  readonly unit: Unit;
  readonly zone: TimeZone;
  /** Where the plotting area begins, from the left edge of the chart, in px. */
  readonly plotLeft: number;
  /** Of the whole chart, in px. */
  readonly width: number;
  readonly stacked: boolean;
}

/** The values under the pointer or the arrow keys: as a box for the eye, and as a sentence for a screen reader. */
export function ChartTooltip(props: ChartTooltipProps) {
  const { cursor, lines, plotLeft, timesSec, unit, width, zone } = props;
  const { index, left, seriesIndex, source, top } = useSyncExternalStore(
    cursor.subscribe,
    cursor.get,
  );
  const timeSec = index === undefined ? undefined : timesSec[index];
  if (index === undefined || timeSec === undefined || (source !== "chart" && source !== "keys"))
    return <div className="visually-hidden" aria-live="polite" />;

  const rows = lines
    .map((line, at) => ({ line, at, value: line.shown ? line.values[index] : null }))
    .filter((row): row is typeof row & { value: number } => typeof row.value === "number");
  // A stack reads from top to bottom as it is drawn; lines read by value.
  if (props.stacked) rows.reverse();
  else rows.sort((a, b) => b.value - a.value);
  const visible = rows.slice(0, ROWS_MAX);
  const near = rows.find(({ at }) => at === seriesIndex);
  if (near !== undefined && !visible.includes(near)) visible[ROWS_MAX - 1] = near;
  const hidden = rows.length - visible.length;

  const time = `${formatDateTime(timeSec * 1000, zone)} ${formatZone(zone)}`;
  const toTheLeft = plotLeft + left > width / 2;
  return (
    <>
      <div className="visually-hidden" aria-live="polite">
        {source === "keys" &&
          `${time}: ${visible.map(({ line, value }) => `${line.name} ${formatCompact(value, unit)}`).join(", ")}`}
      </div>
      <div
        className="chart__tip"
        aria-hidden="true"
        style={{
          top: Math.max(0, top - 12),
          ...(toTheLeft ? { right: width - plotLeft - left + 14 } : { left: plotLeft + left + 14 }),
        }}
      >
        <div className="chart__tip-time">{time}</div>
        {visible.map(({ line, at, value }) => (
          <div key={at} className="chart__tip-row" data-near={at === seriesIndex}>
            <Swatch style={line.style} />
            <span className="chart__tip-name">{line.name}</span>
            <span className="num">{formatCompact(value, unit)}</span>
          </div>
        ))}
        {rows.length === 0 && <div className="dim">no sample here</div>}
        {hidden > 0 && <div className="dim">and {hidden} more</div>}
      </div>
    </>
  );
}
