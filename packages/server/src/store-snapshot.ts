import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import type { EmbeddedStore } from "@pharos/tsdb";

/** Where snapshots lie, in the data folder. */
export const SNAPSHOTS_DIRECTORY = "snapshots";
/** What a snapshot's name ends in until it is complete. */
const UNFINISHED = ".tmp";

/**
 * Copies a store to a new folder below its data folder's `snapshots`, and answers the name, which sorts by time:
 * `20261121T145512Z-9f86d081884c7d65`. What lies there is a data folder itself. A copy that a crash cut short is removed
 * by the next start.
 *
 * @throws OperatingError `disk.full`, `disk.failed`: nothing is left of the copy.
 */
export async function snapshotStore(
  store: EmbeddedStore,
  dataFolder: string,
  skipHead: boolean,
): Promise<string> {
  const disk = nodeDisk(dataFolder);
  disk.makeDirectory(SNAPSHOTS_DIRECTORY);
  await disk.syncDirectory("");
  const name = snapshotName(systemClock.nowMs());
  const path = `${SNAPSHOTS_DIRECTORY}/${name}`;
  const unfinished = `${path}${UNFINISHED}`;
  try {
    await store.snapshot(nodeDisk(join(dataFolder, unfinished)), { skipHead });
    disk.rename(unfinished, path);
    await disk.syncDirectory(SNAPSHOTS_DIRECTORY);
  } catch (error) {
    disk.remove(unfinished);
    throw error;
  }
  return name;
}

/** Removes the snapshots that a crash cut short; for when nobody is making one. */
export function removeUnfinishedSnapshots(dataFolder: string): void {
  const disk = nodeDisk(dataFolder);
  for (const name of disk.list(SNAPSHOTS_DIRECTORY))
    if (name.endsWith(UNFINISHED)) disk.remove(`${SNAPSHOTS_DIRECTORY}/${name}`);
}

/** As Prometheus names them. */
function snapshotName(nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
  return `${time}-${randomBytes(8).toString("hex")}`;
}
