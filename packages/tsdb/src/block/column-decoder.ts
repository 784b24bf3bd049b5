import { ColumnCodec, columnSizeMax, type Kernels } from "@pharos/kernels";
import { ByteReader, MalformedBytes } from "./byte-reader.ts";
import { CHUNK_SAMPLES_MAX } from "./chunk-cutter.ts";
import { HISTOGRAMS_IN_COLUMNS, HISTOGRAMS_PLAIN } from "./column-encoder.ts";
import { type BytesColumn, COLUMN_SET_SHAPES } from "./column-set.ts";
import { readHistograms } from "./histogram-columns.ts";

const FLOAT_COLUMNS_MAX = COLUMN_SET_SHAPES.rollup.floats.length;

/** Wide loads may look so far behind a column. */
const LOAD_SLACK = 16;

/**
 * Decodes columns in the kernels' memory: about 300 KB of it, taken once. One for a thread, used for all blocks; the
 * kernels need not be those of the head, so that a reader on a thread of its own has a memory of its own.
 */
export class ColumnDecoder {
  readonly #kernels: Kernels;
  readonly #codec: ColumnCodec;
  readonly #in: number;
  readonly #inSize = columnSizeMax(CHUNK_SAMPLES_MAX) + LOAD_SLACK;
  readonly #out: number;
  readonly #doubles: Float64Array;
  readonly #words: Uint32Array[] = [];

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#codec = new ColumnCodec(kernels);
    this.#in = kernels.allocate(this.#inSize);
    this.#out = kernels.allocate(CHUNK_SAMPLES_MAX * 8 * FLOAT_COLUMNS_MAX);
    this.#doubles = new Float64Array(kernels.buffer, this.#out, CHUNK_SAMPLES_MAX);
    for (let i = 0; i < FLOAT_COLUMNS_MAX; i++)
      this.#words.push(new Uint32Array(kernels.buffer, this.#at(i), CHUNK_SAMPLES_MAX * 2));
  }

  #at(column: number): number {
    return this.#out + column * CHUNK_SAMPLES_MAX * 8;
  }

  /** A copy. @throws MalformedBytes. */
  timestamps(bytes: Uint8Array, count: number): Float64Array {
    this.#place(bytes, count);
    if (!this.#codec.decodeTimestamps(this.#in, bytes.length, count, this.#out))
      throw new MalformedBytes("the timestamps do not decode");
    return this.#doubles.slice(0, count);
  }

  /**
   * The numbers of a chunk's column of that place: a view, valid until a column of that place, or timestamps, are
   * decoded again.
   * @throws MalformedBytes.
   */
  floats(bytes: Uint8Array, count: number, column: number): Uint32Array {
    this.#place(bytes, count);
    if (!this.#codec.decodeValues(this.#in, bytes.length, count, this.#at(column)))
      throw new MalformedBytes("the values do not decode");
    return (this.#words[column] as Uint32Array).subarray(0, count * 2);
  }

  #place(bytes: Uint8Array, count: number): void {
    if (count === 0 || count > CHUNK_SAMPLES_MAX || bytes.length + LOAD_SLACK > this.#inSize)
      throw new MalformedBytes(`a column of ${count} samples in ${bytes.length} bytes`);
    this.#kernels.bytes.set(bytes, this.#in);
  }

  /** The bytes are a view on those given. @throws MalformedBytes. */
  bytes(bytes: Uint8Array, count: number): BytesColumn {
    if (bytes.length === 0) return { ends: new Uint32Array(count), bytes };
    if (count > bytes.length) throw new MalformedBytes("sizes are not there");
    const reader = new ByteReader(bytes);
    const ends = new Uint32Array(count);
    let end = 0;
    for (let i = 0; i < count; i++) {
      end += reader.varint();
      ends[i] = end;
    }
    if (end !== reader.left) throw new MalformedBytes("the strings are not as long as said");
    return { ends, bytes: reader.raw(end) };
  }

  /** Native histograms. @throws MalformedBytes. */
  histograms(bytes: Uint8Array, count: number): BytesColumn {
    if (bytes[0] === HISTOGRAMS_PLAIN) return this.bytes(bytes.subarray(1), count);
    if (bytes[0] !== HISTOGRAMS_IN_COLUMNS)
      throw new MalformedBytes(`histograms written in the way ${bytes[0]}`);
    return readHistograms(new ByteReader(bytes, 1), count, (sums) => this.floats(sums, count, 0));
  }

  release(): void {
    this.#kernels.release(this.#in, this.#inSize);
    this.#kernels.release(this.#out, CHUNK_SAMPLES_MAX * 8 * FLOAT_COLUMNS_MAX);
  }
}
