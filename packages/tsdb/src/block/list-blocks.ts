import type { Disk } from "@pharos/ports";
import { BlockCache } from "./block-cache.ts";
import type { BlockMeta } from "./block-meta.ts";
import { Blocks } from "./blocks.ts";

/** A cache of nothing: only what blocks say of themselves is read. */
const CACHE_SIZE_MAX = 0;

/**
 * The blocks of a folder by time, as a store would have them: without those that were made into others. Reads only.
 *
 * @param directory `blocks`, or `rollups/<tier>`.
 * @param onDamage told of the blocks that cannot be read, and are left out.
 * @throws OperatingError `disk.corrupt` where the list of deletions is damaged, `disk.failed`.
 */
export function listBlocks(
  disk: Disk,
  directory: string,
  onDamage: (problem: string) => void,
): readonly BlockMeta[] {
  const blocks = Blocks.look(disk, directory, new BlockCache(CACHE_SIZE_MAX));
  try {
    for (const problem of blocks.problems) onDamage(problem);
    return blocks.all.map(({ meta }) => meta).sort((a, b) => a.minTimeMs - b.minTimeMs);
  } finally {
    blocks.close();
  }
}
