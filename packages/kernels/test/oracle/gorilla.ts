// Gorilla in plain TypeScript on BigInts, from the drawing in as/gorilla.ts: slow, and easy to check by eye.

export interface Sample {
  readonly t: bigint;
  /** The value's 64 bits. */
  readonly v: bigint;
}

export function encode(samples: readonly Sample[]): Uint8Array {
  const bits: number[] = [];
  const put = (value: bigint, count: number): void => {
    for (let i = count - 1; i >= 0; i--) bits.push(Number((value >> BigInt(i)) & 1n));
  };
  let last: Sample | undefined;
  let step = 0n;
  let window: { leading: number; trailing: number } | undefined;
  for (const sample of samples) {
    if (last === undefined) {
      put(BigInt.asUintN(64, sample.t), 64);
      put(sample.v, 64);
      last = sample;
      continue;
    }
    const change = sample.t - last.t - step;
    step = sample.t - last.t;
    if (change === 0n) put(0n, 1);
    else if (change >= -64n && change < 64n) put((2n << 7n) | BigInt.asUintN(7, change), 9);
    else if (change >= -8192n && change < 8192n) put((6n << 14n) | BigInt.asUintN(14, change), 17);
    else if (change >= -(1n << 19n) && change < 1n << 19n)
      put((14n << 20n) | BigInt.asUintN(20, change), 24);
    else {
      put(15n, 4);
      put(BigInt.asUintN(64, change), 64);
    }
    const xor = sample.v ^ last.v;
    if (xor === 0n) put(0n, 1);
    else {
      const text = xor.toString(2).padStart(64, "0");
      const leading = Math.min(31, text.indexOf("1"));
      const trailing = 63 - text.lastIndexOf("1");
      if (window !== undefined && leading >= window.leading && trailing >= window.trailing) {
        put(2n, 2);
        put(xor >> BigInt(window.trailing), 64 - window.leading - window.trailing);
      } else {
        window = { leading, trailing };
        const length = 64 - leading - trailing;
        put(3n, 2);
        put(BigInt(leading), 5);
        put(BigInt(length - 1), 6);
        put(xor >> BigInt(trailing), length);
      }
    }
    last = sample;
  }
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries())
    bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (bit << (7 - (i & 7)));
  return bytes;
}

export function decode(bytes: Uint8Array, count: number): Sample[] {
  let at = 0;
  const get = (size: number): bigint => {
    let value = 0n;
    for (let i = 0; i < size; i++, at++)
      value = (value << 1n) | BigInt(((bytes[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    return value;
  };
  const out: Sample[] = [];
  let t = BigInt.asIntN(64, get(64));
  let v = get(64);
  let step = 0n;
  let window = { leading: 0, trailing: 0 };
  for (;;) {
    out.push({ t, v });
    if (out.length === count) return out;
    let ones = 0;
    while (ones < 4 && get(1) === 1n) ones++;
    const width = [0, 7, 14, 20, 64][ones] as number;
    if (width > 0) step += BigInt.asIntN(width, get(width));
    t += step;
    if (get(1) === 1n) {
      if (get(1) === 1n) {
        const leading = Number(get(5));
        const length = Number(get(6)) + 1;
        window = { leading, trailing: 64 - leading - length };
      }
      v ^= get(64 - window.leading - window.trailing) << BigInt(window.trailing);
    }
  }
}
