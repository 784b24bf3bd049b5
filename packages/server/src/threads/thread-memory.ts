import { getHeapStatistics } from "node:v8";
import type { Kernels } from "@pharos/kernels";

/** What a thread has of the process's memory, in bytes. */
export interface ThreadMemory {
  /** Of JavaScript's heap: what objects take, garbage that is not collected yet counted, */
  readonly heapUsed: number;
  /** and what the heap has from the system. */
  readonly heap: number;
  /** Columns, pages and bodies, which lie outside of the heap. */
  readonly buffers: number;
  /** The memory of its kernels: blocks that are handed out, */
  readonly kernelsUsed: number;
  /** and what was ever taken from the system: it only grows, and the rest is used again. */
  readonly kernels: number;
}

/** That of the thread that calls. @param kernels the thread's own, whose memory counts for no other. */
export function threadMemory(kernels?: Kernels): ThreadMemory {
  const { used_heap_size, total_physical_size, external_memory } = getHeapStatistics();
  const { usedSize, reservedSize } = kernels?.memoryUse() ?? { usedSize: 0, reservedSize: 0 };
  return {
    heapUsed: used_heap_size,
    heap: total_physical_size,
    buffers: external_memory,
    kernelsUsed: usedSize,
    kernels: reservedSize,
  };
}
