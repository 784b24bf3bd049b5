/** The code point's least value for a sequence of `size` bytes: shorter ones must be used below it. */
function least(size: u32): u32 {
  return size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
}

/** Whether the bytes from `p` to `end` are UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
export function isUtf8(p: u32, end: u32): bool {
  while (p < end) {
    if (end - p >= 8 && (load<u64>(p) & 0x8080_8080_8080_8080) == 0) {
      p += 8;
      continue;
    }
    const first = load<u8>(p) as u32;
    p++;
    if (first < 0x80) continue;
    const size: u32 = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || size - 1 > end - p) return false;
    let point = first & (0x7f >> size);
    for (let i: u32 = 1; i < size; i++) {
      const next = load<u8>(p) as u32;
      p++;
      if ((next & 0xc0) != 0x80) return false;
      point = (point << 6) | (next & 0x3f);
    }
    if (point < least(size) || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
  }
  return true;
}
