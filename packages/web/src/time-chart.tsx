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
import { columnsOf } from "./chart-line.ts";
import { ChartTooltip } from "./chart-tooltip.tsx";
import { type PlotContent, plotOptions } from "./plot-options.ts";

export interface TimeChartProps extends PlotContent {
  /** Ascending. */
  readonly timesSec: readonly number[];
  /** The chart in words, for those who do not see it. */
  readonly label: string;
  readonly cursor: CursorStore;
}

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
    props.marks?.threshold,
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
