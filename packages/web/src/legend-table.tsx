import "./legend-table.css";
import { type MouseEvent, type ReactNode, useMemo, useState, useSyncExternalStore } from "react";
import type { CursorStore } from "./chart-cursor.ts";
import type { ChartLine } from "./chart-line.ts";
import { clickColumn, DEFAULT_SORT, type LegendSort, orderLegend } from "./legend-order.ts";
import { STAT_NAMES, statsOf } from "./series-stats.ts";
import { Swatch } from "./swatch.tsx";
import { formatCompact, type Unit } from "./value-format.ts";

interface LegendTableProps {
  readonly lines: readonly ChartLine[];
  readonly unit: Unit;
  readonly cursor: CursorStore;
  readonly heightMax: number;
  /** All labels of a line, for its tip. */
  readonly fullNames: readonly string[];
  /** A click isolates a line, or shows all again; with Ctrl or ⌘ it switches this line alone. */
  onPick(index: number, alone: boolean): void;
}

/** The lines of a chart with their figures. The value under the pointer has its own column. */
export function LegendTable(props: LegendTableProps) {
  const { cursor, fullNames, lines, unit } = props;
  const [sort, setSort] = useState<LegendSort>(DEFAULT_SORT);
  const stats = useMemo(() => lines.map(({ values }) => statsOf(values)), [lines]);
  const order = useMemo(
    () =>
      orderLegend(
        lines.map(({ name }) => name),
        stats,
        sort,
      ),
    [lines, stats, sort],
  );

  const column = (by: LegendSort["by"], text: string, numeric: boolean) => (
    <th
      key={by}
      scope="col"
      className={numeric ? "num" : undefined}
      aria-sort={sort.by !== by ? "none" : sort.descending ? "descending" : "ascending"}
    >
      <button
        type="button"
        className="legend__sort"
        onClick={() => setSort((before) => clickColumn(before, by))}
      >
        {text}
        {sort.by === by ? (sort.descending ? " ↓" : " ↑") : ""}
      </button>
    </th>
  );

  return (
    <section className="legend" style={{ maxHeight: props.heightMax }} aria-label="Series">
      <table>
        <thead>
          <tr>
            {column("name", "Series", false)}
            <th scope="col" className="num">
              <span className="visually-hidden">under the pointer</span>
            </th>
            {STAT_NAMES.map((name) => column(name, name, true))}
          </tr>
        </thead>
        <tbody>
          {order.map((index) => {
            const line = lines[index];
            if (line === undefined) return null;
            return (
              <LegendRow key={index} line={line} index={index} cursor={cursor}>
                <td>
                  <button
                    type="button"
                    className="legend__name"
                    aria-pressed={line.shown}
                    title={fullNames[index]}
                    onClick={(event: MouseEvent) =>
                      props.onPick(index, !(event.ctrlKey || event.metaKey))
                    }
                  >
                    <Swatch style={line.style} />
                    <span>{line.name}</span>
                  </button>
                </td>
                <ValueAtCursor line={line} cursor={cursor} unit={unit} />
                {STAT_NAMES.map((name) => {
                  const value = stats[index]?.[name];
                  return (
                    <td key={name} className="num">
                      {value === undefined ? "–" : formatCompact(value, unit)}
                    </td>
                  );
                })}
              </LegendRow>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function LegendRow(props: {
  line: ChartLine;
  index: number;
  cursor: CursorStore;
  children: ReactNode;
}) {
  const { cursor, index } = props;
  const near = useSyncExternalStore(
    cursor.subscribe,
    () => cursor.get().source === "chart" && cursor.get().seriesIndex === index,
  );
  return (
    <tr
      data-near={near}
      onMouseEnter={() => cursor.set({ source: "legend", seriesIndex: index, index: undefined })}
      onMouseLeave={() => cursor.clear()}
    >
      {props.children}
    </tr>
  );
}

function ValueAtCursor(props: { line: ChartLine; cursor: CursorStore; unit: Unit }) {
  const { cursor, line, unit } = props;
  const value = useSyncExternalStore(cursor.subscribe, () => {
    const { index } = cursor.get();
    return index === undefined ? undefined : line.values[index];
  });
  return (
    <td className="num legend__at">
      {value === undefined ? "" : value === null ? "–" : formatCompact(value, unit)}
    </td>
  );
}
