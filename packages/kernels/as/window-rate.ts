// What counters and gauges change by within windows (see windows.ts).
import { ENDS, FROM, OUT, PRESENT, SAMPLES, SCRATCH, TIMES, TO } from "./windows";

// What a rate's window says of itself, before any value is looked at; 40 bytes a step:
//
//   | first sample i32, below 0 where there are not two | last sample i32 | seconds between them f64 |
//   | seconds to the window's start that may be filled f64 | to its end f64 | what a change is multiplied with f64 |
const PLAN_SIZE: usize = 40;

/** How many resets may be added back in one go, over all windows: some tens of ms. */
const RESETS_MAX: u64 = 20_000_000;

/** Bytes of a plan for `count` steps. */
export function ratePlanSize(count: u32): u32 {
  return count * (PLAN_SIZE as u32);
}

/**
 * Plans the rates of all series that have samples at these times. A change is extrapolated to the window's ends where
 * samples come close enough to them, within 1.1 average distances; else by half a distance. `seconds` is what it is
 * divided by: the window's length, or 0 for changes as they are.
 */
export function ratePlan(w: usize, range: f64, seconds: f64, plan: usize): void {
  const count = load<u32>(w);
  const ends = load<u32>(w, ENDS) as usize;
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const times = load<u32>(w, TIMES) as usize;
  // Mostly samples come at one interval, and a window lies to its samples as the one before did to its own.
  let distanceBefore: f64 = 0;
  let headBefore: f64 = 0;
  let tailBefore: f64 = 0;
  let gapsBefore: u32 = 0;
  let sampled: f64 = 0;
  let toStart: f64 = 0;
  let toEnd: f64 = 0;
  let factor: f64 = 0;
  for (let i: u32 = 0; i < count; i++, plan += PLAN_SIZE) {
    const low = load<u32>(from + i * 4);
    const high = load<u32>(to + i * 4);
    if (high - low < 2) {
      store<i32>(plan, -1);
      continue;
    }
    const last = high - 1;
    const gaps = last - low;
    const end = load<f64>(ends + i * 8);
    const firstTime = load<f64>(times + low * 8);
    const lastTime = load<f64>(times + last * 8);
    const distance = lastTime - firstTime;
    const head = firstTime - (end - range);
    const tail = end - lastTime;
    if (gaps != gapsBefore || distance != distanceBefore || head != headBefore || tail != tailBefore) {
      sampled = distance / 1000;
      const average = sampled / (gaps as f64);
      const near = average * 1.1;
      toStart = head / 1000;
      toEnd = tail / 1000;
      if (toStart >= near) toStart = average / 2;
      if (toEnd >= near) toEnd = average / 2;
      factor = factorOf(sampled, toStart, toEnd, seconds);
      gapsBefore = gaps;
      distanceBefore = distance;
      headBefore = head;
      tailBefore = tail;
    }
    store<u32>(plan, low);
    store<u32>(plan, last, 4);
    store<f64>(plan, sampled, 8);
    store<f64>(plan, toStart, 16);
    store<f64>(plan, toEnd, 24);
    store<f64>(plan, factor, 32);
  }
}

function factorOf(sampled: f64, toStart: f64, toEnd: f64, seconds: f64): f64 {
  const factor = (sampled + toStart + toEnd) / sampled;
  return seconds > 0 ? factor / seconds : factor;
}

/** What a gauge changed by, as planned. */
export function rateOfGauge(w: usize, values: usize, plan: usize): u32 {
  const count = load<u32>(w);
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  let found: u32 = 0;
  for (let i: u32 = 0; i < count; i++, plan += PLAN_SIZE) {
    const first = load<i32>(plan);
    store<u8>(present + i, first >= 0 ? 1 : 0);
    if (first < 0) continue;
    const change = load<f64>(values + (load<i32>(plan, 4) << 3)) - load<f64>(values + (first << 3));
    store<f64>(out + i * 8, change * load<f64>(plan, 32));
    found++;
  }
  return found;
}

/**
 * What a counter grew by, as planned: what it lost where it began again is added back, and it is never extrapolated to
 * before it was 0. `seconds` is that of the plan. Answers -1, and does nothing, where that may take long.
 */
export function rateOfCounter(w: usize, values: usize, seconds: f64, plan: usize): i32 {
  const count = load<u32>(w);
  const length = load<u32>(w, SAMPLES);
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  let resets = load<u32>(w, SCRATCH) as usize;
  const resetsEnd = isRising(values, length) ? resets : findResets(values, length, resets);
  if ((((resetsEnd - resets) >> 2) as u64) * (count as u64) > RESETS_MAX) return -1;
  let found: i32 = 0;
  for (let i: u32 = 0; i < count; i++, plan += PLAN_SIZE) {
    const first = load<i32>(plan);
    store<u8>(present + i, first >= 0 ? 1 : 0);
    if (first < 0) continue;
    const last = load<i32>(plan, 4);
    const firstValue = load<f64>(values + (first << 3));
    let growth = load<f64>(values + (last << 3)) - firstValue;
    if (resets < resetsEnd) {
      while (resets < resetsEnd && load<i32>(resets) <= first) resets += 4;
      for (let p = resets; p < resetsEnd && load<i32>(p) <= last; p += 4)
        growth += load<f64>(values + (load<i32>(p) << 3) - 8);
    }
    let factor = load<f64>(plan, 32);
    if (growth > 0 && firstValue >= 0) {
      const sampled = load<f64>(plan, 8);
      const toStart = load<f64>(plan, 16);
      // Was it 0 within `toStart` before the first sample? Mostly not by far, which two multiplications tell. The margin
      // covers their rounding, but for numbers so small that they have few digits.
      const bound = growth * toStart * 1.000001;
      if (!(firstValue * sampled > bound && bound > 1e-290)) {
        const toZero = sampled * (firstValue / growth);
        if (toZero < toStart) factor = factorOf(sampled, toZero, load<f64>(plan, 24), seconds);
      }
    }
    store<f64>(out + i * 8, growth * factor);
    found++;
  }
  return found;
}

/** Whether no value is lower than the one before. */
function isRising(values: usize, length: u32): bool {
  let i: u32 = 1;
  for (; i + 4 <= length; i += 4) {
    const p = values + i * 8;
    const low = f64x2.lt(v128.load(p), v128.load(p - 8));
    const high = f64x2.lt(v128.load(p, 16), v128.load(p, 8));
    if (v128.any_true(v128.or(low, high))) return false;
  }
  for (; i < length; i++)
    if (load<f64>(values + i * 8) < load<f64>(values + i * 8 - 8)) return false;
  return true;
}

/** Which samples are lower than the one before, as u32s to `out`; answers where they end. */
function findResets(values: usize, length: u32, out: usize): usize {
  for (let i: u32 = 1; i < length; i++) {
    if (!(load<f64>(values + i * 8) < load<f64>(values + i * 8 - 8))) continue;
    store<u32>(out, i);
    out += 4;
  }
  return out;
}

/** The change between the last two samples of each window; of a counter per second, and from 0 where it began again. */
export function rateOfLastTwo(w: usize, values: usize, isCounter: i32): u32 {
  const count = load<u32>(w);
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const times = load<u32>(w, TIMES) as usize;
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  let found: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const high = load<u32>(to + i * 4);
    const there = high - load<u32>(from + i * 4) >= 2;
    store<u8>(present + i, there ? 1 : 0);
    if (!there) continue;
    const p = values + (high as usize) * 8 - 16;
    const before = load<f64>(p);
    const value = load<f64>(p, 8);
    let change = isCounter != 0 && value < before ? value : value - before;
    if (isCounter != 0) {
      const t = times + (high as usize) * 8 - 16;
      change /= (load<f64>(t, 8) - load<f64>(t)) / 1000;
    }
    store<f64>(out + i * 8, change);
    found++;
  }
  return found;
}
