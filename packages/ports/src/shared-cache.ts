/**
 * A place for what can be computed again, which several threads or processes share: entries may go at any time, and whoever
 * asks goes on without them. Every implementation passes `sharedCacheConformance` of `testing`.
 */
export interface SharedCache {
  /**
   * What was set last under a key; undefined where there is nothing, where its time is over, or where the cache cannot be
   * reached: it never fails. The bytes are the caller's.
   */
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;

  /**
   * Keeps a value for up to `keptMs`, above 0, in place of what was there. The cache does not keep `value` itself: the caller
   * may change it when this resolves. A value that is too large, or a cache that cannot be reached, is no failure: then
   * nothing is kept under the key.
   *
   * @param key not empty, at most `CACHE_KEY_SIZE_MAX` characters; keys begin with what they are of, such as `answer:`.
   */
  set(key: string, value: Uint8Array, keptMs: number): Promise<void>;

  /** Drops what is kept under a key, if anything. */
  delete(key: string): Promise<void>;
}

export const CACHE_KEY_SIZE_MAX = 256;
