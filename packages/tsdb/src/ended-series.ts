import type { SeriesDefinition } from "./wal-payload.ts";

/**
 * The labels of series that have ended, for as long as a segment of the log may mention them: consumers read what was
 * written long ago. They are in the checkpoint, since the segment that defined them may be gone.
 */
export class EndedSeries {
  readonly #series = new Map<number, { readonly labelBytes: Uint8Array; segment: number }>();

  /** A series that ended while this segment was written. The bytes are copied. */
  add(ref: number, labelBytes: Uint8Array, segment: number): void {
    this.#series.set(ref, { labelBytes: labelBytes.slice(), segment });
  }

  /** The reference means a series again that is alive. */
  delete(ref: number): void {
    this.#series.delete(ref);
  }

  labelBytesOf(ref: number): Uint8Array | undefined {
    return this.#series.get(ref)?.labelBytes;
  }

  get count(): number {
    return this.#series.size;
  }

  *definitions(): Generator<SeriesDefinition> {
    for (const [ref, { labelBytes }] of this.#series) yield { ref, labelBytes };
  }

  /** After a replay: any of them may be mentioned up to this segment. */
  finishReplay(segment: number): void {
    for (const series of this.#series.values()) series.segment = segment;
  }

  /** The log's segments below `segment` are gone. */
  forgetBelow(segment: number): void {
    for (const [ref, series] of this.#series)
      if (series.segment < segment) this.#series.delete(ref);
  }
}
