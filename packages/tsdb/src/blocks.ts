import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { Block } from "./block.ts";
import type { BlockIndex } from "./block-index.ts";
import { BLOCKS_DIRECTORY, type BlockMeta, blockName, isBlockName } from "./block-meta.ts";

/** How much of the blocks' indexes is kept in memory, in bytes of their files. */
export const INDEX_CACHE_SIZE_MAX = 256 * 1024 * 1024;

/** What a block's name ends in while its files are being removed. */
const DELETED = ".deleted";

/** The blocks on disk. Those that cannot be read are left where they are, and left out. */
export class Blocks {
  readonly #disk: Disk;
  /** By sequence: of two samples at the same time, that of the earlier block stands. */
  #list: Block[] = [];
  #nextSequence = 1;
  /** The most recently used last. */
  readonly #indexes = new Map<Block, BlockIndex>();
  #indexSize = 0;
  /** Why blocks were left out, for people. */
  readonly problems: string[] = [];

  private constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Opens what is there, and removes what was not finished or was on its way out. */
  static open(disk: Disk): Blocks {
    const blocks = new Blocks(disk);
    disk.makeDirectory(BLOCKS_DIRECTORY);
    for (const name of disk.list(BLOCKS_DIRECTORY)) {
      if (name.endsWith(".tmp") || name.endsWith(DELETED)) {
        disk.remove(`${BLOCKS_DIRECTORY}/${name}`);
        continue;
      }
      if (!isBlockName(name)) continue; // Somebody else's.
      const sequence = Number(name.slice(name.lastIndexOf("-") + 1));
      blocks.#nextSequence = Math.max(blocks.#nextSequence, sequence + 1);
      try {
        blocks.#list.push(Block.open(disk, name));
      } catch (error) {
        if (!(error instanceof OperatingError && error.code === "disk.corrupt")) throw error;
        blocks.problems.push(error.message);
      }
    }
    blocks.#list.sort((a, b) => a.meta.sequence - b.meta.sequence);
    return blocks;
  }

  /** For a reader, which is told by the store what blocks there are: none yet. */
  static following(disk: Disk): Blocks {
    return new Blocks(disk);
  }

  /**
   * Makes these the blocks, by sequence; the store holds their files. Answers those that are not among them any more,
   * which others may still be reading: they are to be closed by the caller.
   *
   * @throws OperatingError `disk.corrupt`.
   */
  follow(names: readonly string[]): readonly Block[] {
    const before = new Map(this.#list.map((block) => [blockName(block.meta), block]));
    const gone = new Set(this.#list);
    this.#list = names.map((name) => {
      const block = before.get(name) ?? Block.open(this.#disk, name);
      gone.delete(block);
      return block;
    });
    for (const block of gone) this.#dropIndex(block);
    return [...gone];
  }

  get all(): readonly Block[] {
    return this.#list;
  }

  /** By sequence. */
  get names(): readonly string[] {
    return this.#list.map(({ meta }) => blockName(meta));
  }

  /** Blocks that may have samples in a range, by sequence. */
  overlapping(minMs: number, maxMs: number): Block[] {
    return this.#list.filter((block) => block.overlaps(minMs, maxMs));
  }

  /** A sequence number for a new block. */
  takeSequence(): number {
    return this.#nextSequence++;
  }

  /** Takes in a block that is complete. */
  add(meta: BlockMeta): void {
    this.#list = [...this.#list, Block.open(this.#disk, blockName(meta))].sort(
      (a, b) => a.meta.sequence - b.meta.sequence,
    );
  }

  /** The index of a block, from memory if it was used lately. @throws OperatingError `disk.corrupt`. */
  indexOf(block: Block): BlockIndex {
    let index = this.#indexes.get(block);
    if (index === undefined) {
      index = block.readIndex();
      this.#indexSize += index.size;
    } else this.#indexes.delete(block);
    this.#indexes.set(block, index);
    for (const [old, { size }] of this.#indexes) {
      if (this.#indexSize <= INDEX_CACHE_SIZE_MAX || old === block) break;
      this.#indexes.delete(old);
      this.#indexSize -= size;
    }
    return index;
  }

  /** Takes out the blocks whose whole range is before a time; their files stay until `remove`. */
  takeBefore(timeMs: number): Block[] {
    const old = this.#list.filter((block) => block.meta.rangeEndMs <= timeMs);
    this.#list = this.#list.filter((block) => !old.includes(block));
    for (const block of old) this.#dropIndex(block);
    return old;
  }

  #dropIndex(block: Block): void {
    this.#indexSize -= this.#indexes.get(block)?.size ?? 0;
    this.#indexes.delete(block);
  }

  /** Removes the files of blocks that were taken out: renamed first, so that a crash leaves no half of one. */
  async remove(blocks: readonly Block[]): Promise<void> {
    if (blocks.length === 0) return;
    const doomed = blocks.map((block) => `${block.path}${DELETED}`);
    for (const [i, block] of blocks.entries()) {
      block.close();
      this.#disk.rename(block.path, doomed[i] as string);
    }
    await this.#disk.syncDirectory(BLOCKS_DIRECTORY);
    for (const path of doomed) this.#disk.remove(path);
  }

  close(): void {
    for (const block of this.#list) block.close();
  }
}
