// Lines over time in the characters of a terminal. Braille has two by four dots a character; where several series must be
// told apart without colours, each has a letter-like mark of its own instead.
import type { QueryData } from "@pharos/api";
import { seriesText } from "./result-csv.ts";
import { type ShownSeries, shortNumber, shownSeries } from "./result-table.ts";

export interface ChartOptions {
  /** Characters a line may have, the axis included. */
  readonly width: number;
  /** Spaces between the values on the axis, each of `TICK_LINES`. */
  readonly ticks: number;
  readonly colors: boolean;
  /** The ends of the time axis, Unix seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
}

/** More lines than this nobody tells apart; the legend says how many are left out. */
const SERIES_MAX = 8;
const MARKS = ["*", "+", "x", "o", "#", "@", "%", "&"];
/** SGR codes: colours that can be read on dark and on light ground. */
const COLORS = [36, 33, 35, 32, 31, 34, 96, 95];
const DOTS_X = 2;
const DOTS_Y = 4;
/** The bits of a Braille character, by column and row of its dots. */
const BRAILLE_BITS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;
const BRAILLE = 0x2800;
/** Every so many lines the axis has a value. */
const TICK_LINES = 4;
const PLOT_WIDTH_MIN = 10;

interface Line {
  readonly label: string;
  readonly points: readonly (readonly [seconds: number, value: number])[];
}

/** The result of a range query as a chart with its axes and a legend. */
export function resultChart(data: QueryData, options: ChartOptions): string {
  const all = shownSeries(data).map(lineOf);
  const lines = all.filter(({ points }) => points.length > 0).slice(0, SERIES_MAX);
  if (lines.length === 0) return "no series\n";
  const { colors } = options;
  const height = options.ticks * TICK_LINES + 1;
  const scale = valueScale(lines, options.ticks);
  const ticks = Array.from({ length: height }, (_, row) =>
    row % TICK_LINES === 0 ? tickText(scale, row, height) : "",
  );
  const axisWidth = ticks.reduce((width, text) => Math.max(width, text.length), 0);
  const width = Math.max(PLOT_WIDTH_MIN, options.width - axisWidth - 2);
  const marked = !colors && lines.length > 1;
  const canvas = new Canvas(width, height, marked);
  for (const [at, line] of lines.entries()) canvas.draw(line, at, scale, options);
  const rows = ticks.map(
    (tick, row) =>
      `${tick.padStart(axisWidth)} ${tick === "" ? "│" : "┤"}${canvas.row(row, colors)}`,
  );
  const indent = " ".repeat(axisWidth + 1);
  return [
    ...rows,
    `${indent}└${"─".repeat(width)}`,
    `${indent} ${timeAxis(options, width)}`,
    ...lines.map(({ label }, at) => ` ${legendMark(at, colors, marked)} ${label}`),
    ...(all.length > lines.length ? [`   and ${all.length - lines.length} more series`] : []),
  ]
    .map((text) => `${text.trimEnd()}\n`)
    .join("");
}

function lineOf({ metric, points }: ShownSeries): Line {
  const numbers = points
    .map(([seconds, text]) => [seconds, drawnValue(text)] as const)
    .filter(([, value]) => Number.isFinite(value));
  return { label: seriesText(metric), points: numbers };
}

/** NaN for what cannot be drawn. */
function drawnValue(text: string): number {
  return text === "+Inf" || text === "-Inf" ? Number.NaN : Number(text);
}

interface Scale {
  readonly low: number;
  readonly high: number;
}

/** Round values that hold the least and the greatest, with so many spaces between them. */
function valueScale(lines: readonly Line[], ticks: number): Scale {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { points } of lines)
    for (const [, value] of points) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  if (low === high) {
    // A line that stays the same lies in the middle.
    const around = Math.abs(low) / 2 || 1;
    [low, high] = [low - around, high + around];
  }
  let power = 10 ** Math.floor(Math.log10((high - low) / ticks));
  for (;;) {
    for (const factor of [1, 2, 2.5, 5]) {
      const step = factor * power;
      const bottom = Math.floor(low / step) * step;
      if (bottom + ticks * step >= high) return { low: bottom, high: bottom + ticks * step };
    }
    power *= 10;
  }
}

function tickText({ low, high }: Scale, row: number, height: number): string {
  const value = high - ((high - low) * row) / (height - 1);
  // What is nothing beside the scale is rounding.
  return compact(Math.abs(value) < (high - low) * 1e-9 ? 0 : value);
}

const PREFIXES: readonly (readonly [factor: number, prefix: string])[] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Four digits, with a prefix where the number is large. */
function compact(value: number): string {
  const [factor, prefix] = PREFIXES.find(([least]) => Math.abs(value) >= least * 10) ?? [1, ""];
  return `${shortNumber(Number((value / factor).toPrecision(4)))}${prefix}`;
}

/** What is drawn: for each character which dots are set, and whose line came last. */
class Canvas {
  readonly #width: number;
  readonly #height: number;
  readonly #marked: boolean;
  readonly #bits: Uint8Array;
  readonly #owners: Int8Array;

  constructor(width: number, height: number, marked: boolean) {
    this.#width = width;
    this.#height = height;
    this.#marked = marked;
    this.#bits = new Uint8Array(width * height);
    this.#owners = new Int8Array(width * height).fill(-1);
  }

  draw({ points }: Line, owner: number, { low, high }: Scale, options: ChartOptions): void {
    const { startSeconds, endSeconds } = options;
    const stepX = this.#marked ? 1 : DOTS_X;
    const stepY = this.#marked ? 1 : DOTS_Y;
    const [columns, rows] = [this.#width * stepX, this.#height * stepY];
    const span = Math.max(endSeconds - startSeconds, 1e-3);
    const gapSeconds = 2.5 * medianStep(points);
    let before: readonly [x: number, y: number, seconds: number] | undefined;
    for (const [seconds, value] of points) {
      const x = Math.round(((seconds - startSeconds) / span) * (columns - 1));
      const y = Math.round(((high - value) / (high - low)) * (rows - 1));
      // A line is not drawn over a gap.
      const isJoined = before !== undefined && seconds - before[2] <= gapSeconds;
      const [fromX, fromY] = isJoined ? (before ?? [x, y]) : [x, y];
      const steps = Math.max(Math.abs(x - fromX), Math.abs(y - fromY), 1);
      for (let i = 0; i <= steps; i++)
        this.#set(
          Math.round(fromX + ((x - fromX) * i) / steps),
          Math.round(fromY + ((y - fromY) * i) / steps),
          owner,
        );
      before = [x, y, seconds];
    }
  }

  #set(x: number, y: number, owner: number): void {
    const [stepX, stepY] = this.#marked ? [1, 1] : [DOTS_X, DOTS_Y];
    const column = Math.floor(x / stepX);
    const row = Math.floor(y / stepY);
    if (column < 0 || column >= this.#width || row < 0 || row >= this.#height) return;
    const at = row * this.#width + column;
    this.#bits[at] = (this.#bits[at] ?? 0) | (BRAILLE_BITS[x % DOTS_X === 0 ? 0 : 1]?.[y % 4] ?? 0);
    this.#owners[at] = owner;
  }

  row(row: number, colors: boolean): string {
    let text = "";
    let color = -1;
    for (let column = 0; column < this.#width; column++) {
      const at = row * this.#width + column;
      const owner = this.#owners[at] ?? -1;
      if (colors && owner !== color) {
        text += owner < 0 ? RESET : colorCode(owner);
        color = owner;
      }
      if (owner < 0) text += " ";
      else if (this.#marked) text += MARKS[owner % MARKS.length];
      else text += String.fromCharCode(BRAILLE + (this.#bits[at] ?? 0));
    }
    return color >= 0 ? text + RESET : text;
  }
}

const RESET = "\u001b[0m";

function colorCode(at: number): string {
  return `\u001b[${COLORS[at % COLORS.length]}m`;
}

function legendMark(at: number, colors: boolean, marked: boolean): string {
  if (colors) return `${colorCode(at)}━${RESET}`;
  return marked ? (MARKS[at % MARKS.length] ?? "") : "━";
}

/** The distance that most points have. */
function medianStep(points: readonly (readonly [number, number])[]): number {
  const steps = points.slice(1).map(([seconds], i) => seconds - (points[i]?.[0] ?? 0));
  return steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? Number.POSITIVE_INFINITY;
}

/** Start, middle and end, as times of the day; with the date where they are of different days. */
function timeAxis({ startSeconds, endSeconds }: ChartOptions, width: number): string {
  const isLong = endSeconds - startSeconds > 86_400;
  const text = (seconds: number): string => {
    const iso = new Date(seconds * 1000).toISOString();
    return isLong ? `${iso.slice(5, 10)} ${iso.slice(11, 16)}` : iso.slice(11, 19);
  };
  const [start, end] = [text(startSeconds), `${text(endSeconds)} UTC`];
  const middle = text((startSeconds + endSeconds) / 2);
  const room = width - start.length - end.length;
  if (room < 2) return `${start} – ${end}`;
  const left = Math.round((width - middle.length) / 2) - start.length;
  const right = room - left - middle.length;
  if (Math.min(left, right) < 2) return start + " ".repeat(room) + end;
  return start + " ".repeat(left) + middle + " ".repeat(right) + end;
}
