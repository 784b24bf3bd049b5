import type { Pause } from "./slices.ts";

/** Items that are sorted in one go: about two milliseconds' work. */
const RUN_LENGTH = 4096;

/** What is sorted: an array of numbers, or of anything. */
interface Sortable<T> {
  readonly length: number;
  [at: number]: T;
  slice(from: number, to: number): { sort(compare: (a: T, b: T) => number): ArrayLike<T> };
}

/**
 * Sorts in place, as the array's own `sort` does, while others on the thread get their turn: equal items keep their
 * order.
 *
 * @param pause awaited after each run that is sorted, and while runs are merged.
 * @throws what `pause` throws: the items are there still, in no particular order, some of them twice.
 */
export async function sortInSlices<T>(
  items: Sortable<T>,
  compare: (a: T, b: T) => number,
  pause: Pause,
): Promise<void> {
  const { length } = items;
  for (let from = 0; from < length; from += RUN_LENGTH) {
    const run = items.slice(from, Math.min(length, from + RUN_LENGTH)).sort(compare);
    for (let i = 0; i < run.length; i++) items[from + i] = run[i] as T;
    await pause(RUN_LENGTH);
  }
  for (let width = RUN_LENGTH; width < length; width *= 2)
    for (let from = 0; from + width < length; from += width * 2)
      await mergeRuns(
        items,
        from,
        from + width,
        Math.min(length, from + width * 2),
        compare,
        pause,
      );
}

/** Merges the sorted runs from `from` to `middle` and from there to `to`. */
async function mergeRuns<T>(
  items: Sortable<T>,
  from: number,
  middle: number,
  to: number,
  compare: (a: T, b: T) => number,
  pause: Pause,
): Promise<void> {
  // The second run is read where it lies: what is written never overtakes what is read of it.
  const left = items.slice(from, middle) as unknown as ArrayLike<T>;
  let at = 0;
  let next = middle;
  for (let end = from; at < left.length; ) {
    // Only now and then: a wait for each item would cost as much as the merge.
    for (const stop = Math.min(to, end + RUN_LENGTH); end < stop && at < left.length; end++)
      items[end] =
        next < to && compare(left[at] as T, items[next] as T) > 0
          ? (items[next++] as T)
          : (left[at++] as T);
    await pause(RUN_LENGTH);
  }
}
