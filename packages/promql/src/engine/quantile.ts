/**
 * The q-quantile of the first `count` numbers of `buffer`, which it sorts; NaN counts as the smallest, as in
 * Prometheus. NaN without numbers, -Inf below 0, +Inf above 1.
 */
export function quantile(q: number, buffer: Float64Array, count: number): number {
  if (count === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  const nans = sortNaNsLast(buffer, count);
  const rank = q * (count - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(count - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return (
    sortedAt(buffer, lower, count, nans) * (1 - weight) +
    sortedAt(buffer, upper, count, nans) * weight
  );
}

/** Sorts and answers how many NaNs now stand at the end. */
function sortNaNsLast(buffer: Float64Array, count: number): number {
  buffer.subarray(0, count).sort();
  let nans = 0;
  while (nans < count && Number.isNaN(buffer[count - 1 - nans])) nans++;
  return nans;
}

function sortedAt(buffer: Float64Array, index: number, count: number, nans: number): number {
  const at = index < nans ? count - 1 : index - nans;
  return buffer[at] as number;
}
