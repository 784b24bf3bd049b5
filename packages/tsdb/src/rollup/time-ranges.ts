/** Stretches of time, each with its start and without its end, ms; sorted, and no two touch. */
export type TimeRanges = readonly (readonly [startMs: number, endMs: number])[];

/** What is in any of the stretches, which may be in any order and overlap. */
export function unite(list: TimeRanges): TimeRanges {
  const out: [number, number][] = [];
  for (const [startMs, endMs] of list.toSorted((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (startMs >= endMs) continue;
    if (last !== undefined && startMs <= last[1]) last[1] = Math.max(last[1], endMs);
    else out.push([startMs, endMs]);
  }
  return out;
}

/** What is in `from` and not in the stretch. */
export function subtract(from: TimeRanges, startMs: number, endMs: number): TimeRanges {
  return from.flatMap(([start, end]) =>
    unite([
      [start, Math.min(end, startMs)],
      [Math.max(start, endMs), end],
    ]),
  );
}

/** Whether the stretch and any of `list` have a moment in common. */
export function overlaps(list: TimeRanges, startMs: number, endMs: number): boolean {
  return list.some(([start, end]) => start < endMs && end > startMs);
}

/** Whether all of the stretch is in `list`. */
export function covers(list: TimeRanges, startMs: number, endMs: number): boolean {
  return list.some(([start, end]) => start <= startMs && end >= endMs);
}
