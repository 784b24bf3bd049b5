import { createMatcher, OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import { Block } from "./block.ts";
import type { BlockCache } from "./block-cache.ts";
import { type BlockMeta, blockName, isBlockName } from "./block-meta.ts";
import {
  DELETIONS_MAX,
  type Deletion,
  equalDeletions,
  readDeletions,
  writeDeletions,
} from "./deletions.ts";

/** What a block's name ends in until it is complete. */
const UNFINISHED = ".tmp";
/** What a block's name ends in while its files are being removed. */
const DELETED = ".deleted";

/** So many problems are kept for people to read; the newest take the place of the oldest. */
const PROBLEMS_MAX = 100;

/**
 * The blocks of a folder. Those that cannot be read are left where they are, and left out. Opening costs one small file
 * a block.
 */
export class Blocks {
  readonly directory: string;
  readonly cache: BlockCache;
  readonly #disk: Disk;
  /** By rank: of two samples at the same time, that of the earlier block stands. */
  #list: Block[] = [];
  #deletions: Deletion[] = [];
  #nextSequence = 1;
  /** Given out, and not those of blocks that were taken in. */
  readonly #unused = new Set<number>();
  /** What has its last name, and goes with the next files that are removed: a power loss must not leave half of it. */
  readonly #renamed: string[] = [];
  /** Taken out, with files that are still there. */
  #leftOver: Block[] = [];
  readonly #problems = new Set<string>();

  private constructor(disk: Disk, directory: string, cache: BlockCache) {
    this.#disk = disk;
    this.directory = directory;
    this.cache = cache;
  }

  /**
   * Opens what is there, and removes what was not finished, was on its way out, or was made into another block.
   * @throws OperatingError `disk.corrupt` where the list of deletions is damaged, `disk.failed`.
   */
  static open(disk: Disk, directory: string, cache: BlockCache): Blocks {
    disk.makeDirectory(directory);
    const blocks = new Blocks(disk, directory, cache);
    for (const name of disk.list(directory))
      if (name.endsWith(UNFINISHED) || name.endsWith(DELETED)) disk.remove(`${directory}/${name}`);
    for (const { path } of blocks.#openAll()) blocks.#setAside(path);
    return blocks;
  }

  /** Opens what is there, as `open` does, and leaves everything as it is. */
  static look(disk: Disk, directory: string, cache: BlockCache): Blocks {
    const blocks = new Blocks(disk, directory, cache);
    blocks.#openAll();
    return blocks;
  }

  /** Answers the blocks that were made into others. */
  #openAll(): Block[] {
    const found: Block[] = [];
    for (const name of this.#disk.list(this.directory)) {
      if (!isBlockName(name)) continue; // The deletions, what is unfinished, or somebody else's.
      const sequence = Number(name.slice(name.lastIndexOf("-") + 1));
      this.#nextSequence = Math.max(this.#nextSequence, sequence + 1);
      try {
        const block = Block.open(this.#disk, `${this.directory}/${name}`, this.cache);
        if (block.damage !== undefined) this.report(block.damage);
        found.push(block);
      } catch (error) {
        if (!(error instanceof OperatingError && error.code === "disk.corrupt")) throw error;
        this.report(error.message);
      }
    }
    const sources = new Set(found.flatMap(({ meta }) => meta.sources));
    this.#list = found.filter(({ name }) => !sources.has(name)).sort(byRank);
    this.#deletions = readDeletions(this.#disk, this.directory, (problem) => this.report(problem));
    for (const { beforeSequence } of this.#deletions)
      this.#nextSequence = Math.max(this.#nextSequence, beforeSequence);
    for (const block of this.#list) block.setDeletions(this.#deletions);
    return found.filter(({ name }) => sources.has(name));
  }

  /** For a reader, which is told by the store what blocks there are: none yet. */
  static following(disk: Disk, directory: string, cache: BlockCache): Blocks {
    return new Blocks(disk, directory, cache);
  }

  /**
   * Makes these the blocks, by rank, and these the deletions, whose matchers may lack their compiled expressions, as
   * another thread sends them; the store holds the files. Answers the blocks that are
   * not among them any more, which others may still be reading: they are to be closed by the caller.
   *
   * @throws OperatingError `disk.corrupt`.
   */
  follow(names: readonly string[], deletions: readonly Deletion[]): readonly Block[] {
    const before = new Map(this.#list.map((block) => [block.name, block]));
    const gone = new Set(this.#list);
    this.#list = names.map((name) => {
      const block =
        before.get(name) ?? Block.open(this.#disk, `${this.directory}/${name}`, this.cache);
      gone.delete(block);
      return block;
    });
    if (!equalDeletions(deletions, this.#deletions))
      this.#deletions = deletions.map((deletion) => ({
        ...deletion,
        matchers: deletion.matchers.map(({ type, name, value }) =>
          createMatcher(type, name, value),
        ),
      }));
    for (const block of this.#list) block.setDeletions(this.#deletions);
    return [...gone];
  }

  get all(): readonly Block[] {
    return this.#list;
  }

  /** By rank. */
  get names(): readonly string[] {
    return this.#list.map(({ name }) => name);
  }

  /** Why blocks or parts of them were left out, for people; each once, the newest last. */
  get problems(): readonly string[] {
    return [...this.#problems];
  }

  /** Notes what is wrong with a block. */
  report(problem: string): void {
    this.#problems.delete(problem);
    this.#problems.add(problem);
    for (const old of this.#problems) {
      if (this.#problems.size <= PROBLEMS_MAX) break;
      this.#problems.delete(old);
    }
  }

  /** Blocks that may have samples in a range, by rank. */
  overlapping(minMs: number, maxMs: number): Block[] {
    return this.#list.filter((block) => block.overlaps(minMs, maxMs));
  }

  /** A sequence number for a new block. */
  takeSequence(): number {
    this.#unused.add(this.#nextSequence);
    return this.#nextSequence++;
  }

  /** Gives no new block one of the sequences up to this: somebody remembers blocks that are gone by theirs. */
  skipSequences(through: number): void {
    this.#nextSequence = Math.max(this.#nextSequence, through + 1);
  }

  /** Takes in a block that is complete. */
  add(meta: BlockMeta): Block {
    this.#removeUnknown(meta.sequence);
    const block = this.#openNew(meta);
    this.#list = [...this.#list, block].sort(byRank);
    return block;
  }

  /** Puts a block in the place of those it was made of, at once; their files stay until `remove`. */
  replace(old: readonly Block[], meta: BlockMeta | undefined): void {
    this.#removeUnknown(meta?.sequence);
    const kept = this.#list.filter((block) => !old.includes(block));
    this.#leftOver.push(...old);
    this.#list = (meta === undefined ? kept : [...kept, this.#openNew(meta)]).sort(byRank);
  }

  #openNew(meta: BlockMeta): Block {
    const block = Block.written(
      this.#disk,
      `${this.directory}/${blockName(meta)}`,
      meta,
      this.cache,
    );
    block.setDeletions(this.#deletions);
    this.#unused.delete(meta.sequence);
    return block;
  }

  /**
   * Takes away blocks that got their names although their writers failed, as the last call did: nobody knows of them, and
   * the next start would find them. To be called while no block is being written.
   *
   * @param except the sequence of a block that is about to be taken in.
   */
  #removeUnknown(except?: number): void {
    if (this.#unused.size === (except === undefined ? 0 : 1)) return;
    for (const name of this.#disk.list(this.directory)) {
      const sequence = Number(name.slice(name.lastIndexOf("-") + 1));
      const isUnknown = this.#unused.has(sequence) && sequence !== except;
      if (!isBlockName(name) || !isUnknown) continue;
      this.#setAside(`${this.directory}/${name}`);
    }
    for (const sequence of [...this.#unused])
      if (sequence !== except) this.#unused.delete(sequence);
  }

  /** Takes out the blocks whose whole range is before a time; their files stay until `remove`. */
  takeBefore(timeMs: number): Block[] {
    const old = this.#list.filter((block) => block.meta.rangeEndMs <= timeMs);
    this.replace(old, undefined);
    return old;
  }

  /**
   * Removes the files of blocks that were taken out: renamed first, so that a crash leaves no half of one. What is left
   * of earlier ones goes before them, for good: one of these may have been made of it, and keeps it from coming back
   * with the next start.
   *
   * @throws OperatingError `disk.failed`: the next call tries again.
   */
  async remove(blocks: readonly Block[]): Promise<void> {
    if (blocks.length === 0) return;
    for (const block of this.#leftOver.slice())
      if (!blocks.includes(block)) await this.#removeFiles([block]);
    await this.#removeFiles(blocks);
  }

  async #removeFiles(blocks: readonly Block[]): Promise<void> {
    const doomed = blocks.map((block) => `${block.path}${DELETED}`);
    for (const [i, block] of blocks.entries()) {
      block.close();
      if (this.#disk.exists(block.path)) this.#disk.rename(block.path, doomed[i] as string);
    }
    await this.#disk.syncDirectory(this.directory);
    for (const path of [...doomed, ...this.#renamed.splice(0)]) this.#disk.remove(path);
    this.#leftOver = this.#leftOver.filter((block) => !blocks.includes(block));
  }

  /** Gives a block its last name; its files go with the next that are removed, or with the next start. */
  #setAside(path: string): void {
    this.#disk.rename(path, `${path}${DELETED}`);
    this.#renamed.push(`${path}${DELETED}`);
  }

  /** What was deleted and is still in blocks' files, perhaps. */
  get deletions(): readonly Deletion[] {
    return this.#deletions;
  }

  /**
   * Deletes the samples of the series that match, from `minMs` to `maxMs`, both included, in all blocks there are now.
   * When this resolves nobody reads them any more, and they stay away after a power loss; the files shrink when their
   * blocks are rewritten.
   *
   * @throws OperatingError `queue.full` for more than `DELETIONS_MAX` deletions, `disk.full`, `disk.failed`.
   */
  async delete(deletion: Omit<Deletion, "beforeSequence">): Promise<void> {
    if (this.#deletions.length >= DELETIONS_MAX)
      throw new OperatingError(
        "queue.full",
        `${DELETIONS_MAX} deletions wait for their blocks to be rewritten: clean tombstones first`,
      );
    this.#removeUnknown();
    const beforeSequence = this.#nextSequence;
    const list = [...this.#deletions, { ...deletion, beforeSequence }];
    await writeDeletions(this.#disk, this.directory, list);
    this.#setDeletions(list);
  }

  /** Forgets the deletions that concern no block any more. @throws OperatingError `disk.full`, `disk.failed`. */
  async forgetDone(): Promise<void> {
    const list = this.#deletions.filter(({ minMs, maxMs, beforeSequence }) =>
      this.#list.some(
        (block) => block.meta.sequence < beforeSequence && block.overlaps(minMs, maxMs),
      ),
    );
    if (list.length === this.#deletions.length) return;
    await writeDeletions(this.#disk, this.directory, list);
    this.#setDeletions(list);
  }

  #setDeletions(list: Deletion[]): void {
    this.#deletions = list;
    for (const block of this.#list) block.setDeletions(list);
  }

  close(): void {
    for (const block of this.#list) block.close();
  }
}

function byRank(a: Block, b: Block): number {
  return a.meta.rank - b.meta.rank || a.meta.sequence - b.meta.sequence;
}
