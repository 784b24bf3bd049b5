import type { Labels } from "@pharos/base";

const encoder = new TextEncoder();
const TWO_32 = 2 ** 32;

/**
 * The 64-bit FNV-1a hash of a label set as Prometheus and Alertmanager compute it (name, 0xff, value, 0xff, in order),
 * as two unsigned halves: JavaScript's integers end at 53 bits.
 */
export function hashLabels(labels: Labels): { readonly high: number; readonly low: number } {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  const add = (byte: number): void => {
    low = (low ^ byte) >>> 0;
    // Times 0x100000001b3: the 2^40 part moves the low half into the high one.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / TWO_32) + (low << 8)) >>> 0;
    low = product >>> 0;
  };
  for (const [name, value] of labels) {
    for (const byte of encoder.encode(name)) add(byte);
    add(0xff);
    for (const byte of encoder.encode(value)) add(byte);
    add(0xff);
  }
  return { high, low };
}

/** The hash in 16 hexadecimal digits: how Alertmanager's API and payloads name an alert. */
export function fingerprint(labels: Labels): string {
  const { high, low } = hashLabels(labels);
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}
