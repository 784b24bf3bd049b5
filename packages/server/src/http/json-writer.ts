import { formatSampleValue, type Labels } from "@pharos/base";

/** Bytes are handed on in pieces of about this size, so that a large answer is never in memory as a whole. */
const PIECE_SIZE = 256 * 1024;
/** What writers that are done have written to is kept: a new one for each answer is work for the garbage collector. */
const spares: Uint8Array<ArrayBuffer>[] = [];
const SPARES_MAX = 4;
const SPARE_SIZE_MAX = 4 * PIECE_SIZE;
const NOTHING = new Uint8Array(0);
/** Integers below this have at most 15 digits: each of those is a number of its own, and no other digits mean it. */
const EXACT_MAX = 1e15;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

const encoder = new TextEncoder();

/**
 * Writes JSON as bytes. Most of an answer are numbers: their digits are written where they belong, without making a text
 * of each first.
 */
export class JsonWriter {
  #bytes = spares.pop() ?? new Uint8Array(2 * PIECE_SIZE);
  #length = 0;

  /** Whether there is enough to be handed on. */
  get isFull(): boolean {
    return this.#length >= PIECE_SIZE;
  }

  /** What was written since the last time. */
  take(): Uint8Array<ArrayBuffer> {
    const piece = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return piece;
  }

  /** As `take`, for the last time: what it wrote to is for the next writer. */
  end(): Uint8Array<ArrayBuffer> {
    const piece = this.take();
    if (spares.length < SPARES_MAX && this.#bytes.length <= SPARE_SIZE_MAX)
      spares.push(this.#bytes);
    this.#bytes = NOTHING;
    return piece;
  }

  /** Text as it is. */
  text(text: string): void {
    this.#reserve(text.length * 3);
    const before = this.#length;
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) {
        const { written } = encoder.encodeInto(text, bytes.subarray(before));
        this.#length = before + written;
        return;
      }
      bytes[before + i] = unit;
    }
    this.#length = before + text.length;
  }

  /** A text in quotes. */
  string(text: string): void {
    this.#reserve(text.length + 2);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x20 || unit >= 0x80 || unit === QUOTE || unit === BACKSLASH) {
        this.text(JSON.stringify(text));
        return;
      }
      bytes[at++] = unit;
    }
    bytes[at++] = QUOTE;
    this.#length = at;
  }

  /** A label set as an object. */
  labels(labels: Labels): void {
    this.text("{");
    for (let i = 0; i < labels.length; i++) {
      const [name, value] = labels[i] as Labels[number];
      if (i > 0) this.#byte(COMMA);
      this.string(name);
      this.#byte(COLON);
      this.string(value);
    }
    this.text("}");
  }

  /** A time as Unix seconds, with three decimals where it is not whole. @param timestampMs an integer. */
  seconds(timestampMs: number): void {
    const wholeMs = Math.abs(timestampMs);
    if (wholeMs >= EXACT_MAX) {
      this.text(
        timestampMs % 1000 === 0 ? String(timestampMs / 1000) : (timestampMs / 1000).toFixed(3),
      );
      return;
    }
    if (timestampMs < 0) this.#byte(MINUS);
    const seconds = Math.floor(wholeMs / 1000);
    this.#integer(seconds);
    const fraction = wholeMs - seconds * 1000;
    if (fraction === 0) return;
    this.#byte(POINT);
    this.#padded(fraction, 3);
  }

  /** A sample value in quotes, as `formatSampleValue` has it. */
  sampleValue(value: number): void {
    this.#byte(QUOTE);
    this.#number(value);
    this.#byte(QUOTE);
  }

  #number(value: number): void {
    const size = Math.abs(value);
    // What has at most three decimals is an integer of thousandths, exactly: most values that people measure.
    const thousandths = Math.round(size * 1000);
    if (!(thousandths < EXACT_MAX && thousandths / 1000 === size) || Object.is(value, -0)) {
      this.text(formatSampleValue(value));
      return;
    }
    if (value < 0) this.#byte(MINUS);
    const whole = Math.floor(thousandths / 1000);
    this.#integer(whole);
    let fraction = thousandths - whole * 1000;
    if (fraction === 0) return;
    let digits = 3;
    for (; fraction % 10 === 0; fraction /= 10) digits--;
    this.#byte(POINT);
    this.#padded(fraction, digits);
  }

  /** An integer from 0 to below `EXACT_MAX`. */
  #integer(value: number): void {
    if (value < 1e9) {
      this.#padded(value, digitsOf(value));
      return;
    }
    const high = Math.floor(value / 1e9);
    this.#padded(high, digitsOf(high));
    this.#padded(value - high * 1e9, 9);
  }

  /** An integer below 10⁹, with zeros in front of it where it has fewer digits. */
  #padded(value: number, digits: number): void {
    this.#reserve(digits);
    const bytes = this.#bytes;
    const from = this.#length;
    let rest = value | 0;
    for (let at = from + digits - 1; at >= from; at--) {
      const next = (rest / 10) | 0;
      bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.#length = from + digits;
  }

  #byte(byte: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + size));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** How many digits an integer below 10⁹ has. */
function digitsOf(value: number): number {
  if (value < 1e4) {
    if (value < 1e2) return value < 1e1 ? 1 : 2;
    return value < 1e3 ? 3 : 4;
  }
  if (value < 1e6) return value < 1e5 ? 5 : 6;
  if (value < 1e8) return value < 1e7 ? 7 : 8;
  return 9;
}
