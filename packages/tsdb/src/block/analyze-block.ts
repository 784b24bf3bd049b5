import { OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import type { Pause } from "../slices.ts";
import type { Block } from "./block.ts";
import { BlockCache } from "./block-cache.ts";
import { Blocks } from "./blocks.ts";
import type { ColumnSetKind } from "./column-set.ts";
import { COLUMN_SET_SHAPES } from "./column-set.ts";
import { COLUMN_STREAM_NAMES, INDEX_STREAM_NAMES, TIMESTAMPS, VALUES } from "./index-format.ts";

/** What an analysis keeps in memory of the block it looks at. */
const CACHE_SIZE_MAX = 32 * 1024 * 1024;

export interface Share {
  readonly name: string;
  readonly size: number;
}

export interface EncodingCount {
  /** Such as `decimals, step, packed`. */
  readonly encoding: string;
  readonly columns: number;
  readonly samples: number;
  readonly size: number;
}

export interface BlockAnalysis {
  readonly name: string;
  readonly samples: number;
  readonly series: number;
  readonly chunks: number;
  /** Bytes of all its files. */
  readonly size: number;
  readonly bytesPerSample: number;
  /** Bytes on disk of each part: of the index, and of the columns. */
  readonly parts: readonly Share[];
  /** How the columns of numbers are encoded, those with the most samples first. */
  readonly encodings: readonly EncodingCount[];
  /** The labels that the most series have, and the names with the most values. */
  readonly topLabels: readonly { readonly label: string; readonly series: number }[];
  readonly topNames: readonly { readonly name: string; readonly values: number }[];
  readonly kinds: readonly { readonly kind: ColumnSetKind; readonly series: number }[];
}

// As docs/formats/columns.md has them.
const DOMAINS = ["decimals", "bits"];
const PREDICTORS = [
  ["level", "step", "step of the step", "line"],
  ["level", "step", "step of the step", "xor"],
];
const CODINGS = ["constant", "equal steps", "packed", "sparse"];

/**
 * Where a block's bytes are. Reads all of it.
 * @param limit how many labels and names are listed.
 * @throws OperatingError `disk.corrupt`, `disk.failed`.
 */
export async function analyzeBlock(
  block: Block,
  limit: number,
  pause: Pause,
): Promise<BlockAnalysis> {
  const { meta, index, columns } = block;
  const encodings = new Map<string, { columns: number; samples: number; size: number }>();
  const note = (encoding: string, samples: number, size: number): void => {
    const found = encodings.getOrInsertComputed(encoding, () => ({
      columns: 0,
      samples: 0,
      size: 0,
    }));
    found.columns++;
    found.samples += samples;
    found.size += size;
  };
  const kinds = new Map<ColumnSetKind, number>();
  for (let series = 0; series < index.seriesCount; series++) {
    for (const { kind, chunks } of index.entryOf(series).sets) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const { floats } = COLUMN_SET_SHAPES[kind];
      for (const { times, offset, sizes } of chunks) {
        const { count } = index.timesOf(times);
        let at = offset;
        for (const [column, size] of sizes.entries()) {
          const text =
            column < floats.length ? encodingOf(columns.record(VALUES, at, size)) : "byte strings";
          note(text, count, size);
          at += size;
        }
      }
    }
    await pause();
  }
  for (let times = 0; times < index.timesCount; times++) {
    const { offset, size, count } = index.timesOf(times);
    note(`timestamps: ${encodingOf(columns.record(TIMESTAMPS, offset, size))}`, count, size);
    await pause();
  }
  const size = meta.indexSize + meta.columnsSize;
  return {
    name: block.name,
    samples: meta.samples,
    series: meta.series,
    chunks: meta.chunks,
    size,
    bytesPerSample: size / meta.samples,
    parts: [
      ...COLUMN_STREAM_NAMES.map((name, stream) => ({ name, size: columns.storedSizeOf(stream) })),
      ...INDEX_STREAM_NAMES.map((name, stream) => ({
        name: `index: ${name}, twice`,
        size: index.file.storedSizeOf(stream) * 2,
      })),
    ],
    encodings: [...encodings]
      .map(([encoding, counts]) => ({ encoding, ...counts }))
      .sort((a, b) => b.samples - a.samples),
    ...(await topLabels(block, limit, pause)),
    kinds: [...kinds].map(([kind, series]) => ({ kind, series })),
  };
}

/**
 * Analyzes the blocks of a folder, one after another; those that cannot be read are passed over and told.
 * @param directory `blocks`, or `rollups/<tier>`.
 * @throws OperatingError `disk.failed`.
 */
export async function* analyzeBlocks(
  disk: Disk,
  directory: string,
  limit: number,
  pause: Pause,
  onDamage: (problem: string) => void,
): AsyncGenerator<BlockAnalysis, void, undefined> {
  const blocks = Blocks.look(disk, directory, new BlockCache(CACHE_SIZE_MAX));
  for (const problem of blocks.problems) onDamage(problem);
  for (const block of blocks.all)
    try {
      yield await analyzeBlock(block, limit, pause);
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== "disk.corrupt") throw error;
      onDamage(error.message);
    } finally {
      block.close();
    }
}

function encodingOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return "as the column before";
  const head = bytes[0] ?? 0;
  const domain = head & 1;
  const coding = (head >> 3) & 3;
  if (coding === 0 && ((head >> 1) & 3) === 0) return `${DOMAINS[domain]}, constant`;
  return `${DOMAINS[domain]}, ${PREDICTORS[domain]?.[(head >> 1) & 3]}, ${CODINGS[coding]}`;
}

async function topLabels({ index }: Block, limit: number, pause: Pause) {
  const labels: { readonly label: string; readonly series: number }[] = [];
  const values = new Map<string, number>();
  for (const { name, value, count } of index.labelCounts()) {
    values.set(name, (values.get(name) ?? 0) + 1);
    labels.push({ label: `${name}=${value}`, series: count });
    if (labels.length >= limit * 2 + 64)
      labels.sort((a, b) => b.series - a.series).splice(limit, labels.length);
    await pause();
  }
  return {
    topLabels: labels.sort((a, b) => b.series - a.series).slice(0, limit),
    topNames: [...values]
      .map(([name, count]) => ({ name, values: count }))
      .sort((a, b) => b.values - a.values)
      .slice(0, limit),
  };
}
