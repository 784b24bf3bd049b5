import { assert } from "./assert.ts";

/** Chance, as the only way this code may meet it. Production seeds it from the system. */
export interface Rng {
  /** A number in [0, 1). */
  unit(): number;
  /** An integer in [0, limit). `limit` is from 1 to 2^32. */
  below(limit: number): number;
  /** True with the given chance in percent. */
  chance(percent: number): boolean;
}

/** A repeatable source of chance (SplitMix32): the same seed gives the same numbers for ever. */
export function seededRng(seed: number): Rng {
  let state = seed | 0;
  const next32 = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  const unit = (): number => next32() / 2 ** 32;
  return {
    unit,
    below(limit) {
      assert(limit >= 1 && limit <= 2 ** 32, () => `below(${limit})`);
      return Math.floor(unit() * limit);
    },
    chance: (percent) => unit() * 100 < percent,
  };
}
