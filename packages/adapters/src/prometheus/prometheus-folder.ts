import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { isUlid, type PrometheusBlockMeta, readBlockMeta } from "./prometheus-block.ts";
import { PrometheusHead } from "./prometheus-head.ts";

/** What is in a data folder of Prometheus's. */
export interface PrometheusFolder {
  /** By time. Those that a later one was made of, and that were to go, are left out. */
  readonly blocks: readonly { readonly directory: string; readonly meta: PrometheusBlockMeta }[];
  /** What was in memory. */
  readonly head: PrometheusHead;
}

/**
 * Looks at a data folder of Prometheus's, or at one of its snapshots, which has blocks only.
 * @throws OperatingError `input.invalid` where it is neither, `disk.corrupt`, `disk.failed`.
 */
export function lookAtPrometheus(disk: Disk): PrometheusFolder {
  const found = disk
    .list("")
    .filter(isUlid)
    .filter((directory) => disk.exists(`${directory}/meta.json`))
    .map((directory) => ({ directory, meta: readBlockMeta(disk, directory) }));
  const replaced = new Set(found.flatMap(({ meta }) => meta.parents));
  const blocks = found
    .filter(({ meta }) => !replaced.has(meta.ulid))
    .sort((a, b) => a.meta.minMs - b.meta.minMs || a.meta.endMs - b.meta.endMs);
  const inBlocksBeforeMs = blocks
    .filter(({ meta }) => !meta.isOutOfOrder)
    .reduce((endMs, { meta }) => Math.max(endMs, meta.endMs), Number.NEGATIVE_INFINITY);
  const head = new PrometheusHead(disk, inBlocksBeforeMs);
  if (blocks.length === 0 && head.isEmpty)
    throw new OperatingError(
      "input.invalid",
      "neither blocks nor a log in it: this is no data folder of Prometheus's",
    );
  return { blocks, head };
}
