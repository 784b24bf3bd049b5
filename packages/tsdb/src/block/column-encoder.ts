import { assert } from "@pharos/base";
import { ColumnCodec, columnSizeMax, type Kernels } from "@pharos/kernels";
import { ByteWriter } from "./byte-writer.ts";
import { CHUNK_SAMPLES_MAX } from "./chunk-cutter.ts";
import type { BytesColumn } from "./column-set.ts";
import { sliceBytes } from "./column-set-buffer.ts";
import { splitHistograms, sumBits, writeHistograms } from "./histogram-columns.ts";

/** How a chunk's native histograms are written. In files: never renumber. */
export const HISTOGRAMS_PLAIN = 0;
export const HISTOGRAMS_IN_COLUMNS = 1;

/** Encodes columns of up to `CHUNK_SAMPLES_MAX` samples. Every result is a view, valid until the next call. */
export class ColumnEncoder {
  readonly #kernels: Kernels;
  readonly #codec: ColumnCodec;
  readonly #in: number;
  readonly #out: number;
  readonly #doubles: Float64Array;
  readonly #words: Uint32Array;
  readonly #buffer = new ByteWriter();

  /** @throws OperatingError `memory.full`. */
  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#codec = new ColumnCodec(kernels);
    this.#in = kernels.allocate(CHUNK_SAMPLES_MAX * 8);
    this.#out = kernels.allocate(columnSizeMax(CHUNK_SAMPLES_MAX));
    this.#doubles = new Float64Array(kernels.buffer, this.#in, CHUNK_SAMPLES_MAX);
    this.#words = new Uint32Array(kernels.buffer, this.#in, CHUNK_SAMPLES_MAX * 2);
  }

  timestamps(timestampsMs: Float64Array): Uint8Array {
    const { length } = timestampsMs;
    assert(length > 0 && length <= CHUNK_SAMPLES_MAX, () => `${length} timestamps`);
    this.#doubles.set(timestampsMs);
    return this.#written(this.#codec.encodeTimestamps(this.#in, length, this.#out));
  }

  /** @param bits two words a number, the low half first. */
  floats(bits: Uint32Array): Uint8Array {
    const length = bits.length / 2;
    assert(length > 0 && length <= CHUNK_SAMPLES_MAX, () => `${length} values`);
    this.#words.set(bits);
    return this.#written(this.#codec.encodeValues(this.#in, length, this.#out));
  }

  #written(size: number): Uint8Array {
    return this.#kernels.bytes.subarray(this.#out, this.#out + size);
  }

  /** The strings `from` to `to` (not included): all sizes as varints, then all bytes. Nothing if all are empty. */
  bytes({ ends, bytes }: BytesColumn, from: number, to: number): Uint8Array {
    const out = this.#buffer;
    out.clear();
    const start = from === 0 ? 0 : (ends[from - 1] as number);
    if (ends[to - 1] === start) return out.bytes;
    let before = start;
    for (let i = from; i < to; i++) {
      const end = ends[i] as number;
      out.varint(end - before);
      before = end;
    }
    out.raw(bytes.subarray(start, before));
    return out.bytes;
  }

  /** Native histograms `from` to `to`: a byte that says how, then column by column, or as other byte strings. */
  histograms(column: BytesColumn, from: number, to: number): Uint8Array {
    const parts = splitHistograms(sliceBytes(column, from, to));
    if (parts === undefined) {
      const plain = this.bytes(column, from, to).slice();
      this.#buffer.clear();
      this.#buffer.byte(HISTOGRAMS_PLAIN);
      this.#buffer.raw(plain);
      return this.#buffer.bytes;
    }
    this.#buffer.clear();
    this.#buffer.byte(HISTOGRAMS_IN_COLUMNS);
    writeHistograms(parts, this.floats(sumBits(parts)), this.#buffer);
    return this.#buffer.bytes;
  }

  release(): void {
    this.#codec.dispose();
    this.#kernels.release(this.#in, CHUNK_SAMPLES_MAX * 8);
    this.#kernels.release(this.#out, columnSizeMax(CHUNK_SAMPLES_MAX));
  }
}
