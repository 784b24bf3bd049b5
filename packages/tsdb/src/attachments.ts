import { OperatingError } from "@pharos/base";
import { decodeLabels } from "@pharos/kernels";
import {
  type AppendResult,
  EXEMPLAR_LABELS_LENGTH_MAX,
  type ExemplarResult,
  type MetricMetadata,
} from "@pharos/ports";
import type { AttachedEntry } from "./attached-columns.ts";
import {
  type ExemplarRecord,
  entryAt,
  exemplarsPayload,
  type HistogramRecord,
  histogramsPayload,
  metadataPayload,
} from "./attachment-payload.ts";
import { COLUMNS_MAX, type Head, type Refused, TIMESTAMP_MS_MAX } from "./head.ts";
import type { TimeChanges } from "./time-changes.ts";
import type { Wal } from "./wal.ts";
import type { WalRecord } from "./wal-record.ts";

/** Bytes of histograms in memory; more are refused with `memory.full`. At half of it they are moved to blocks early. */
export const HISTOGRAMS_SIZE_MAX = 1024 ** 3;
/** Exemplars in memory, and those of one series; more are dropped until they are in blocks. */
export const EXEMPLARS_MAX = 1_000_000;
export const EXEMPLARS_PER_SERIES_MAX = 1024;
/** Bytes of a batch: what a record of the log has room for. */
const BATCH_SIZE_MAX = 32 * 1024 * 1024;
/** Families in one record of the log. */
const METADATA_RECORD_MAX = 1024;

/** Exemplars of several series, as they come. */
export interface ExemplarColumns extends ExemplarRecord {
  /** For each, 1 if it has a time of its own: one that does not comes with every scrape, each time at another time. */
  readonly timed: Uint8Array;
}

export interface AttachmentParts {
  readonly head: Head;
  readonly wal: Wal;
  /** Of the series that the log does not know yet. */
  readonly definitions: () => WalRecord[];
  /** What the store would say of a sample at these times. */
  readonly bounds: () => {
    readonly minMs: number;
    readonly maxMs: number;
    readonly outOfOrderWindowMs: number;
  };
  /** Told of the newest time of what was appended. */
  readonly noteTime: (timeMs: number) => void;
  /** Told of the times of histograms, when readers see them. */
  readonly changes: TimeChanges;
  /** Whether an append is done when it is on the device. */
  readonly syncAlways: boolean;
}

export interface AttachmentStats {
  /** In memory. */
  readonly headHistograms: number;
  readonly headExemplars: number;
  /** Start timestamps, each of samples one after another that have the same. */
  readonly headStarts: number;
  readonly metadataFamilies: number;
  /** Since the start. */
  readonly histogramsAppended: number;
  readonly exemplarsAppended: number;
  readonly exemplarsOutOfOrder: number;
  readonly exemplarsRefused: number;
  /** Of samples that were stored: there was no room for more in memory. */
  readonly startsDropped: number;
}

/**
 * What the store takes in beside float samples: native histograms, exemplars and metadata, each first to the log and then
 * to the head. References are those of `intern`.
 */
export class Attachments {
  readonly #parts: AttachmentParts;
  readonly #counts = { histograms: 0, exemplars: 0, outOfOrder: 0, refused: 0 };

  constructor(parts: AttachmentParts) {
    this.#parts = parts;
  }

  get stats(): AttachmentStats {
    const { histograms, exemplars, starts, metadata } = this.#parts.head;
    return {
      headStarts: starts.count,
      startsDropped: starts.dropped,
      headHistograms: histograms.count,
      headExemplars: exemplars.count,
      metadataFamilies: metadata.count,
      histogramsAppended: this.#counts.histograms,
      exemplarsAppended: this.#counts.exemplars,
      exemplarsOutOfOrder: this.#counts.outOfOrder,
      exemplarsRefused: this.#counts.refused,
    };
  }

  /** Whether so much waits in memory that it should be moved to blocks. */
  get isNearlyFull(): boolean {
    const { histograms, exemplars } = this.#parts.head;
    return histograms.size > HISTOGRAMS_SIZE_MAX / 2 || exemplars.count > EXEMPLARS_MAX / 2;
  }

  /**
   * Appends histograms, as `EmbeddedStore.appendColumns` does samples: those that are there already, that contradict
   * others, or that are too old or too new are counted and left out.
   *
   * @throws OperatingError `input.too_large`, `memory.full`, `disk.full`, `disk.failed`, `queue.full`: nothing was
   *   appended.
   */
  appendHistograms(record: HistogramRecord): AppendResult | Promise<AppendResult> {
    const { head } = this.#parts;
    const { refs, timestampsMs, histograms } = record;
    checkSize(refs.length, histograms.bytes.length);
    if (head.histograms.size + histograms.bytes.length > HISTOGRAMS_SIZE_MAX)
      throw new OperatingError(
        "memory.full",
        `${head.histograms.size} bytes of native histograms wait to be written to blocks; ` +
          `at most ${HISTOGRAMS_SIZE_MAX} may`,
      );
    const refused: Refused = { duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };
    const bounds = this.#parts.bounds();
    const kept: number[] = [];
    for (const at of refs.keys()) {
      const ref = refs[at] as number;
      const timestampMs = timestampsMs[at] as number;
      const entry = { timestampMs, valueBits: undefined, bytes: entryAt(histograms, at) };
      const newestMs = Math.max(head.histograms.newestMs(ref), head.chunks.lastTimeMs(ref));
      const outcome =
        timestampMs > bounds.maxMs
          ? "tooNew"
          : timestampMs < bounds.minMs
            ? "tooOld"
            : head.histograms.outcomeOf(ref, entry);
      if (outcome !== "appended") refused[outcome]++;
      else if (timestampMs < newestMs - bounds.outOfOrderWindowMs) refused.tooOld++;
      else kept.push(at);
    }
    if (kept.length > 0) {
      const accepted = pick(record, kept, (entries) => ({
        ...entries,
        histograms: pickEntries(histograms, kept),
      }));
      this.#log({ kind: "histograms", payload: histogramsPayload(accepted) }, accepted);
      for (const at of kept) {
        const bytes = entryAt(histograms, at);
        const entry = { timestampMs: timestampsMs[at] as number, valueBits: undefined, bytes };
        const outcome = head.histograms.insert(refs[at] as number, entry);
        // The same batch may have it twice.
        if (outcome !== "appended") refused[outcome]++;
      }
      const times = accepted.timestampsMs;
      const firstMs = times.reduce((min, timeMs) => Math.min(min, timeMs));
      const lastMs = times.reduce((max, timeMs) => Math.max(max, timeMs));
      this.#parts.changes.note(firstMs, lastMs);
    }
    const { duplicate, tooOld, tooNew, conflicting } = refused;
    const appended = refs.length - duplicate - tooOld - tooNew - conflicting;
    this.#counts.histograms += appended;
    return this.#done({ appended, ...refused });
  }

  /**
   * Appends exemplars. Those that their series has already cost nothing; those that come out of order are counted and
   * dropped, as are those that are older than the out-of-order window, have labels that are too long, or have no room.
   *
   * @throws OperatingError `input.too_large`, `disk.full`, `disk.failed`, `queue.full`: nothing was appended.
   */
  appendExemplars(columns: ExemplarColumns): ExemplarResult | Promise<ExemplarResult> {
    const { head } = this.#parts;
    const { refs, values, labels } = columns;
    checkSize(refs.length, labels.bytes.length);
    const result = { appended: 0, outOfOrder: 0, refused: 0 };
    const kept: number[] = [];
    const keptOf = new Map<number, number>();
    for (const [at, ref] of refs.entries()) {
      const ofSeries = keptOf.get(ref) ?? 0;
      const fate = this.#fateOf(columns, at, { all: kept.length, ofSeries });
      if (fate === "kept") {
        kept.push(at);
        keptOf.set(ref, ofSeries + 1);
      } else if (fate !== "known") result[fate]++;
    }
    if (kept.length > 0) {
      const accepted = pick(columns, kept, (entries) => ({
        ...entries,
        values: Float64Array.from(kept, (at) => values[at] as number),
        labels: pickEntries(labels, kept),
      }));
      // Bit by bit: a NaN's payload would not survive the copy above.
      const bits = new Uint32Array(accepted.values.buffer);
      for (const [i, at] of kept.entries()) bits.set(bitsAt(values, at), i * 2);
      this.#log({ kind: "exemplars", payload: exemplarsPayload(accepted) }, accepted);
      for (const at of kept)
        if (insertExemplar(head, refs[at] as number, exemplarAt(columns, at))) result.appended++;
    }
    this.#counts.exemplars += result.appended;
    this.#counts.outOfOrder += result.outOfOrder;
    this.#counts.refused += result.refused;
    return this.#done(result);
  }

  #fateOf(
    columns: ExemplarColumns,
    at: number,
    kept: { readonly all: number; readonly ofSeries: number },
  ): "kept" | "known" | "outOfOrder" | "refused" {
    const { exemplars, chunks } = this.#parts.head;
    const bounds = this.#parts.bounds();
    const ref = columns.refs[at] as number;
    const entry = exemplarAt(columns, at);
    const newest = exemplars.newestOf(ref);
    if (newest !== undefined) {
      const sent = columns.timed[at] === 1 ? entry : { ...entry, timestampMs: newest.timestampMs };
      const outcome = exemplars.outcomeOf(ref, sent);
      if (outcome === "duplicate") return "known";
      if (entry.timestampMs <= newest.timestampMs) return "outOfOrder";
    }
    const { minMs, maxMs, outOfOrderWindowMs } = bounds;
    const oldestMs = Math.max(minMs, chunks.lastTimeMs(ref) - outOfOrderWindowMs);
    if (entry.timestampMs < oldestMs) return "outOfOrder";
    const hasRoom =
      exemplars.count + kept.all < EXEMPLARS_MAX &&
      exemplars.countOf(ref) + kept.ofSeries < EXEMPLARS_PER_SERIES_MAX;
    if (!hasRoom || entry.timestampMs > maxMs || isTooLong(entry.bytes)) return "refused";
    return "kept";
  }

  /** Remembers what is said of metric families. @throws OperatingError `disk.full`, `disk.failed`, `queue.full`. */
  appendMetadata(list: readonly MetricMetadata[]): void | Promise<void> {
    const { head, wal } = this.#parts;
    const news = head.metadata.newOf(list);
    if (news.length > 0) {
      const records: WalRecord[] = [];
      for (let from = 0; from < news.length; from += METADATA_RECORD_MAX) {
        const part = news.slice(from, from + METADATA_RECORD_MAX);
        records.push({ kind: "metadata", payload: metadataPayload(part) });
      }
      wal.append(records, Number.NEGATIVE_INFINITY);
      head.metadata.set(news);
    }
    return this.#done(undefined);
  }

  /** Writes a record, and the series that are new with it, to the log in one go. */
  #log(record: WalRecord, { timestampsMs }: { readonly timestampsMs: Float64Array }): void {
    const { head, wal, definitions, noteTime } = this.#parts;
    const maxMs = timestampsMs.reduce((max, timeMs) => Math.max(max, timeMs), -TIMESTAMP_MS_MAX);
    wal.append([...definitions(), record], maxMs);
    head.markDefined();
    noteTime(maxMs);
  }

  #done<T>(result: T): T | Promise<T> {
    const { wal, syncAlways } = this.#parts;
    return syncAlways ? wal.synced().then(() => result) : result;
  }
}

/** Puts an exemplar among its series', where it is newer than all of them. Answers whether it is. */
export function insertExemplar(head: Head, ref: number, entry: AttachedEntry): boolean {
  if (entry.timestampMs <= head.exemplars.newestMs(ref)) return false;
  return head.exemplars.insert(ref, entry) === "appended";
}

/** An exemplar of a record, as views. */
export function exemplarAt(record: ExemplarRecord, at: number): AttachedEntry {
  return {
    timestampMs: record.timestampsMs[at] as number,
    valueBits: bitsAt(record.values, at),
    bytes: entryAt(record.labels, at),
  };
}

function bitsAt(values: Float64Array, at: number): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset + at * 8, 2);
}

function checkSize(count: number, size: number): void {
  if (count <= COLUMNS_MAX && size <= BATCH_SIZE_MAX) return;
  throw new OperatingError(
    "input.too_large",
    `a batch of ${count} entries and ${size} bytes; at most ${COLUMNS_MAX} and ${BATCH_SIZE_MAX} are allowed`,
  );
}

/** Whether the labels of an exemplar have more code points than they may have, or cannot be read. */
function isTooLong(labelBytes: Uint8Array): boolean {
  // As bytes they are no shorter: most need not be looked into.
  if (labelBytes.length <= EXEMPLAR_LABELS_LENGTH_MAX) return false;
  let length = 0;
  for (const [name, value] of decodeLabels(labelBytes))
    length += [...name].length + [...value].length;
  return length > EXEMPLAR_LABELS_LENGTH_MAX;
}

interface Entries {
  readonly refs: Uint32Array;
  readonly timestampsMs: Float64Array;
}

function pick<T>(
  { refs, timestampsMs }: Entries,
  kept: readonly number[],
  rest: (some: Entries) => T,
): T {
  return rest({
    refs: Uint32Array.from(kept, (at) => refs[at] as number),
    timestampsMs: Float64Array.from(kept, (at) => timestampsMs[at] as number),
  });
}

function pickEntries(entries: HistogramRecord["histograms"], kept: readonly number[]) {
  if (kept.length === entries.ends.length) return entries;
  const pieces = kept.map((at) => entryAt(entries, at));
  let end = 0;
  const ends = Uint32Array.from(pieces, ({ length }) => {
    end += length;
    return end;
  });
  return { ends, bytes: Buffer.concat(pieces) };
}
