import { assert, OperatingError, type Rng } from "@pharos/base";
import type { Disk, DiskReader, DiskWriter } from "@pharos/ports";

/** One file's bytes. Names point at it, so that a rename moves the name and not the bytes. */
interface Inode {
  bytes: Uint8Array;
  size: number;
  syncedSize: number;
  /** What a power loss leaves of the part that was synced: truncation is durable only after a sync. */
  syncedBytes: Uint8Array;
}

interface State {
  readonly files: Map<string, Inode>;
  readonly directories: Set<string>;
}

/**
 * A disk in memory that dies as real ones do. `kill()` gives the disk as the next process finds it on a live machine:
 * all that was written. `crash()` gives it after a power cut: what was synced, a random part of the rest, perhaps with
 * a wrong byte; and names as of their folder's last `syncDirectory`, or later. Whatever the dead process still does
 * to the old disk, nobody sees. Faults are switched on by `faults`.
 */
export class SimDisk implements Disk {
  readonly #rng: Rng;
  readonly #now: State;
  /** The names that a power cut leaves at least, as of the last `syncDirectory` of each folder. */
  readonly #durable: State;

  /** Free space in bytes; appending beyond it writes what fits and throws `disk.full`. */
  freeSize = Number.POSITIVE_INFINITY;
  /** What `freeSpace` says at most, though there may be more. */
  freeSizeShown = Number.POSITIVE_INFINITY;
  /** Called before each call that changes or reads something; may throw to make it fail. */
  beforeCall: (call: string, path: string) => void = () => {};

  constructor(rng: Rng, from?: { now: State; durable: State }) {
    this.#rng = rng;
    this.#now = from?.now ?? { files: new Map(), directories: new Set([""]) };
    this.#durable = from?.durable ?? { files: new Map(), directories: new Set([""]) };
  }

  openAppend(path: string): DiskWriter {
    this.beforeCall("openAppend", path);
    assert(this.#now.directories.has(parentOf(path)), () => `folder of ${path} exists`);
    let inode = this.#now.files.get(path);
    if (inode === undefined) {
      inode = { bytes: new Uint8Array(64), size: 0, syncedSize: 0, syncedBytes: new Uint8Array(0) };
      this.#now.files.set(path, inode);
    }
    return this.#writer(path, inode);
  }

  #writer(path: string, inode: Inode): DiskWriter {
    const disk = this;
    return {
      get size() {
        return inode.size;
      },
      append(parts) {
        disk.beforeCall("append", path);
        for (const part of parts) {
          const fits = part.subarray(0, Math.min(part.length, disk.freeSize));
          writeBytes(inode, fits);
          disk.freeSize -= fits.length;
          if (fits.length < part.length)
            throw new OperatingError("disk.full", `${path}: no space left`);
        }
      },
      truncate(size) {
        disk.beforeCall("truncate", path);
        assert(size <= inode.size, "truncate does not grow a file");
        inode.size = size;
        inode.bytes.fill(0, size);
      },
      async sync() {
        disk.beforeCall("sync", path);
        const { size } = inode;
        const bytes = inode.bytes.slice(0, size);
        await Promise.resolve();
        inode.syncedBytes = bytes;
        inode.syncedSize = size;
      },
      close() {},
    };
  }

  openRead(path: string): DiskReader {
    this.beforeCall("openRead", path);
    const inode = this.#find(path);
    return {
      get size() {
        return inode.size;
      },
      read: (offset, length) => {
        this.beforeCall("read", path);
        return inode.bytes.slice(offset, Math.min(offset + length, inode.size));
      },
      close() {},
    };
  }

  read(path: string): Uint8Array {
    this.beforeCall("read", path);
    const inode = this.#find(path);
    return inode.bytes.slice(0, inode.size);
  }

  #find(path: string): Inode {
    const inode = this.#now.files.get(path);
    if (inode === undefined) throw new OperatingError("not_found", `${path}: no such file`);
    return inode;
  }

  exists(path: string): boolean {
    return this.#now.files.has(path) || this.#now.directories.has(path);
  }

  list(directory: string): readonly string[] {
    const names = [...this.#now.files.keys(), ...this.#now.directories]
      .filter((path) => path !== "" && parentOf(path) === directory)
      .map((path) => path.slice(directory === "" ? 0 : directory.length + 1));
    return names.sort();
  }

  makeDirectory(path: string): void {
    this.beforeCall("makeDirectory", path);
    for (let at = path; at !== ""; at = parentOf(at)) this.#now.directories.add(at);
  }

  rename(from: string, to: string): void {
    this.beforeCall("rename", from);
    const inode = this.#now.files.get(from);
    if (inode !== undefined) {
      this.#now.files.delete(from);
      this.#now.files.set(to, inode);
      return;
    }
    assert(this.#now.directories.has(from), () => `${from} exists`);
    assert(!this.exists(to), () => `${to} does not exist yet`);
    moveFolder(this.#now, from, to);
  }

  remove(path: string): void {
    this.beforeCall("remove", path);
    removeTree(this.#now, path);
  }

  /** The bytes of all files that have a name. */
  get usedSize(): number {
    let size = 0;
    for (const inode of new Set(this.#now.files.values())) size += inode.size;
    return size;
  }

  freeSpace(): number {
    this.beforeCall("freeSpace", "");
    return Math.min(this.freeSize, this.freeSizeShown);
  }

  async syncDirectory(path: string): Promise<void> {
    this.beforeCall("syncDirectory", path);
    const inside = (name: string): boolean => name !== "" && parentOf(name) === path;
    const wanted = new Map([...this.#now.files].filter(([name]) => inside(name)));
    const folders = [...this.#now.directories].filter(inside);
    await Promise.resolve();
    const durableInodes = new Set(this.#durable.files.values());
    for (const name of [...this.#durable.files.keys()].filter(inside))
      if (!wanted.has(name)) this.#durable.files.delete(name);
    for (const [name, inode] of wanted) this.#durable.files.set(name, inode);
    for (const folder of [...this.#durable.directories].filter(inside))
      if (!folders.includes(folder)) removeTree(this.#durable, folder);
    for (const folder of folders) {
      if (this.#durable.directories.has(folder)) continue;
      this.#durable.directories.add(folder);
      // A folder that was renamed brings along the names that were durable under its old name.
      for (const [name, inode] of this.#now.files)
        if (parentOf(name) === folder && durableInodes.has(inode))
          this.#durable.files.set(name, inode);
    }
  }

  /** Kills the process, not the machine: the next one finds all that was written, synced or not. */
  kill(): SimDisk {
    const next = new SimDisk(this.#rng, cloneStates(this.#now, this.#durable, copyInode));
    next.freeSize = this.freeSize;
    next.freeSizeShown = this.freeSizeShown;
    return next;
  }

  /** Cuts the power. Each name is as last synced or as last set, by chance; each file keeps at least what was synced. */
  crash(): SimDisk {
    const lost: State = { files: new Map(), directories: new Set([""]) };
    const names = new Set([...this.#now.files.keys(), ...this.#durable.files.keys()]);
    for (const folder of this.#now.directories)
      if (this.#durable.directories.has(folder) || this.#rng.chance(50))
        lost.directories.add(folder);
    for (const folder of this.#durable.directories) lost.directories.add(folder);
    const durableInodes = new Set(this.#durable.files.values());
    const nowInodes = new Set(this.#now.files.values());
    for (const name of [...names].sort()) {
      const now = this.#now.files.get(name);
      const durable = this.#durable.files.get(name);
      let kept = this.#rng.chance(50) ? now : durable;
      // In a folder that was renamed: where the folder has its new name, so have the files that were durable in it.
      if (durable === undefined && now !== undefined && durableInodes.has(now)) kept = now;
      // And where it has its old name still, none of them is missing.
      const isMoved = now === undefined && durable !== undefined && nowInodes.has(durable);
      if (isMoved && !this.#now.directories.has(parentOf(name))) kept = durable;
      if (kept === undefined) continue;
      if (!lost.directories.has(parentOf(name))) continue;
      lost.files.set(name, kept);
    }
    for (const folder of [...lost.directories])
      if (folder !== "" && !lost.directories.has(parentOf(folder))) lost.directories.delete(folder);
    const next = new SimDisk(
      this.#rng,
      cloneStates(lost, lost, (inode) => this.#tear(inode)),
    );
    next.freeSize = this.freeSize;
    next.freeSizeShown = this.freeSizeShown;
    return next;
  }

  #tear(inode: Inode): Inode {
    const unsyncedSize = Math.max(0, inode.size - inode.syncedSize);
    // Often all of it: then a wrong byte is all that went wrong.
    const survivedSize = this.#rng.chance(40) ? unsyncedSize : this.#rng.below(unsyncedSize + 1);
    const bytes = new Uint8Array(inode.syncedSize + survivedSize);
    bytes.set(inode.syncedBytes);
    if (survivedSize > 0) {
      bytes.set(
        inode.bytes.subarray(inode.syncedSize, inode.syncedSize + survivedSize),
        inode.syncedSize,
      );
      if (this.#rng.chance(50))
        bytes[inode.syncedSize + this.#rng.below(survivedSize)] = this.#rng.below(256);
    }
    return { bytes, size: bytes.length, syncedSize: bytes.length, syncedBytes: bytes.slice() };
  }

  /** Changes one byte of a file, as a failing medium does. */
  flipByte(path: string, offset: number): void {
    const inode = this.#find(path);
    assert(offset < inode.size, () => `${path} has ${inode.size} bytes`);
    inode.bytes[offset] = (inode.bytes[offset] as number) ^ (1 + this.#rng.below(255));
  }
}

function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "" : path.slice(0, at);
}

function writeBytes(inode: Inode, part: Uint8Array): void {
  const size = inode.size + part.length;
  if (size > inode.bytes.length) {
    const grown = new Uint8Array(Math.max(size, inode.bytes.length * 2));
    grown.set(inode.bytes.subarray(0, inode.size));
    inode.bytes = grown;
  }
  inode.bytes.set(part, inode.size);
  inode.size = size;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function removeTree(state: State, path: string): void {
  for (const name of [...state.files.keys()]) if (isWithin(name, path)) state.files.delete(name);
  for (const folder of [...state.directories])
    if (folder !== "" && isWithin(folder, path)) state.directories.delete(folder);
}

function moveFolder(state: State, from: string, to: string): void {
  for (const [name, inode] of [...state.files])
    if (isWithin(name, from)) {
      state.files.delete(name);
      state.files.set(to + name.slice(from.length), inode);
    }
  for (const folder of [...state.directories])
    if (isWithin(folder, from)) {
      state.directories.delete(folder);
      state.directories.add(to + folder.slice(from.length));
    }
}

function copyInode(inode: Inode): Inode {
  return { ...inode, bytes: inode.bytes.slice(), syncedBytes: inode.syncedBytes.slice() };
}

function cloneStates(
  now: State,
  durable: State,
  copy: (inode: Inode) => Inode,
): { now: State; durable: State } {
  const copies = new Map<Inode, Inode>();
  const cloneFiles = (files: Map<string, Inode>): Map<string, Inode> =>
    new Map(
      [...files].map(([name, inode]) => {
        let clone = copies.get(inode);
        if (clone === undefined) {
          clone = copy(inode);
          copies.set(inode, clone);
        }
        return [name, clone];
      }),
    );
  return {
    now: { files: cloneFiles(now.files), directories: new Set(now.directories) },
    durable: { files: cloneFiles(durable.files), directories: new Set(durable.directories) },
  };
}
