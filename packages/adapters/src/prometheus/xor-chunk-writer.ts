import { BitWriter, XorWriter } from "./bit-writer.ts";

/** Samples of a chunk, as Prometheus cuts them. */
export const CHUNK_SAMPLES_MAX = 120;

/** Writes chunks of float samples, as `decodeXorChunk` reads them; its file draws them. */
export class XorChunkWriter {
  readonly #bits = new BitWriter();
  readonly #values = new XorWriter(this.#bits);

  /**
   * One chunk of some samples.
   *
   * @param timestampsMs rising integers; as many as the chunk shall have, at most 65,535.
   * @param valueBits two words a sample, the low half first.
   * @returns a view, until the next one is written.
   */
  write(timestampsMs: Float64Array, valueBits: Uint32Array): Uint8Array<ArrayBuffer> {
    const bits = this.#bits;
    bits.clear();
    bits.put(timestampsMs.length, 16);
    let beforeMs = 0;
    let stepMs = 0;
    for (let i = 0; i < timestampsMs.length; i++) {
      const timeMs = timestampsMs[i] as number;
      const low = valueBits[i * 2] as number;
      const high = valueBits[i * 2 + 1] as number;
      if (i === 0) {
        bits.putVarint(timeMs);
        this.#values.begin(low, high);
      } else {
        const newStepMs = timeMs - beforeMs;
        if (i === 1) bits.putUvarint(newStepMs);
        else putChangeOfStep(bits, newStepMs - stepMs);
        this.#values.put(low, high);
        stepMs = newStepMs;
      }
      beforeMs = timeMs;
    }
    return bits.bytes;
  }
}

function putChangeOfStep(bits: BitWriter, change: number): void {
  if (change === 0) bits.put(0, 1);
  else if (fits(change, 14)) {
    bits.put(0b10, 2);
    bits.put(change, 14);
  } else if (fits(change, 17)) {
    bits.put(0b110, 3);
    bits.put(change, 17);
  } else if (fits(change, 20)) {
    bits.put(0b1110, 4);
    bits.put(change, 20);
  } else {
    bits.put(0b1111, 4);
    bits.putInt64(change);
  }
}

/** Prometheus's ranges have the highest number above zero instead of the lowest below. */
function fits(change: number, size: number): boolean {
  return change > -(2 ** (size - 1)) && change <= 2 ** (size - 1);
}
