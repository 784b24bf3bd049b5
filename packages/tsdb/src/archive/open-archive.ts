import type { Clock } from "@pharos/base";
import type { BlobStore, Disk } from "@pharos/ports";
import type { Archive } from "./archive.ts";

export interface ArchiveSettings {
  readonly store: BlobStore;
  /** How old a block of samples must be, from its end, to go to the archive. */
  readonly afterMs: number;
}

export interface ArchiveOptions extends ArchiveSettings {
  /** The store's data directory. */
  readonly disk: Disk;
  readonly clock: Clock;
  /** Whether another thread keeps the local catalogue, and this one only reads. */
  readonly follow?: boolean;
}

/** Opens an archive. Its code, and the libraries that know Parquet, are in the memory only of who has one. */
export async function openArchive(options: ArchiveOptions): Promise<Archive> {
  const { Archive: Opened } = await import("./archive.ts");
  return new Opened(options);
}
