import { existsSync } from "node:fs";
import { join } from "node:path";
import { nodeDisk } from "@pharos/adapters/node";
import { openSqliteDocumentStore } from "@pharos/adapters/sqlite";
import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { BLOCKS_DIRECTORY, STORAGE_TIERS } from "@pharos/tsdb";

/** A data folder for reading: nothing is made where there is none. @throws OperatingError `not_found`. */
export function existingDataFolder(folder: string): Disk {
  if (![BLOCKS_DIRECTORY, "wal"].some((name) => existsSync(join(folder, name))))
    throw new OperatingError(
      "not_found",
      `${folder} is no data folder of Pharos: it has neither ${BLOCKS_DIRECTORY} nor wal`,
    );
  return nodeDisk(folder);
}

/** The folders with blocks in a data folder, those of rollup tiers too. */
export function blockDirectories(disk: Disk): readonly string[] {
  const tiers = STORAGE_TIERS.filter((tier) => tier !== "raw").map((tier) => `rollups/${tier}`);
  return [BLOCKS_DIRECTORY, ...tiers].filter((directory) => disk.exists(directory));
}

/**
 * Keeps servers and other commands away from a data folder until it is disposed of.
 * @param instead what to do while a server uses it, for people.
 * @throws OperatingError `disk.failed`.
 */
export async function lockDataFolder(folder: string, instead: string): Promise<AsyncDisposable> {
  try {
    return await openSqliteDocumentStore(join(folder, "pharos.db"));
  } catch (error) {
    const isUsed = error instanceof OperatingError && error.message.includes("another process");
    if (!isUsed) throw error;
    throw new OperatingError(
      "disk.failed",
      `${folder}: another process uses this data folder: ${instead}`,
      { cause: error },
    );
  }
}
