import { formatValue } from "@pharos/base";
import type { ChartLine } from "./chart-line.ts";
import { formatDateTime, formatZone } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

/** A page of a table, not the whole of a long range; zooming in shows the rest. */
const ROWS_MAX = 500;
const COLUMNS_MAX = 30;

/** The values of a chart, newest first: for those who read better than they see, and for copying. */
export function ChartValuesTable(props: {
  timesSec: readonly number[];
  lines: readonly ChartLine[];
  zone: TimeZone;
  height: number;
}) {
  const lines = props.lines.filter(({ shown }) => shown).slice(0, COLUMNS_MAX);
  const rows = props.timesSec
    .map((sec, index) => ({ sec, index }))
    .filter(({ index }) => lines.some(({ values }) => values[index] !== null))
    .reverse();
  const shown = rows.slice(0, ROWS_MAX);
  return (
    <section
      className="values"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keys.
      tabIndex={0}
      style={{ height: props.height }}
      aria-label="Values of the chart"
    >
      <table className="grid-table">
        <thead>
          <tr>
            <th scope="col">Time ({formatZone(props.zone)})</th>
            {lines.map((line, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place in the chart.
              <th key={at} scope="col" className="num">
                {line.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map(({ sec, index }) => (
            <tr key={sec}>
              <td className="mono">{formatDateTime(sec * 1000, props.zone)}</td>
              {lines.map(({ values }, at) => {
                const value = values[index];
                return (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place in the chart.
                  <td key={at} className="num mono">
                    {typeof value === "number" ? formatValue(value) : ""}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > ROWS_MAX && (
        <p className="dim">
          The newest {ROWS_MAX} of {rows.length} times. Zoom in to see the others.
        </p>
      )}
    </section>
  );
}
