// Snappy's block format: the size unpacked as a varint, then literals and copies. The low two bits of an element's first
// byte say what it is: 0 a literal (its length less one above, 60 to 63 for 1 to 4 bytes of length behind), 1 a copy of 4
// to 11 bytes at most 2047 back, 2 a copy of 1 to 64 bytes at most 65535 back.

/** What a block of snappy may unpack to unless the caller knows better: 256 MiB. */
export const UNPACKED_SIZE_MAX = 256 * 1024 * 1024;

/** What lies within one fragment is referred to by two bytes. */
const FRAGMENT_SIZE = 65_536;
const HASH_BITS = 14;
const HASH_FACTOR = 0x1e35_a7bd;
/** So close to the end of a fragment nothing is looked for: four bytes are compared at a time. */
const MARGIN = 15;
/** After so many looks in vain, 2 to this power, places are passed over. */
const SKIP_BITS = 5;

/** The largest size of `packSnappy` for so many bytes. */
export function snappySizeMax(size: number): number {
  return 32 + size + Math.ceil(size / 6);
}

/** Packs bytes into one block of snappy's, which any decoder of the format reads. At most 2^32 - 1 bytes. */
export function packSnappy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const packer = new Packer(bytes);
  for (let start = 0; start < bytes.length; start += FRAGMENT_SIZE)
    packer.pack(start, Math.min(start + FRAGMENT_SIZE, bytes.length));
  return packer.packed();
}

class Packer {
  readonly #from: Uint8Array;
  readonly #view: DataView;
  readonly #out: Uint8Array<ArrayBuffer>;
  /** Where four bytes with a hash were seen last, from the fragment's start. */
  readonly #table = new Uint16Array(2 ** HASH_BITS);
  #at = 0;

  constructor(from: Uint8Array) {
    this.#from = from;
    this.#view = new DataView(from.buffer, from.byteOffset, from.length);
    this.#out = new Uint8Array(snappySizeMax(from.length));
    let size = from.length;
    for (; size >= 0x80; size = Math.floor(size / 0x80))
      this.#out[this.#at++] = (size % 0x80) | 0x80;
    this.#out[this.#at++] = size;
  }

  packed(): Uint8Array<ArrayBuffer> {
    return this.#out.slice(0, this.#at);
  }

  pack(start: number, end: number): void {
    const from = this.#from;
    const view = this.#view;
    const table = this.#table;
    table.fill(0);
    const last = end - MARGIN;
    let literalFrom = start;
    let at = start + 1;
    let misses = 1 << SKIP_BITS;
    while (at < last) {
      const word = view.getUint32(at, true);
      const slot = Math.imul(word, HASH_FACTOR) >>> (32 - HASH_BITS);
      const candidate = start + (table[slot] as number);
      table[slot] = at - start;
      if (view.getUint32(candidate, true) !== word) {
        at += misses++ >>> SKIP_BITS;
        continue;
      }
      misses = 1 << SKIP_BITS;
      if (at > literalFrom) this.#literal(literalFrom, at);
      let matched = 4;
      while (at + matched < end && from[at + matched] === from[candidate + matched]) matched++;
      this.#copy(at - candidate, matched);
      at += matched;
      literalFrom = at;
    }
    if (end > literalFrom) this.#literal(literalFrom, end);
  }

  #literal(start: number, end: number): void {
    const out = this.#out;
    const length = end - start - 1;
    if (length < 60) out[this.#at++] = length << 2;
    else if (length < 256) {
      out[this.#at++] = 60 << 2;
      out[this.#at++] = length;
    } else {
      // A fragment has at most 65536 bytes.
      out[this.#at++] = 61 << 2;
      out[this.#at++] = length & 0xff;
      out[this.#at++] = length >>> 8;
    }
    if (length < 32) for (let i = start; i < end; i++) out[this.#at++] = this.#from[i] as number;
    else {
      out.set(this.#from.subarray(start, end), this.#at);
      this.#at += end - start;
    }
  }

  #copy(distance: number, size: number): void {
    let rest = size;
    // None is shorter than 4 bytes, which the short form needs.
    for (; rest >= 68; rest -= 64) this.#longCopy(distance, 64);
    if (rest > 64) {
      this.#longCopy(distance, 60);
      rest -= 60;
    }
    if (rest >= 12 || distance >= 2048) {
      this.#longCopy(distance, rest);
      return;
    }
    this.#out[this.#at++] = ((distance >>> 8) << 5) | ((rest - 4) << 2) | 1;
    this.#out[this.#at++] = distance & 0xff;
  }

  #longCopy(distance: number, size: number): void {
    this.#out[this.#at++] = ((size - 1) << 2) | 2;
    this.#out[this.#at++] = distance & 0xff;
    this.#out[this.#at++] = distance >>> 8;
  }
}

/** Unpacks a block of snappy (no stream, no framing). Answers what is wrong with it as text. */
export function unpackSnappy(
  packed: Uint8Array,
  sizeMax = UNPACKED_SIZE_MAX,
): Uint8Array<ArrayBuffer> | string {
  let at = 0;
  let size = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = packed[at++];
    if (byte === undefined || factor > 2 ** 28) return "snappy: no size";
    size += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  if (size > sizeMax) return `snappy: ${size} bytes unpacked; at most ${sizeMax} are allowed`;
  // Each element is at most 64 bytes out for 3 bytes in, literals apart, which are as long as they are.
  if (size > packed.length * 32) return "snappy: the size does not fit the bytes";
  const out = new Uint8Array(size);
  let end = 0;
  while (at < packed.length) {
    const tag = packed[at++] as number;
    let length: number;
    let distance = 0;
    if ((tag & 3) === 0) {
      length = tag >>> 2;
      if (length >= 60) {
        const sizeSize = length - 59;
        if (at + sizeSize > packed.length) return "snappy: cut short";
        length = littleEndian(packed, at, sizeSize);
        at += sizeSize;
      }
      length++;
      if (at + length > packed.length || end + length > size) return "snappy: cut short";
      out.set(packed.subarray(at, at + length), end);
      at += length;
      end += length;
      continue;
    }
    if ((tag & 3) === 1) {
      length = ((tag >>> 2) & 7) + 4;
      if (at + 1 > packed.length) return "snappy: cut short";
      distance = ((tag >>> 5) << 8) | (packed[at++] as number);
    } else {
      const offsetSize = (tag & 3) === 2 ? 2 : 4;
      length = (tag >>> 2) + 1;
      if (at + offsetSize > packed.length) return "snappy: cut short";
      distance = littleEndian(packed, at, offsetSize);
      at += offsetSize;
    }
    if (distance === 0 || distance > end || end + length > size)
      return "snappy: a copy from nowhere";
    // Byte by byte, since a copy may reach into what it writes.
    for (const stop = end + length; end < stop; end++) out[end] = out[end - distance] as number;
  }
  return end === size ? out : "snappy: cut short";
}

/** Up to 4 bytes, unsigned. */
function littleEndian(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
  return value;
}
