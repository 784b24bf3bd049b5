import { type ReactNode, useSyncExternalStore } from "react";
import type { CursorStore } from "./chart-cursor.ts";
import type { ChartLine } from "./chart-line.ts";
import { Swatch } from "./swatch.tsx";
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
  /** Of the chart, in px. */
  readonly width: number;
  readonly stacked: boolean;
}

interface TooltipRow {
  readonly line: ChartLine;
  readonly lineIndex: number;
  readonly value: number;
}

/** The values under the pointer or the arrow keys: as a box for the eye, and as a sentence for a screen reader. */
export function ChartTooltip(props: ChartTooltipProps) {
  const { cursor, timesSec, unit, width, zone } = props;
  const { index, left, seriesIndex, source, top } = useSyncExternalStore(
    cursor.subscribe,
    cursor.get,
  );
  const timeSec = index === undefined ? undefined : timesSec[index];
  const shown = source === "chart" || source === "keys";
  if (!shown || index === undefined || timeSec === undefined)
    return <TooltipFrame spoken="" box={null} />;

  const rows = rowsAt(props, index);
  const visible = visibleRows(rows, seriesIndex);
  const time = `${formatDateTime(timeSec * 1000, zone)} ${formatZone(zone)}`;
  const values = visible.map(({ line, value }) => `${line.name} ${formatCompact(value, unit)}`);
  const side = left > width / 2 ? { right: width - left + 14 } : { left: left + 14 };
  const box = (
    <div className="chart__tip" aria-hidden="true" style={{ top: Math.max(0, top - 12), ...side }}>
      <div className="chart__tip-time">{time}</div>
      {visible.map(({ line, lineIndex, value }) => (
        <div key={lineIndex} className="chart__tip-row" data-near={lineIndex === seriesIndex}>
          <Swatch style={line.style} />
          <span className="chart__tip-name">{line.name}</span>
          <span className="num">{formatCompact(value, unit)}</span>
        </div>
      ))}
      {rows.length === 0 && <div className="dim">no sample here</div>}
      {rows.length > visible.length && (
        <div className="dim">and {rows.length - visible.length} more</div>
      )}
    </div>
  );
  // A voice that followed the mouse would never end.
  return (
    <TooltipFrame spoken={source === "keys" ? `${time}: ${values.join(", ")}` : ""} box={box} />
  );
}

/** The live region keeps its place in the page while it is empty: screen readers miss one that comes with its text. */
function TooltipFrame({ spoken, box }: { spoken: string; box: ReactNode }) {
  return (
    <>
      <div className="visually-hidden" aria-live="polite">
        {spoken}
      </div>
      {box}
    </>
  );
}

/** The samples at a time, in the order of the eye: a stack as it is drawn from the top, lines by value. */
function rowsAt({ lines, stacked }: ChartTooltipProps, index: number): TooltipRow[] {
  const rows: TooltipRow[] = [];
  for (const [lineIndex, line] of lines.entries()) {
    const value = line.shown ? line.values[index] : null;
    if (typeof value === "number") rows.push({ line, lineIndex, value });
  }
  return stacked ? rows.reverse() : rows.sort((a, b) => b.value - a.value);
}

/** The first rows; the one pointed at is among them. */
function visibleRows(rows: readonly TooltipRow[], seriesIndex: number | undefined): TooltipRow[] {
  const visible = rows.slice(0, ROWS_MAX);
  const near = rows.find(({ lineIndex }) => lineIndex === seriesIndex);
  if (near !== undefined && !visible.includes(near)) visible[ROWS_MAX - 1] = near;
  return visible;
}
