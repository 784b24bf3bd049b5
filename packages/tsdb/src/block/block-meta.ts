import { crc32 } from "node:zlib";
import { BLOCK_VERSION } from "./page-format.ts";

/** A block that comes from the head holds such a stretch of time, aligned to the epoch. As Prometheus. */
export const BLOCK_RANGE_MS = 2 * 3_600_000;

/**
 * The files of a block. Those that the others cannot be read without are there twice, with the same bytes: they are
 * small, and a damaged byte in them would cost the whole block.
 */
export const META_FILE = "meta.json";
export const META_COPY_FILE = "meta.copy.json";
export const INDEX_FILE = "index";
export const INDEX_COPY_FILE = "index.copy";
export const COLUMNS_FILE = "columns";

/** Where blocks of samples lie; those of a rollup tier lie in `rollups/<tier>`. */
export const BLOCKS_DIRECTORY = "blocks";

/** What a block says about itself in meta.json. */
export interface BlockMeta {
  readonly version: number;
  /** `raw`, or the rollup tier's name. */
  readonly tier: string;
  /** The stretch of time it is for, ms: the start included, the end not. */
  readonly rangeStartMs: number;
  readonly rangeEndMs: number;
  /** Counts up with every block of the folder. What was deleted before a block was begun is not in it. */
  readonly sequence: number;
  /**
   * Where two blocks have a sample of a series at the same time, that of the lower rank stands. A block from the head
   * ranks by its sequence; one made of others has the highest rank among them.
   */
  readonly rank: number;
  /** The names of the blocks it was made of: they go, if they are still there. */
  readonly sources: readonly string[];
  /** Of the samples in it, both included. */
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly series: number;
  readonly chunks: number;
  readonly samples: number;
  /** Whether it has start timestamps; absent where it has none. */
  readonly hasStarts?: true;
  /** Bytes of the index and its copy together. */
  readonly indexSize: number;
  readonly columnsSize: number;
}

const NUMBERS = [
  "version",
  "rangeStartMs",
  "rangeEndMs",
  "sequence",
  "rank",
  "minTimeMs",
  "maxTimeMs",
  "series",
  "chunks",
  "samples",
  "indexSize",
  "columnsSize",
] as const satisfies readonly (keyof BlockMeta)[];

export function blockName({
  rangeStartMs,
  rangeEndMs,
  sequence,
}: Pick<BlockMeta, "rangeStartMs" | "rangeEndMs" | "sequence">): string {
  return `${rangeStartMs}-${rangeEndMs}-${sequence}`;
}

/** Whether a name in the blocks' folder is a block's. */
export function isBlockName(name: string): boolean {
  return /^-?\d+--?\d+-\d+$/.test(name);
}

/** `{ "block": …, "crc32": … }`, the checksum over the text of the inner object. */
export function encodeMeta(meta: BlockMeta): Uint8Array {
  const text = JSON.stringify(meta);
  return new TextEncoder().encode(`{"block":${text},"crc32":${crc32(text)}}\n`);
}

/** Answers what is wrong with the bytes as text. */
export function decodeMeta(bytes: Uint8Array): BlockMeta | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return "not JSON";
  }
  if (typeof parsed !== "object" || parsed === null) return "not an object";
  const { block, crc32: checksum } = parsed as { block?: unknown; crc32?: unknown };
  if (typeof block !== "object" || block === null) return "no block in it";
  if (crc32(JSON.stringify(block)) !== checksum) return "the checksum does not match";
  const meta = block as Readonly<Record<string, unknown>>;
  if (meta["version"] !== BLOCK_VERSION) return `format version ${meta["version"]}, not known`;
  for (const name of NUMBERS)
    if (!Number.isSafeInteger(meta[name])) return `${name} is not a whole number`;
  const { tier, sources, hasStarts } = meta;
  if (hasStarts !== undefined && hasStarts !== true) return "hasStarts is not true";
  if (typeof tier !== "string") return "tier is not text";
  if (
    !Array.isArray(sources) ||
    !sources.every((one) => typeof one === "string" && isBlockName(one))
  )
    return "sources are not names of blocks";
  // What the checksum does not cover: the text around the inner object.
  if (Buffer.compare(encodeMeta(block as BlockMeta), bytes) !== 0) return "not as it was written";
  return block as BlockMeta;
}
