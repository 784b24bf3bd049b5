import { crc32 } from "node:zlib";
import type { Disk, RollupTier } from "@pharos/ports";
import { ROLLUP_TIERS } from "@pharos/ports";
import type { Block } from "../block/block.ts";
import { subtract, type TimeRanges, unite } from "./time-ranges.ts";

export const ROLLUPS_DIRECTORY = "rollups";
const PATH = `${ROLLUPS_DIRECTORY}/state.json`;
const VERSION = 1;

/** What of one tier is made. */
interface TierState {
  /** The sequences of the raw blocks whose ranges were made, or wait in `pending`. */
  readonly known: readonly number[];
  /** What must be made from raw blocks, again or for the first time. */
  readonly pending: TimeRanges;
}

interface Stored {
  readonly version: number;
  readonly tiers: Readonly<Record<RollupTier, TierState>>;
}

const NOTHING_KNOWN: Stored = {
  version: VERSION,
  tiers: Object.fromEntries(
    ROLLUP_TIERS.map((tier) => [tier, { known: [], pending: [] }]),
  ) as unknown as Stored["tiers"],
};

/**
 * What of the raw blocks is rolled up. The blocks are the truth: one that nobody noted is new, and its range is made,
 * again if need be, since making it twice changes nothing. So a crash anywhere loses no work but what is done again, and
 * the file may be lost.
 */
export class RollupState {
  readonly #disk: Disk;
  #stored: Stored;
  /** As sets, for looking up. */
  readonly #known = new Map<RollupTier, ReadonlySet<number>>();

  private constructor(disk: Disk, stored: Stored) {
    this.#disk = disk;
    this.#stored = stored;
    for (const tier of ROLLUP_TIERS) this.#known.set(tier, new Set(stored.tiers[tier].known));
  }

  /** A file that is missing or damaged counts for one that knows nothing. */
  static open(disk: Disk): RollupState {
    disk.makeDirectory(ROLLUPS_DIRECTORY);
    const stored = disk.exists(PATH) ? decodeState(disk.read(PATH)) : undefined;
    return new RollupState(disk, stored ?? NOTHING_KNOWN);
  }

  /** The highest sequence of a raw block that was ever noted and not forgotten: no other block may get it. */
  get sequenceMax(): number {
    return Math.max(0, ...ROLLUP_TIERS.flatMap((tier) => this.#stored.tiers[tier].known));
  }

  /** What must be made of a tier, with the ranges of those raw blocks that are new to it. */
  pendingWith(tier: RollupTier, blocks: readonly Block[]): TimeRanges {
    const { pending } = this.#stored.tiers[tier];
    const fresh = blocks.filter((block) => this.#isNew(tier, block));
    if (fresh.length === 0) return pending;
    const ranges = fresh.map(({ meta }) => [meta.rangeStartMs, meta.rangeEndMs] as const);
    return unite([...pending, ...ranges]);
  }

  /** One that was made of blocks that are known has nothing new. */
  #isNew(tier: RollupTier, { meta }: Block): boolean {
    const known = this.#known.get(tier) as ReadonlySet<number>;
    if (known.has(meta.sequence)) return false;
    return meta.sources.length === 0 || !meta.sources.every((name) => known.has(sequenceOf(name)));
  }

  /**
   * Takes note of the raw blocks there are, for each tier of those that are to be made in it now.
   * @throws OperatingError `disk.full`, `disk.failed`.
   */
  async note(all: readonly Block[], due: ReadonlyMap<RollupTier, readonly Block[]>): Promise<void> {
    const tiers = { ...this.#stored.tiers };
    let changed = false;
    for (const [tier, blocks] of due) {
      const before = this.#known.get(tier) as ReadonlySet<number>;
      const known = new Set(
        [...blocks, ...all.filter((block) => !this.#isNew(tier, block))].map(
          ({ meta }) => meta.sequence,
        ),
      );
      if (known.size === before.size && known.isSubsetOf(before)) continue;
      changed = true;
      tiers[tier] = { known: [...known], pending: this.pendingWith(tier, blocks) };
    }
    if (changed) await this.#store(tiers);
  }

  /** Wants stretches of time made again. @throws OperatingError `disk.full`, `disk.failed`. */
  async add(ranges: ReadonlyMap<RollupTier, TimeRanges>): Promise<void> {
    const tiers = { ...this.#stored.tiers };
    for (const [tier, list] of ranges) {
      const { known, pending } = tiers[tier];
      tiers[tier] = { known, pending: unite([...pending, ...list]) };
    }
    await this.#store(tiers);
  }

  /** A stretch of time was made in some tiers. @throws OperatingError `disk.full`, `disk.failed`. */
  async done(made: readonly RollupTier[], startMs: number, endMs: number): Promise<void> {
    const tiers = { ...this.#stored.tiers };
    for (const tier of made) {
      const { known, pending } = tiers[tier];
      tiers[tier] = { known, pending: subtract(pending, startMs, endMs) };
    }
    await this.#store(tiers);
  }

  async #store(tiers: Stored["tiers"]): Promise<void> {
    const next: Stored = { version: VERSION, tiers };
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
    this.#stored = next;
    for (const tier of ROLLUP_TIERS) this.#known.set(tier, new Set(tiers[tier].known));
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
  return state.version === VERSION ? state : undefined;
}
