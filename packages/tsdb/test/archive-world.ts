// Blocks that go to an archive in memory, and come back from there.
import {
  createMatcher,
  type Labels,
  labelsFrom,
  type Matcher,
  type Rng,
  seededRng,
} from "@pharos/base";
import { encodeLabels, Kernels } from "@pharos/kernels";
import { MemoryBlobStore, SimClock, SimDisk } from "@pharos/testing";
import { ArchiveCatalogue } from "../src/archive/archive-catalogue.ts";
import type { ArchiveEntry } from "../src/archive/archive-entry.ts";
import { ArchiveReader } from "../src/archive/archive-reader.ts";
import { type ArchiveInput, archiveBlock, archiveInputOf } from "../src/archive/archive-writer.ts";
import { Block } from "../src/block/block.ts";
import { BlockCache } from "../src/block/block-cache.ts";
import { blockName } from "../src/block/block-meta.ts";
import type { BlockWriterOptions } from "../src/block/block-writer.ts";
import { ColumnDecoder } from "../src/block/column-decoder.ts";
import type { ColumnSet, ColumnSetKind } from "../src/block/column-set.ts";
import {
  BLOCK_START_MS,
  goOn,
  randomSet,
  randomTimes,
  type TestSeries,
  TWO_HOURS_MS,
  testLabels,
  writeBlock,
} from "./block-builder.ts";

export const kernels = await Kernels.load();
export const decoder = new ColumnDecoder(kernels);
export const { signal } = new AbortController();
export const OPTIONS = { pause: goOn, signal };

const STALE = [0x0000_0002, 0x7ff0_0000];

/** A set as a store may hold: exemplars have labels, some samples are staleness markers. */
export function archivableSet(rng: Rng, kind: ColumnSetKind, times: readonly number[]): ColumnSet {
  const set = randomSet(rng, kind, times);
  if (kind === "samples" && rng.chance(50))
    for (const bits of set.floats)
      for (let i = 0; i < times.length; i++) if (rng.chance(10)) bits.set(STALE, i * 2);
  if (kind !== "exemplars") return set;
  const strings = times.map(() => encodeLabels(labelsFrom({ trace_id: `ä"${rng.below(1000)}` })));
  const ends = new Uint32Array(times.length);
  let size = 0;
  for (const [at, bytes] of strings.entries()) ends[at] = size += bytes.length;
  return { ...set, bytes: [{ ends, bytes: Uint8Array.from(strings.flatMap((one) => [...one])) }] };
}

export function archivableSeries(seed: number, count: number): TestSeries[] {
  const rng = seededRng(seed);
  const grid = randomTimes(rng, 480, BLOCK_START_MS, BLOCK_START_MS + TWO_HOURS_MS);
  return Array.from({ length: count }, (_, number) => {
    const kinds = (["samples", "histograms", "exemplars"] as const).filter(
      (kind) => kind === "samples" || rng.chance(25),
    );
    return {
      labels: testLabels(number),
      sets: kinds.map((kind) => {
        const own = randomTimes(
          rng,
          [1, 2, 120, 480][rng.below(4)] as number,
          BLOCK_START_MS,
          BLOCK_START_MS + TWO_HOURS_MS,
        );
        return archivableSet(rng, kind, rng.chance(60) ? grid : own);
      }),
    };
  });
}

/** An archive beside a local disk. */
export class ArchiveWorld {
  readonly disk: SimDisk;
  readonly store = new MemoryBlobStore();
  readonly clock = new SimClock();
  readonly catalogue: ArchiveCatalogue;
  readonly reader: ArchiveReader;

  constructor(disk = new SimDisk(seededRng(1))) {
    this.disk = disk;
    this.catalogue = ArchiveCatalogue.open(this.disk, this.store);
    this.reader = new ArchiveReader(this.store, this.catalogue, this.clock);
  }

  /** Writes a local block of the series. */
  async block(
    series: readonly TestSeries[],
    options: Partial<BlockWriterOptions> = {},
  ): Promise<Block> {
    const meta = await writeBlock(this.disk, kernels, series, options);
    const path = `${options.directory ?? "blocks"}/${blockName(meta)}`;
    return Block.open(this.disk, path, new BlockCache());
  }

  async archive(
    series: readonly TestSeries[],
    options: Partial<BlockWriterOptions> = {},
  ): Promise<ArchiveEntry> {
    return this.archiveInput(archiveInputOf(await this.block(series, options), decoder));
  }

  async archiveInput(input: ArchiveInput): Promise<ArchiveEntry> {
    const entry = await archiveBlock(this.store, input, OPTIONS);
    if (entry === undefined) throw new Error("nothing was archived");
    await this.catalogue.add(entry);
    return entry;
  }
}

export const everything = {
  minMs: Number.MIN_SAFE_INTEGER,
  maxMs: Number.MAX_SAFE_INTEGER,
} as const;

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export function equals(name: string, value: string): Matcher {
  return createMatcher("=", name, value);
}

export type { Labels };
