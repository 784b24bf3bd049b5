// The snappy block format: the decoded size as a varint, then literals and copies of what was decoded before. Both
// buffers have 64 bytes of slack behind their end, read and overwritten by the wide moves below.
const COPY_MOVE: u32 = 16;

/** The decoded size that a body states, or -1 where it begins with no 32-bit varint. */
export function snappySize(body: u32, size: u32): f64 {
  let value: u64 = 0;
  const most = min<u32>(size, 5);
  for (let i: u32 = 0; i < most; i++) {
    const byte = load<u8>(body + i) as u64;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return value > 0xffff_ffff ? -1 : (value as f64);
  }
  return -1;
}

/** Decodes into exactly `outSize` bytes at `out`. -1 when that went well, else the offset in the body where it did not. */
export function snappyDecode(body: u32, size: u32, out: u32, outSize: u32): i32 {
  const end = body + size;
  const outEnd = out + outSize;
  let p = body;
  let o = out;
  while (load<u8>(p) >= 0x80) p++;
  p++;
  while (p < end) {
    const start = p;
    const tag = load<u8>(p) as u32;
    p++;
    const kind = tag & 3;
    if (kind == 0) {
      let length = (tag >> 2) + 1;
      if (length > 60) {
        const extra = length - 60;
        if (extra > end - p) return (start - body) as i32;
        length = load<u32>(p) & (0xffff_ffff >> (32 - 8 * extra));
        if (length == 0xffff_ffff) return (start - body) as i32;
        length++;
        p += extra;
      }
      if (length > end - p || length > outEnd - o) return (start - body) as i32;
      if (length <= 16) v128.store(o, v128.load(p));
      else memory.copy(o, p, length);
      p += length;
      o += length;
      continue;
    }
    let length = (tag >> 2) + 1;
    let distance: u32 = 0;
    if (kind == 1) {
      if (p >= end) return (start - body) as i32;
      length = 4 + ((tag >> 2) & 7);
      distance = ((tag & 0xe0) << 3) | (load<u8>(p) as u32);
      p++;
    } else if (kind == 2) {
      if (end - p < 2) return (start - body) as i32;
      distance = load<u16>(p) as u32;
      p += 2;
    } else {
      if (end - p < 4) return (start - body) as i32;
      distance = load<u32>(p);
      p += 4;
    }
    if (distance == 0 || distance > o - out || length > outEnd - o) return (start - body) as i32;
    const stop = o + length;
    let from = o - distance;
    if (distance >= COPY_MOVE) {
      do {
        v128.store(o, v128.load(from));
        o += COPY_MOVE;
        from += COPY_MOVE;
      } while (o < stop);
    } else {
      // The copy overlaps itself: double the pattern until whole words of it are there.
      while (o - from < 8 && o < stop) {
        store<u64>(o, load<u64>(from));
        o += o - from;
      }
      while (o < stop) {
        store<u64>(o, load<u64>(from));
        o += 8;
        from += 8;
      }
    }
    o = stop;
  }
  return o == outEnd ? -1 : (size as i32);
}
