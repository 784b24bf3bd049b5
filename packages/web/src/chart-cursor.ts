/** Where the reader points in a chart and its legend. */
export interface Cursor {
  /** Index into the chart's times; undefined outside the chart. */
  readonly index: number | undefined;
  /** The series nearest to the pointer, or the row of the legend under it. */
  readonly seriesIndex: number | undefined;
  /** The pointer from the chart's upper left corner, in px. */
  readonly left: number;
  readonly top: number;
  /** Who moved it: tooltips follow the pointer of their own chart only. */
  readonly source: "chart" | "legend" | "keys" | "other";
}

const NOWHERE: Cursor = {
  index: undefined,
  seriesIndex: undefined,
  left: 0,
  top: 0,
  source: "other",
};

/**
 * The cursor of a chart, outside React's state: it moves with every pixel of the mouse, and only the tooltip and the
 * legend's values have to follow, not the chart.
 */
export class CursorStore {
  #cursor: Cursor = NOWHERE;
  readonly #listeners = new Set<() => void>();

  get = (): Cursor => this.#cursor;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  set(change: Partial<Cursor>): void {
    const next = { ...this.#cursor, ...change };
    const keys = Object.keys(next) as (keyof Cursor)[];
    if (keys.every((key) => next[key] === this.#cursor[key])) return;
    this.#cursor = next;
    for (const listener of this.#listeners) listener();
  }

  clear(): void {
    this.set(NOWHERE);
  }
}
