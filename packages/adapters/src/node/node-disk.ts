import {
  closeSync,
  existsSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  writevSync,
} from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { assert, type ErrorCode, OperatingError } from "@pharos/base";
import type { Disk, DiskReader, DiskWriter } from "@pharos/ports";

/** How many buffers one `writev` takes on Linux (IOV_MAX). */
const PARTS_MAX = 1024;

/** The files below one folder of this machine. The folder is created if it does not exist. */
export function nodeDisk(root: string): Disk {
  const base = resolve(root);
  const inside = base.endsWith(sep) ? base : base + sep;
  makeFolders(root, base);
  const full = (path: string): string => {
    const joined = resolve(base, path);
    assert(joined === base || joined.startsWith(inside), () => `${path} stays inside the disk`);
    return joined;
  };

  const openRead = (path: string): DiskReader => {
    const file = guarded(path, () => openSync(full(path), "r"));
    return {
      get size() {
        return guarded(path, () => fstatSync(file).size);
      },
      read: (offset, length) => guarded(path, () => readFully(file, offset, length)),
      close: () => closeSync(file),
    };
  };

  return {
    openAppend: (path) => openWriter(path, full(path)),
    openRead,
    read(path) {
      const reader = openRead(path);
      try {
        return reader.read(0, reader.size);
      } finally {
        reader.close();
      }
    },
    exists: (path) => existsSync(full(path)),
    list: (directory) =>
      existsSync(full(directory))
        ? guarded(directory, () => readdirSync(full(directory))).sort()
        : [],
    makeDirectory: (path) => makeFolders(path, full(path)),
    rename: (from, to) => guarded(from, () => renameSync(full(from), full(to))),
    remove: (path) => guarded(path, () => rmSync(full(path), { recursive: true, force: true })),
    freeSpace() {
      const { blocks, bavail, bsize } = guarded("", () => statfsSync(base));
      // Some file systems, of those over a network mostly, count nothing.
      return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
    },
    async syncDirectory(path) {
      const folder = guarded(path, () => openSync(full(path), "r"));
      try {
        await flushed(path, (done) => fsync(folder, done));
      } finally {
        closeSync(folder);
      }
    },
  };
}

/**
 * Creates a folder and those above it. Not by Node's `recursive`, which tries for ever where a file system takes no
 * folders and says that they are missing, such as /proc.
 */
function makeFolders(path: string, fullPath: string): void {
  const missing: string[] = [];
  for (let at = fullPath; !existsSync(at); at = dirname(at)) missing.push(at);
  for (const folder of missing.reverse())
    guarded(path, () => {
      try {
        mkdirSync(folder);
      } catch (error) {
        // Another process may have been faster.
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    });
}

function openWriter(path: string, fullPath: string): DiskWriter {
  const file = guarded(path, () => openSync(fullPath, "a"));
  let size = guarded(path, () => fstatSync(file).size);
  let syncing = 0;
  let closed = false;
  return {
    get size() {
      return size;
    },
    append(parts) {
      for (let at = 0; at < parts.length; at += PARTS_MAX) {
        let rest = parts.slice(at, at + PARTS_MAX);
        while (rest.length > 0) {
          const written = guarded(path, () => writevSync(file, rest));
          size += written;
          rest = dropWritten(rest, written);
        }
      }
    },
    truncate(toSize) {
      guarded(path, () => ftruncateSync(file, toSize));
      size = toSize;
    },
    async sync() {
      syncing++;
      try {
        await flushed(path, (done) => fdatasync(file, done));
      } finally {
        syncing--;
        if (closed && syncing === 0) closeSync(file);
      }
    },
    /** While a sync is under way the file stays open until that is done. */
    close() {
      if (closed) return;
      closed = true;
      if (syncing === 0) closeSync(file);
    },
  };
}

/** What is left to write after the system took `written` bytes. */
function dropWritten(parts: readonly Uint8Array[], written: number): Uint8Array[] {
  let left = written;
  for (const [index, part] of parts.entries()) {
    if (left < part.length) return [part.subarray(left), ...parts.slice(index + 1)];
    left -= part.length;
  }
  return [];
}

function readFully(file: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, bytes, filled, length - filled, offset + filled);
    if (count === 0) return bytes.subarray(0, filled);
    filled += count;
  }
  return bytes;
}

function flushed(
  path: string,
  start: (done: (error: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolved, rejected) => {
    start((error) => (error === null ? resolved() : rejected(diskError(path, error))));
  });
}

function guarded<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw diskError(path, error);
  }
}

function diskError(path: string, error: unknown): OperatingError {
  const reason = error instanceof Error ? error.message : String(error);
  const system = (error as NodeJS.ErrnoException).code ?? "";
  const code: ErrorCode =
    system === "ENOSPC" || system === "EDQUOT"
      ? "disk.full"
      : system === "ENOENT"
        ? "not_found"
        : "disk.failed";
  return new OperatingError(code, `${path}: ${reason}`, { cause: error });
}
