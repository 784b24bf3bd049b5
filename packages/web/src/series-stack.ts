/** Columns as the canvas wants them: null where the line breaks. */
export type PlotColumn = (number | null)[];

/** A line can neither go to infinity nor to NaN: it breaks there. */
export function plotColumn(values: readonly (number | null)[]): PlotColumn {
  return values.map((value) => (value !== null && Number.isFinite(value) ? value : null));
}

/**
 * Each column on top of those before it, positive values upwards from zero and negative ones downwards, so that a
 * sum is never drawn that nobody measured. A column without a sample adds nothing there and has a gap.
 */
export function stackColumns(columns: readonly PlotColumn[]): PlotColumn[] {
  const length = columns[0]?.length ?? 0;
  const up = new Float64Array(length);
  const down = new Float64Array(length);
  return columns.map((column) =>
    column.map((value, i) => {
      if (value === null) return null;
      const sums = value < 0 ? down : up;
      const sum = (sums[i] ?? 0) + value;
      sums[i] = sum;
      return sum;
    }),
  );
}
