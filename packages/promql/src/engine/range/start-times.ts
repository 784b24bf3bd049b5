/**
 * Whether a counter began anew between two samples, by when they say that they began (Unix epoch, ms; NaN where that is
 * not known).
 *
 * A counter that begins where the sample before ends is one of deltas, each a counter of its own, but not if that sample
 * does not know its beginning: then the sender has made one up, and counts on.
 */
export function beginsAnew(
  previousStartMs: number,
  previousMs: number,
  startMs: number,
  timestampMs: number,
): boolean {
  if (!(startMs < timestampMs)) return false;
  if (startMs !== previousMs) return startMs > previousMs;
  return previousStartMs < previousMs;
}

/** Whether a sample counts from before the one before it, without having begun together with it. */
export function startOverlaps(
  previousStartMs: number,
  previousMs: number,
  startMs: number,
): boolean {
  return startMs < previousMs && startMs !== previousStartMs;
}
