import type { TimeRange } from "./series-store.ts";

/**
 * Tells whether what a store answered before would be answered the same now: for whoever keeps what was computed from
 * samples. Cheap: nothing is asked of the store's thread.
 */
export interface StoreChanges {
  /** A mark for this moment, to be taken before samples are read. */
  mark(): number;
  /**
   * The stretch of time, both ends included, around all samples in `range` that came or went since a mark; undefined if
   * none did. A sample counts from the moment its append or deletion is acknowledged. The stretch may be wider than it
   * need be, also all of `range`.
   */
  since(mark: number, range: TimeRange): TimeRange | undefined;
}
