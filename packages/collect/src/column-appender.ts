import type { AppendResult } from "@pharos/ports";
import type { ColumnSink } from "./column-sink.ts";

/**
 * Adds samples to the sink's columns behind those that are there already, and appends whenever the columns are full. To
 * be used without waiting in between, as the columns are shared; only `settle` waits.
 */
export class ColumnAppender {
  readonly #sink: ColumnSink;
  readonly #pending: Promise<AppendResult>[] = [];

  constructor(sink: ColumnSink) {
    this.#sink = sink;
  }

  /** @throws OperatingError as `ColumnSink.appendColumns`. */
  push(series: number, timestampMs: number, value: number): void {
    this.#makeRoom();
    this.#sink.columns.push(series, timestampMs, value);
  }

  /** Adds a staleness marker. @throws OperatingError as `ColumnSink.appendColumns`. */
  pushStale(series: number, timestampMs: number): void {
    this.#makeRoom();
    this.#sink.columns.pushStale(series, timestampMs);
  }

  #makeRoom(): void {
    const { columns } = this.#sink;
    if (columns.length === columns.capacity) this.flush();
  }

  /** Appends what is in the columns. @throws OperatingError as `ColumnSink.appendColumns`. */
  flush(): void {
    const { columns } = this.#sink;
    if (columns.length === 0) return;
    const appended = Promise.resolve(this.#sink.appendColumns());
    appended.catch(() => {}); // Heard in `settle`; here only for when a later append throws at once.
    this.#pending.push(appended);
    columns.clear();
  }

  /** Resolves when all that was flushed survives a crash. @throws OperatingError as `ColumnSink.appendColumns`. */
  settle(): Promise<readonly AppendResult[]> {
    return Promise.all(this.#pending);
  }
}
