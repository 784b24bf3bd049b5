import { headOpenSeries } from "./head";
import {
  entryAt,
  entryEquals,
  entryNamespace,
  entryNext,
  entrySetNext,
  entryValue,
  insertSeries,
  NOT_CANONICAL,
  tableFindFrom,
  tableHash,
  tableProbe,
  tableRemove,
} from "./series-table";

// Prometheus remote write 1.0 (prometheus.WriteRequest), in three loops over a whole body, so that the cache misses of
// different series overlap: walk the protobuf, look the series up, put references beside the samples.
//
// Record of one series, 32 bytes:
//   0 label bytes u32, 4 their length u32, 8 first sample u32, 12 number of samples u32, 16 hash u64 (0 where the hint
//   was right), 24 entry i32 (-1 none), 28 value i32 (VALUE_UNKNOWN before it was looked up)
const RECORD_SIZE: u32 = 32;
const LABELS: u32 = 0;
const LENGTH: u32 = 4;
const FIRST: u32 = 8;
const COUNT: u32 = 12;
const HASH: u32 = 16;
const ENTRY: u32 = 24;
const VALUE: u32 = 28;
const VALUE_UNKNOWN: i32 = i32.MIN_VALUE;

// Result, 32 bytes: 0 address of the error u32, 4 series u32, 8 samples u32, 12 exemplars u32, 16 histograms u32,
// 20 metadata u32, 24 dropped samples u32, 28 series begun u32
const ERROR_AT: u32 = 0;
const SERIES: u32 = 4;
const SAMPLES: u32 = 8;
const EXEMPLARS: u32 = 12;
const HISTOGRAMS: u32 = 16;
const METADATA: u32 = 20;
const DROPPED: u32 = 24;
const BEGUN: u32 = 28;

// What the walk answers. The texts are in src/remote-write.ts.
const OK: i32 = 0;
const BAD_NUMBER: i32 = 1;
const BAD_SIZE: i32 = 2;
const BAD_WIRE_TYPE: i32 = 3;
const BAD_FIELD: i32 = 4;
const BAD_TIMESTAMP: i32 = 5;
const LABELS_TOO_LARGE: i32 = 6;
const TOO_MANY_SAMPLES: i32 = 7;
const TOO_MANY_SERIES: i32 = 8;

const LABELS_SIZE_MAX: u32 = 65535;
const TIMESTAMP_MAX: i64 = 9007199254740992;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const SIZED: u32 = 2;
const FIXED32: u32 = 5;

/** Where the last varint ended, 0 when it was malformed. */
let cursor: u32 = 0;

function readVarint(p: u32, end: u32): u64 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 64; shift += 7) {
    if (p >= end) break;
    const byte = load<u8>(p) as u64;
    p++;
    // The tenth byte has room for one bit.
    if (shift == 63 && byte > 1) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor = p;
      return value;
    }
  }
  cursor = 0;
  return 0;
}

/** Why the last `skipField` or `readSize` failed. */
let failure: i32 = 0;

/** The size at `p`, checked to end before `end`; `cursor` is then where the content begins, or 0. */
function readSize(p: u32, end: u32): u32 {
  const size = readVarint(p, end);
  if (cursor == 0) {
    failure = BAD_NUMBER;
    return 0;
  }
  if (size > ((end - cursor) as u64)) {
    cursor = 0;
    failure = BAD_SIZE;
    return 0;
  }
  return size as u32;
}

/** Skips a field's content: where it ends, or 0 with `failure`. */
function skipField(p: u32, end: u32, wireType: u32): u32 {
  if (wireType == VARINT) {
    readVarint(p, end);
    failure = BAD_NUMBER;
    return cursor;
  }
  if (wireType == SIZED) {
    const size = readSize(p, end);
    return cursor == 0 ? 0 : cursor + size;
  }
  const size: u32 = wireType == FIXED64 ? 8 : wireType == FIXED32 ? 4 : 0;
  if (size == 0) {
    failure = BAD_WIRE_TYPE;
    return 0;
  }
  if (size > end - p) {
    failure = BAD_SIZE;
    return 0;
  }
  return p + size;
}

/** A sample whose fields are in any order and of any number: its status. */
function readSample(result: u32, p: u32, end: u32, timestamp: u32, value: u32): i32 {
  let bits: u64 = 0;
  let time: i64 = 0;
  while (p < end) {
    const start = p;
    store<u32>(result, start, ERROR_AT);
    const tag = readVarint(p, end);
    if (cursor == 0) return BAD_NUMBER;
    p = cursor;
    if (tag >> 3 == 0 || tag > 0xffff_ffff) return BAD_FIELD;
    const wireType = (tag & 7) as u32;
    if (tag >> 3 == 1) {
      if (wireType != FIXED64) return BAD_WIRE_TYPE;
      if (end - p < 8) return BAD_SIZE;
      bits = load<u64>(p);
      p += 8;
    } else if (tag >> 3 == 2) {
      if (wireType != VARINT) return BAD_WIRE_TYPE;
      time = readVarint(p, end) as i64;
      if (cursor == 0) return BAD_NUMBER;
      p = cursor;
      if (time > TIMESTAMP_MAX || time < -TIMESTAMP_MAX) return BAD_TIMESTAMP;
    } else {
      p = skipField(p, end, wireType);
      if (p == 0) return failure;
    }
  }
  store<u64>(value, bits);
  store<f64>(timestamp, time as f64);
  return OK;
}

/** The 42-bit number of six varint bytes. */
function sixBytes(word: u64): u64 {
  return (
    (word & 0x7f) |
    ((word >> 1) & 0x3f80) |
    ((word >> 2) & 0x1f_c000) |
    ((word >> 3) & 0xfe0_0000) |
    ((word >> 4) & 0x7_f000_0000) |
    ((word >> 5) & 0x3f8_0000_0000)
  );
}

/**
 * Fills records, timestamps and value bits from the WriteRequest of `size` bytes at `body`, which must have 64 bytes of
 * slack. Where labels stand between other fields they are moved together, in place. Answers a status.
 */
export function remoteWriteWalk(
  result: u32,
  body: u32,
  size: u32,
  records: u32,
  recordsMax: u32,
  timestamps: u32,
  values: u32,
  samplesMax: u32,
): i32 {
  const end = body + size;
  let p = body;
  let series: u32 = 0;
  let samples: u32 = 0;
  let exemplars: u32 = 0;
  let histograms: u32 = 0;
  let metadata: u32 = 0;
  memory.fill(result, 0, 32);
  while (p < end) {
    store<u32>(result, p, ERROR_AT);
    const tag = readVarint(p, end);
    if (cursor == 0) return BAD_NUMBER;
    if (tag >> 3 == 0 || tag > 0xffff_ffff) return BAD_FIELD;
    if (tag >> 3 != 1) {
      const isMetadata = tag >> 3 == 3;
      if (isMetadata && (tag & 7) != SIZED) return BAD_WIRE_TYPE;
      p = skipField(cursor, end, (tag & 7) as u32);
      if (p == 0) return failure;
      if (isMetadata) metadata++;
      continue;
    }
    if ((tag & 7) != SIZED) return BAD_WIRE_TYPE;
    const seriesSize = readSize(cursor, end);
    if (cursor == 0) return failure;
    p = cursor;
    if (series == recordsMax) return TOO_MANY_SERIES;
    const seriesEnd = p + seriesSize;
    const record = records + series * RECORD_SIZE;
    const first = samples;
    let labels: u32 = p;
    let labelsEnd: u32 = p;
    while (p < seriesEnd) {
      const start = p;
      const field = load<u8>(p) as u32;
      if (field == 0x0a) {
        let length = load<u8>(p + 1) as u32;
        if (length >= 0x80 || p + 2 + length > seriesEnd) {
          store<u32>(result, start, ERROR_AT);
          length = readSize(p + 1, seriesEnd);
          if (cursor == 0) return failure;
          p = cursor + length;
        } else {
          p += 2 + length;
        }
        if (labelsEnd != start) {
          if (labels == labelsEnd) labels = labelsEnd = start;
          else memory.copy(labelsEnd, start, p - start);
        }
        labelsEnd += p - start;
        continue;
      }
      if (field == 0x12) {
        if (samples == samplesMax) return TOO_MANY_SAMPLES;
        const room = seriesEnd - p;
        // Both shapes in which a sample of our time usually comes: with a value, and with the value 0 left out.
        if (room >= 18 && load<u16>(p + 1) == 0x0910 && load<u8>(p + 11) == 0x10) {
          const word = load<u64>(p + 12);
          if ((word & 0x8080_8080_8080) == 0x0080_8080_8080) {
            store<u64>(values + samples * 8, load<u64>(p + 3));
            store<f64>(timestamps + samples * 8, sixBytes(word) as f64);
            samples++;
            p += 18;
            continue;
          }
        } else if (room >= 9 && load<u16>(p + 1) == 0x1007) {
          const word = load<u64>(p + 3);
          if ((word & 0x8080_8080_8080) == 0x0080_8080_8080) {
            store<u64>(values + samples * 8, 0);
            store<f64>(timestamps + samples * 8, sixBytes(word) as f64);
            samples++;
            p += 9;
            continue;
          }
        }
        store<u32>(result, start, ERROR_AT);
        const length = readSize(p + 1, seriesEnd);
        if (cursor == 0) return failure;
        p = cursor;
        const status = readSample(result, p, p + length, timestamps + samples * 8, values + samples * 8);
        if (status != OK) return status;
        samples++;
        p += length;
        continue;
      }
      store<u32>(result, start, ERROR_AT);
      const other = readVarint(p, seriesEnd);
      if (cursor == 0) return BAD_NUMBER;
      const number = other >> 3;
      if (number == 0 || other > 0xffff_ffff) return BAD_FIELD;
      // 1 and 2 are refused here even where only their tag is longer than need be: no encoder writes that.
      if (number <= 4 && (other != 0x1a && other != 0x22)) return BAD_WIRE_TYPE;
      p = skipField(cursor, seriesEnd, (other & 7) as u32);
      if (p == 0) return failure;
      if (number == 3) exemplars++;
      if (number == 4) histograms++;
    }
    if (labelsEnd - labels > LABELS_SIZE_MAX) {
      store<u32>(result, labels, ERROR_AT);
      return LABELS_TOO_LARGE;
    }
    store<u32>(record, labels, LABELS);
    store<u32>(record, labelsEnd - labels, LENGTH);
    store<u32>(record, first, FIRST);
    store<u32>(record, samples - first, COUNT);
    series++;
  }
  store<u32>(result, series, SERIES);
  store<u32>(result, samples, SAMPLES);
  store<u32>(result, exemplars, EXEMPLARS);
  store<u32>(result, histograms, HISTOGRAMS);
  store<u32>(result, metadata, METADATA);
  return OK;
}

/** Most records that are looked up together once hints have failed. */
const TOGETHER_MAX: u32 = 64;

function lookUpTogether(table: u32, records: u32, from: u32, to: u32): u32 {
  let unknown: u32 = 0;
  for (let i = from; i < to; i++) {
    const record = records + i * RECORD_SIZE;
    store<u64>(record, tableHash(table, 0, load<u32>(record, LABELS), load<u32>(record, LENGTH)), HASH);
  }
  // The slots are loaded one after the other without waiting; ENTRY keeps them until the next loop.
  for (let i = from; i < to; i++) {
    const record = records + i * RECORD_SIZE;
    store<u32>(record, tableProbe(table, load<u64>(record, HASH)), ENTRY);
  }
  for (let i = from; i < to; i++) {
    const record = records + i * RECORD_SIZE;
    const hash = load<u64>(record, HASH);
    const slot = load<u32>(record, ENTRY);
    const entry = tableFindFrom(table, slot, hash, 0, load<u32>(record, LABELS), load<u32>(record, LENGTH));
    store<i32>(record, entry, ENTRY);
    store<i32>(record, entry < 0 ? VALUE_UNKNOWN : entryValue(entryAt(table, entry)), VALUE);
    if (entry < 0 && load<u32>(record, COUNT) > 0) unknown++;
  }
  return unknown;
}

/** Finds the entries and values of all records, in the head's namespace. Answers how many are not known. */
export function remoteWriteLookUp(table: u32, records: u32, count: u32): u32 {
  let unknown: u32 = 0;
  let hint: u32 = 0;
  let together: u32 = 1;
  let i: u32 = 0;
  while (i < count) {
    const record = records + i * RECORD_SIZE;
    if (hint != 0) {
      const entry = entryAt(table, hint - 1);
      if (entryNamespace(entry) == 0 && entryEquals(entry, load<u32>(record, LABELS), load<u32>(record, LENGTH))) {
        store<u64>(record, 0, HASH);
        store<i32>(record, (hint - 1) as i32, ENTRY);
        store<i32>(record, entryValue(entry), VALUE);
        hint = entryNext(entry);
        together = 1;
        i++;
        continue;
      }
    }
    const to = min<u32>(count, i + together);
    unknown += lookUpTogether(table, records, i, to);
    together = min<u32>(TOGETHER_MAX, together * 2);
    const last = load<i32>(records + (to - 1) * RECORD_SIZE, ENTRY);
    // A new series between known ones: what was expected here is likely to come next.
    if (last >= 0) hint = entryNext(entryAt(table, last));
    i = to;
  }
  return unknown;
}

/**
 * Begins the series that are not known and whose label bytes are canonical, with a metric name and within the limits,
 * under the references given. The others stay unknown, as do those for which references or memory run out. Answers how
 * many are unknown still, and puts into the result how many references were used.
 */
export function remoteWriteBegin(
  result: u32,
  table: u32,
  head: u32,
  records: u32,
  count: u32,
  refs: u32,
  refsCount: u32,
  labelsMax: u32,
  nameSizeMax: u32,
  valueSizeMax: u32,
): u32 {
  let unknown: u32 = 0;
  let begun: u32 = 0;
  let full = false;
  for (let i: u32 = 0; i < count; i++) {
    const record = records + i * RECORD_SIZE;
    if (load<i32>(record, VALUE) != VALUE_UNKNOWN || load<u32>(record, COUNT) == 0) continue;
    const labels = load<u32>(record, LABELS);
    const length = load<u32>(record, LENGTH);
    const hash = load<u64>(record, HASH);
    // The same series may have come before in this body.
    let entry = tableFindFrom(table, tableProbe(table, hash), hash, 0, labels, length);
    if (entry < 0 && !full && begun < refsCount) {
      const ref = load<u32>(refs + begun * 4);
      entry = insertSeries(table, hash, labels, length, ref, labelsMax, nameSizeMax, valueSizeMax, true);
      if (entry >= 0 && headOpenSeries(head, ref, entry) != 1) {
        tableRemove(table, entry);
        entry = -1;
      }
      if (entry >= 0) begun++;
      // What is wrong with one series says nothing about the others.
      else full = entry != NOT_CANONICAL;
    }
    if (entry < 0) {
      unknown++;
      continue;
    }
    store<i32>(record, entry, ENTRY);
    store<i32>(record, entryValue(entryAt(table, entry)), VALUE);
  }
  store<u32>(result, begun, BEGUN);
  return unknown;
}

/**
 * Puts the references beside the samples, leaves out those of series that are dropped, and remembers which series
 * followed which. Answers how many samples are left.
 */
export function remoteWriteExpand(
  result: u32,
  table: u32,
  records: u32,
  count: u32,
  series: u32,
  timestamps: u32,
  values: u32,
): u32 {
  let out: u32 = 0;
  let dropped: u32 = 0;
  let previous: i32 = -1;
  let previousMissed = false;
  for (let i: u32 = 0; i < count; i++) {
    const record = records + i * RECORD_SIZE;
    const entry = load<i32>(record, ENTRY);
    if (entry >= 0) {
      const missed = load<u64>(record, HASH) != 0;
      if (previous >= 0 && (missed || previousMissed)) entrySetNext(entryAt(table, previous), entry + 1);
      previous = entry;
      previousMissed = missed;
    }
    const samples = load<u32>(record, COUNT);
    const value = load<i32>(record, VALUE);
    if (value < 0) {
      dropped += samples;
      continue;
    }
    const first = load<u32>(record, FIRST);
    for (let j: u32 = 0; j < samples; j++) store<i32>(series + (out + j) * 4, value);
    if (out != first) {
      memory.copy(timestamps + out * 8, timestamps + first * 8, samples * 8);
      memory.copy(values + out * 8, values + first * 8, samples * 8);
    }
    out += samples;
  }
  store<u32>(result, dropped, DROPPED);
  return out;
}
