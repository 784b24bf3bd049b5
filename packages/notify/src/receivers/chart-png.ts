import type { NotificationChart } from "@pharos/alert";
import { dotsOf, GLYPH_ADVANCE, GLYPH_HEIGHT } from "./digit-font.ts";
import { encodePng } from "./png.ts";

/** In dots; shown at half of it, so that it is sharp on fine screens. */
export const CHART_WIDTH = 1200;
export const CHART_HEIGHT = 400;

const LEFT = 104;
const RIGHT = CHART_WIDTH - 16;
const TOP = 16;
const BOTTOM = CHART_HEIGHT - 40;
const FONT_SCALE = 2;
const LINE_WIDTH = 4;
/** How many series are drawn; more would hide each other. */
const SERIES_MAX = 6;
const TICKS_Y = 4;
const TICKS_X = 6;

const PALETTE: readonly (readonly [red: number, green: number, blue: number])[] = [
  [255, 255, 255],
  [226, 230, 235],
  [91, 101, 112],
  [192, 28, 40],
  // The series.
  [26, 95, 180],
  [38, 162, 105],
  [229, 165, 10],
  [145, 65, 172],
  [198, 70, 0],
  [99, 69, 44],
];
const BACKGROUND = 0;
const GRID = 1;
const TEXT = 2;
const THRESHOLD = 3;
const FIRST_SERIES = 4;

/**
 * The chart of an alert as a PNG file: a line a series, the threshold, values at the left and times below (on the
 * clocks of `timeZone`, an IANA name). Undefined where there is nothing to draw.
 */
export function chartPng(chart: NotificationChart, timeZone = "UTC"): Uint8Array | undefined {
  const series = chart.series.slice(0, SERIES_MAX);
  const points = series.flatMap((each) =>
    each.points.filter(([, value]) => value !== null && Number.isFinite(value)),
  );
  if (points.length === 0) return undefined;
  const times = series.flatMap((each) => each.points.map(([time]) => time));
  const [from, to] = [minOf(times), maxOf(times)];
  const values = points.map(([, value]) => value ?? 0);
  if (chart.threshold !== undefined && Number.isFinite(chart.threshold))
    values.push(chart.threshold);
  const ticks = niceTicks(minOf(values), maxOf(values), TICKS_Y);
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  const x = (time: number): number =>
    Math.round(LEFT + ((time - from) / Math.max(to - from, 1)) * (RIGHT - LEFT));
  const y = (value: number): number =>
    Math.round(BOTTOM - ((value - low) / (high - low)) * (BOTTOM - TOP));

  const canvas = new Canvas(CHART_WIDTH, CHART_HEIGHT);
  for (const tick of ticks) {
    canvas.line(LEFT, y(tick), RIGHT, y(tick), GRID, 1);
    const label = shortNumber(tick);
    canvas.text(label, LEFT - 12 - textWidth(label), y(tick) - GLYPH_HEIGHT, TEXT);
  }
  for (const time of timeTicks(from, to)) {
    canvas.line(x(time), TOP, x(time), BOTTOM, GRID, 1);
    const label = clockTime(time, timeZone);
    const left = x(time) - textWidth(label) / 2;
    canvas.text(label, Math.min(left, CHART_WIDTH - textWidth(label)), BOTTOM + 14, TEXT);
  }
  if (chart.threshold !== undefined && Number.isFinite(chart.threshold))
    canvas.dashes(LEFT, RIGHT, y(chart.threshold), THRESHOLD, 2);
  for (const [i, { points: line }] of series.entries()) {
    let before: readonly [number, number] | undefined;
    for (const [time, value] of line) {
      if (value === null || !Number.isFinite(value)) {
        before = undefined;
        continue;
      }
      const at = [x(time), y(value)] as const;
      canvas.line(...(before ?? at), ...at, FIRST_SERIES + i, LINE_WIDTH);
      before = at;
    }
  }
  return encodePng({
    width: CHART_WIDTH,
    height: CHART_HEIGHT,
    palette: PALETTE,
    pixels: canvas.pixels,
  });
}

class Canvas {
  readonly pixels: Uint8Array;
  readonly #width: number;
  readonly #height: number;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.pixels = new Uint8Array(width * height).fill(BACKGROUND);
  }

  /** A square of `size` dots around a place; what lies outside is left out. */
  dot(x: number, y: number, color: number, size: number): void {
    const left = Math.max(0, Math.round(x - (size - 1) / 2));
    const top = Math.max(0, Math.round(y - (size - 1) / 2));
    const right = Math.min(this.#width, left + size);
    const bottom = Math.min(this.#height, top + size);
    for (let row = top; row < bottom; row++)
      this.pixels.fill(color, row * this.#width + left, row * this.#width + Math.max(left, right));
  }

  line(x1: number, y1: number, x2: number, y2: number, color: number, size: number): void {
    const steps = Math.max(Math.abs(x2 - x1), Math.abs(y2 - y1), 1);
    for (let step = 0; step <= steps; step++) {
      const part = step / steps;
      this.dot(Math.round(x1 + (x2 - x1) * part), Math.round(y1 + (y2 - y1) * part), color, size);
    }
  }

  dashes(x1: number, x2: number, y: number, color: number, size: number): void {
    for (let x = x1; x < x2; x += 20) this.line(x, y, Math.min(x + 12, x2), y, color, size);
  }

  text(text: string, left: number, top: number, color: number): void {
    for (const [x, y] of dotsOf(text))
      this.dot(left + x * FONT_SCALE, top + y * FONT_SCALE, color, FONT_SCALE);
  }
}

function textWidth(text: string): number {
  return text.length * GLYPH_ADVANCE * FONT_SCALE;
}

function minOf(values: readonly number[]): number {
  return values.reduce((min, value) => Math.min(min, value), Number.POSITIVE_INFINITY);
}

function maxOf(values: readonly number[]): number {
  return values.reduce((max, value) => Math.max(max, value), Number.NEGATIVE_INFINITY);
}

/** Round numbers that enclose the values: 1, 2 or 5 times a power of ten apart. */
function niceTicks(min: number, max: number, count: number): number[] {
  const span = max > min ? max - min : Math.abs(max) || 1;
  const power = 10 ** Math.floor(Math.log10(span / count));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => span / each <= count);
  if (step === undefined || !(step > 0) || !Number.isFinite(step)) return [min, min + span];
  const first = Math.floor(min / step);
  const last = Math.max(Math.ceil(max / step), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** Whole minutes, hours or days, at most `TICKS_X` of them. */
function timeTicks(from: number, to: number): number[] {
  const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];
  const step =
    minutes.map((each) => each * 60_000).find((each) => (to - from) / each <= TICKS_X) ??
    Math.ceil((to - from) / TICKS_X / 86_400_000) * 86_400_000;
  const ticks: number[] = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) ticks.push(time);
  return ticks;
}

function clockTime(ms: number, timeZone: string): string {
  return new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" }).format(
    ms,
  );
}

const UNITS = [
  [1e18, "E"],
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "u"],
  [1e-9, "n"],
] as const;

/** At most eight characters, which is what fits at the left. */
function shortNumber(value: number): string {
  if (value === 0) return "0";
  const unit = UNITS.find(([size]) => Math.abs(value) >= size * 0.9999);
  if (unit === undefined || Math.abs(value) >= 1e21) return value.toExponential(1);
  return `${Number((value / unit[0]).toPrecision(4))}${unit[1]}`;
}
