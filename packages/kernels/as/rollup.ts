// Samples to one row a window: the numbers of rollup tiers. Rows are columns of f64s, one after another, each with room
// for as many rows as there are samples; then for each row where its samples begin and end, as two u32s.
import { sketchAddValues, sketchClear, sketchEncode } from "./sketch";

/** start of the window, count, sum, min, max, first, last, increase */
const COLUMNS: usize = 8;

/** Bytes that the rows of `count` samples take at most. */
export function rollupSize(count: u32): u32 {
  return count * ((COLUMNS as u32) + 1) * 8;
}

/**
 * Rolls up `count` samples by strictly increasing time, in windows of `windowMs` that start at its multiples. `stale` has a
 * byte a sample, 1 where it is a staleness marker; 0 is for none. Markers say that a series has ended, which is no
 * value: they count for nothing, and a counter goes on after them. Answers how many rows there are, those with a sample.
 */
export function rollupWindows(
  timestamps: usize, values: usize, stale: usize, count: u32, windowMs: f64, out: usize,
): u32 {
  const columnSize: usize = (count as usize) * 8;
  const bounds = out + columnSize * COLUMNS;
  let row: u32 = 0;
  for (let from: u32 = 0; from < count; ) {
    const windowStart = floor<f64>(load<f64>(timestamps + from * 8) / windowMs) * windowMs;
    const windowEnd = windowStart + windowMs;
    let to = from + 1;
    while (to < count && load<f64>(timestamps + to * 8) < windowEnd) to++;
    const at = out + row * 8;
    if (rollupWindow(values, stale, from, to, at, columnSize)) {
      store<f64>(at, windowStart);
      store<u32>(bounds + row * 8, from);
      store<u32>(bounds + row * 8, to, 4);
      row++;
    }
    from = to;
  }
  return row;
}

/** The row of the samples [from, to), but for its time. False where all of them are staleness markers. */
function rollupWindow(values: usize, stale: usize, from: u32, to: u32, row: usize, columnSize: usize): bool {
  let i = from;
  if (stale != 0) while (i < to && load<u8>(stale + i) != 0) i++;
  if (i == to) return false;

  const first = load<f64>(values + i * 8);
  let count: f64 = 1;
  let sum = first;
  // What was lost of the lower of two digits (Neumaier's summation).
  let lost: f64 = 0;
  let least = first;
  let most = first;
  let last = first;
  let increase: f64 = 0;
  for (i++; i < to; i++) {
    if (stale != 0 && load<u8>(stale + i) != 0) continue;
    const value = load<f64>(values + i * 8);
    count++;
    const total = sum + value;
    lost += abs<f64>(sum) >= abs<f64>(value) ? sum - total + value : value - total + sum;
    sum = total;
    // A NaN only where there is nothing else: all comparisons with one are false.
    least = least < value || value != value ? least : value;
    most = most > value || value != value ? most : value;
    // Where a counter is lower than before, it began again at 0.
    increase += value < last ? value : value - last;
    last = value;
  }
  // Infinities and overflow leave no digits to correct.
  if (sum - sum == 0) sum += lost;
  store<f64>((row += columnSize), count);
  store<f64>((row += columnSize), sum);
  store<f64>((row += columnSize), least);
  store<f64>((row += columnSize), most);
  store<f64>((row += columnSize), first);
  store<f64>((row += columnSize), last);
  store<f64>(row + columnSize, increase);
  return true;
}

/** Bytes that the sketches of `count` samples take at most, in whatever rows. */
export function rollupSketchesSize(count: u32): u32 {
  return count * 16 + 64;
}

/**
 * Encodes a sketch for each of the rows that rollupWindows wrote to `rolled`, one after another to `out`, and where each
 * ends as a u32 to `ends`. `sketch` has no values, before and after. Answers the size of all.
 */
export function rollupSketches(sketch: usize, values: usize, count: u32, rolled: usize, rows: u32, ends: usize, out: usize): u32 {
  const bounds = rolled + (count as usize) * 8 * COLUMNS;
  let at = out;
  for (let row: u32 = 0; row < rows; row++) {
    const from = load<u32>(bounds + row * 8);
    const to = load<u32>(bounds + row * 8, 4);
    // Staleness markers are NaNs, which a sketch leaves out.
    sketchAddValues(sketch, values + from * 8, to - from);
    at += sketchEncode(sketch, at);
    sketchClear(sketch);
    store<u32>(ends + row * 4, (at - out) as u32);
  }
  return (at - out) as u32;
}
