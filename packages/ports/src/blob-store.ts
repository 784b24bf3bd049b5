import { assert } from "@pharos/base";

export interface BlobInfo {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
}

/** Bytes `offset` to `offset + length` of a blob; fewer where it ends before. */
export interface BlobRange {
  readonly offset: number;
  readonly length: number;
}

export interface BlobPage {
  /** By key, as UTF-8 bytes sort. */
  readonly blobs: readonly BlobInfo[];
  /** Whether more follow after the last of `blobs`. */
  readonly more: boolean;
}

/**
 * Large immutable files under keys, far away and cheap: the archive and backups. A directory in one process, S3 when
 * scaled out. Every implementation passes `blobStoreConformance` of `testing`.
 *
 * Every call may throw OperatingError `blob.unavailable` (cannot be reached, or failed: the same call may work later),
 * `disk.full`, or the signal's reason.
 */
export interface BlobStore {
  /**
   * Writes a blob, or replaces it, from its pieces in order. When the promise resolves it is there as a whole and
   * survives a power loss; if it rejects (an error of `parts` is passed on), what was under the key before is still
   * there. Pieces are not kept; the next one is asked for when the one before is written.
   */
  put(
    key: string,
    parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<BlobInfo>;

  /**
   * A part of a blob, or all of it with `null` (which must fit into memory). The bytes are the caller's.
   * @throws OperatingError `not_found`.
   */
  get(key: string, range: BlobRange | null, signal: AbortSignal): Promise<Uint8Array>;

  /** Undefined if there is none. */
  head(key: string, signal: AbortSignal): Promise<BlobInfo | undefined>;

  /** The blobs whose keys begin with `prefix` (any text, not only a folder), those after the key `after` if given. */
  list(
    prefix: string,
    options: { readonly after?: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<BlobPage>;

  /** Nothing happens if there is none. */
  delete(key: string, signal: AbortSignal): Promise<void>;
}

/** In bytes; S3 has the same. */
export const BLOB_KEY_SIZE_MAX = 1024;

const SEGMENT = /^(?!\.)[A-Za-z0-9._=@+-]{1,200}$/;

/**
 * Asserts that a key is one that every implementation can keep: segments of letters, digits and `._=@+-`, separated by
 * `/`, none beginning with a dot. No key may be another one's folder (`a` and `a/b`).
 */
export function assertBlobKey(key: string): void {
  assert(key.length <= BLOB_KEY_SIZE_MAX, () => `a key of ${key.length} bytes`);
  assert(
    key.split("/").every((segment) => SEGMENT.test(segment)),
    () => `a key that every blob store can keep, not ${JSON.stringify(key)}`,
  );
}
