import { isUtf8 } from "./utf8";

// Where the parts of a line end, in Prometheus text 0.0.4 and OpenMetrics 1.0. Every function needs a line feed behind the
// body, and slack behind that.

// Statuses. The texts are in src/exposition.ts.
export const OK: i32 = 0;
export const NO_NAME: i32 = 1;
export const OPEN_LABELS: i32 = 2;
export const OPEN_QUOTES: i32 = 3;
export const NO_SPACE: i32 = 4;
export const NO_VALUE: i32 = 5;
export const NO_TIMESTAMP: i32 = 6;
export const TIMESTAMP_RANGE: i32 = 7;
export const NO_LINE_END: i32 = 8;
export const BLANK_LINE: i32 = 9;
export const BAD_COMMENT: i32 = 10;
export const NO_EOF: i32 = 11;
export const DATA_AFTER_EOF: i32 = 12;
export const BAD_EXEMPLAR: i32 = 13;
export const TEXT_TOO_LARGE: i32 = 14;
export const TOO_MANY_LINES: i32 = 15;

/** Where the last step failed. */
export let failedAt: u32 = 0;
export let failure: i32 = 0;

export function fail(status: i32, at: u32): u32 {
  failure = status;
  failedAt = at;
  return 0;
}

function isNameStart(c: u32): bool {
  return (c | 0x20) - 0x61 < 26 || c == 0x5f || c == 0x3a;
}

function isNamePart(c: u32): bool {
  return isNameStart(c) || c - 0x30 < 10;
}

/** The next line feed. There is one behind the body. */
export function lineEnd(p: u32): u32 {
  const wanted = i8x16.splat(10);
  while (true) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(p), wanted)) as u32;
    if (found != 0) return p + ctz<u32>(found);
    p += 16;
  }
}

export function skipBlanks(p: u32): u32 {
  let c = load<u8>(p) as u32;
  while (c == 0x20 || c == 0x09) c = load<u8>(++p) as u32;
  return p;
}

/** Where the string that opens at `p` is closed: behind the quote; 0 if it is not, on this line. */
function skipString(p: u32): u32 {
  const quotes = i8x16.splat(0x22);
  const escapes = i8x16.splat(0x5c);
  const breaks = i8x16.splat(0x0a);
  let at = p + 1;
  while (true) {
    const bytes = v128.load(at);
    const special = v128.or(
      v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, escapes)),
      i8x16.eq(bytes, breaks),
    );
    const found = i8x16.bitmask(special) as u32;
    if (found == 0) {
      at += 16;
      continue;
    }
    at += ctz<u32>(found);
    const c = load<u8>(at) as u32;
    if (c == 0x22) return at + 1;
    if (c == 0x0a || load<u8>(at + 1) == 0x0a) return fail(OPEN_QUOTES, p);
    at += 2;
  }
}

/** Where the series text that begins at `p` ends, or 0. What is between the braces is checked later, if it is new. */
export function skipSeries(p: u32, openMetrics: bool): u32 {
  const start = p;
  let c = load<u8>(p) as u32;
  if (c != 0x7b && !isNameStart(c)) return fail(NO_NAME, p);
  while (isNamePart(c)) c = load<u8>(++p) as u32;
  const nameEnd = p;
  if (!openMetrics && start != p) c = load<u8>((p = skipBlanks(p))) as u32;
  if (c != 0x7b) return nameEnd;
  const brace = p;
  p++;
  while (true) {
    c = load<u8>(p) as u32;
    if (c == 0x7d) return p + 1;
    if (c == 0x0a) return fail(OPEN_LABELS, brace);
    if (c == 0x22) {
      p = skipString(p);
      if (p == 0) return 0;
    } else p++;
  }
}

/** Behind `{name="value",…}` of an exemplar, or 0. */
export function skipExemplarLabels(p: u32): u32 {
  const start = p;
  p++;
  while (load<u8>(p) != 0x7d) {
    let c = load<u8>(p) as u32;
    if (!isNameStart(c) || c == 0x3a) return fail(BAD_EXEMPLAR, p);
    while (isNamePart(c) && c != 0x3a) c = load<u8>(++p) as u32;
    if (c != 0x3d || load<u8>(p + 1) != 0x22) return fail(BAD_EXEMPLAR, p);
    p = skipString(p + 1);
    if (p == 0) return 0;
    c = load<u8>(p) as u32;
    if (c == 0x2c) p++;
    else if (c != 0x7d) return fail(BAD_EXEMPLAR, p);
  }
  if (!isUtf8(start, p)) return fail(BAD_EXEMPLAR, start);
  return p + 1;
}

/** Whether "# EOF" stands at `p`. */
export function isEof(p: u32): bool {
  return load<u32>(p) == 0x4f452023 && load<u8>(p + 4) == 0x46;
}
