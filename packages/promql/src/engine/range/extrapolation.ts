/**
 * By how much an increase between the samples of a window is to be multiplied to be that of the whole window: it is
 * extrapolated to the window's ends where samples come close enough to them (within 1.1 average distances), else by half
 * a distance. All in seconds.
 *
 * @param sampled from the first sample to the last
 * @param average from one sample to the next
 * @param toStart from the window's start to the first sample
 * @param toEnd from the last sample to the window's end
 * @param toZero how long before the first sample a counter was 0, going by its rate, or infinite: it is not extrapolated
 *   to before that
 */
export function extrapolationFactor(
  sampled: number,
  average: number,
  toStart: number,
  toEnd: number,
  toZero: number,
): number {
  const near = average * 1.1;
  let before = toStart >= near ? average / 2 : toStart;
  if (toZero < before) before = toZero;
  const after = toEnd >= near ? average / 2 : toEnd;
  return (sampled + before + after) / sampled;
}

/**
 * As `extrapolationFactor` for a counter that says it began inside of the window: `sampled` counts from there, and
 * nothing is extrapolated to before. With a single sample the average is 0, and nothing is extrapolated at all.
 */
export function startedFactor(sampled: number, average: number, toEnd: number): number {
  const after = toEnd >= average * 1.1 ? average / 2 : toEnd;
  return (sampled + after) / sampled;
}
