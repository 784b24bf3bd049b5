import {
  BAD_COMMENT,
  BLANK_LINE,
  DATA_AFTER_EOF,
  NO_EOF,
  NO_LINE_END,
  NO_NAME,
  NO_SPACE,
  NO_TIMESTAMP,
  NO_VALUE,
  OK,
  TEXT_TOO_LARGE,
  TIMESTAMP_RANGE,
  TOO_MANY_LINES,
  fail,
  failedAt,
  failure,
  isEof,
  lineEnd,
  skipBlanks,
  skipExemplarLabels,
  skipSeries,
} from "./exposition-line";
import { FLOAT_HARD, FLOAT_INVALID, floatEnd, readFloat } from "./float";
import { hashBytes } from "./hash";
import {
  entryAt,
  entryEquals,
  entryLength,
  entryNamespace,
  entryNext,
  entrySetNext,
  entryValue,
  namespaceHint,
  namespaceSetHint,
  tableFind,
} from "./series-table";

// Prometheus text 0.0.4 and OpenMetrics 1.0, a line at a time. A line whose series is the one that followed last time
// is recognised by comparing bytes; its labels are not looked at.
//
// Job, 96 bytes, filled by the facade up to 56:
//   0 table, 4 namespace, 8 body, 12 size, 16 records, 20 most lines, 24 timestamps, 28 values, 32 powers of ten,
//   36 OpenMetrics (0, 1), 40 honour timestamps (0, 1), 48 default timestamp f64,
//   and by the kernels: 56 address of the error, 60 lines, 64 unknown series, 68 numbers left to JavaScript,
//   72 dropped, 76 with a timestamp of their own, 80 hash of the comment lines u64
const TABLE: u32 = 0;
const NAMESPACE: u32 = 4;
const BODY: u32 = 8;
const SIZE: u32 = 12;
const RECORDS: u32 = 16;
const LINES_MAX: u32 = 20;
const TIMESTAMPS: u32 = 24;
const VALUES: u32 = 28;
const POWERS: u32 = 32;
const OPEN_METRICS: u32 = 36;
const HONOR_TIMESTAMPS: u32 = 40;
const DEFAULT_TIMESTAMP: u32 = 48;
const ERROR_AT: u32 = 56;
const LINES: u32 = 60;
const UNKNOWN: u32 = 64;
const HARD: u32 = 68;
const DROPPED: u32 = 72;
const WITH_TIMESTAMP: u32 = 76;
const COMMENT_HASH: u32 = 80;

// Record of one line with a sample, 24 bytes: 0 series text u32, 4 its length u32, 8 entry i32 (-1 none),
// 12 value i32 (VALUE_UNKNOWN where there is no entry), 16 flags u32. A number that is left to JavaScript has its
// address and length in its column.
const RECORD_SIZE: u32 = 24;
const TEXT: u32 = 0;
const LENGTH: u32 = 4;
const ENTRY: u32 = 8;
const VALUE: u32 = 12;
const FLAGS: u32 = 16;
const HAS_TIMESTAMP: u32 = 1;
const HARD_VALUE: u32 = 2;
const HARD_TIMESTAMP: u32 = 4;
const MISSED: u32 = 8;
const VALUE_UNKNOWN: i32 = i32.MIN_VALUE;

const TEXT_SIZE_MAX: u32 = 65535;
const TIMESTAMP_MAX: f64 = 9007199254740992;

/** The end of an exemplar's line, from its brace, or 0. Its numbers are checked and thrown away. */
function skipExemplar(job: u32, brace: u32): u32 {
  const powers = load<u32>(job, POWERS);
  const unused = job + COMMENT_HASH + 8;
  let p = skipExemplarLabels(brace);
  if (p == 0) return 0;
  if (load<u8>(p) != 0x20) return fail(NO_VALUE, p);
  if (readFloat(p + 1, powers, unused) == FLOAT_INVALID) return fail(NO_VALUE, p + 1);
  p = floatEnd;
  if (load<u8>(p) == 0x20) {
    const at = p + 1;
    const status = readFloat(at, powers, unused);
    if (status == FLOAT_INVALID) return fail(NO_TIMESTAMP, at);
    if (status != FLOAT_HARD && !isFinite<f64>(load<f64>(unused))) return fail(TIMESTAMP_RANGE, at);
    p = floatEnd;
  }
  return load<u8>(p) == 0x0a ? p : fail(NO_LINE_END, p);
}

/** Whole milliseconds, of a text body. Behind the digits, or 0. */
function readMilliseconds(p: u32, timestamp: u32): u32 {
  const start = p;
  let value: u64 = 0;
  let c = load<u8>(p) as u32;
  while (c - 0x30 < 10) {
    value = value * 10 + ((c - 0x30) as u64);
    c = load<u8>(++p) as u32;
    if (value > 9007199254740992) return fail(TIMESTAMP_RANGE, start);
  }
  if (p == start) return fail(NO_TIMESTAMP, p);
  store<f64>(timestamp, value as f64);
  return p;
}

/** Seconds with a fraction, of an OpenMetrics body. Behind them, or 0; adds HARD_TIMESTAMP to the flags if need be. */
function readSeconds(job: u32, p: u32, timestamp: u32, record: u32): u32 {
  const status = readFloat(p, load<u32>(job, POWERS), timestamp);
  if (status == FLOAT_INVALID) return fail(NO_TIMESTAMP, p);
  if (status == FLOAT_HARD) {
    store<u32>(timestamp, p);
    store<u32>(timestamp, floatEnd - p, 4);
    store<u32>(record, load<u32>(record, FLAGS) | HARD_TIMESTAMP, FLAGS);
    store<u32>(job, load<u32>(job, HARD) + 1, HARD);
    return floatEnd;
  }
  const milliseconds = trunc<f64>(load<f64>(timestamp) * 1000);
  if (!(abs<f64>(milliseconds) <= TIMESTAMP_MAX)) return fail(TIMESTAMP_RANGE, p);
  store<f64>(timestamp, milliseconds);
  return floatEnd;
}

/** Value, timestamp and exemplar of the line whose series ends at `p`: where the line ends, or 0. */
function readRest(job: u32, p: u32, record: u32, timestamp: u32, value: u32, openMetrics: bool): u32 {
  const seriesEnd = p;
  if (openMetrics) {
    if (load<u8>(p) != 0x20) return fail(NO_SPACE, p);
    p++;
  } else {
    p = skipBlanks(p);
    // A name must be set apart from its value; labels need not be.
    if (p == seriesEnd && load<u8>(p - 1) != 0x7d) return fail(load<u8>(p) == 0x0a ? NO_VALUE : NO_SPACE, p);
  }
  const status = readFloat(p, load<u32>(job, POWERS), value);
  if (status == FLOAT_INVALID) return fail(NO_VALUE, p);
  if (status == FLOAT_HARD) {
    store<u32>(value, p);
    store<u32>(value, floatEnd - p, 4);
    store<u32>(record, load<u32>(record, FLAGS) | HARD_VALUE, FLAGS);
    store<u32>(job, load<u32>(job, HARD) + 1, HARD);
  }
  const valueAt = p;
  p = floatEnd;
  let c = load<u8>(p) as u32;
  if (c == 0x0a) return p;
  // Something that is no number follows the digits: it belongs to a value that is none.
  if (c != 0x20 && (openMetrics || c != 0x09)) return fail(NO_VALUE, valueAt);
  if (openMetrics) {
    // " # {" as one little-endian word.
    if (load<u32>(p) == 0x7b202320) return skipExemplar(job, p + 3);
    p = readSeconds(job, p + 1, timestamp, record);
    if (p == 0) return 0;
    store<u32>(record, load<u32>(record, FLAGS) | HAS_TIMESTAMP, FLAGS);
    if (load<u32>(p) == 0x7b202320) return skipExemplar(job, p + 3);
  } else {
    p = skipBlanks(p);
    if (load<u8>(p) == 0x0a) return p;
    p = readMilliseconds(p, timestamp);
    if (p == 0) return 0;
    store<u32>(record, load<u32>(record, FLAGS) | HAS_TIMESTAMP, FLAGS);
    p = skipBlanks(p);
  }
  return load<u8>(p) == 0x0a ? p : fail(NO_LINE_END, p);
}

/** Behind the comment line at `p`, or 0. Adds it to the hash. */
function readComment(job: u32, p: u32, end: u32, openMetrics: bool): u32 {
  const stop = lineEnd(p);
  if (openMetrics) {
    if (load<u8>(p + 1) != 0x20) return fail(BAD_COMMENT, p);
    const word = load<u32>(p + 2);
    const isLong = word == 0x504c4548 || word == 0x45505954 || word == 0x54494e55;
    if (!isLong || load<u8>(p + 6) != 0x20) return fail(BAD_COMMENT, p);
    if (stop == end) return fail(NO_EOF, end);
  }
  store<u64>(job, hashBytes(p, stop - p, load<u64>(job, COMMENT_HASH)), COMMENT_HASH);
  return stop + 1;
}

/**
 * Fills a record, a timestamp and a value for each line with a sample. The body has a line feed behind it and 63 bytes
 * more of slack. Answers a status.
 */
export function expositionScan(job: u32): i32 {
  const table = load<u32>(job, TABLE);
  const namespace = load<u32>(job, NAMESPACE);
  const records = load<u32>(job, RECORDS);
  const linesMax = load<u32>(job, LINES_MAX);
  const timestamps = load<u32>(job, TIMESTAMPS);
  const values = load<u32>(job, VALUES);
  const openMetrics = load<u32>(job, OPEN_METRICS) != 0;
  const honor = load<u32>(job, HONOR_TIMESTAMPS) != 0;
  const defaultTimestamp = load<f64>(job, DEFAULT_TIMESTAMP);
  let p = load<u32>(job, BODY);
  const end = p + load<u32>(job, SIZE);
  let lines: u32 = 0;
  let unknown: u32 = 0;
  let withTimestamp: u32 = 0;
  let hint = namespaceHint(table, namespace);
  let eof = false;
  store<u64>(job, 0, COMMENT_HASH);
  store<u32>(job, 0, HARD);
  while (p < end) {
    const c = load<u8>(p) as u32;
    if (c == 0x23) {
      if (openMetrics && isEof(p) && p + 5 <= end) {
        p += 5;
        if (p < end && load<u8>(p) == 0x0a) p++;
        if (p != end) {
          store<u32>(job, p, ERROR_AT);
          return DATA_AFTER_EOF;
        }
        eof = true;
        break;
      }
      p = readComment(job, p, end, openMetrics);
      if (p == 0) {
        store<u32>(job, failedAt, ERROR_AT);
        return failure;
      }
      continue;
    }
    if (c == 0x0a || c == 0x20 || c == 0x09) {
      if (openMetrics) {
        store<u32>(job, p, ERROR_AT);
        return c == 0x0a ? BLANK_LINE : NO_NAME;
      }
      p++;
      continue;
    }
    store<u32>(job, p, ERROR_AT);
    if (lines == linesMax) return TOO_MANY_LINES;
    const record = records + lines * RECORD_SIZE;
    let length: u32 = 0;
    store<u32>(record, 0, FLAGS);
    if (hint != 0) {
      const entry = entryAt(table, hint - 1);
      const expected = entryLength(entry);
      if (expected <= end - p && entryNamespace(entry) == namespace && entryEquals(entry, p, expected)) {
        const after = load<u8>(p + expected) as u32;
        // The text `a` begins a line of `a{…}` and of `ab` too; then it does not end here.
        if (
          load<u8>(p + expected - 1) == 0x7d ||
          after == 0x20 && (openMetrics || load<u8>(skipBlanks(p + expected)) != 0x7b)
        ) {
          length = expected;
          store<i32>(record, (hint - 1) as i32, ENTRY);
          store<i32>(record, entryValue(entry), VALUE);
          hint = entryNext(entry);
        }
      }
    }
    if (length == 0) {
      const stop = skipSeries(p, openMetrics);
      if (stop == 0) {
        store<u32>(job, failedAt, ERROR_AT);
        return failure;
      }
      length = stop - p;
      if (length > TEXT_SIZE_MAX) return TEXT_TOO_LARGE;
      const entry = tableFind(table, namespace, p, length);
      store<i32>(record, entry, ENTRY);
      store<u32>(record, MISSED, FLAGS);
      if (entry < 0) {
        // A new line between known ones: what was expected here is likely to come next.
        store<i32>(record, VALUE_UNKNOWN, VALUE);
        unknown++;
      } else {
        store<i32>(record, entryValue(entryAt(table, entry)), VALUE);
        hint = entryNext(entryAt(table, entry));
      }
    }
    store<u32>(record, p, TEXT);
    store<u32>(record, length, LENGTH);
    const timestamp = timestamps + lines * 8;
    p = readRest(job, p + length, record, timestamp, values + lines * 8, openMetrics);
    if (p == 0) {
      store<u32>(job, failedAt, ERROR_AT);
      return failure;
    }
    const flags = load<u32>(record, FLAGS);
    if ((flags & HAS_TIMESTAMP) == 0) store<f64>(timestamp, defaultTimestamp);
    else if (honor) withTimestamp++;
    p++;
    lines++;
  }
  if (openMetrics && !eof) {
    store<u32>(job, end, ERROR_AT);
    return NO_EOF;
  }
  store<u32>(job, lines, LINES);
  store<u32>(job, unknown, UNKNOWN);
  store<u32>(job, withTimestamp, WITH_TIMESTAMP);
  return OK;
}

/**
 * Puts references and entries beside the samples, leaves out those of dropped series, and remembers which series followed
 * which. `explicit` gets a byte for each sample: 1 where the line had a timestamp that counts. Answers how many are left.
 */
export function expositionExpand(job: u32, series: u32, entries: u32, explicit: u32): u32 {
  const table = load<u32>(job, TABLE);
  const namespace = load<u32>(job, NAMESPACE);
  const records = load<u32>(job, RECORDS);
  const timestamps = load<u32>(job, TIMESTAMPS);
  const values = load<u32>(job, VALUES);
  const honor = load<u32>(job, HONOR_TIMESTAMPS) != 0;
  const defaultTimestamp = load<f64>(job, DEFAULT_TIMESTAMP);
  const lines = load<u32>(job, LINES);
  let previous: i32 = -1;
  let previousFlags: u32 = 0;
  let out: u32 = 0;
  for (let i: u32 = 0; i < lines; i++) {
    const record = records + i * RECORD_SIZE;
    const entry = load<i32>(record, ENTRY);
    const flags = load<u32>(record, FLAGS);
    if (entry >= 0) {
      if (((flags | previousFlags) & MISSED) != 0) {
        if (previous >= 0) entrySetNext(entryAt(table, previous), entry + 1);
        else namespaceSetHint(table, namespace, entry + 1);
      }
      previous = entry;
      previousFlags = flags;
    }
    const value = load<i32>(record, VALUE);
    if (value < 0) continue;
    const counts = honor && (flags & HAS_TIMESTAMP) != 0;
    store<i32>(series + out * 4, value);
    store<i32>(entries + out * 4, entry);
    store<u8>(explicit + out, counts ? 1 : 0);
    store<f64>(timestamps + out * 8, counts ? load<f64>(timestamps + i * 8) : defaultTimestamp);
    if (out != i) store<u64>(values + out * 8, load<u64>(values + i * 8));
    out++;
  }
  store<u32>(job, lines - out, DROPPED);
  return out;
}
