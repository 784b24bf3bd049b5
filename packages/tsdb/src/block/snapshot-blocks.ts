import type { Disk } from "@pharos/ports";
import type { Pause } from "../slices.ts";
import {
  COLUMNS_FILE,
  INDEX_COPY_FILE,
  INDEX_FILE,
  META_COPY_FILE,
  META_FILE,
} from "./block-meta.ts";
import type { Blocks } from "./blocks.ts";
import { plainDeletions, writeDeletions } from "./deletions.ts";

/** How much is copied before others get their turn. */
const COPY_SIZE = 1024 * 1024;
const COPY_STEPS = 64;

const FILES = [COLUMNS_FILE, INDEX_FILE, INDEX_COPY_FILE, META_FILE, META_COPY_FILE];

/**
 * Copies a folder of blocks, and what was deleted from them, to another disk, where it is not yet. The blocks are held by the caller meanwhile. When this resolves it survives a power
 * loss; a copy that was cut short has fewer blocks, each of them whole.
 *
 * @param onProgress told how many bytes are done, and of how many.
 * @throws OperatingError `disk.full`, `disk.failed`.
 */
export async function snapshotBlocks(
  from: Disk,
  blocks: Pick<Blocks, "directory" | "all" | "deletions">,
  to: Disk,
  pause: Pause,
  onProgress: (doneSize: number, totalSize: number) => void = () => {},
): Promise<void> {
  const { directory, all } = blocks;
  to.makeDirectory(directory);
  for (let at = directory; at !== ""; at = parentOf(at)) await to.syncDirectory(parentOf(at));
  // Before the blocks: what was deleted must not be there again in a copy that was cut short.
  if (blocks.deletions.length > 0)
    await writeDeletions(to, directory, plainDeletions(blocks.deletions));
  const totalSize = all.reduce((sum, { meta }) => sum + meta.columnsSize + meta.indexSize, 0);
  let doneSize = 0;
  for (const { name, path, meta } of all) {
    const target = `${directory}/${name}`;
    to.remove(`${target}.tmp`);
    to.makeDirectory(`${target}.tmp`);
    for (const file of FILES)
      await copyFile(from, `${path}/${file}`, to, `${target}.tmp/${file}`, pause);
    await to.syncDirectory(`${target}.tmp`);
    to.rename(`${target}.tmp`, target);
    await to.syncDirectory(directory);
    doneSize += meta.columnsSize + meta.indexSize;
    onProgress(doneSize, totalSize);
  }
}

async function copyFile(
  from: Disk,
  path: string,
  to: Disk,
  target: string,
  pause: Pause,
): Promise<void> {
  const reader = from.openRead(path);
  try {
    const writer = to.openAppend(target);
    try {
      const { size } = reader;
      for (let at = 0; at < size; at += COPY_SIZE) {
        writer.append([reader.read(at, Math.min(COPY_SIZE, size - at))]);
        await pause(COPY_STEPS);
      }
      await writer.sync();
    } finally {
      writer.close();
    }
  } finally {
    reader.close();
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
