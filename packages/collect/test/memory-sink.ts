import { assert, formatLabels, formatValue, type Labels } from "@pharos/base";
import {
  decodeLabels,
  encodeLabels,
  HEAD_NAMESPACE,
  type Kernels,
  SampleColumns,
  SeriesTable,
  VALUE_REFUSED,
} from "@pharos/kernels";
import type { AppendResult } from "@pharos/ports";
import type { AttachmentSink, ColumnSink, StartEntries, StartSink } from "../src/column-sink.ts";

const NOTHING = { duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };

interface Sample {
  readonly timestampMs: number;
  /** `formatValue` of it, or "stale". */
  readonly value: string;
}

/** A sink that keeps all samples in the order in which they came. */
export class MemorySink implements ColumnSink {
  readonly columns: SampleColumns;
  readonly table: SeriesTable;
  readonly #labels: Labels[] = [];
  readonly #samples: Sample[][] = [];
  /** Thrown by the next appends, where set. */
  failure: Error | undefined;
  seriesEnded = 0;
  /** Takes what is no sample, where set. */
  attachments: AttachmentSink | undefined;
  /** `series timestamp start`, in ms, in the order in which they came, while no sample of the batch is there. */
  readonly startLines: string[] = [];
  readonly starts: StartSink = { append: (entries) => this.#addStarts(entries) };
  /** No more series begin. */
  full = false;
  readonly #ended = new Set<number>();

  constructor(kernels: Kernels, capacity = 10_000) {
    this.columns = new SampleColumns(kernels, capacity);
    this.table = new SeriesTable(kernels);
  }

  admit(series: Labels | Uint8Array): number {
    const labels = series instanceof Uint8Array ? decodeLabels(series) : series;
    const bytes = encodeLabels(labels);
    const entry = this.table.find(HEAD_NAMESPACE, bytes);
    if (entry >= 0) return this.table.valueOf(entry);
    if (this.full) return VALUE_REFUSED;
    const reference = this.#labels.push(labels) - 1;
    this.#samples.push([]);
    this.table.insert(HEAD_NAMESPACE, bytes, reference);
    return reference;
  }

  intern(series: Labels | Uint8Array): number {
    const reference = this.admit(series);
    assert(reference !== VALUE_REFUSED, "there is room for the series");
    return reference;
  }

  appendColumns(): Promise<AppendResult> {
    if (this.failure !== undefined) throw this.failure;
    const { columns } = this;
    for (let at = 0; at < columns.length; at++) {
      assert(!this.#ended.has(columns.series[at] as number), "no sample is of a series that ended");
      this.#samples[columns.series[at] as number]?.push({
        timestampMs: columns.timestampsMs[at] as number,
        value: columns.isStale(at) ? "stale" : formatValue(columns.values[at] as number),
      });
    }
    return Promise.resolve({ ...NOTHING, appended: columns.length });
  }

  #addStarts({ refs, timestampsMs, startsMs }: StartEntries): void {
    for (const [at, ref] of refs.entries()) {
      assert(
        this.#samples[ref]?.at(-1)?.timestampMs !== timestampsMs[at],
        "starts come before their samples",
      );
      const labels = formatLabels(this.#labels[ref] ?? []);
      this.startLines.push(`${labels} ${timestampsMs[at]} ${startsMs[at]}`);
    }
  }

  /** Ends all series, as a store does with those that had no sample for long. */
  endAll(): void {
    for (const ref of this.#labels.keys()) this.#ended.add(ref);
    this.table.removeWhere((value) => this.#ended.has(value));
    this.seriesEnded = this.#ended.size;
  }

  /** Every series that was ever interned, sorted. */
  get series(): readonly string[] {
    return this.#labels.map(formatLabels).sort();
  }

  samplesOf(series: string): readonly Sample[] {
    const reference = this.#labels.findIndex((labels) => formatLabels(labels) === series);
    return this.#samples[reference] ?? [];
  }

  /** `1 2 stale`. */
  valuesOf(series: string): string {
    return this.samplesOf(series)
      .map(({ value }) => value)
      .join(" ");
  }

  get sampleCount(): number {
    return this.#samples.reduce((sum, samples) => sum + samples.length, 0);
  }
}
