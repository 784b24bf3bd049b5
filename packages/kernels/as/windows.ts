// Windows over one series' samples, one a step of a query: samples `from` (included) to `to` (excluded) are those in
// (end - range, end]. Times and values are columns of f64s, by strictly increasing time; ends never decrease.
//
// What functions make of them stands here, in window-rate.ts and in window-over-time.ts. All of them take the address of
// a description, and most that of the samples' values:
//
//   | windows u32 | ends f64s | from u32s | to u32s | out f64s | present u8s | samples u32 | times f64s | scratch |
//
// with u32 addresses of the columns: the first six have a place a window, times one a sample, and in scratch there are 16
// bytes a sample and 16 more. Functions write to `out` and `present`, 1 where there is a result and else 0, and answer how
// many results there are. Where there is none, what `out` has there is undefined.
export const ENDS: usize = 4;
export const FROM: usize = 8;
export const TO: usize = 12;
export const OUT: usize = 16;
export const PRESENT: usize = 20;
export const SAMPLES: usize = 24;
export const TIMES: usize = 28;
export const SCRATCH: usize = 32;

/** Finds the windows in one pass over samples and windows. Answers how many samples they have together. */
export function windowsFind(w: usize, range: f64): f64 {
  const count = load<u32>(w);
  const ends = load<u32>(w, ENDS) as usize;
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const times = load<u32>(w, TIMES) as usize;
  const length = load<u32>(w, SAMPLES);
  let low: u32 = 0;
  let high: u32 = 0;
  let total: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const end = load<f64>(ends + i * 8);
    const start = end - range;
    while (high < length && load<f64>(times + high * 8) <= end) high++;
    while (low < high && load<f64>(times + low * 8) <= start) low++;
    store<u32>(from + i * 4, low);
    store<u32>(to + i * 4, high);
    total += (high - low) as u64;
  }
  return total as f64;
}

/** Whether two columns are the same, 1 or 0. Must not have NaNs. */
export function columnsEqual(a: usize, b: usize, length: u32): i32 {
  let i: u32 = 0;
  for (; i + 4 <= length; i += 4) {
    const low = f64x2.ne(v128.load(a + i * 8), v128.load(b + i * 8));
    const high = f64x2.ne(v128.load(a + i * 8, 16), v128.load(b + i * 8, 16));
    if (v128.any_true(v128.or(low, high))) return 0;
  }
  for (; i < length; i++) if (load<f64>(a + i * 8) != load<f64>(b + i * 8)) return 0;
  return 1;
}

/** Whether one of the values is NaN, 1 or 0. */
export function columnHasNaN(values: usize, length: u32): i32 {
  let found = i64x2.splat(0);
  let i: u32 = 0;
  for (; i + 4 <= length; i += 4) {
    const low = v128.load(values + i * 8);
    const high = v128.load(values + i * 8, 16);
    found = v128.or(found, v128.or(f64x2.ne(low, low), f64x2.ne(high, high)));
  }
  for (; i < length; i++) if (load<f64>(values + i * 8) != load<f64>(values + i * 8)) return 1;
  return v128.any_true(found) ? 1 : 0;
}

/**
 * For each step the last sample of its window: its value, or with `asSeconds` its time. `samples` is the column of those.
 * `stale` has a byte a sample, 1 where it is a staleness marker, which stands for no sample; 0 is for none.
 */
export function windowsLatest(w: usize, samples: usize, asSeconds: i32, stale: usize): u32 {
  const count = load<u32>(w);
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  let found: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const high = load<u32>(to + i * 4);
    const there = high > load<u32>(from + i * 4) && (stale == 0 || load<u8>(stale + high - 1) == 0);
    store<u8>(present + i, there ? 1 : 0);
    if (!there) continue;
    const sample = load<f64>(samples + (high as usize) * 8 - 8);
    store<f64>(out + i * 8, asSeconds != 0 ? sample / 1000 : sample);
    found++;
  }
  return found;
}

/** For each step the first sample of its window, as `windowsLatest` gives the last. */
export function windowsEarliest(w: usize, samples: usize, asSeconds: i32): u32 {
  const count = load<u32>(w);
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  let found: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const low = load<u32>(from + i * 4);
    const there = load<u32>(to + i * 4) > low;
    store<u8>(present + i, there ? 1 : 0);
    if (!there) continue;
    const sample = load<f64>(samples + low * 8);
    store<f64>(out + i * 8, asSeconds != 0 ? sample / 1000 : sample);
    found++;
  }
  return found;
}

/** For each step how many samples its window has. */
export function windowsCount(w: usize): u32 {
  const count = load<u32>(w);
  const from = load<u32>(w, FROM) as usize;
  const to = load<u32>(w, TO) as usize;
  const out = load<u32>(w, OUT) as usize;
  const present = load<u32>(w, PRESENT) as usize;
  let found: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const size = load<u32>(to + i * 4) - load<u32>(from + i * 4);
    store<f64>(out + i * 8, size as f64);
    store<u8>(present + i, size > 0 ? 1 : 0);
    if (size > 0) found++;
  }
  return found;
}
