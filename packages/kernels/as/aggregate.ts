// Adds one series' column to its group's: one place a step. `present` and `seen` have a byte a step, not 0 where the series,
// and where the group so far, has a sample. Mostly all steps have one, so eight are looked at at a time.
const ALL_PRESENT: u64 = 0x0101010101010101;

/**
 * Sums, with what each addition loses to rounding summed up in `lost` (Neumaier's variant of Kahan's summation), but
 * where the sum is infinite.
 */
export function aggregateSum(values: usize, present: usize, count: u32, sums: usize, lost: usize, seen: usize): void {
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    if (load<u64>(present + i) == ALL_PRESENT && load<u64>(seen + i) == ALL_PRESENT)
      for (let j: u32 = 0; j < 8; j += 2) addTwo(values + (i + j) * 8, sums + (i + j) * 8, lost + (i + j) * 8);
    else for (let j = i; j < i + 8; j++) addOne(values, present, sums, lost, seen, j);
  }
  for (; i < count; i++) addOne(values, present, sums, lost, seen, i);
}

function addTwo(values: usize, sums: usize, lost: usize): void {
  const value = v128.load(values);
  const sum = v128.load(sums);
  const next = f64x2.add(sum, value);
  const larger = f64x2.ge(f64x2.abs(sum), f64x2.abs(value));
  const first = v128.bitselect(sum, value, larger);
  const second = v128.bitselect(value, sum, larger);
  const error = f64x2.add(f64x2.sub(first, next), second);
  const infinite = f64x2.eq(f64x2.abs(next), f64x2.splat(Infinity));
  v128.store(sums, next);
  v128.store(lost, v128.andnot(f64x2.add(v128.load(lost), error), infinite));
}

function addOne(values: usize, present: usize, sums: usize, lost: usize, seen: usize, i: u32): void {
  if (load<u8>(present + i) == 0) return;
  const value = load<f64>(values + i * 8);
  if (load<u8>(seen + i) == 0) {
    store<u8>(seen + i, 1);
    store<f64>(sums + i * 8, value);
    return;
  }
  const sum = load<f64>(sums + i * 8);
  const next = sum + value;
  const error = abs<f64>(sum) >= abs<f64>(value) ? sum - next + value : value - next + sum;
  store<f64>(lost + i * 8, abs<f64>(next) == Infinity ? 0 : load<f64>(lost + i * 8) + error);
  store<f64>(sums + i * 8, next);
}

/**
 * Sums and counts, for averages: up to the first series with which a sum would overflow at any step. Answers 1 where that
 * is not this one, else 0, and then nothing has changed.
 */
export function aggregateAverage(
  values: usize, present: usize, count: u32, sums: usize, lost: usize, counts: usize, seen: usize,
): i32 {
  for (let i: u32 = 0; i < count; i++) {
    const next = load<f64>(sums + i * 8) + load<f64>(values + i * 8);
    if (abs<f64>(next) == Infinity && load<u8>(present + i) != 0 && load<u8>(seen + i) != 0) return 0;
  }
  for (let i: u32 = 0; i < count; i++)
    if (load<u8>(present + i) != 0) store<f64>(counts + i * 8, load<f64>(counts + i * 8) + 1);
  aggregateSum(values, present, count, sums, lost, seen);
  return 1;
}

/** The greatest, or with `isMax` 0 the least; NaN only where there is nothing else. */
export function aggregateExtreme(
  values: usize, present: usize, count: u32, isMax: i32, best: usize, seen: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(present + i) == 0) continue;
    const value = load<f64>(values + i * 8);
    const before = load<f64>(best + i * 8);
    const better = isMax != 0 ? before < value : before > value;
    if (better || before != before || load<u8>(seen + i) == 0) store<f64>(best + i * 8, value);
    store<u8>(seen + i, 1);
  }
}

/** Counts the series that have a sample. */
export function aggregateCount(present: usize, count: u32, counts: usize, seen: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(present + i) == 0) continue;
    store<f64>(counts + i * 8, load<f64>(counts + i * 8) + 1);
    store<u8>(seen + i, 1);
  }
}
