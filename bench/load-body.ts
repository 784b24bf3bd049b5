// A remote-write body that is made once and written anew for each round: values and timestamps are put in their places, so
// that a load of hundreds of thousands of samples a second costs the generator next to nothing.
import { encodeLabelFields, snappyLiteral, varint, WriteRequest } from "./remote-write-body.ts";
import type { ValueSource } from "./workload-w1.ts";

/** Of a timestamp between 2004 and 2109 as a varint: its place never changes size. */
const TIMESTAMP_SIZE = 6;
/** A value, and the tag of the timestamp. */
const TIMESTAMP_OFFSET = 8 + 1;

export class LoadBody {
  readonly seriesCount: number;
  readonly #firstSeries: number;
  /** One literal, not compressed: a compressed block could not be patched. */
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where the value of each series lies. */
  readonly #offsets: Uint32Array;

  /** @param firstSeries the place of the first label set among all, whose values are asked for by it. */
  constructor(labelSets: readonly Readonly<Record<string, string>>[], firstSeries: number) {
    const request = new WriteRequest();
    const timestampMs = Float64Array.of(2 ** 41);
    const value = Float64Array.of(0);
    const offsets = labelSets.map((labels) =>
      request.add(encodeLabelFields(labels), timestampMs, value),
    );
    const plain = request.take();
    this.#bytes = snappyLiteral(plain);
    this.#view = new DataView(this.#bytes.buffer);
    const shift = this.#bytes.length - plain.length;
    this.#offsets = Uint32Array.from(offsets, (offset) => offset + shift);
    this.#firstSeries = firstSeries;
    this.seriesCount = labelSets.length;
  }

  /** The body with a next value for each series. It holds until the next call. */
  at(timestampMs: number, values: ValueSource): Uint8Array {
    const timestamp = varint(timestampMs);
    if (timestamp.length !== TIMESTAMP_SIZE) throw new RangeError(`timestamp ${timestampMs}`);
    for (let i = 0; i < this.#offsets.length; i++) {
      const offset = this.#offsets[i] as number;
      this.#view.setFloat64(offset, values.next(this.#firstSeries + i), true);
      this.#bytes.set(timestamp, offset + TIMESTAMP_OFFSET);
    }
    return this.#bytes;
  }
}
