import { formatLabels, OperatingError } from "@pharos/base";
import { decodeLabels, type Kernels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import type { Pause } from "../slices.ts";
import { Block } from "./block.ts";
import { BlockCache } from "./block-cache.ts";
import {
  type BlockMeta,
  COLUMNS_FILE,
  encodeMeta,
  INDEX_COPY_FILE,
  INDEX_FILE,
  isBlockName,
  META_COPY_FILE,
} from "./block-meta.ts";
import { ColumnDecoder } from "./column-decoder.ts";
import type { ColumnSetKind } from "./column-set.ts";
import { readDeletions } from "./deletions.ts";
import { COLUMN_STREAMS, INDEX_STREAMS } from "./index-format.ts";
import { compareLabelBytes } from "./label-order.ts";
import { PageFile } from "./page-file.ts";
import { COLUMNS_MAGIC, decodePage, INDEX_MAGIC } from "./page-format.ts";

/** What a verification keeps in memory of the block it looks at. */
const CACHE_SIZE_MAX = 32 * 1024 * 1024;

/** So many series that damage concerns are named; the rest are counted. */
const NAMED_MAX = 10;

/** Something that is not as it was written. */
export interface BlockProblem {
  /** The file and the byte, and what is wrong there. */
  readonly what: string;
  /** Some of the series whose samples cannot be read because of it, and the times. */
  readonly lost: readonly LostSamples[];
  /** How many chunks of series cannot be read because of it. */
  readonly lostChunks: number;
}

export interface LostSamples {
  readonly series: string;
  readonly kind: ColumnSetKind;
  readonly minMs: number;
  readonly maxMs: number;
}

export interface VerifyProgress {
  /** Bytes of the blocks' files, and how many of them were looked at. */
  readonly totalSize: number;
  readonly doneSize: number;
  readonly path: string;
}

export interface VerifyResult {
  readonly blocks: number;
  readonly series: number;
  readonly samples: number;
  readonly problems: readonly BlockProblem[];
}

/**
 * Looks at every byte of the blocks in a folder, and decodes every sample: a change of any byte in any of their files is
 * found. Reads only. Blocks that go meanwhile are passed over.
 *
 * @param directory `blocks`, or `rollups/<tier>`.
 * @throws OperatingError `disk.failed`, `memory.full`.
 */
export async function verifyBlocks(
  disk: Disk,
  kernels: Kernels,
  directory: string,
  pause: Pause,
  onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<VerifyResult> {
  const names = disk.list(directory).filter(isBlockName);
  const paths = names.map((name) => `${directory}/${name}`);
  const sizes = paths.map(
    (path) => sizeOf(disk, `${path}/index`) * 2 + sizeOf(disk, `${path}/columns`),
  );
  const totalSize = sizes.reduce((sum, size) => sum + size, 0);
  const decoder = new ColumnDecoder(kernels);
  const problems = new Problems();
  let [doneSize, blocks, series, samples] = [0, 0, 0, 0];
  try {
    problems.unlessDamaged(() => readDeletions(disk, directory, (wrong) => problems.add(wrong)));
    for (const [i, path] of paths.entries()) {
      onProgress({ totalSize, doneSize, path });
      const checker = new BlockChecker(disk, path, decoder, problems);
      await checker.check(pause);
      blocks++;
      series += checker.seriesCount;
      samples += checker.sampleCount;
      doneSize += sizes[i] as number;
    }
    onProgress({ totalSize, doneSize, path: directory });
    return { blocks, series, samples, problems: problems.list };
  } finally {
    decoder.release();
  }
}

/** The problems so far, each once, with what was lost by it. */
class Problems {
  readonly #found = new Map<string, { what: string; lost: LostSamples[]; lostChunks: number }>();

  get list(): readonly BlockProblem[] {
    return [...this.#found.values()];
  }

  add(what: string, lost?: LostSamples): void {
    const problem = this.#found.getOrInsertComputed(what, () => ({
      what,
      lost: [],
      lostChunks: 0,
    }));
    if (lost === undefined) return;
    problem.lostChunks++;
    if (problem.lost.length < NAMED_MAX) problem.lost.push(lost);
  }

  /** Whether the work ended well; damage is noted. */
  unlessDamaged(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
      this.add(error.message);
      return false;
    }
  }
}

class BlockChecker {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #decoder: ColumnDecoder;
  readonly #problems: Problems;
  seriesCount = 0;
  sampleCount = 0;
  #chunkCount = 0;

  constructor(disk: Disk, path: string, decoder: ColumnDecoder, problems: Problems) {
    this.#disk = disk;
    this.#path = path;
    this.#decoder = decoder;
    this.#problems = problems;
  }

  async check(pause: Pause): Promise<void> {
    const cache = new BlockCache(CACHE_SIZE_MAX);
    let block: Block | undefined;
    const opened = this.#problems.unlessDamaged(() => {
      block = Block.open(this.#disk, this.#path, cache);
    });
    if (!opened || block === undefined) return;
    try {
      const { meta } = block;
      if (block.damage !== undefined) this.#problems.add(block.damage);
      this.#checkMetaCopy(meta);
      for (const [name, magic, streams, size] of [
        [INDEX_FILE, INDEX_MAGIC, INDEX_STREAMS, meta.indexSize / 2],
        [INDEX_COPY_FILE, INDEX_MAGIC, INDEX_STREAMS, meta.indexSize / 2],
        [COLUMNS_FILE, COLUMNS_MAGIC, COLUMN_STREAMS, meta.columnsSize],
      ] as const) {
        const path = `${this.#path}/${name}`;
        const found = sizeOf(this.#disk, path);
        if (found !== size) this.#problems.add(`${path}: ${found} bytes; ${size} were written`);
        if (found === 0) continue;
        // On its own, without the copy that makes damage good.
        const file = new PageFile(this.#disk, path, magic, streams, cache);
        try {
          await this.#checkPages(file, pause);
        } finally {
          file.close();
        }
      }
      await this.#checkSeries(block, pause);
    } finally {
      block.close();
    }
  }

  #checkMetaCopy(meta: BlockMeta): void {
    const path = `${this.#path}/${META_COPY_FILE}`;
    const same =
      this.#disk.exists(path) && Buffer.compare(this.#disk.read(path), encodeMeta(meta)) === 0;
    if (!same) this.#problems.add(`${path}: not the same as meta.json`);
  }

  /** Every byte of a file is in its header, a page, the directory or the footer. */
  async #checkPages(file: PageFile, pause: Pause): Promise<void> {
    let pages: ReturnType<PageFile["pages"]> = [];
    if (!this.#problems.unlessDamaged(() => (pages = file.pages()))) return;
    if (file.damage !== undefined) this.#problems.add(file.damage);
    const reader = this.#disk.openRead(file.path);
    try {
      for (const { offset, size } of pages) {
        const wrong = decodePage(reader.read(offset, size));
        if (typeof wrong === "string")
          this.#problems.add(`${file.path}: the page at byte ${offset}: ${wrong}`);
        await pause(64);
      }
    } finally {
      reader.close();
    }
  }

  async #checkSeries(block: Block, pause: Pause): Promise<void> {
    const { meta } = block;
    let count = 0;
    const readable = this.#problems.unlessDamaged(() => {
      count = block.index.seriesCount;
      this.#checkLabels(block);
    });
    let before: Uint8Array | undefined;
    let whole = readable;
    for (let series = 0; series < count; series++) {
      const read = this.#problems.unlessDamaged(() => {
        const labelBytes = block.labelBytesOf(series);
        if (before !== undefined && compareLabelBytes(before, labelBytes) >= 0)
          this.#problems.add(
            `${block.index.file.path}: series ${series} is not behind the one before`,
          );
        before = labelBytes;
        whole = this.#checkChunks(block, series, labelBytes) && whole;
      });
      whole &&= read;
      await pause();
    }
    this.seriesCount = count;
    if (!whole) return;
    const found = { series: count, chunks: this.#chunkCount, samples: this.sampleCount };
    for (const name of ["series", "chunks", "samples"] as const)
      if (found[name] !== meta[name])
        this.#problems.add(`${this.#path}: ${found[name]} ${name}; meta.json says ${meta[name]}`);
  }

  /** Every label's list of series has those that have it. */
  #checkLabels({ index }: Block): void {
    let total = 0;
    for (const { count } of index.labelCounts()) total += count;
    let wanted = 0;
    for (let series = 0; series < index.seriesCount; series++)
      wanted += index.entryOf(series).labels.length;
    if (total !== wanted)
      this.#problems.add(
        `${index.file.path}: ${total} series in lists by label; ${wanted} have one`,
      );
  }

  #checkChunks(block: Block, series: number, labelBytes: Uint8Array): boolean {
    const { index, meta } = block;
    let whole = true;
    for (const { kind, chunks } of index.entryOf(series).sets)
      for (const { times } of chunks) {
        const { minMs, maxMs, count } = index.timesOf(times);
        const lost = (): LostSamples => ({
          series: formatLabels(decodeLabels(labelBytes)),
          kind,
          minMs,
          maxMs,
        });
        if (minMs < meta.minTimeMs || maxMs > meta.maxTimeMs)
          this.#problems.add(
            `${index.file.path}: a chunk reaches beyond the block's times`,
            lost(),
          );
        let found = 0;
        block.read(
          series,
          kind,
          minMs,
          maxMs,
          this.#decoder,
          ({ timestampsMs }) => {
            found += timestampsMs.length;
          },
          ({ message }) => {
            whole = false;
            this.#problems.add(message.replace(/ \(.*\)$/s, ""), lost());
          },
        );
        this.#chunkCount++;
        this.sampleCount += found;
        if (whole && found !== count)
          this.#problems.add(`${index.file.path}: ${found} samples in a chunk of ${count}`, lost());
      }
    return whole;
  }
}

/** The size of a file; 0 if there is none. */
function sizeOf(disk: Disk, path: string): number {
  if (!disk.exists(path)) return 0;
  const reader = disk.openRead(path);
  try {
    return reader.size;
  } finally {
    reader.close();
  }
}
