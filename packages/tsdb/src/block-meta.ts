import { crc32 } from "node:zlib";

export const BLOCK_VERSION = 1;
export const BLOCKS_DIRECTORY = "blocks";
/** A block holds the samples of such a stretch of time, aligned to the epoch. As Prometheus. */
export const BLOCK_RANGE_MS = 2 * 3_600_000;

/** What a block says about itself in meta.json. */
export interface BlockMeta {
  readonly version: number;
  /** The stretch of time it is for, ms: the start included, the end not. */
  readonly rangeStartMs: number;
  readonly rangeEndMs: number;
  /** Counts up. Where two blocks have a sample at the same time, that of the lower one stands. */
  readonly sequence: number;
  /** Of the samples in it, both included. */
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly series: number;
  readonly chunks: number;
  readonly samples: number;
  readonly indexSize: number;
  readonly chunksSize: number;
}

const NUMBERS = [
  "version",
  "rangeStartMs",
  "rangeEndMs",
  "sequence",
  "minTimeMs",
  "maxTimeMs",
  "series",
  "chunks",
  "samples",
  "indexSize",
  "chunksSize",
] as const satisfies readonly (keyof BlockMeta)[];

export function blockName({ rangeStartMs, rangeEndMs, sequence }: BlockMeta): string {
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
  return block as BlockMeta;
}
