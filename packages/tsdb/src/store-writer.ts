import { assert, type Clock, type Labels, OperatingError } from "@pharos/base";
import { type Kernels, SampleColumns } from "@pharos/kernels";
import type { AppendResult, SampleBatch, TimeRange } from "@pharos/ports";
import type { Blocks } from "./block/blocks.ts";
import { COLUMNS_MAX, type Head, type Refused, TIMESTAMP_MS_MAX } from "./head.ts";
import { keepMsMax } from "./retention/retention-policy.ts";
import { retentionPolicyOf, type StoreSettings } from "./store-settings.ts";
import type { TimeChanges } from "./time-changes.ts";
import type { Wal } from "./wal.ts";
import { samplesPayload } from "./wal-payload.ts";
import type { WalRecord } from "./wal-record.ts";

export interface WriterParts {
  readonly clock: Clock;
  readonly kernels: Kernels;
  readonly head: Head;
  readonly wal: Wal;
  readonly settings: StoreSettings;
  readonly blocks: Blocks;
  /** Told of the times of what was appended. */
  readonly changes: TimeChanges;
}

/** The way of samples into a store: they are checked, written to the log, and then put into the head. */
export class StoreWriter {
  readonly #parts: WriterParts;
  #settings: StoreSettings;
  /** How long samples of any series are kept: older ones are refused. */
  #rawKeptMs: number;
  #newestMs: number;
  /** Columns for batches made in TypeScript. */
  #columns: SampleColumns;
  #samplesAppended = 0;
  readonly #refused: Refused = { duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#settings = parts.settings;
    this.#rawKeptMs = keepMsMax(retentionPolicyOf(parts.settings), "raw");
    this.#newestMs = newestTimeMs(parts.head, parts.blocks);
    this.#columns = new SampleColumns(parts.kernels, 64);
  }

  /** Since the start. */
  get samplesAppended(): number {
    return this.#samplesAppended;
  }

  /** Since the start, by reason. */
  get refused(): Readonly<Refused> {
    return { ...this.#refused };
  }

  /** The newest time of a sample, whether it is in the head or in a block; -Infinity without samples. */
  get newestMs(): number {
    return this.#newestMs;
  }

  noteTime(timeMs: number): void {
    if (timeMs > this.#newestMs) this.#newestMs = timeMs;
  }

  /** Goes on with other settings. @throws OperatingError `input.invalid` for a regular expression: nothing is changed. */
  applySettings(settings: StoreSettings): void {
    this.#rawKeptMs = keepMsMax(retentionPolicyOf(settings), "raw");
    this.#parts.head.setOutOfOrderWindow(settings.outOfOrderWindowMs);
    this.#settings = settings;
  }

  /** See `EmbeddedStore.appendColumns`. */
  appendColumns(columns: SampleColumns): AppendResult | Promise<AppendResult> {
    const { head, wal } = this.#parts;
    const { length } = columns;
    checkLength(length);
    const refused: Refused = { duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };
    if (length > 0) {
      const { minMs, maxMs } = this.bounds();
      const accepted = head.prepare(columns, minMs, maxMs, refused);
      if (accepted.length > 0) {
        const { minMs: firstMs, maxMs: lastMs } = this.#log(accepted);
        head.apply(accepted, refused);
        this.#parts.changes.note(firstMs, lastMs);
      }
    }
    const { duplicate, tooOld, tooNew, conflicting } = refused;
    const appended = length - duplicate - tooOld - tooNew - conflicting;
    this.#samplesAppended += appended;
    for (const reason of REASONS) this.#refused[reason] += refused[reason];
    const result = { appended, ...refused };
    return this.#settings.walSync === "always" ? wal.synced().then(() => result) : result;
  }

  /** As `appendColumns`, of a batch that was made in TypeScript. Series that are new begin. */
  append(
    { labelSets, series, timestampsMs, values, stale }: SampleBatch,
    intern: (labels: Labels) => number,
  ): AppendResult | Promise<AppendResult> {
    const { length } = series;
    assert(timestampsMs.length === length, "one timestamp a sample");
    assert(values.length === length, "one value a sample");
    assert(stale === null || stale.length === length, "one staleness flag a sample");
    checkLength(length);
    const refs = labelSets.map(intern);
    const columns = this.#emptyColumns(length);
    for (let i = 0; i < length; i++) {
      const ref = refs[series[i] as number];
      assert(ref !== undefined, () => `sample ${i} names label set ${series[i]}`);
      const timestampMs = timestampsMs[i] as number;
      assert(Number.isInteger(timestampMs), () => `timestamp ${timestampMs}`);
      if (stale?.[i] === 1) columns.pushStale(ref, timestampMs);
      else columns.push(ref, timestampMs, ordinary(values[i] as number));
    }
    return this.appendColumns(columns);
  }

  #emptyColumns(length: number): SampleColumns {
    if (this.#columns.capacity < length) {
      const larger = new SampleColumns(this.#parts.kernels, 2 ** Math.ceil(Math.log2(length)));
      this.#columns.release();
      this.#columns = larger;
    }
    this.#columns.clear();
    return this.#columns;
  }

  /** The times of samples that are neither too old for any retention nor too far in the future. */
  bounds(): TimeRange & { readonly outOfOrderWindowMs: number } {
    const { futureWindowMs, outOfOrderWindowMs } = this.#settings;
    const nowMs = this.#parts.clock.nowMs();
    return {
      minMs: Math.max(nowMs - this.#rawKeptMs, -TIMESTAMP_MS_MAX),
      maxMs: Math.min(nowMs + futureWindowMs, TIMESTAMP_MS_MAX),
      outOfOrderWindowMs,
    };
  }

  /** Writes a batch, and the series that are new with it, to the log in one go; answers its first and last time. */
  #log(columns: SampleColumns): TimeRange {
    const { head, wal, clock } = this.#parts;
    const [minMs, maxMs] = head.chunks.timestampBounds(columns);
    const deltas = head.wordsFor(columns.length);
    const shape = head.chunks.timestampShape(columns, deltas);
    const payload = samplesPayload(columns, shape, deltas, clock.nowMs());
    wal.append([...this.definitionRecords(), { kind: "samples", payload }], maxMs);
    head.markDefined();
    this.noteTime(maxMs);
    return { minMs, maxMs };
  }

  /** The series that the log does not know yet. */
  definitionRecords(): WalRecord[] {
    return this.#parts.head
      .definitions()
      .map((payload) => ({ kind: "series", payload: [payload] }));
  }

  /** Writes what the log does not know of the head's series yet. @throws OperatingError `disk.full`, `disk.failed`. */
  logDefinitions(): void {
    const { head, wal } = this.#parts;
    const records = this.definitionRecords();
    // Whatever the limits: it is the flush that makes room.
    if (records.length > 0) wal.append(records, Number.NEGATIVE_INFINITY, "unlimited");
    head.markDefined();
  }

  release(): void {
    this.#columns.release();
  }
}

function checkLength(length: number): void {
  if (length > COLUMNS_MAX)
    throw new OperatingError(
      "input.too_large",
      `a batch of ${length} samples; at most ${COLUMNS_MAX} are allowed`,
    );
}

/** Of all that a store has when it opens. */
function newestTimeMs(head: Head, blocks: Blocks): number {
  let newestMs = Number.NEGATIVE_INFINITY;
  const noteTime = (timeMs: number): void => {
    if (timeMs > newestMs) newestMs = timeMs;
  };
  for (const ref of head.index.all()) noteTime(head.chunks.lastTimeMs(ref));
  for (const { timeRange } of [head.histograms, head.exemplars])
    if (timeRange !== undefined) noteTime(timeRange.maxMs);
  for (const { meta } of blocks.all) noteTime(meta.maxTimeMs);
  return newestMs;
}

/** An array of floats may hold a NaN whose bits are those of a staleness marker, and here it is an ordinary one. */
function ordinary(value: number): number {
  return Number.isNaN(value) ? Number.NaN : value;
}

const REASONS = ["duplicate", "tooOld", "tooNew", "conflicting"] as const;
