// The one heap of the linear memory. There is no garbage collector and no static data: what must be shared between
// instances lies in the control block, and only the writer's instance may allocate.
//
//   0     .. 1023   unused, so that address 0 is never a block
//   1024  .. 1027   u32 bump pointer: everything from here on is free
//   1028  .. 1031   u32 bytes handed out and not given back
//   1032  .. 1039   u32 where the next small block is cut off, u32 where that region ends
//   1984  .. 1987   u32 always 0, for fences; on a line of its own
//   2048  .. 2751   u32 free lists of small blocks: 8, 16, .. 1024, then 1088, 1152, .. 4096
//   3072  .. 3199   u32 free lists of large blocks, powers of two from 8192
//   65536 ..        blocks, up to SLACK before the end of the memory: so that wide loads may read on behind a block, and
//                   no block ends at 4 GiB, which as an address is 0
//
// Small blocks are cut off regions, which are large blocks and stay regions. A large block that is needed and not there
// is cut off the smallest larger one that is free, so that what a table leaves behind when it doubles is used again.
const BUMP: u32 = 1024;
const USED: u32 = 1028;
const REGION_AT: u32 = 1032;
const REGION_END: u32 = 1036;
const FENCE: usize = 1984;
const SMALL_LISTS: u32 = 2048;
const LARGE_LISTS: u32 = 3072;
const HEAP_START: u32 = 65536;
const FINE_MAX: u32 = 1024;
const FINE_CLASSES: u32 = 128;
const SMALL_MAX: u32 = 4096;
const LARGE_MAX: u32 = 0x4000_0000;
const REGION_SIZE: u32 = 65536;
const SLACK: u64 = 64;

/** Prepares a fresh memory. Called once, by the writer's instance. */
export function memoryInit(): void {
  if (load<u32>(BUMP) == 0) store<u32>(BUMP, HEAP_START);
}

/** How large the memory is now, in pages of 64 KiB. */
export function memoryPages(): i32 {
  return memory.size();
}

export function memoryUsed(): u32 {
  return load<u32>(USED);
}

/** The size a block of `size` bytes really takes. */
export function blockSize(size: u32): u32 {
  if (size <= FINE_MAX) return size == 0 ? 8 : (size + 7) & ~7;
  if (size <= SMALL_MAX) return (size + 63) & ~63;
  return (1 as u32) << (32 - clz<u32>(size - 1));
}

/** The free list of a size that `blockSize` has given. */
function listOf(size: u32): u32 {
  if (size <= FINE_MAX) return SMALL_LISTS + ((size >> 3) - 1) * 4;
  if (size <= SMALL_MAX) return SMALL_LISTS + (FINE_CLASSES - 1 + ((size - FINE_MAX) >> 6)) * 4;
  return LARGE_LISTS + (31 - clz<u32>(size)) * 4;
}

function pop(list: u32): u32 {
  const block = load<u32>(list);
  if (block != 0) store<u32>(list, load<u32>(block));
  return block;
}

function push(block: u32, size: u32): void {
  const list = listOf(size);
  store<u32>(block, load<u32>(list));
  store<u32>(list, block);
}

/** A block of at least `size` bytes, 8-byte aligned, above 4096 bytes 64-byte aligned; not cleared. 0 when the memory is full. */
export function allocate(size: u32): u32 {
  if (size > LARGE_MAX) return 0;
  const rounded = blockSize(size);
  let block = pop(listOf(rounded));
  if (block == 0) block = rounded <= SMALL_MAX ? cutSmall(rounded) : cutLarge(rounded);
  if (block != 0) store<u32>(USED, load<u32>(USED) + rounded);
  return block;
}

function cutSmall(size: u32): u32 {
  let at = load<u32>(REGION_AT);
  if (size > load<u32>(REGION_END) - at) {
    const region = cutLarge(REGION_SIZE);
    if (region == 0) return 0;
    keepRest(at, load<u32>(REGION_END) - at);
    at = region;
    store<u32>(REGION_END, region + REGION_SIZE);
  }
  store<u32>(REGION_AT, at + size);
  return at;
}

/** What is left of a region, too small for the block that was asked for, goes to the lists. */
function keepRest(at: u32, size: u32): void {
  const coarse = size > FINE_MAX ? size & ~63 : 0;
  if (coarse != 0) push(at, coarse);
  if (size > coarse) push(at + coarse, size - coarse);
}

function cutLarge(size: u32): u32 {
  for (let larger = size; larger <= LARGE_MAX; larger <<= 1) {
    const block = pop(listOf(larger));
    if (block == 0) continue;
    while (larger > size) {
      larger >>= 1;
      push(block + larger, larger);
    }
    return block;
  }
  const start = load<u32>(BUMP);
  const end: u64 = (start as u64) + (size as u64);
  const have: u64 = (memory.size() as u64) << 16;
  if (end + SLACK > have) {
    // Grow ahead in steps, so that filling the memory does not ask for it page by page.
    const wantedPages = ((end + SLACK - have + 0xffff) >> 16) as i32;
    const step: i32 = 256;
    if (memory.grow(wantedPages > step ? wantedPages : step) < 0 && memory.grow(wantedPages) < 0) return 0;
  }
  store<u32>(BUMP, end as u32);
  return start;
}

/** Gives a block back. `size` is what it was asked for with, or `blockSize` of that. */
export function release(pointer: u32, size: u32): void {
  const rounded = blockSize(size);
  push(pointer, rounded);
  store<u32>(USED, load<u32>(USED) - rounded);
}

/** No load or store of this thread moves across. An atomic addition, since the compiler's own fence does not validate. */
export function fence(): void {
  atomic.add<u32>(FENCE, 0);
}
