/**
 * Reads the fields of a record's payload one after another; once something is missing it answers zeros and says so at
 * the end. A payload has passed its checksum when it is read, so what is missing is a mistake of the writer.
 */
export class PayloadReader {
  readonly #payload: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  failed = false;

  constructor(payload: Uint8Array) {
    this.#payload = payload;
    this.#view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  }

  /** Whether everything was there and nothing is left. */
  get finished(): boolean {
    return !this.failed && this.#at === this.#payload.length;
  }

  u32(): number {
    const at = this.#take(4);
    return this.failed ? 0 : this.#view.getUint32(at, true);
  }

  f64(): number {
    const at = this.#take(8);
    return this.failed ? 0 : this.#view.getFloat64(at, true);
  }

  /** A view on the payload. */
  bytes(size: number): Uint8Array {
    const at = this.#take(size);
    return this.#payload.subarray(at, this.failed ? at : at + size);
  }

  /** A column of words, copied. */
  words(count: number): Uint32Array {
    const bytes = this.bytes(count * 4);
    return new Uint32Array(bytes.slice().buffer);
  }

  /** A column of doubles, copied bit by bit. */
  doubles(count: number): Float64Array {
    const bytes = this.bytes(count * 8);
    return new Float64Array(bytes.slice().buffer);
  }

  #take(size: number): number {
    const at = this.#at;
    if (size > this.#payload.length - at) this.failed = true;
    else this.#at += size;
    return at;
  }
}

/** Words as bytes of a payload. */
export function words(...list: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(list).buffer);
}

/** Doubles as bytes of a payload. */
export function doubles(...list: number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(list).buffer);
}
