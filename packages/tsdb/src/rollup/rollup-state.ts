import { crc32 } from "node:zlib";
import type { Disk, RollupTier } from "@pharos/ports";
import { ROLLUP_TIERS } from "@pharos/ports";
import type { Block } from "../block/block.ts";
import { subtract, type TimeRanges, unite } from "./time-ranges.ts";

export const ROLLUPS_DIRECTORY = "rollups";
const PATH = `${ROLLUPS_DIRECTORY}/state.json`;
const VERSION = 1;

interface Stored {
  readonly version: number;
  /** The sequences of the raw blocks whose ranges were made, or wait in `pending`. */
  readonly known: readonly number[];
  /** Tiers that ranges were made in. */
  readonly tiers: readonly RollupTier[];
  /** What must be made from raw blocks, again or for the first time. */
  readonly pending: TimeRanges;
}

/**
 * What of the raw blocks is rolled up. The blocks are the truth: one that nobody noted is new, and its range is made,
 * again if need be, since making it twice changes nothing. So a crash anywhere loses no work but what is done again, and
 * the file may be lost.
 */
export class RollupState {
  readonly #disk: Disk;
  #known: ReadonlySet<number>;
  #tiers: readonly RollupTier[];
  #pending: TimeRanges;

  private constructor(disk: Disk, { known, tiers, pending }: Stored) {
    this.#disk = disk;
    this.#known = new Set(known);
    this.#tiers = tiers;
    this.#pending = pending;
  }

  /** A file that is missing or damaged counts for one that knows nothing. */
  static open(disk: Disk): RollupState {
    disk.makeDirectory(ROLLUPS_DIRECTORY);
    const stored = disk.exists(PATH) ? decodeState(disk.read(PATH)) : undefined;
    return new RollupState(disk, stored ?? { version: VERSION, known: [], tiers: [], pending: [] });
  }

  /** What must be made, with the ranges of blocks that came since the last `note`. */
  pendingWith(blocks: readonly Block[], tiers: readonly RollupTier[]): TimeRanges {
    const newTier = tiers.some((tier) => !this.#tiers.includes(tier));
    const fresh = blocks.filter((block) => newTier || this.#isNew(block));
    if (fresh.length === 0) return this.#pending;
    const ranges = fresh.map(({ meta }) => [meta.rangeStartMs, meta.rangeEndMs] as const);
    return unite([...this.#pending, ...ranges]);
  }

  /** One that was made of blocks that are known has nothing new. */
  #isNew({ meta }: Block): boolean {
    if (this.#known.has(meta.sequence)) return false;
    return (
      meta.sources.length === 0 || !meta.sources.every((name) => this.#known.has(sequenceOf(name)))
    );
  }

  /** Takes note of the raw blocks there are. @throws OperatingError `disk.full`, `disk.failed`. */
  async note(blocks: readonly Block[], tiers: readonly RollupTier[]): Promise<TimeRanges> {
    const known = new Set(blocks.map(({ meta }) => meta.sequence));
    const pending = this.pendingWith(blocks, tiers);
    const same =
      pending === this.#pending &&
      tiers.length === this.#tiers.length &&
      known.size === this.#known.size &&
      known.isSubsetOf(this.#known);
    if (!same) await this.#store({ known: [...known], tiers, pending });
    return this.#pending;
  }

  /** Wants a stretch of time made again. @throws OperatingError `disk.full`, `disk.failed`. */
  async add(ranges: TimeRanges): Promise<void> {
    await this.#store({ pending: unite([...this.#pending, ...ranges]) });
  }

  /** A stretch of time was made. @throws OperatingError `disk.full`, `disk.failed`. */
  async done(startMs: number, endMs: number): Promise<void> {
    await this.#store({ pending: subtract(this.#pending, startMs, endMs) });
  }

  async #store(change: Partial<Stored>): Promise<void> {
    const stored = {
      version: VERSION,
      known: [...this.#known],
      tiers: this.#tiers,
      pending: this.#pending,
    };
    const next: Stored = { ...stored, ...change };
    const temporary = `${PATH}.tmp`;
    const disk = this.#disk;
    disk.remove(temporary);
    const writer = disk.openAppend(temporary);
    try {
      writer.append([encodeState(next)]);
      await writer.sync();
    } finally {
      writer.close();
    }
    disk.rename(temporary, PATH);
    await disk.syncDirectory(ROLLUPS_DIRECTORY);
    this.#known = new Set(next.known);
    this.#tiers = next.tiers;
    this.#pending = next.pending;
  }
}

function sequenceOf(blockName: string): number {
  return Number(blockName.slice(blockName.lastIndexOf("-") + 1));
}

/** `{ "state": …, "crc32": … }`, the checksum over the text of the inner object. */
function encodeState(state: Stored): Uint8Array {
  const text = JSON.stringify(state);
  return new TextEncoder().encode(`{"state":${text},"crc32":${crc32(text)}}\n`);
}

function decodeState(bytes: Uint8Array): Stored | undefined {
  const match = /^\{"state":(.*),"crc32":(\d+)\}\n$/s.exec(new TextDecoder().decode(bytes));
  const [, text = "", checksum] = match ?? [];
  if (match === null || crc32(text) !== Number(checksum)) return undefined;
  const state = JSON.parse(text) as Stored;
  if (state.version !== VERSION) return undefined;
  return { ...state, tiers: ROLLUP_TIERS.filter((tier) => state.tiers.includes(tier)) };
}
