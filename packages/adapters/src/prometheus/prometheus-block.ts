import { OperatingError } from "@pharos/base";
import type { Disk, ImportedSeries, OrderedSource, TimeRange } from "@pharos/ports";
import { BlockChunks, CHUNK_XOR, encodingName } from "./block-chunks.ts";
import { BlockIndex, type ChunkPlace } from "./block-index.ts";
import { corrupt } from "./byte-reader.ts";
import { type DeletedRange, isDeleted, readTombstones } from "./tombstones.ts";
import { chunkSampleCount, decodeXorChunk, SampleBuffer } from "./xor-chunk.ts";

/** What a block of Prometheus's says about itself, as far as it matters here. */
export interface PrometheusBlockMeta {
  readonly ulid: string;
  readonly minMs: number;
  /** The first moment after it. */
  readonly endMs: number;
  readonly samples: number;
  readonly series: number;
  /** The blocks that it was made of, in the end: those that came from memory. */
  readonly sources: readonly string[];
  /** The blocks that it was made of directly, which it takes the place of. */
  readonly parents: readonly string[];
  /** Whether it holds samples that came late, so that its time says nothing of how far blocks reach. */
  readonly isOutOfOrder: boolean;
}

const ULID = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const NOTHING_DELETED: readonly DeletedRange[] = [];

/** Whether the name of a folder is that of a block. */
export function isUlid(name: string): boolean {
  return ULID.test(name);
}

/** Reads the meta.json of a block. @throws OperatingError `disk.corrupt`, `not_found`. */
export function readBlockMeta(disk: Disk, directory: string): PrometheusBlockMeta {
  const path = `${directory}/meta.json`;
  let meta: unknown;
  try {
    meta = JSON.parse(new TextDecoder().decode(disk.read(path)));
  } catch (error) {
    if (error instanceof OperatingError) throw error;
    throw corrupt(path, 0, "this is not JSON");
  }
  const { ulid, minTime, maxTime, version, stats, compaction } = fieldsOf(meta);
  if (version !== 1) throw corrupt(path, 0, `version ${String(version)} of blocks; 1 is known`);
  if (typeof ulid !== "string" || typeof minTime !== "number" || typeof maxTime !== "number")
    throw corrupt(path, 0, "ulid, minTime or maxTime is missing");
  const { numSamples, numSeries } = fieldsOf(stats);
  const { sources, parents, hints } = fieldsOf(compaction);
  return {
    ulid,
    minMs: minTime,
    endMs: maxTime,
    samples: typeof numSamples === "number" ? numSamples : 0,
    series: typeof numSeries === "number" ? numSeries : 0,
    sources: textsOf(sources),
    parents: listOf(parents).flatMap((parent) => textsOf([fieldsOf(parent)["ulid"]])),
    isOutOfOrder: textsOf(hints).includes("from-out-of-order"),
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textsOf(value: unknown): string[] {
  return listOf(value).filter((one) => typeof one === "string");
}

/** One of Prometheus's blocks. Deleted samples are left out; native histograms are counted and left out. */
export class PrometheusBlock implements OrderedSource {
  readonly meta: PrometheusBlockMeta;
  readonly range: TimeRange;
  readonly skipped = new Map<string, number>();
  readonly #index: BlockIndex;
  readonly #chunks: BlockChunks;
  readonly #deleted: ReadonlyMap<number, readonly DeletedRange[]>;
  readonly #directory: string;

  /** @throws OperatingError `disk.corrupt` with file and byte, `not_found`, `disk.failed`. */
  static open(disk: Disk, directory: string, meta: PrometheusBlockMeta): PrometheusBlock {
    const deleted = readTombstones(disk, `${directory}/tombstones`);
    const index = BlockIndex.open(disk, `${directory}/index`);
    return new PrometheusBlock(disk, directory, meta, index, deleted);
  }

  private constructor(
    disk: Disk,
    directory: string,
    meta: PrometheusBlockMeta,
    index: BlockIndex,
    deleted: ReadonlyMap<number, readonly DeletedRange[]>,
  ) {
    this.meta = meta;
    this.range = { minMs: meta.minMs, maxMs: meta.endMs - 1 };
    this.#directory = directory;
    this.#index = index;
    this.#deleted = deleted;
    this.#chunks = new BlockChunks(disk, `${directory}/chunks`);
  }

  *series({ minMs, maxMs }: TimeRange): Generator<ImportedSeries, void, undefined> {
    const buffer = new SampleBuffer();
    for (const { reference, labels, chunks } of this.#index.series()) {
      const here = chunks.filter((chunk) => chunk.minMs <= maxMs && chunk.maxMs >= minMs);
      if (here.length === 0) continue;
      buffer.length = 0;
      this.#read(here, { minMs, maxMs }, buffer);
      const deleted = this.#deleted.get(reference) ?? NOTHING_DELETED;
      if (deleted.length > 0) dropDeleted(buffer, deleted);
      if (buffer.length === 0) continue;
      const timestampsMs = buffer.timestampsMs.subarray(0, buffer.length);
      yield { labels, timestampsMs, valueBits: buffer.valueBits.subarray(0, buffer.length * 2) };
    }
  }

  #read(places: readonly ChunkPlace[], { minMs, maxMs }: TimeRange, out: SampleBuffer): void {
    let number = 0;
    for (const { encoding, data } of this.#chunks.read(places)) {
      const place = places[number++] as ChunkPlace;
      if (encoding !== CHUNK_XOR) {
        // Once, though several ranges may look at the chunk.
        if (place.minMs < minMs) continue;
        const name = encodingName(encoding);
        this.skipped.set(name, (this.skipped.get(name) ?? 0) + chunkSampleCount(data));
        continue;
      }
      const wrong = decodeXorChunk(data, minMs, maxMs, out);
      if (wrong !== undefined)
        throw corrupt(`${this.#directory}/chunks`, place.offset, `a chunk is ${wrong}`);
    }
  }

  close(): void {
    this.#index.close();
    this.#chunks.close();
  }
}

function dropDeleted(buffer: SampleBuffer, deleted: readonly DeletedRange[]): void {
  const { timestampsMs, valueBits } = buffer;
  let kept = 0;
  for (let i = 0; i < buffer.length; i++) {
    const timeMs = timestampsMs[i] as number;
    if (isDeleted(deleted, timeMs)) continue;
    timestampsMs[kept] = timeMs;
    valueBits[kept * 2] = valueBits[i * 2] as number;
    valueBits[kept * 2 + 1] = valueBits[i * 2 + 1] as number;
    kept++;
  }
  buffer.length = kept;
}
