// The head: for each series the newest samples, as one open Gorilla chunk and a list of sealed ones.
//
// Control block       0 u32 pages in use | 4 u32 sealed and open chunks | 8 u32 samples | 12 u32 bytes of chunks
//                     64 .. u32 addresses of header pages, PAGES_MAX of them
// Header page         PAGE_SERIES headers of 64 bytes; series `ref` is header ref & 1023 of page ref >> 10
// Series header       0  i64 newest timestamp     8  u64 newest value     16 i64 last step
//                     24 u32 open chunk           28 u8 leading, u8 trailing, u16 capacity   32 u32 length in bits
//                     36 u32 published: generation << 8 | samples in the open chunk (atomic)
//                     40 u32 first sealed chunk   44 u32 last sealed chunk
//                     48 u32 owner's word (UNUSED if there is no such series)
//                     52 u32 samples dropped from memory   56 u32 samples in sealed chunks
//                     60 u32 samples that are in a block as well, counting dropped ones
// Sealed chunk        0  u32 next | 4 u16 size of the stream | 6 u16 samples | 8 f64 last timestamp
//                     16 .. stream, which begins with the first timestamp, SLACK
//
// A sample has an index within its series, counted from the first one ever appended in order; dropped ones keep theirs.
//
// Publishing, for readers on other threads: the bits are written first, then one atomic store of `published`. What a
// reader may be walking over (the open chunk's place, the sealed list) changes only between two stores of it that make
// the generation odd and even again, and what is freed is freed after them. A reader loads it, decodes that many samples,
// and loads it again: if the generation changed, or was odd, it starts over. Until then it may be looking at memory that
// is somebody else's by now, so nothing that it finds there may lead it to write beyond its columns or to go in circles.
import {
  BITS, CAPACITY, CHUNK, gorillaAppend, gorillaDecode, gorillaSize, gorillaStart, LAST_T, LAST_V, SAMPLE_SIZE_MAX,
} from "./gorilla";
import { allocate, fence, release } from "./memory";

const PAGE_SERIES_LOG: u32 = 10;
const PAGE_SERIES: u32 = 1024;
const HEADER_SIZE_LOG: u32 = 6;
const PAGE_SIZE: u32 = 65536;
const PAGES_MAX: u32 = 16384;
const CONTROL_SIZE: u32 = 64 + PAGES_MAX * 4;

const PAGES: usize = 0;
const CHUNKS: usize = 4;
const SAMPLES: usize = 8;
const CHUNKS_SIZE: usize = 12;
const PAGE_LIST: usize = 64;

const PUBLISHED: usize = 36;
const FIRST_SEALED: usize = 40;
const LAST_SEALED: usize = 44;
const OWNER: usize = 48;
const DROPPED: usize = 52;
const SEALED: usize = 56;
const FLUSHED: usize = 60;

const UNUSED: u32 = 0xffff_ffff;
const NEVER: i64 = i64.MIN_VALUE;

const NEXT: usize = 0;
const SIZE: usize = 4;
const COUNT: usize = 6;
const MAX_T: usize = 8;
const STREAM: usize = 16;
/** What the encoder and the decoder need behind a stream: they load 8 bytes around a bit. */
const SLACK: u32 = 8;

/** As Prometheus: long enough to compress, short enough to decode for one sample. */
const CHUNK_SAMPLES_MAX: u32 = 120;
/**
 * With the slack, open chunks take 64, 128 or 256 bytes: the first for a few samples of a series that is there for long
 * or not, the last for some forty ordinary samples. Larger ones would save a sealed chunk's 40 bytes more often, but what
 * a chunk leaves behind when it grows, and what it has not filled yet, would be more than that.
 */
const CHUNK_SIZE_MIN: u32 = 56;
const CHUNK_SIZE_MAX: u32 = 248;

/** Answers the control block, or 0 when the memory is full. */
export function headCreate(): u32 {
  const head = allocate(CONTROL_SIZE);
  if (head != 0) memory.fill(head, 0, CONTROL_SIZE);
  return head;
}

/** Makes headers for references below `count`. Answers 1, or 0 when there is no room. */
function headEnsure(head: usize, count: u32): u32 {
  while (load<u32>(head, PAGES) << PAGE_SERIES_LOG < count) {
    const pages = load<u32>(head, PAGES);
    if (pages == PAGES_MAX) return 0;
    const page = allocate(PAGE_SIZE);
    if (page == 0) return 0;
    memory.fill(page, 0, PAGE_SIZE);
    for (let i: u32 = 0; i < PAGE_SERIES; i++) store<u32>(page + (i << HEADER_SIZE_LOG), UNUSED, OWNER);
    store<u32>(head + pages * 4, page, PAGE_LIST);
    store<u32>(head, pages + 1, PAGES);
  }
  return 1;
}

function headerOf(head: usize, ref: u32): usize {
  return (load<u32>(head + (ref >> PAGE_SERIES_LOG) * 4, PAGE_LIST) as usize) + ((ref & (PAGE_SERIES - 1)) << HEADER_SIZE_LOG);
}

/** Begins a series; `owner` is not UNUSED. Answers 1, 0 when there is no room, or -1 where the reference is in use. */
export function headOpenSeries(head: usize, ref: u32, owner: u32): i32 {
  if (headEnsure(head, ref + 1) == 0) return 0;
  const series = headerOf(head, ref);
  if (load<u32>(series, OWNER) != UNUSED) return -1;
  const generation = load<u32>(series, PUBLISHED);
  memory.fill(series, 0, 64);
  store<i64>(series, NEVER, LAST_T);
  store<u32>(series, owner, OWNER);
  // The generation goes on across the series that share a reference, so that no reader takes one for the other.
  atomic.store<u32>(series, generation & ~0xff, PUBLISHED);
  return 1;
}

/** The owner's word of a series, UNUSED where there is none. */
export function headOwner(head: usize, ref: u32): u32 {
  if (ref >> PAGE_SERIES_LOG >= load<u32>(head, PAGES)) return UNUSED;
  return load<u32>(headerOf(head, ref), OWNER);
}

function openCount(series: usize): u32 {
  return load<u32>(series, PUBLISHED) & 0xff;
}

/** Readers that look from now on come again, and those that looked before find out. */
function beginMove(series: usize): void {
  // Adds, and does not only store: nothing that is stored later is seen before it.
  atomic.add<u32>(series, 256, PUBLISHED);
}

/** What moved is in its new place; `samples` are in the open chunk. */
function endMove(series: usize, samples: u32): void {
  const published = load<u32>(series, PUBLISHED);
  atomic.xchg<u32>(series, (((published >> 8) + 1) << 8) | samples, PUBLISHED);
}

/** A block for a chunk, or 0. */
function allocateChunk(head: usize, size: u32): u32 {
  const chunk = allocate(size);
  if (chunk != 0) store<u32>(head, load<u32>(head, CHUNKS_SIZE) + size, CHUNKS_SIZE);
  return chunk;
}

function releaseChunk(head: usize, chunk: u32, size: u32): void {
  release(chunk, size);
  store<u32>(head, load<u32>(head, CHUNKS_SIZE) - size, CHUNKS_SIZE);
}

function freeOpenChunk(head: usize, series: usize): void {
  const chunk = load<u32>(series, CHUNK);
  if (chunk == 0) return;
  releaseChunk(head, chunk, (load<u16>(series, CAPACITY) as u32) + SLACK);
  store<u32>(series, 0, CHUNK);
  store<u32>(series, 0, BITS);
  store<u32>(head, load<u32>(head, CHUNKS) - 1, CHUNKS);
}

function freeSealedChunk(head: usize, chunk: usize): void {
  releaseChunk(head, chunk as u32, (STREAM as u32) + (load<u16>(chunk, SIZE) as u32) + SLACK);
  store<u32>(head, load<u32>(head, CHUNKS) - 1, CHUNKS);
}

/** Ends a series and frees its memory; the reference is unused again. */
export function headCloseSeries(head: usize, ref: u32): void {
  const series = headerOf(head, ref);
  store<u32>(head, load<u32>(head, SAMPLES) - load<u32>(series, SEALED) - openCount(series), SAMPLES);
  beginMove(series);
  endMove(series, 0);
  let chunk: usize = load<u32>(series, FIRST_SEALED);
  while (chunk != 0) {
    const next: usize = load<u32>(chunk, NEXT);
    freeSealedChunk(head, chunk);
    chunk = next;
  }
  freeOpenChunk(head, series);
  store<u32>(series, UNUSED, OWNER);
  store<u32>(series, 0, FIRST_SEALED);
  store<u32>(series, 0, LAST_SEALED);
  store<u32>(series, 0, SEALED);
}

/** Frees everything of a head. */
export function headDestroy(head: usize): void {
  const pages = load<u32>(head, PAGES);
  for (let ref: u32 = 0; ref < pages << PAGE_SERIES_LOG; ref++)
    if (load<u32>(headerOf(head, ref), OWNER) != UNUSED) headCloseSeries(head, ref);
  for (let page: u32 = 0; page < pages; page++) release(load<u32>(head + page * 4, PAGE_LIST), PAGE_SIZE);
  release(head as u32, CONTROL_SIZE);
}

/** What `headCheck` has read ahead; kept so that the loads are not optimised away. */
let touched: u32 = 0;

/**
 * Finds the samples that `headAppend` would not take, or that are outside [minT, maxT]: their indices go to `rejects`,
 * which has room for `count`. Answers how many, or -1 - i where sample i is of a series that does not exist.
 */
export function headCheck(
  head: usize, refs: usize, timestamps: usize, count: u32, minT: f64, maxT: f64, rejects: usize,
): i32 {
  let rejected: u32 = 0;
  let ahead: u32 = 0;
  const known = load<u32>(head, PAGES) << PAGE_SERIES_LOG;
  for (let i: u32 = 0; i < count; i++) {
    const ref = load<u32>(refs + i * 4);
    if (ref >= known) return -1 - (i as i32);
    const series = headerOf(head, ref);
    if (load<u32>(series, OWNER) == UNUSED) return -1 - (i as i32);
    // Where `headAppend` will write next. Loads that nobody waits for overlap; there each would wait for the one before.
    ahead ^= load<u8>(load<u32>(series, CHUNK) + (load<u32>(series, BITS) >> 3)) as u32;
    const t = load<f64>(timestamps + i * 8);
    if (t >= minT && t <= maxT && (t as i64) > load<i64>(series, LAST_T)) continue;
    store<u32>(rejects + rejected * 4, i);
    rejected++;
  }
  touched = ahead;
  return rejected as i32;
}

/**
 * Appends columns to their series; timestamps are whole numbers. What is not newer than its series' newest sample, and
 * what finds no memory, is left out: its index goes to `rejects`. Answers how many those are.
 */
export function headAppend(
  head: usize, refs: usize, timestamps: usize, values: usize, count: u32, rejects: usize,
): u32 {
  let rejected: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const series = headerOf(head, load<u32>(refs + i * 4));
    const t = load<f64>(timestamps + i * 8) as i64;
    if (t > load<i64>(series, LAST_T) && append(head, series, t, load<u64>(values + i * 8))) continue;
    store<u32>(rejects + rejected * 4, i);
    rejected++;
  }
  store<u32>(head, load<u32>(head, SAMPLES) + count - rejected, SAMPLES);
  return rejected;
}

function append(head: usize, series: usize, t: i64, v: u64): bool {
  let samples = openCount(series);
  if (samples != 0) {
    const capacity = load<u16>(series, CAPACITY) as u32;
    const bits = load<u32>(series, BITS);
    // Near the end it is worth knowing exactly.
    const full = (bits >> 3) + SAMPLE_SIZE_MAX >= capacity && bits + gorillaSize(series, t, v) > capacity * 8;
    if (samples >= CHUNK_SAMPLES_MAX || (full && capacity >= CHUNK_SIZE_MAX)) {
      if (!seal(head, series)) return false;
      store<u32>(head, load<u32>(head, CHUNKS) + 1, CHUNKS);
      samples = 0;
    } else if (full && !grow(head, series, capacity)) return false;
  }
  if (samples == 0) {
    if (load<u32>(series, CHUNK) == 0) {
      const chunk = allocateChunk(head, CHUNK_SIZE_MIN + SLACK);
      if (chunk == 0) return false;
      memory.fill(chunk, 0, CHUNK_SIZE_MIN + SLACK);
      store<u32>(series, chunk, CHUNK);
      store<u16>(series, CHUNK_SIZE_MIN as u16, CAPACITY);
      store<u32>(head, load<u32>(head, CHUNKS) + 1, CHUNKS);
    }
    gorillaStart(series, t, v);
  } else gorillaAppend(series, t, v);
  atomic.store<u32>(series, load<u32>(series, PUBLISHED) + 1, PUBLISHED);
  return true;
}

/** Moves the open chunk to a block of twice the size. */
function grow(head: usize, series: usize, capacity: u32): bool {
  const larger = capacity * 2 + SLACK;
  const chunk = allocateChunk(head, larger + SLACK);
  if (chunk == 0) return false;
  const old = load<u32>(series, CHUNK);
  memory.copy(chunk, old, capacity);
  memory.fill(chunk + capacity, 0, larger + SLACK - capacity);
  const samples = openCount(series);
  beginMove(series);
  store<u32>(series, chunk, CHUNK);
  store<u16>(series, larger as u16, CAPACITY);
  endMove(series, samples);
  releaseChunk(head, old, capacity + SLACK);
  return true;
}

/** Copies the open chunk to a sealed one of its exact size, and leaves the slot, cleared, to the next. */
function seal(head: usize, series: usize): bool {
  const size = (load<u32>(series, BITS) + 7) >> 3;
  const block = (STREAM as u32) + size + SLACK;
  const sealed: usize = allocateChunk(head, block);
  if (sealed == 0) return false;
  const chunk: usize = load<u32>(series, CHUNK);
  const samples = openCount(series);
  store<u32>(sealed, 0, NEXT);
  store<u16>(sealed, size as u16, SIZE);
  store<u16>(sealed, samples as u16, COUNT);
  store<f64>(sealed, load<i64>(series, LAST_T) as f64, MAX_T);
  memory.copy(sealed + STREAM, chunk, size);
  memory.fill(sealed + STREAM + size, 0, SLACK);

  beginMove(series);
  const last: usize = load<u32>(series, LAST_SEALED);
  if (last == 0) store<u32>(series, sealed as u32, FIRST_SEALED);
  else store<u32>(last, sealed as u32, NEXT);
  store<u32>(series, sealed as u32, LAST_SEALED);
  store<u32>(series, load<u32>(series, SEALED) + samples, SEALED);
  endMove(series, 0);
  memory.fill(chunk, 0, (load<u16>(series, CAPACITY) as u32) + SLACK);
  store<u32>(series, 0, BITS);
  return true;
}

/** Samples ever appended to the series in order: the index of its next one. */
export function headTotal(head: usize, ref: u32): u32 {
  const series = headerOf(head, ref);
  let published: u32;
  let total: u32;
  // On the writer's own thread it is never in the middle of a move.
  do {
    published = atomic.load<u32>(series, PUBLISHED);
    total = load<u32>(series, DROPPED) + load<u32>(series, SEALED) + (published & 0xff);
    fence();
  } while ((published & 256) != 0 || atomic.load<u32>(series, PUBLISHED) != published);
  return total;
}

/** The index of the first sample that is not in a block. */
export function headFlushed(head: usize, ref: u32): u32 {
  return load<u32>(headerOf(head, ref), FLUSHED);
}

/** Samples of the series in memory. */
export function headCount(head: usize, ref: u32): u32 {
  const series = headerOf(head, ref);
  return load<u32>(series, SEALED) + openCount(series);
}

/** The newest timestamp of the series, -Infinity if it never had a sample. */
export function headLastTime(head: usize, ref: u32): f64 {
  const t = load<i64>(headerOf(head, ref), LAST_T);
  return t == NEVER ? -Infinity : (t as f64);
}

/** Copies the bits of the newest value to `out`. */
export function headLastValue(head: usize, ref: u32, out: usize): void {
  store<u64>(out, load<u64>(headerOf(head, ref), LAST_V));
}

/** Tells a series without samples in memory what its newest one was. */
export function headSetLast(head: usize, ref: u32, t: f64, value: usize): void {
  const series = headerOf(head, ref);
  store<i64>(series, t as i64, LAST_T);
  store<u64>(series, load<u64>(value), LAST_V);
}

/** The first timestamp of a stream. */
function streamMinTime(stream: usize): f64 {
  return bswap<u64>(load<u64>(stream)) as i64 as f64;
}

function openMinTime(series: usize): f64 {
  return streamMinTime(load<u32>(series, CHUNK));
}

/** An upper bound of what `headRead` gives for the range. */
export function headCountWithin(head: usize, ref: u32, minT: f64, maxT: f64): u32 {
  const series = headerOf(head, ref);
  let count: u32 = 0;
  for (let chunk: usize = load<u32>(series, FIRST_SEALED); chunk != 0; chunk = load<u32>(chunk, NEXT)) {
    if (load<f64>(chunk, MAX_T) < minT) continue;
    if (streamMinTime(chunk + STREAM) > maxT) return count;
    count += (load<u16>(chunk, COUNT) as u32);
  }
  const open = openCount(series);
  if (open != 0 && (load<i64>(series, LAST_T) as f64) >= minT && openMinTime(series) <= maxT) count += open;
  return count;
}

/**
 * Where a reader finds the samples of series that are not in a block: for each, the index of its first and the one behind
 * its last, the same where none can be in [minT, maxT].
 */
export function headResolve(
  head: usize, refs: usize, count: u32, minT: f64, maxT: f64, fromIndexes: usize, toIndexes: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const series = headerOf(head, load<u32>(refs + i * 4));
    const from = load<u32>(series, FLUSHED);
    const open = openCount(series);
    let to = load<u32>(series, DROPPED) + load<u32>(series, SEALED) + open;
    const sealed: usize = load<u32>(series, FIRST_SEALED);
    const empty = sealed == 0 && open == 0;
    if (
      empty || (load<i64>(series, LAST_T) as f64) < minT || (sealed != 0 ? streamMinTime(sealed + STREAM) : openMinTime(series)) > maxT
    ) to = from;
    store<u32>(fromIndexes + i * 4, from);
    store<u32>(toIndexes + i * 4, to);
  }
}

/**
 * Decodes the samples with minT <= timestamp <= maxT and index in [fromIndex, toIndex) to columns that have room for
 * `headCountWithin` entries: timestamps, values (bits as they came), stale flags. Answers how many, or -1 where the
 * writer moved the chunks meanwhile (only seen on another thread): try again.
 */
export function headRead(
  head: usize, ref: u32, minT: f64, maxT: f64, fromIndex: u32, toIndex: u32, outT: usize, outV: usize, outStale: usize,
): i32 {
  const series = headerOf(head, ref);
  const published = atomic.load<u32>(series, PUBLISHED);
  if ((published & 256) != 0) return -1;
  let written: u32 = 0;
  let index = load<u32>(series, DROPPED);
  let chunk: usize = load<u32>(series, FIRST_SEALED);
  // The newest samples are asked for most: a walk over all chunks before them would cost more than to decode them.
  const newest: usize = load<u32>(series, LAST_SEALED);
  if (newest != chunk && newest != 0 && streamMinTime(newest + STREAM) <= minT) {
    index += load<u32>(series, SEALED) - (load<u16>(newest, COUNT) as u32);
    chunk = newest;
  }
  while (chunk != 0 && index < toIndex) {
    if (streamMinTime(chunk + STREAM) > maxT) {
      index = toIndex;
      break;
    }
    const count = (load<u16>(chunk, COUNT) as u32);
    // No sealed chunk: it was freed, and is something else.
    if (count == 0 || count > CHUNK_SAMPLES_MAX) return -1;
    if (load<f64>(chunk, MAX_T) >= minT && index + count > fromIndex)
      written += decodePart(
        chunk + STREAM, (load<u16>(chunk, SIZE) as u32), count, index, fromIndex, toIndex, written, minT, maxT,
        outT, outV, outStale,
      );
    index += count;
    chunk = load<u32>(chunk, NEXT);
  }
  const open = published & 0xff;
  if (open != 0 && index < toIndex && index + open > fromIndex)
    written += decodePart(
      load<u32>(series, CHUNK), (load<u32>(series, BITS) + 7) >> 3, open, index, fromIndex, toIndex, written, minT, maxT,
      outT, outV, outStale,
    );
  fence(); // All that was read was read before this load.
  return atomic.load<u32>(series, PUBLISHED) >> 8 == published >> 8 ? (written as i32) : -1;
}

/** Decodes a chunk whose first sample has `index`, behind the `written` samples that are in the columns. */
function decodePart(
  chunk: usize, size: u32, count: u32, index: u32, fromIndex: u32, toIndex: u32, written: u32, minT: f64, maxT: f64,
  outT: usize, outV: usize, outStale: usize,
): u32 {
  const from = fromIndex > index ? fromIndex - index : 0;
  let to = toIndex - index < count ? toIndex - index : count;
  // The columns have room for so many and no more, whatever the list of chunks looked like.
  const room = toIndex - fromIndex - written;
  if (to - from > room) to = from + room;
  const added = gorillaDecode(
    chunk, size, to, from, minT, maxT, outT + written * 8, outV + written * 8, outStale + written,
  );
  return added < 0 ? 0 : (added as u32);
}

/**
 * The first timestamp at or after `minT` among the samples with index in [fromIndex, toIndex); Infinity if there is
 * none. `scratch` has room for 17 bytes a sample of a chunk.
 */
export function headNextTime(head: usize, ref: u32, minT: f64, fromIndex: u32, toIndex: u32, scratch: usize): f64 {
  const series = headerOf(head, ref);
  if ((load<i64>(series, LAST_T) as f64) < minT) return Infinity;
  let index = load<u32>(series, DROPPED);
  for (let chunk: usize = load<u32>(series, FIRST_SEALED); chunk != 0 && index < toIndex; chunk = load<u32>(chunk, NEXT)) {
    const count = (load<u16>(chunk, COUNT) as u32);
    if (load<f64>(chunk, MAX_T) >= minT && index + count > fromIndex) {
      const found = nextInChunk(chunk + STREAM, (load<u16>(chunk, SIZE) as u32), count, index, fromIndex, toIndex, minT, scratch);
      if (found != Infinity) return found;
    }
    index += count;
  }
  const open = openCount(series);
  if (open == 0 || index >= toIndex || index + open <= fromIndex) return Infinity;
  const size = (load<u32>(series, BITS) + 7) >> 3;
  return nextInChunk(load<u32>(series, CHUNK), size, open, index, fromIndex, toIndex, minT, scratch);
}

/**
 * Keeps those of the references, in order, whose series have a sample in memory with minT <= timestamp <= maxT; those
 * of series that have ended do not. Answers how many. `scratch` as for `headNextTime`.
 */
export function headKeepWithin(head: usize, refs: usize, count: u32, minT: f64, maxT: f64, scratch: usize): u32 {
  let kept: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const ref = load<u32>(refs + i * 4);
    if (headHasWithin(head, ref, minT, maxT, scratch) == 0) continue;
    store<u32>(refs + kept * 4, ref);
    kept++;
  }
  return kept;
}

function headHasWithin(head: usize, ref: u32, minT: f64, maxT: f64, scratch: usize): u32 {
  if (headOwner(head, ref) == UNUSED) return 0;
  const series = headerOf(head, ref);
  const sealed: usize = load<u32>(series, FIRST_SEALED);
  if (sealed == 0 && openCount(series) == 0) return 0;
  const last = load<i64>(series, LAST_T) as f64;
  const first = sealed != 0 ? streamMinTime(sealed + STREAM) : openMinTime(series);
  if (last < minT || first > maxT) return 0;
  // Samples begin and end with these; only a series that reaches beyond both ends must be looked into.
  if (last <= maxT || first >= minT) return 1;
  return headNextTime(head, ref, minT, 0, 0xffff_ffff, scratch) <= maxT ? 1 : 0;
}

function nextInChunk(
  chunk: usize, size: u32, count: u32, index: u32, fromIndex: u32, toIndex: u32, minT: f64, scratch: usize,
): f64 {
  const values = scratch + CHUNK_SAMPLES_MAX * 8;
  const stale = values + CHUNK_SAMPLES_MAX * 8;
  const found = decodePart(chunk, size, count, index, fromIndex, toIndex, 0, minT, Infinity, scratch, values, stale);
  return found == 0 ? Infinity : load<f64>(scratch);
}

/**
 * Marks the samples with index below `toIndex` and timestamp below `beforeT` as being in a block. `scratch` as for
 * `headNextTime`.
 */
export function headMarkFlushed(head: usize, ref: u32, beforeT: f64, toIndex: u32, scratch: usize): void {
  const series = headerOf(head, ref);
  let index = load<u32>(series, DROPPED);
  let end = index;
  const values = scratch + CHUNK_SAMPLES_MAX * 8;
  const stale = values + CHUNK_SAMPLES_MAX * 8;
  for (let chunk: usize = load<u32>(series, FIRST_SEALED); chunk != 0 && index < toIndex; chunk = load<u32>(chunk, NEXT)) {
    if (streamMinTime(chunk + STREAM) >= beforeT) break;
    const count = (load<u16>(chunk, COUNT) as u32);
    if (load<f64>(chunk, MAX_T) < beforeT) end = index + count;
    else
      end = index + decodePart(
        chunk + STREAM, (load<u16>(chunk, SIZE) as u32), count, index, 0, 0xffff_ffff, 0, -Infinity, beforeT - 1, scratch, values, stale,
      );
    index += count;
  }
  const open = openCount(series);
  if (open != 0 && index == load<u32>(series, DROPPED) + load<u32>(series, SEALED) && openMinTime(series) < beforeT)
    end = index + decodePart(
      load<u32>(series, CHUNK), (load<u32>(series, BITS) + 7) >> 3, open, index, 0, 0xffff_ffff, 0, -Infinity, beforeT - 1,
      scratch, values, stale,
    );
  if (end > toIndex) end = toIndex;
  if (end > load<u32>(series, FLUSHED)) store<u32>(series, end, FLUSHED);
}

/** Frees the chunks whose samples are all marked as flushed. Answers how many samples went. */
export function headTruncate(head: usize, ref: u32): u32 {
  const series = headerOf(head, ref);
  const flushed = load<u32>(series, FLUSHED);
  const before = load<u32>(series, DROPPED);
  const first: usize = load<u32>(series, FIRST_SEALED);
  let dropped = before;
  let kept: usize = first;
  while (kept != 0 && dropped + (load<u16>(kept, COUNT) as u32) <= flushed) {
    dropped += (load<u16>(kept, COUNT) as u32);
    kept = load<u32>(kept, NEXT);
  }
  const sealed = dropped - before;
  let open = openCount(series);
  const dropOpen = kept == 0 && open != 0 && dropped + open <= flushed;
  if (sealed == 0 && !dropOpen) return 0;
  if (dropOpen) {
    dropped += open;
    open = 0;
  }
  beginMove(series);
  store<u32>(series, kept as u32, FIRST_SEALED);
  if (kept == 0) store<u32>(series, 0, LAST_SEALED);
  store<u32>(series, load<u32>(series, SEALED) - sealed, SEALED);
  store<u32>(series, dropped, DROPPED);
  endMove(series, open);
  for (let chunk: usize = first; chunk != kept; ) {
    const next: usize = load<u32>(chunk, NEXT);
    freeSealedChunk(head, chunk);
    chunk = next;
  }
  if (dropOpen) freeOpenChunk(head, series);
  store<u32>(head, load<u32>(head, SAMPLES) - (dropped - before), SAMPLES);
  return dropped - before;
}

/** The first and the newest time of the samples in memory, over all series, to `out`: Infinity and -Infinity for none. */
export function headTimeBounds(head: usize, out: usize): void {
  let first: f64 = Infinity;
  let last: f64 = -Infinity;
  const refs = load<u32>(head, PAGES) << PAGE_SERIES_LOG;
  for (let ref: u32 = 0; ref < refs; ref++) {
    const series = headerOf(head, ref);
    const sealed: usize = load<u32>(series, FIRST_SEALED);
    if (load<u32>(series, OWNER) == UNUSED || (sealed == 0 && openCount(series) == 0)) continue;
    first = min(first, sealed == 0 ? openMinTime(series) : streamMinTime(sealed + STREAM));
    last = max(last, load<i64>(series, LAST_T) as f64);
  }
  store<f64>(out, first);
  store<f64>(out, last, 8);
}

/** Chunks in memory. */
export function headChunks(head: usize): u32 {
  return load<u32>(head, CHUNKS);
}

/** Bytes of the chunks in memory. */
export function headChunksSize(head: usize): u32 {
  return load<u32>(head, CHUNKS_SIZE);
}

/** Samples in memory. */
export function headSamples(head: usize): u32 {
  return load<u32>(head, SAMPLES);
}

/**
 * How the timestamps of a batch can be written: 0 all are the first one; 1 each is within 2^31 - 1 ms of it, and
 * `deltas` (i32) are the differences to it; 2 neither.
 */
export function timestampShape(timestamps: usize, count: u32, deltas: usize): u32 {
  const first = load<f64>(timestamps);
  let shape: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const delta = load<f64>(timestamps + i * 8) - first;
    if (delta != 0) {
      if (delta > 2147483647 || delta < -2147483647) return 2;
      shape = 1;
    }
    store<i32>(deltas + i * 4, delta as i32);
  }
  return shape;
}

/** The smallest and the largest timestamp of a batch, to `out`. */
export function timestampBounds(timestamps: usize, count: u32, out: usize): void {
  let min: f64 = Infinity;
  let max: f64 = -Infinity;
  for (let i: u32 = 0; i < count; i++) {
    const t = load<f64>(timestamps + i * 8);
    if (t < min) min = t;
    if (t > max) max = t;
  }
  store<f64>(out, min);
  store<f64>(out, max, 8);
}
