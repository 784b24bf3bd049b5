import type { RollupColumns } from "@pharos/ports";

/** The rows of a window, `from` to `to` (not included), of which there is at least one. */
export interface RowWindow {
  readonly rows: RollupColumns;
  readonly from: number;
  readonly to: number;
  /** How long a row's window is, and all of them together, ms. */
  readonly rowMs: number;
  readonly rangeMs: number;
}

/** A function of a range from rows: `scalar` is its argument, if it has one. Undefined where it has no value. */
export type RowFunction = (window: RowWindow, scalar: number) => number | undefined;

type Column = "sum" | "count" | "min" | "max";

const ROW_FUNCTIONS: ReadonlyMap<string, RowFunction> = new Map<string, RowFunction>([
  ["count_over_time", (window) => total(window, "count")],
  ["sum_over_time", (window) => total(window, "sum")],
  ["avg_over_time", (window) => total(window, "sum") / total(window, "count")],
  ["min_over_time", (window) => extreme(window, "min")],
  ["max_over_time", (window) => extreme(window, "max")],
  ["first_over_time", ({ rows, from }) => rows.first[from]],
  ["last_over_time", ({ rows, to }) => rows.last[to - 1]],
  ["present_over_time", () => 1],
  ["absent_over_time", () => 1],
  ["increase", increase],
  [
    "rate",
    (window) => {
      const grown = increase(window);
      return grown === undefined ? undefined : grown / (window.rangeMs / 1000);
    },
  ],
  ["quantile_over_time", quantile],
]);

/** Whether a function of a range can be told from rows. */
export function answersFromRows(func: string): boolean {
  return ROW_FUNCTIONS.has(func);
}

export function rowFunction(func: string): RowFunction | undefined {
  return ROW_FUNCTIONS.get(func);
}

function total({ rows, from, to }: RowWindow, name: Column): number {
  const column = rows[name];
  let sum = 0;
  for (let row = from; row < to; row++) sum += column[row] as number;
  return sum;
}

/** Ordinary NaNs count only where nothing else is there, as with samples. */
function extreme({ rows, from, to }: RowWindow, name: "min" | "max"): number {
  const column = rows[name];
  let best = Number.NaN;
  for (let row = from; row < to; row++) {
    const value = column[row] as number;
    const isBetter = name === "min" ? value < best : value > best;
    if (isBetter || Number.isNaN(best)) best = value;
  }
  return best;
}

/**
 * What a counter grew by. The step from the row before the window belongs to it where that is the one just before: so
 * the windows of a range query add up to the whole. As with samples, one alone says nothing.
 */
function increase({ rows, from, to, rowMs }: RowWindow): number | undefined {
  const { windowsMs, first, last } = rows;
  let samples = 0;
  let grown = 0;
  for (let row = from; row < to; row++) {
    samples += rows.count[row] as number;
    grown += rows.increase[row] as number;
  }
  if (samples < 2) return undefined;
  const isFollowing =
    from > 0 && (windowsMs[from] as number) - (windowsMs[from - 1] as number) === rowMs;
  if (from > 0 && !isFollowing) {
    const [before, after] = [last[from - 1] as number, first[from] as number];
    grown -= after < before ? after : after - before;
  }
  return grown;
}

function quantile({ rows, from, to }: RowWindow, q: number): number {
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  return rows.quantile(q, from, to);
}
