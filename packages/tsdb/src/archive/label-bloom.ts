import { hash } from "node:crypto";

/** One value in a hundred that is not there passes for one that may be. */
const BITS_A_VALUE = 10;
const PROBES = 7;
/** 16 KiB; with more than 13,000 values the filter lets more pass. */
const BITS_MAX = 16 * 1024 * 8;

/** Says of most values that they are not in a set, in ten bits a value. Never of one that is. */
export class LabelBloom {
  readonly #bits: Uint8Array;

  private constructor(bits: Uint8Array) {
    this.#bits = bits;
  }

  static of(values: ReadonlySet<string>): LabelBloom {
    const bitCount = Math.min(BITS_MAX, Math.max(64, values.size * BITS_A_VALUE));
    const bits = new Uint8Array(Math.ceil(bitCount / 8));
    for (const value of values)
      for (const bit of probes(value, bits.length * 8))
        bits[bit >> 3] = (bits[bit >> 3] as number) | (1 << (bit & 7));
    return new LabelBloom(bits);
  }

  /** As `toText` wrote it. */
  static fromText(text: string): LabelBloom {
    return new LabelBloom(Uint8Array.fromBase64(text));
  }

  toText(): string {
    return this.#bits.toBase64();
  }

  mayHave(value: string): boolean {
    for (const bit of probes(value, this.#bits.length * 8))
      if (((this.#bits[bit >> 3] as number) & (1 << (bit & 7))) === 0) return false;
    return true;
  }
}

/** Two halves of a hash make as many as are wanted. Part of the format. */
function* probes(value: string, bitCount: number): Generator<number> {
  const digest = hash("sha256", value, "hex");
  const first = Number.parseInt(digest.slice(0, 8), 16);
  const step = Number.parseInt(digest.slice(8, 16), 16) | 1;
  for (let i = 0; i < PROBES; i++) yield (((first + i * step) % 2 ** 32) >>> 0) % bitCount;
}
