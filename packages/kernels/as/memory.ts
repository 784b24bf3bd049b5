// The one heap of the linear memory. There is no garbage collector and no static data: what must be shared between
// instances lies in the control block, and only the writer's instance may allocate.
//
//   0     .. 1023   unused, so that address 0 is never a block
//   1024  .. 1027   u32 bump pointer: everything from here on is free
//   1028  .. 1031   u32 bytes handed out and not given back
//   2048  .. 3071   u32 free lists of 256 classes, 16 bytes apart (16 .. 4096)
//   3072  .. 3199   u32 free lists of 32 classes, powers of two (above 4096)
//   65536 ..        blocks, up to SLACK before the end of the memory: so that wide loads may read on behind a block, and
//                   no block ends at 4 GiB, which as an address is 0
const BUMP: u32 = 1024;
const USED: u32 = 1028;
const SMALL_LISTS: u32 = 2048;
const LARGE_LISTS: u32 = 3072;
const HEAP_START: u32 = 65536;
const SMALL_MAX: u32 = 4096;
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
  if (size <= SMALL_MAX) return size == 0 ? 16 : (size + 15) & ~15;
  return (1 as u32) << (32 - clz<u32>(size - 1));
}

function listOf(size: u32): u32 {
  if (size <= SMALL_MAX) return SMALL_LISTS + ((size >> 4) - 1) * 4;
  return LARGE_LISTS + (31 - clz<u32>(size)) * 4;
}

/** A block of at least `size` bytes, 16-byte aligned, not cleared. 0 when the memory is full. */
export function allocate(size: u32): u32 {
  if (size > 0x4000_0000) return 0;
  const rounded = blockSize(size);
  const list = listOf(rounded);
  const free = load<u32>(list);
  if (free != 0) {
    store<u32>(list, load<u32>(free));
    store<u32>(USED, load<u32>(USED) + rounded);
    return free;
  }
  const start = load<u32>(BUMP);
  const end: u64 = (start as u64) + (rounded as u64);
  const have: u64 = (memory.size() as u64) << 16;
  if (end + SLACK > have) {
    // Grow ahead in steps, so that filling the memory does not ask for it page by page.
    const wantedPages = ((end + SLACK - have + 0xffff) >> 16) as i32;
    const step: i32 = 256;
    if (memory.grow(wantedPages > step ? wantedPages : step) < 0 && memory.grow(wantedPages) < 0) return 0;
  }
  store<u32>(BUMP, end as u32);
  store<u32>(USED, load<u32>(USED) + rounded);
  return start;
}

/** Gives a block back. `size` is what it was asked for with, or `blockSize` of that. */
export function release(pointer: u32, size: u32): void {
  const rounded = blockSize(size);
  const list = listOf(rounded);
  store<u32>(pointer, load<u32>(list));
  store<u32>(list, pointer);
  store<u32>(USED, load<u32>(USED) - rounded);
}
