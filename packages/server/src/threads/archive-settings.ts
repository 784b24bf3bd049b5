import { directoryBlobStore } from "@pharos/adapters/node";
import type { ArchiveSettings } from "@pharos/tsdb";
import type { ArchiveConfig } from "../config/config.ts";

/** The archive of the configuration, for one thread. */
export function archiveSettings(config: ArchiveConfig | undefined): ArchiveSettings | undefined {
  if (config === undefined) return undefined;
  return { store: directoryBlobStore(config.directory), afterMs: config.afterMs };
}
