// Sums, extremes and the like of windows (see windows.ts). Sums are compensated: what each addition loses to rounding is
// summed up beside (Neumaier's variant of Kahan's summation), but not where they are infinite.
import { FROM, OUT, PRESENT, SAMPLES, SCRATCH, TIMES, TO } from "./windows";

/** Windows of more samples than this on average are summed by differences of running sums, not one by one. */
const DIRECT_SAMPLES_MAX: u64 = 32;

/** A sum this small beside the running sums that it is a difference of could show their rounding. 2^-40. */
const DIFFERENCE_MIN: f64 = 9.094947017729282379150390625e-13;

/** The sum of each window, or with `isAverage` the average. */
export function windowsSum(w: usize, values: usize, isAverage: i32): u32 {
  const count = load<u32>(w);
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  const scratch = load<u32>(w, SCRATCH) as usize;
  const greatest: f64 = isLong(from, to, count) ? runningSums(values, load<u32>(w, SAMPLES), scratch) : Infinity;
  const long = greatest < Infinity;
  const least = greatest * DIFFERENCE_MIN;
  // How many samples were looked at, and which of them were the last ones not 0, NaN and infinite.
  let seen: i32 = 0;
  let lastOther: i32 = -1;
  let lastNaN: i32 = -1;
  let lastPlus: i32 = -1;
  let lastMinus: i32 = -1;
  let found: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const low = load<u32>(from + i * 4);
    const high = load<u32>(to + i * 4);
    store<u8>(present + i, high > low ? 1 : 0);
    if (high == low) continue;
    found++;
    if (long) {
      for (; seen < (high as i32); seen++) {
        const value = load<f64>(values + (seen << 3));
        if (value == 0) continue;
        lastOther = seen;
        if (value - value == 0) continue;
        if (value != value) lastNaN = seen;
        else if (value > 0) lastPlus = seen;
        else lastMinus = seen;
      }
      const first = low as i32;
      if (lastOther < first) {
        store<f64>(out + i * 8, 0);
        continue;
      }
      if (lastNaN >= first || lastPlus >= first || lastMinus >= first) {
        const isNumber = lastNaN < first && (lastPlus < first || lastMinus < first);
        store<f64>(out + i * 8, isNumber ? (lastPlus >= first ? Infinity : -Infinity) : NaN);
        continue;
      }
      const total = difference(scratch + low * 16, scratch + high * 16);
      if (abs<f64>(total) >= least) {
        store<f64>(out + i * 8, isAverage != 0 ? total / ((high - low) as f64) : total);
        continue;
      }
    } else if (i + 1 < count && isNextAsLarge(from + i * 4, to + i * 4)) {
      const next = load<u32>(from + i * 4, 4);
      if (sumTwo(values + low * 8, values + next * 8, high - low, isAverage, out + i * 8)) {
        i++;
        store<u8>(present + i, 1);
        found++;
        continue;
      }
    }
    const start = values + low * 8;
    const end = values + high * 8;
    store<f64>(out + i * 8, isAverage != 0 ? average(start, end) : sum(start, end));
  }
  return found;
}

/** Whether a window has as many samples as the one behind it, whose bounds stand there as well. */
function isNextAsLarge(from: usize, to: usize): bool {
  return load<u32>(to, 4) - load<u32>(from, 4) == load<u32>(to) - load<u32>(from);
}

/** Sums two windows of the same size, not 0, side by side. False where a sum is not finite, and nothing is done. */
function sumTwo(a: usize, b: usize, size: u32, isAverage: i32, out: usize): bool {
  let total = f64x2.replace_lane(v128.load64_splat(a), 1, load<f64>(b));
  // So that a sum of -0 alone is what it is one by one: 0 for sums, and -0 for averages, which begin with the first sample.
  if (isAverage == 0) total = f64x2.add(f64x2.splat(0), total);
  let lost = f64x2.splat(0);
  for (const end = a + (size as usize) * 8; (a += 8) < end; ) {
    b += 8;
    const value = f64x2.replace_lane(v128.load64_splat(a), 1, load<f64>(b));
    const next = f64x2.add(total, value);
    lost = f64x2.add(lost, lostOf(total, value, next));
    total = next;
  }
  // What is not finite on the way shows in the end: its difference from itself is no number.
  if (!i64x2.all_true(f64x2.eq(f64x2.sub(total, total), f64x2.splat(0)))) return false;
  if (isAverage != 0) {
    const sizes = f64x2.splat(size as f64);
    v128.store(out, f64x2.add(f64x2.div(total, sizes), f64x2.div(lost, sizes)));
  } else v128.store(out, f64x2.add(total, lost));
  return true;
}

function isLong(from: usize, to: usize, count: u32): bool {
  if (count < 2) return false;
  let total: u64 = 0;
  for (let i: u32 = 0; i < count; i++) total += (load<u32>(to + i * 4) - load<u32>(from + i * 4)) as u64;
  return total > DIRECT_SAMPLES_MAX * (count as u64);
}

/**
 * The sums up to each sample, as two f64s: a rounded sum, and what rounding lost; samples that are not finite are left out.
 * Answers the greatest number in them; infinity where the sums become too large.
 */
function runningSums(values: usize, length: u32, sums: usize): f64 {
  let total: f64 = 0;
  let lost: f64 = 0;
  let greatest: f64 = 0;
  store<f64>(sums, 0);
  store<f64>(sums, 0, 8);
  for (const end = values + length * 8; values < end; values += 8) {
    const sample = load<f64>(values);
    const value: f64 = sample - sample == 0 ? sample : 0;
    const next = total + value;
    lost += abs<f64>(total) >= abs<f64>(value) ? total - next + value : value - next + total;
    total = next;
    sums += 16;
    store<f64>(sums, total);
    store<f64>(sums, lost, 8);
    greatest = max<f64>(greatest, max<f64>(abs<f64>(total), abs<f64>(value)));
  }
  // Whatever is not finite on the way shows in the end.
  return total - total == 0 && lost - lost == 0 ? greatest : Infinity;
}

/** The sum between two places of running sums. */
function difference(low: usize, high: usize): f64 {
  const before = load<f64>(low);
  const after = load<f64>(high);
  const total = after - before;
  // What the subtraction itself lost.
  const lost = abs<f64>(after) >= abs<f64>(before) ? after - total - before : after - (total + before);
  return total + (lost + (load<f64>(high, 8) - load<f64>(low, 8)));
}

function sum(start: usize, end: usize): f64 {
  let total: f64 = 0;
  let lost: f64 = 0;
  for (let p = start; p < end; p += 8) {
    const value = load<f64>(p);
    const next = total + value;
    if (abs<f64>(next) == Infinity) lost = 0;
    else lost += abs<f64>(total) >= abs<f64>(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}

function average(start: usize, end: usize): f64 {
  let total = load<f64>(start);
  let lost: f64 = 0;
  for (let p = start + 8; p < end; p += 8) {
    const value = load<f64>(p);
    const next = total + value;
    if (abs<f64>(next) == Infinity) return incrementalAverage(start, p, end, total, lost);
    lost += abs<f64>(total) >= abs<f64>(value) ? total - next + value : value - next + total;
    total = next;
  }
  const count = ((end - start) >> 3) as f64;
  return total / count + lost / count;
}

/** Goes on from the sample `at`, where the sum would overflow, with the mean so far instead. */
function incrementalAverage(start: usize, at: usize, end: usize, total: f64, totalLost: f64): f64 {
  const before = ((at - start) >> 3) as f64;
  let mean = total / before;
  let lost = totalLost / before;
  for (let p = at; p < end; p += 8) {
    const seen = (((p - start) >> 3) + 1) as f64;
    const share = (seen - 1) / seen;
    const scaled = share * mean;
    const addend = load<f64>(p) / seen;
    const next = scaled + addend;
    lost *= share;
    if (abs<f64>(next) == Infinity) lost = 0;
    else lost += abs<f64>(scaled) >= abs<f64>(addend) ? scaled - next + addend : addend - next + scaled;
    mean = next;
  }
  return mean + lost;
}

/**
 * The least or the greatest sample of each window, NaN only where there is nothing else, or with `giveTime` the time of the
 * last such sample in seconds. One pass whatever the windows' length: `queue` holds the samples that are the best
 * of all after them.
 */
export function windowsExtreme(w: usize, values: usize, isMax: i32, giveTime: i32): u32 {
  const count = load<u32>(w);
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const times = load<u32>(w, TIMES) as usize;
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  const queue = load<u32>(w, SCRATCH) as usize;
  const sign: f64 = isMax != 0 ? 1 : -1;
  let head = queue;
  let tail = queue;
  let next: u32 = 0;
  let found: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const low = load<u32>(from + i * 4);
    const high = load<u32>(to + i * 4);
    for (; next < high; next++) {
      const value = sign * load<f64>(values + next * 8);
      if (value != value) continue;
      while (tail > head && sign * load<f64>(values + load<u32>(tail - 4) * 8) <= value) tail -= 4;
      store<u32>(tail, next);
      tail += 4;
    }
    while (head < tail && load<u32>(head) < low) head += 4;
    store<u8>(present + i, high > low ? 1 : 0);
    if (high == low) continue;
    const at = head < tail ? load<u32>(head) : high - 1;
    store<f64>(out + i * 8, giveTime != 0 ? load<f64>(times + at * 8) / 1000 : load<f64>(values + at * 8));
    found++;
  }
  return found;
}

/** The population variance of each window, by Welford's method with compensated sums; with `isDeviation` its root. */
export function windowsVariance(w: usize, values: usize, isDeviation: i32): u32 {
  const count = load<u32>(w);
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  let found: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const low = load<u32>(from + i * 4);
    const high = load<u32>(to + i * 4);
    store<u8>(present + i, high > low ? 1 : 0);
    if (high == low) continue;
    found++;
    if (i + 1 < count && isNextAsLarge(from + i * 4, to + i * 4)) {
      const next = load<u32>(from + i * 4, 4);
      if (varianceOfTwo(values + low * 8, values + next * 8, high - low, isDeviation, out + i * 8)) {
        i++;
        store<u8>(present + i, 1);
        found++;
        continue;
      }
    }
    const result = variance(values + low * 8, values + high * 8);
    store<f64>(out + i * 8, isDeviation != 0 ? sqrt<f64>(result) : result);
  }
  return found;
}

/** `variance` of two windows of the same size side by side. False where one is not finite, and nothing is done. */
function varianceOfTwo(a: usize, b: usize, size: u32, isDeviation: i32, out: usize): bool {
  let mean = f64x2.splat(0);
  let meanLost = f64x2.splat(0);
  let total = f64x2.splat(0);
  let lost = f64x2.splat(0);
  let seen: f64 = 0;
  for (const end = a + (size as usize) * 8; a < end; a += 8, b += 8) {
    seen++;
    const value = f64x2.replace_lane(v128.load64_splat(a), 1, load<f64>(b));
    const delta = f64x2.sub(value, f64x2.add(mean, meanLost));
    const meanStep = f64x2.div(delta, f64x2.splat(seen));
    const nextMean = f64x2.add(mean, meanStep);
    meanLost = f64x2.add(meanLost, lostOf(mean, meanStep, nextMean));
    mean = nextMean;
    const square = f64x2.mul(delta, f64x2.sub(value, f64x2.add(mean, meanLost)));
    const next = f64x2.add(total, square);
    lost = f64x2.add(lost, lostOf(total, square, next));
    total = next;
  }
  // What is not finite on the way shows in the end.
  const rest = f64x2.add(f64x2.sub(mean, mean), f64x2.sub(total, total));
  if (!i64x2.all_true(f64x2.eq(rest, f64x2.splat(0)))) return false;
  const result = f64x2.div(f64x2.add(total, lost), f64x2.splat(seen));
  v128.store(out, isDeviation != 0 ? f64x2.sqrt(result) : result);
  return true;
}

/** What a sum, `next`, lost of its addends to rounding. */
function lostOf(sum: v128, addend: v128, next: v128): v128 {
  const larger = f64x2.ge(f64x2.abs(sum), f64x2.abs(addend));
  const first = v128.bitselect(sum, addend, larger);
  const second = v128.bitselect(addend, sum, larger);
  return f64x2.add(f64x2.sub(first, next), second);
}

function variance(start: usize, end: usize): f64 {
  let mean: f64 = 0;
  let meanLost: f64 = 0;
  let total: f64 = 0;
  let lost: f64 = 0;
  let seen: f64 = 0;
  for (let p = start; p < end; p += 8) {
    const value = load<f64>(p);
    seen++;
    const delta = value - (mean + meanLost);
    const meanStep = delta / seen;
    const nextMean = mean + meanStep;
    if (abs<f64>(nextMean) == Infinity) meanLost = 0;
    else meanLost += abs<f64>(mean) >= abs<f64>(meanStep) ? mean - nextMean + meanStep : meanStep - nextMean + mean;
    mean = nextMean;
    const square = delta * (value - (mean + meanLost));
    const next = total + square;
    if (abs<f64>(next) == Infinity) lost = 0;
    else lost += abs<f64>(total) >= abs<f64>(square) ? total - next + square : square - next + total;
    total = next;
  }
  return (total + lost) / seen;
}

/**
 * How often the value changes within each window, or with `onlyDown` how often it falls; from one NaN to another is no
 * change.
 */
export function windowsChanges(w: usize, values: usize, onlyDown: i32): u32 {
  const count = load<u32>(w);
  const length = load<u32>(w, SAMPLES);
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  const scratch = load<u32>(w, SCRATCH) as usize;
  // Changes up to each sample, so that windows need not be walked.
  let changes: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    if (i > 0) {
      const before = load<f64>(values + i * 8 - 8);
      const value = load<f64>(values + i * 8);
      const changed = onlyDown != 0 ? value < before : value != before && (value == value || before == before);
      if (changed) changes++;
    }
    store<u32>(scratch + i * 4, changes);
  }
  let found: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const low = load<u32>(from + i * 4);
    const high = load<u32>(to + i * 4);
    store<u8>(present + i, high > low ? 1 : 0);
    if (high == low) continue;
    store<f64>(out + i * 8, (load<u32>(scratch + high * 4 - 4) - load<u32>(scratch + low * 4)) as f64);
    found++;
  }
  return found;
}
