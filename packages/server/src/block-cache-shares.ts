/**
 * The least that a thread gets, in bytes. What is larger than a quarter of a cache is never kept: this is enough for the
 * roots of the indexes of blocks of five million series.
 */
const SHARE_MIN = 32 * 1024 * 1024;

/** How many bytes of blocks the threads keep in memory, each. */
export interface BlockCacheShares {
  /** The store's reads blocks from end to end, to merge them and to make rollups: it keeps what it is at. */
  readonly store: number;
  /** Of a query thread. */
  readonly query: number;
}

/**
 * Shares out what may be kept of blocks among the threads that read them, which cannot share one cache: its values are
 * objects.
 *
 * @param size for all query threads together; each gets at least `SHARE_MIN` of it.
 */
export function blockCacheShares(size: number, queryThreads: number): BlockCacheShares {
  const least = Math.min(size, SHARE_MIN);
  return { store: least, query: Math.max(least, Math.floor(size / queryThreads)) };
}
