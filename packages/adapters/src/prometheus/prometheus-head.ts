import { type Labels, labelsKey, OperatingError } from "@pharos/base";
import type { Disk, ImportedBatch, UnorderedSource } from "@pharos/ports";
import { CHUNK_XOR, encodingName } from "./block-chunks.ts";
import { corrupt } from "./byte-reader.ts";
import { type HeadChunk, readHeadChunks } from "./head-chunks.ts";
import { type DeletedRange, isDeleted } from "./tombstones.ts";
import { type LogRecord, listSegments, readRecords } from "./wal-reader.ts";
import {
  RECORD_SAMPLES,
  RECORD_SERIES,
  RECORD_TOMBSTONES,
  RECORDS_HISTOGRAMS,
  RECORDS_PASSED_OVER,
  readHistogramsRecord,
  readSamplesRecord,
  readSeriesRecord,
  readTombstonesRecord,
  TextPool,
} from "./wal-record.ts";
import { chunkSampleCount, decodeXorChunk, SampleBuffer } from "./xor-chunk.ts";

/** Samples in a batch. */
const BATCH_SAMPLES = 65_536;
/** After so many records others on the thread get their turn. */
const RECORDS_PER_TURN = 1024;
const UNKNOWN_SERIES = "samples of series that the log does not name";

/** What is known of one series in memory. */
interface HeadSeries {
  readonly labels: Labels;
  readonly deleted: DeletedRange[];
  /** Of its samples so far, those that came late apart; earlier ones in the log are known already, or were refused. */
  lastMs: number;
  /** The same for native histograms. */
  lastHistogramMs: number;
  /** Its place among the labels of the batch with this number. */
  place: number;
  batch: number;
}

/**
 * What Prometheus had in memory: the chunks it had written out (`chunks_head`), its log (the last checkpoint and the
 * segments after it) and the log of late samples (`wbl`). Read as Prometheus does when it starts: what is in blocks
 * already, or was deleted, is left out. The names of all series in memory are kept meanwhile, their samples are not.
 */
export class PrometheusHead implements UnorderedSource {
  readonly skipped = new Map<string, number>();
  readonly #disk: Disk;
  readonly #inBlocksBeforeMs: number;
  readonly #logPaths: readonly string[];
  readonly #latePaths: readonly string[];

  /** @param inBlocksBeforeMs earlier samples are in blocks, unless they came late. */
  constructor(disk: Disk, inBlocksBeforeMs: number) {
    this.#disk = disk;
    this.#inBlocksBeforeMs = inBlocksBeforeMs;
    this.#logPaths = listLog(disk);
    this.#latePaths = listSegments(disk, "wbl");
  }

  get isEmpty(): boolean {
    return this.#logPaths.length === 0;
  }

  /** Files and their sizes: as long as it is the same, the log is. */
  get fingerprint(): string {
    const paths = [...this.#logPaths, ...this.#latePaths];
    const last = paths.at(-1);
    return last === undefined ? "" : `${last}@${fileSize(this.#disk, last)}`;
  }

  async *batches(_resumeAt: string | undefined, signal: AbortSignal): AsyncIterable<ImportedBatch> {
    const series = await this.#readSeries(signal);
    const batch = new BatchBuilder();
    for (const chunk of readHeadChunks(this.#disk, "chunks_head")) {
      this.#addChunk(chunk, series, batch);
      if (batch.isFull) yield batch.take();
      signal.throwIfAborted();
    }
    for (const record of readRecords(this.#disk, this.#logPaths)) {
      this.#addRecord(record, series, batch, false);
      if (batch.isFull) yield batch.take();
      signal.throwIfAborted();
    }
    for (const record of readRecords(this.#disk, this.#latePaths)) {
      this.#addRecord(record, series, batch, true);
      if (batch.isFull) yield batch.take();
      signal.throwIfAborted();
    }
    if (!batch.isEmpty) yield batch.take();
  }

  /** The series of the whole log by reference, with what was deleted of them. Several references may be one series. */
  async #readSeries(signal: AbortSignal): Promise<Map<number, HeadSeries>> {
    const byReference = new Map<number, HeadSeries>();
    const byLabels = new Map<string, HeadSeries>();
    const pool = new TextPool();
    let records = 0;
    for (const record of readRecords(this.#disk, this.#logPaths)) {
      signal.throwIfAborted();
      if (++records % RECORDS_PER_TURN === 0) await new Promise((done) => setImmediate(done));
      if (record.bytes[0] === RECORD_SERIES)
        readSeriesRecord(record, pool, (reference, labels) => {
          const entry = byLabels.getOrInsertComputed(labelsKey(labels), () => newSeries(labels));
          byReference.set(reference, entry);
        });
      else if (record.bytes[0] === RECORD_TOMBSTONES)
        readTombstonesRecord(record, (reference, minMs, maxMs) =>
          byReference.get(reference)?.deleted.push({ minMs, maxMs }),
        );
    }
    return byReference;
  }

  #skip(what: string, samples: number): void {
    if (samples > 0) this.skipped.set(what, (this.skipped.get(what) ?? 0) + samples);
  }

  #addChunk(chunk: HeadChunk, series: ReadonlyMap<number, HeadSeries>, batch: BatchBuilder): void {
    const { reference, maxMs, encoding, isLate, data } = chunk;
    const fromMs = isLate ? Number.NEGATIVE_INFINITY : this.#inBlocksBeforeMs;
    if (maxMs < fromMs) return;
    const entry = series.get(reference);
    if (entry === undefined) {
      this.#skip(UNKNOWN_SERIES, chunkSampleCount(data));
      return;
    }
    if (encoding !== CHUNK_XOR) {
      if (!isLate) entry.lastHistogramMs = Math.max(entry.lastHistogramMs, maxMs);
      this.#skip(encodingName(encoding), chunkSampleCount(data));
      return;
    }
    if (!isLate) entry.lastMs = Math.max(entry.lastMs, maxMs);
    const wrong = batch.addChunk(entry, data, fromMs);
    if (wrong !== undefined) throw corrupt(chunk.path, chunk.offset, `a chunk is ${wrong}`);
  }

  #addRecord(
    record: LogRecord,
    series: ReadonlyMap<number, HeadSeries>,
    batch: BatchBuilder,
    isLate: boolean,
  ): void {
    const fromMs = isLate ? Number.NEGATIVE_INFINITY : this.#inBlocksBeforeMs;
    const kind = record.bytes[0] as number;
    if (kind === RECORD_SAMPLES) {
      readSamplesRecord(record, (reference, timeMs, low, high) => {
        if (timeMs < fromMs) return;
        const entry = series.get(reference);
        if (entry === undefined) return this.#skip(UNKNOWN_SERIES, 1);
        if (!isLate) {
          if (timeMs <= entry.lastMs) return;
          entry.lastMs = timeMs;
        }
        batch.add(entry, timeMs, low, high);
      });
    } else if (RECORDS_HISTOGRAMS.has(kind)) {
      readHistogramsRecord(record, (reference, timeMs) => {
        const entry = series.get(reference);
        if (timeMs < fromMs || entry === undefined) return;
        if (!isLate) {
          if (timeMs <= entry.lastHistogramMs) return;
          entry.lastHistogramMs = timeMs;
        }
        this.#skip(encodingName(2), 1);
      });
    } else if (
      kind !== RECORD_SERIES &&
      kind !== RECORD_TOMBSTONES &&
      !RECORDS_PASSED_OVER.has(kind)
    )
      throw new OperatingError(
        "input.invalid",
        `${record.path}, byte ${record.offset}: a record of kind ${kind}, which is newer than this import. ` +
          "Take a snapshot of Prometheus (POST /api/v1/admin/tsdb/snapshot), which has blocks only, and import that",
      );
  }
}

function newSeries(labels: Labels): HeadSeries {
  const never = Number.NEGATIVE_INFINITY;
  return { labels, deleted: [], lastMs: never, lastHistogramMs: never, place: 0, batch: -1 };
}

/** The last checkpoint's segments and those of the log after it. */
function listLog(disk: Disk): string[] {
  const checkpoints = disk
    .list("wal")
    .filter((name) => /^checkpoint\.\d+$/.test(name))
    .map((name) => ({ name, number: Number(name.slice("checkpoint.".length)) }))
    .sort((a, b) => a.number - b.number);
  const last = checkpoints.at(-1);
  if (last === undefined) return listSegments(disk, "wal");
  const { name, number } = last;
  return [...listSegments(disk, `wal/${name}`), ...listSegments(disk, "wal", number + 1)];
}

function fileSize(disk: Disk, path: string): number {
  const reader = disk.openRead(path);
  try {
    return reader.size;
  } finally {
    reader.close();
  }
}

/** Puts samples together to batches; what was deleted stays out. */
class BatchBuilder {
  #series = new Uint32Array(BATCH_SAMPLES);
  readonly #samples = new SampleBuffer();
  readonly #chunk = new SampleBuffer();
  #labelSets: Labels[] = [];
  #number = 0;

  get isFull(): boolean {
    return this.#samples.length >= BATCH_SAMPLES;
  }

  get isEmpty(): boolean {
    return this.#samples.length === 0;
  }

  add(entry: HeadSeries, timeMs: number, low: number, high: number): void {
    if (entry.deleted.length > 0 && isDeleted(entry.deleted, timeMs)) return;
    const samples = this.#samples;
    samples.reserve(1);
    const at = samples.length++;
    samples.timestampsMs[at] = timeMs;
    samples.valueBits[at * 2] = low;
    samples.valueBits[at * 2 + 1] = high;
    this.#setSeries(at, this.#placeOf(entry));
  }

  /** Answers what is wrong with the chunk. */
  addChunk(entry: HeadSeries, data: Uint8Array, fromMs: number): string | undefined {
    const chunk = this.#chunk;
    chunk.length = 0;
    const wrong = decodeXorChunk(data, fromMs, Number.POSITIVE_INFINITY, chunk);
    if (wrong !== undefined) return wrong;
    const { timestampsMs, valueBits, length } = chunk;
    for (let i = 0; i < length; i++)
      this.add(
        entry,
        timestampsMs[i] as number,
        valueBits[i * 2] as number,
        valueBits[i * 2 + 1] as number,
      );
    return undefined;
  }

  #placeOf(entry: HeadSeries): number {
    if (entry.batch !== this.#number) {
      entry.batch = this.#number;
      entry.place = this.#labelSets.push(entry.labels) - 1;
    }
    return entry.place;
  }

  #setSeries(at: number, place: number): void {
    if (at >= this.#series.length) {
      const larger = new Uint32Array(this.#samples.timestampsMs.length);
      larger.set(this.#series);
      this.#series = larger;
    }
    this.#series[at] = place;
  }

  /** What there is; the next batch begins. */
  take(): ImportedBatch {
    const { timestampsMs, valueBits, length } = this.#samples;
    const batch = {
      labelSets: this.#labelSets,
      series: this.#series.subarray(0, length),
      timestampsMs: timestampsMs.subarray(0, length),
      valueBits: valueBits.subarray(0, length * 2),
    };
    this.#samples.length = 0;
    this.#labelSets = [];
    this.#number++;
    return batch;
  }
}
