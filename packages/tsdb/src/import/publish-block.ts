import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { type BlockMeta, blockName, decodeMeta, encodeMeta } from "../block/block-meta.ts";

/**
 * Makes a complete block in `from` one of the blocks in `to`, with a sequence of that folder. At every point a crash
 * leaves it in one of the folders, whole.
 *
 * It counts as merged: it is compressed, and of the length that blocks are merged to, so that the store does not write
 * all of it again.
 *
 * @throws OperatingError `disk.corrupt`, `disk.full`, `disk.failed`.
 */
export async function publishBlock(
  disk: Disk,
  from: string,
  to: string,
  sequence: number,
): Promise<BlockMeta> {
  const path = `${from}/meta.json`;
  const staged = decodeMeta(disk.read(path));
  if (typeof staged === "string") throw new OperatingError("disk.corrupt", `${path}: ${staged}`);
  // Sequences begin at 1: there is never a block of this name.
  const madeOf = blockName({ ...staged, sequence: 0 });
  const meta: BlockMeta = { ...staged, sequence, rank: sequence, sources: [madeOf] };
  const temporary = `${path}.tmp`;
  disk.remove(temporary);
  const file = disk.openAppend(temporary);
  try {
    file.append([encodeMeta(meta)]);
    await file.sync();
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
  await disk.syncDirectory(from);
  disk.rename(from, `${to}/${blockName(meta)}`);
  await disk.syncDirectory(to);
  await disk.syncDirectory(from.slice(0, from.lastIndexOf("/")));
  return meta;
}
