/**
 * Files, as the only way this code may reach them. Paths are `/`-separated and relative to the disk's root (the data
 * directory). Calls that only move bytes into or out of the operating system are synchronous (they cost less so, and
 * the store has a thread of its own); calls that wait for the device are not.
 *
 * Durability: bytes written survive the death of the process; they survive a power loss only after `sync`. A new,
 * renamed or removed name survives a power loss only after `syncDirectory` of the folder that holds it.
 *
 * Every call may throw OperatingError `disk.full` (nothing of the call, or a part of the bytes, was written) or
 * `disk.failed` (with the path and the system's reason).
 */
export interface Disk {
  /** Opens for appending, creating the file if need be; its folder must exist. */
  openAppend(path: string): DiskWriter;
  /** Opens for reading. @throws OperatingError `not_found`. */
  openRead(path: string): DiskReader;
  /** The whole of a small file. @throws OperatingError `not_found`. */
  read(path: string): Uint8Array;
  exists(path: string): boolean;
  /** Names in a folder, sorted; empty if the folder does not exist. */
  list(directory: string): readonly string[];
  /** Creates a folder and those above it. */
  makeDirectory(path: string): void;
  /** Replaces `to` at once if it is a file; a folder must not exist at `to`. */
  rename(from: string, to: string): void;
  /** Removes a file or a whole folder; nothing happens if there is none. */
  remove(path: string): void;
  /** Bytes that may still be written: what the file system has left for this process. Infinity where nobody counts. */
  freeSpace(): number;
  /** Makes names created, renamed or removed in the folder survive a power loss. */
  syncDirectory(path: string): Promise<void>;
}

export interface DiskWriter {
  /** Bytes in the file, counting what was there when it was opened. */
  readonly size: number;
  /**
   * Appends all parts, in order, in one call to the system. The parts may be views on shared memory and are not kept.
   * On `disk.full` a part of the bytes may be there: `truncate` back to the size before.
   */
  append(parts: readonly Uint8Array[]): void;
  /** Cuts the file to `size` bytes. */
  truncate(size: number): void;
  /** Resolves when all that was appended before the call survives a power loss. */
  sync(): Promise<void>;
  close(): void;
}

export interface DiskReader {
  readonly size: number;
  /** `length` bytes from `offset`; fewer at the end of the file. The result is the caller's. */
  read(offset: number, length: number): Uint8Array;
  close(): void;
}
