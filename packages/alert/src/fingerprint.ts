import type { Labels } from "@pharos/base";

const encoder = new TextEncoder();
const TWO_32 = 2 ** 32;
/** Of labels that stay, by the array itself. */
const remembered = new WeakMap<Labels, string>();
const SEPARATOR = 0xff;

/**
 * The 64-bit FNV-1a hash of a label set as Prometheus and Alertmanager compute it (name, 0xff, value, 0xff, in order),
 * as two unsigned halves: JavaScript's integers end at 53 bits.
 */
export function hashLabels(labels: Labels): { readonly high: number; readonly low: number } {
  const hash = new Fnv1a();
  for (const [name, value] of labels) {
    hash.addText(name);
    hash.addByte(SEPARATOR);
    hash.addText(value);
    hash.addByte(SEPARATOR);
  }
  return { high: hash.high >>> 0, low: hash.low >>> 0 };
}

/** The hash in 16 hexadecimal digits: how Alertmanager's API and payloads name an alert. */
export function fingerprint(labels: Labels): string {
  const known = remembered.get(labels);
  if (known !== undefined) return known;
  const { high, low } = hashLabels(labels);
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

/**
 * For labels that stay and whose fingerprint is asked for again and again: from now on it is looked up. Labels that come
 * and go are better left out, since to remember takes longer than to compute.
 */
export function rememberFingerprint(labels: Labels, fingerprint: string): void {
  remembered.set(labels, fingerprint);
}

class Fnv1a {
  high = 0xcbf29ce4 | 0;
  low = 0x84222325 | 0;

  addByte(byte: number): void {
    const low = (this.low ^ byte) >>> 0;
    // Times 0x100000001b3: the 2^40 part moves the low half into the high one.
    const product = low * 0x1b3;
    this.high = (Math.imul(this.high, 0x1b3) + Math.floor(product / TWO_32) + (low << 8)) | 0;
    this.low = product | 0;
  }

  addText(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        for (const byte of encoder.encode(text.slice(i))) this.addByte(byte);
        return;
      }
      this.addByte(code);
    }
  }
}
