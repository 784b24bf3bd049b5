import type { Dirent } from "node:fs";
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { compareUtf8, type ErrorCode, OperatingError } from "@pharos/base";
import { assertBlobKey, type BlobInfo, type BlobStore } from "@pharos/ports";

/** Where blobs are written before they get their name. Not a key: keys do not begin with a dot. */
const UPLOADS = ".uploads";

/** How often a folder that another call removed as empty is made again. */
const RENAME_ATTEMPTS_MAX = 5;

/**
 * Blobs as files below a folder, which the first `put` creates; it may be a mount of another machine, and not there at
 * the moment. One process writes to it, by one of these: what an earlier one left unfinished is removed before the first
 * blob is written. Reads and writes wait in Node's thread pool, not in the calling thread.
 */
export function directoryBlobStore(root: string): BlobStore {
  const base = resolve(root);
  const uploads = join(base, UPLOADS);
  const pathOf = (key: string): string => join(base, ...key.split("/"));
  let uploadCount = 0;
  let prepared: Promise<void> | undefined;

  async function prepare(): Promise<void> {
    await rm(uploads, { recursive: true, force: true });
    await makeFolders(uploads);
  }

  return {
    async put(key, parts, signal) {
      assertBlobKey(key);
      signal.throwIfAborted();
      prepared ??= guarded(key, prepare);
      await prepared.catch((error: unknown) => {
        prepared = undefined; // The next one tries again.
        throw error;
      });
      const temporary = join(uploads, String(uploadCount++));
      try {
        const size = await writeFile(key, temporary, parts, signal);
        await guarded(key, () => publish(base, temporary, pathOf(key)));
        return { key, size };
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => {}); // The first error says more.
        throw error;
      }
    },

    async get(key, range, signal) {
      signal.throwIfAborted();
      return guarded(key, async () => {
        await using file = await openBlob(key, pathOf(key));
        const { size } = await file.stat();
        const offset = Math.min(range?.offset ?? 0, size);
        return readFully(file, offset, Math.min(range?.length ?? size, size - offset));
      });
    },

    async head(key, signal) {
      signal.throwIfAborted();
      return guarded(key, async () => {
        const found = await stat(pathOf(key)).catch(ignoreMissing);
        return found?.isFile() ? { key, size: found.size } : undefined;
      });
    },

    async list(prefix, { after = "", limit }, signal) {
      const blobs: BlobInfo[] = [];
      const inside = (folder: string): Promise<Dirent[]> =>
        guarded(prefix, async () => {
          signal.throwIfAborted();
          const path = folder === "" ? base : pathOf(folder);
          return (await readdir(path, { withFileTypes: true }).catch(ignoreMissing)) ?? [];
        });
      for await (const key of walk("", prefix, after, inside)) {
        if (blobs.length === limit) return { blobs, more: true };
        const found = await guarded(key, () => stat(pathOf(key)).catch(ignoreMissing));
        if (found !== undefined) blobs.push({ key, size: found.size });
      }
      return { blobs, more: false };
    },

    async delete(key, signal) {
      signal.throwIfAborted();
      await guarded(key, async () => {
        const path = pathOf(key);
        const found = await stat(path).catch(ignoreMissing);
        if (!found?.isFile()) return;
        await unlink(path).catch(ignoreMissing);
        await syncFolder(dirname(path));
        // Folders that are empty now are of no use. One that is not stays: then so do those above it.
        for (let at = dirname(path); at !== base; at = dirname(at)) {
          try {
            await rmdir(at);
          } catch {
            break;
          }
        }
      });
    },
  };
}

async function writeFile(
  key: string,
  path: string,
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  await using file = await guarded(key, () => open(path, "w"));
  let size = 0;
  for await (const part of parts) {
    signal.throwIfAborted();
    let written = 0;
    while (written < part.length)
      written += (await guarded(key, () => file.write(part, written))).bytesWritten;
    size += part.length;
  }
  signal.throwIfAborted();
  await guarded(key, () => file.sync());
  return size;
}

/** Gives a file its name, for good: the names of the folders above it survive a power loss as well. */
async function publish(base: string, from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await makeFolders(dirname(to));
      await rename(from, to);
      break;
    } catch (error) {
      const removed = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!removed || attempt === RENAME_ATTEMPTS_MAX) throw error;
    }
  }
  for (let at = dirname(to); ; at = dirname(at)) {
    await syncFolder(at);
    if (at === base) break;
  }
}

/**
 * Creates a folder and those above it. Not by Node's `recursive`, which tries for ever where a file system takes no
 * folders and says that they are missing, such as /proc.
 */
async function makeFolders(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    if ((await stat(at).catch(ignoreMissing)) !== undefined || at === dirname(at)) break;
    missing.push(at);
  }
  for (const folder of missing.reverse())
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error; // Another call may have been faster.
    });
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

async function openBlob(key: string, path: string): Promise<FileHandle> {
  const file = await open(path, "r").catch(ignoreMissing);
  if (file !== undefined) {
    if ((await file.stat()).isFile()) return file;
    await file.close();
  }
  throw new OperatingError("not_found", `${key}: no such blob`);
}

async function readFully(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
  }
  return bytes;
}

/**
 * The keys below a folder that begin with `prefix` and come after `after`, in order. A folder sorts as its name with
 * the slash, since that is what its keys have there. Folders that can hold no such key are not entered.
 */
async function* walk(
  folder: string,
  prefix: string,
  after: string,
  inside: (folder: string) => Promise<Dirent[]>,
): AsyncGenerator<string> {
  const entries = (await inside(folder))
    .filter(({ name }) => !name.startsWith("."))
    .map((entry) => ({ entry, key: folder + entry.name + (entry.isDirectory() ? "/" : "") }))
    .sort((a, b) => compareUtf8(a.key, b.key));
  for (const { entry, key } of entries) {
    if (entry.isFile()) {
      if (key.startsWith(prefix) && key > after) yield key;
    } else if (entry.isDirectory()) {
      const mayMatch = key.startsWith(prefix) || prefix.startsWith(key);
      const mayFollow = key > after || after.startsWith(key);
      if (mayMatch && mayFollow) yield* walk(key, prefix, after, inside);
    }
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}

async function guarded<T>(key: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const system = (error as NodeJS.ErrnoException).code;
    // Ours already, or the signal's reason.
    if (error instanceof OperatingError || system === undefined || typeof system !== "string")
      throw error;
    const code: ErrorCode =
      system === "ENOSPC" || system === "EDQUOT" ? "disk.full" : "blob.unavailable";
    throw new OperatingError(code, `${key}: ${(error as Error).message}`, { cause: error });
  }
}
