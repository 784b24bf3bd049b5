import { crc32 } from "node:zlib";
import { assert, OperatingError } from "@pharos/base";
import type { Disk } from "@pharos/ports";
import type { WalPosition } from "./wal-payload.ts";
import { isBefore } from "./wal-replay.ts";
import { consumerPath, readWalNames, WAL_DIRECTORY } from "./wal-segment.ts";

// How far a consumer of the log is, in a file of its own, replaced as a whole by each commit.
//
//   | magic "PHCO" | version u32 | segment u32 | offset f64 | crc32 of the 20 bytes before |
const FILE_SIZE = 24;
const MAGIC = 0x4f_43_48_50;
const VERSION = 1;
const NAME = /^[a-z0-9_-]{1,64}$/;
/** Consumers are parts of this program, not data: more than these are a mistake. */
export const CONSUMERS_MAX = 64;

/** The committed positions of all consumers of the log. */
export class LogConsumers {
  readonly #disk: Disk;
  readonly #committed: Map<string, WalPosition>;
  /** Commits, one after another: they write beside the same file. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(disk: Disk, committed: Map<string, WalPosition>) {
    this.#disk = disk;
    this.#committed = committed;
  }

  /**
   * Reads what was committed. One whose file is damaged begins again with the oldest that the log has, which its
   * consumer is made for.
   *
   * @param end where the log ends; nobody can have read beyond.
   * @throws OperatingError `disk.corrupt` where a newer version wrote a file, `disk.failed`.
   */
  static open(
    disk: Disk,
    end: WalPosition,
  ): { readonly consumers: LogConsumers; readonly problems: readonly string[] } {
    const committed = new Map<string, WalPosition>();
    const problems: string[] = [];
    for (const name of readWalNames(disk.list(WAL_DIRECTORY)).consumers) {
      const position = decodePosition(disk.read(consumerPath(name)), name);
      if (position === undefined)
        problems.push(
          `${consumerPath(name)}, byte 0: what the consumer committed cannot be read; it reads the whole log again`,
        );
      const known = position ?? { segment: 0, offset: 0 };
      committed.set(name, isBefore(end, known) ? end : known);
    }
    return { consumers: new LogConsumers(disk, committed), problems };
  }

  get(name: string): WalPosition | undefined {
    return this.#committed.get(name);
  }

  get all(): ReadonlyMap<string, WalPosition> {
    return this.#committed;
  }

  /** The one that is furthest behind. */
  get last(): { readonly name: string; readonly position: WalPosition } | undefined {
    let last: { readonly name: string; readonly position: WalPosition } | undefined;
    for (const [name, position] of this.#committed)
      if (last === undefined || isBefore(position, last.position)) last = { name, position };
    return last;
  }

  /** When this resolves, the position survives a power loss. @throws OperatingError `disk.full`, `disk.failed`. */
  commit(name: string, position: WalPosition): Promise<void> {
    assert(NAME.test(name), () => `a consumer's name: ${name}`);
    assert(this.#committed.has(name) || this.#committed.size < CONSUMERS_MAX, "few consumers");
    return this.#inTurn(async () => {
      const temporary = `${consumerPath(name)}.tmp`;
      this.#disk.remove(temporary);
      const writer = this.#disk.openAppend(temporary);
      try {
        writer.append([encodePosition(position)]);
        await writer.sync();
      } finally {
        writer.close();
      }
      this.#disk.rename(temporary, consumerPath(name));
      await this.#disk.syncDirectory(WAL_DIRECTORY);
      this.#committed.set(name, position);
    });
  }

  drop(name: string): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#committed.has(name)) return;
      this.#disk.remove(consumerPath(name));
      await this.#disk.syncDirectory(WAL_DIRECTORY);
      this.#committed.delete(name);
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => {}); // Whoever asked for it hears of it.
    return turn;
  }
}

function encodePosition({ segment, offset }: WalPosition): Uint8Array {
  const bytes = new Uint8Array(FILE_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, segment, true);
  view.setFloat64(12, offset, true);
  view.setUint32(20, crc32(bytes.subarray(0, 20)), true);
  return bytes;
}

/** Undefined if the bytes are damaged. */
export function decodePosition(bytes: Uint8Array, name: string): WalPosition | undefined {
  if (bytes.length !== FILE_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, FILE_SIZE);
  if (view.getUint32(20, true) !== crc32(bytes.subarray(0, 20))) return undefined;
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  const version = view.getUint32(4, true);
  if (version !== VERSION)
    throw new OperatingError(
      "disk.corrupt",
      `${consumerPath(name)}: its format has version ${version}, which another version of Pharos wrote; start that version`,
    );
  return { segment: view.getUint32(8, true), offset: view.getFloat64(12, true) };
}
