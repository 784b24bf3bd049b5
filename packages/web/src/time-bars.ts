/** Something that lasts, as a part of a width; both parts are from 0 to 100. */
export interface TimeBar<T> {
  readonly item: T;
  readonly leftPercent: number;
  readonly widthPercent: number;
}

/** Where things stand on a strip from `fromMs` to `toMs`; what lies outside is cut off. */
export function timeBars<T extends { readonly startsAtMs: number; readonly endsAtMs: number }>(
  items: readonly T[],
  fromMs: number,
  toMs: number,
): TimeBar<T>[] {
  const bars: TimeBar<T>[] = [];
  for (const item of items) {
    const startMs = Math.max(fromMs, item.startsAtMs);
    const endMs = Math.min(toMs, item.endsAtMs);
    if (endMs <= startMs) continue;
    bars.push({
      item,
      leftPercent: ((startMs - fromMs) / (toMs - fromMs)) * 100,
      widthPercent: ((endMs - startMs) / (toMs - fromMs)) * 100,
    });
  }
  return bars;
}
