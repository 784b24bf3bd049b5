// Runs of several contenders in turns, and the table of what came of them.

/** A column of figures; the medians of the runs are shown. */
export interface Column<Figures> {
  readonly title: string;
  readonly digits: number;
  of(figures: Figures): number | undefined;
  /** Shows beside it how many times the first row's figure each one is. */
  readonly ratio?: boolean;
}

export interface RunOptions {
  /** Counted runs of each. */
  readonly runs: number;
  /** Runs of each before them that are not counted: file caches and the processor's clock settle. */
  readonly warmUps: number;
}

/**
 * Measures each contender `runs` times, in turns, since a machine drifts. One whose program is missing (`measure` answers
 * undefined) is named and left out.
 */
export async function compare<Contender extends { readonly name: string }, Figures>(
  contenders: readonly Contender[],
  { runs, warmUps }: RunOptions,
  measure: (contender: Contender) => Promise<Figures | undefined>,
): Promise<ReadonlyMap<string, readonly Figures[]>> {
  const results = new Map<string, Figures[]>();
  const missing = new Set<string>();
  for (let run = 0; run < warmUps + runs; run++)
    for (const contender of contenders) {
      const { name } = contender;
      if (missing.has(name)) continue;
      const figures = await measure(contender);
      if (figures === undefined) {
        process.stdout.write(`${name} is missing; see scripts/services.sh\n`);
        missing.add(name);
      } else if (run >= warmUps) results.set(name, [...(results.get(name) ?? []), figures]);
    }
  return results;
}

/** Prints a row for each name, the first being the one that the ratios are of. */
export function printTable<Figures>(
  title: string,
  results: ReadonlyMap<string, readonly Figures[]>,
  columns: readonly Column<Figures>[],
): void {
  const rows: string[][] = [[title]];
  for (const { title: columnTitle, ratio } of columns)
    rows[0]?.push(columnTitle, ...(ratio === true ? ["ratio"] : []));
  const [first = []] = results.values();
  for (const [name, runs] of results) {
    const row = [name];
    for (const column of columns) {
      const value = medianOf(runs, column);
      row.push(value?.toFixed(column.digits) ?? "–");
      if (column.ratio !== true) continue;
      const base = medianOf(first, column);
      row.push(value === undefined || base === undefined ? "–" : `${(value / base).toFixed(2)}x`);
    }
    rows.push(row);
  }
  process.stdout.write(`\n${formatRows(rows)}`);
}

/** The first column to the left, the others to the right, each as wide as its widest cell. */
export function formatRows(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => {
        const width = widths[at] ?? 0;
        return at === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join("");
}

function medianOf<Figures>(runs: readonly Figures[], column: Column<Figures>): number | undefined {
  const values = runs.map((figures) => column.of(figures)).filter((each) => each !== undefined);
  return values.length === 0 ? undefined : percentile(values, 50);
}

/** Of a list that is not empty, the value that `percent` of the others do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100));
  return sorted[at] ?? Number.NaN;
}

/** Shows how far a run is, in place, where somebody looks at it. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
}

/** Takes away what `progress` showed. */
export function endProgress(): void {
  progress("");
}
