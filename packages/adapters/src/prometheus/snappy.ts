/** What a block of snappy may unpack to: a record of Prometheus's log is far smaller. */
export const UNPACKED_SIZE_MAX = 256 * 1024 * 1024;

/** Unpacks a block of snappy (no stream, no framing). Answers what is wrong with it as text. */
export function unpackSnappy(packed: Uint8Array): Uint8Array | string {
  let at = 0;
  let size = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = packed[at++];
    if (byte === undefined || factor > 2 ** 28) return "snappy: no size";
    size += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  if (size > UNPACKED_SIZE_MAX) return `snappy: ${size} bytes unpacked`;
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
