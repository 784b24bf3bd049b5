// A simulation earns trust by finding bugs that were put there. Each of these is a small change to a copy of the
// engine's source; the simulation must fail on the copy within so many seeds.
import { equal, ok } from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Kernels } from "@pharos/kernels";
import type { openStore } from "../src/open-store.ts";
import { simulate, zeroCounts } from "./store-sim.ts";

interface PlantedBug {
  readonly bug: string;
  readonly file: string;
  /** Comes once in the file. */
  readonly original: string;
  readonly planted: string;
}

const SEEDS = 160;

const BUGS: readonly PlantedBug[] = [
  {
    bug: "a torn tail is not cut off when the log is opened",
    file: "last-segment.ts",
    original: "if (writer.size > size) writer.truncate(size);",
    planted: "",
  },
  {
    bug: "an append is acknowledged before it is synced, although the policy is always",
    file: "store-writer.ts",
    original: "wal.synced().then(() => result)",
    planted: "Promise.resolve(result)",
  },
  {
    bug: "the checksum of a record of series is not verified",
    file: "wal-record.ts",
    original: "crc32(payload) !== header.payloadChecksum",
    planted: "header.kindNumber !== 1 && crc32(payload) !== header.payloadChecksum",
  },
  {
    bug: "what was replayed is not synced",
    file: "wal.ts",
    original: "await syncReplayed(disk, needed, current, end.syncedThrough);",
    planted: "",
  },
  {
    bug: "a full segment is not synced",
    file: "wal.ts",
    original: "for (const segment of full) await segment.writer.sync();",
    planted: "",
  },
  {
    bug: "a new segment's name is not synced",
    file: "wal.ts",
    original:
      "      await this.#disk.syncDirectory(WAL_DIRECTORY);\n    }\n    await writer.sync();",
    planted: "    }\n    await writer.sync();",
  },
  {
    bug: "a torn record is not cut off after the disk was full",
    file: "wal.ts",
    original: "this.#tornSize = position.offset;",
    planted: "",
  },
  {
    bug: "the log is truncated before the block's name is durable",
    file: "block/block-writer.ts",
    original: "await disk.syncDirectory(directory);",
    planted: "",
  },
  {
    bug: "a block gets its name before its files are synced",
    file: "block/page-writer.ts",
    original: "await this.#disk.sync();",
    planted: "",
  },
  {
    bug: "merging blocks brings back what was deleted",
    file: "block/merge-blocks.ts",
    original: "for (const block of blocks) block.setDeletions(deletions);",
    planted: "",
  },
  {
    bug: "a deletion is acknowledged before it is synced",
    file: "block/deletions.ts",
    original: "await writer.sync();",
    planted: "",
  },
  {
    bug: "a deletion leaves what is in memory",
    file: "store-maintenance.ts",
    original: "await this.#flushAll();\n      const range = {",
    planted: "const range = {",
  },
  {
    bug: "a deletion also takes what comes after it",
    file: "block/block.ts",
    original: "this.meta.sequence < beforeSequence && this.overlaps(minMs, maxMs),",
    planted: "this.meta.sequence <= beforeSequence && this.overlaps(minMs, maxMs),",
  },
  {
    bug: "merged blocks let the later of two values stand",
    file: "block/merge-blocks.ts",
    original: "else if (order === 0) least.push(cursor);",
    planted: "else if (order === 0) least.unshift(cursor);",
  },
  {
    bug: "a checkpoint gets its name before it is synced",
    file: "checkpoint.ts",
    original: "await writer.sync();",
    planted: "",
  },
  {
    bug: "a checkpoint leaves out the live series",
    file: "flush.ts",
    original: "live: head.checkpointSeries()",
    planted: "live: []",
  },
  {
    bug: "a reference is used again while the log still mentions its old series",
    file: "reference-pool.ts",
    original: "    this.#freed.push({ ref, segment });\n  }\n\n  /** Ends",
    planted: "    this.#reusable.push(ref);\n  }\n\n  /** Ends",
  },
  {
    bug: "a sample that is in two places is read twice",
    file: "column-buffer.ts",
    original: "if (b <= a) j++;",
    planted: "if (b < a) j++;",
  },
  {
    bug: "a segment is removed although samples in it are in no block",
    file: "segment-list.ts",
    original: "if (maxTimeMs >= beforeMs) return number;",
    planted: "",
  },
  {
    bug: "samples that arrive during a flush count as flushed",
    file: "flush.ts",
    original: "chunks.markFlushed(ref, endMs, totals[i] as number);",
    planted: "chunks.markFlushed(ref, endMs, 0xffff_ffff);",
  },
  {
    bug: "late samples are dropped when a flush fails",
    file: "flush.ts",
    original: "head.thawLate();",
    planted: "head.dropFrozen(Number.POSITIVE_INFINITY);",
  },
  {
    bug: "replay passes over old samples that were logged after the checkpoint's position",
    file: "replay.ts",
    original: "if (isBefore(position, flushed)) dropBefore",
    planted: "dropBefore",
  },
  {
    bug: "merged blocks lack the last sample of a series",
    file: "block/merge-blocks.ts",
    original: "if (buffer.length > 0) sets.push(buffer.columns);",
    planted: "if (buffer.length > 1) sets.push(buffer.columns);",
  },
  {
    bug: "a deletion spares the last moment of its range",
    file: "block/block.ts",
    original: "const right = firstFrom(timestampsMs, maxMs + 1, start, end);",
    planted: "const right = firstFrom(timestampsMs, maxMs, start, end);",
  },
  {
    bug: "of two values the one in the later block stands",
    file: "block/blocks.ts",
    original: "return a.meta.rank - b.meta.rank || a.meta.sequence - b.meta.sequence;",
    planted: "return b.meta.rank - a.meta.rank || b.meta.sequence - a.meta.sequence;",
  },
  {
    bug: "a block that cannot be read for a failure of the disk counts for a damaged one",
    file: "block/blocks.ts",
    original:
      'if (!(error instanceof OperatingError && error.code === "disk.corrupt")) throw error;\n        this.report',
    planted: "if (!(error instanceof OperatingError)) throw error;\n        this.report",
  },
  {
    bug: "the cache answers with what is kept of another file",
    file: "block/block-cache.ts",
    original: "const map = new Map<number, Entry<T>>();",
    planted: "const map = (globalThis.plantedMap ??= new Map<number, Entry<T>>());",
  },
  {
    bug: "the checkpoint covers what was logged during the flush",
    file: "flush.ts",
    original: "const start = { flushedBeforeMs: beforeMs, position, firstSegment, nextRef };",
    planted:
      "const start = { flushedBeforeMs: beforeMs, position: wal.position, firstSegment, nextRef };",
  },
  {
    bug: "blocks are written before the log is synced",
    file: "flush.ts",
    original: "await wal.synced();\n    const order",
    planted: "const order",
  },
  {
    bug: "a segment that a flush begins counts for synced with a sync that goes on",
    file: "wal.ts",
    original: "if (this.#commit.appended > 0) this.#commit.noteAppend(0);",
    planted: "",
  },
  {
    bug: "labels of a series that came back under a new reference are forgotten",
    file: "replay.ts",
    original: "head.onEnded = (ref, labelBytes) => ended.add(ref, labelBytes, 0);",
    planted: "",
  },
  {
    bug: "a consumer's commit is acknowledged before it has its name",
    file: "log-consumers.ts",
    original: "await this.#disk.syncDirectory(WAL_DIRECTORY);\n      this.#committed.set",
    planted: "this.#committed.set",
  },
  {
    bug: "the log forgets what a consumer has not read",
    file: "store-log.ts",
    original: "return Math.min(firstSegment, unread, young);",
    planted: "return Math.min(firstSegment, young);",
  },
  {
    bug: "the last retention rule that matches decides",
    file: "retention/retention-policy.ts",
    original: "return rules.findIndex(",
    planted: "return rules.findLastIndex(",
  },
  {
    bug: "samples go before their rows are made",
    file: "retention/retention.ts",
    original: 'tier === "raw" && !rollups.mayGo(block),',
    planted: "false,",
  },
  {
    bug: "other settings leave the retention as it was",
    file: "retention/retention.ts",
    original: "this.#policy = policy;\n    this.#sizeMax",
    planted: "this.#sizeMax",
  },
  {
    bug: "a row takes the sample at its window's end",
    file: "rollup/rollup-rows.ts",
    original: "(rows.#timestampsMs[end] as number) < windowEndMs) end++;",
    planted: "(rows.#timestampsMs[end] as number) <= windowEndMs) end++;",
  },
  {
    bug: "rows wait for samples that are in blocks already",
    file: "rollup/rollup-sources.ts",
    original: "stretches = unite([...stretches, [flushedBeforeMs, Number.POSITIVE_INFINITY]]);",
    planted: "stretches = unite([[flushedBeforeMs, Number.POSITIVE_INFINITY]]);",
  },
  {
    bug: "a flush does not give back the memory that it decoded into",
    file: "flush.ts",
    original: "area.release();",
    planted: "",
  },
];

// Else whatever ails the simulation, or the copy, would count as found.
test("the simulation finds nothing in a copy without a planted bug", async () => {
  await withCopy(undefined, async (open) => {
    const kernels = await Kernels.load();
    for (let seed = 0; seed < SEEDS; seed++) await simulate(open, kernels, seed, zeroCounts());
  });
});

for (const planted of BUGS)
  test(`the simulation finds it when ${planted.bug}`, () =>
    withCopy(planted, async (open) => ok(await isFound(open), "no seed failed")));

async function withCopy(
  planted: PlantedBug | undefined,
  use: (open: typeof openStore) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "planted-bug-"));
  try {
    await use(await openerOf(planted, directory));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Copies the source, plants the bug, and loads the copy. */
async function openerOf(
  planted: PlantedBug | undefined,
  directory: string,
): Promise<typeof openStore> {
  const root = join(import.meta.dirname, "../../..");
  await cp(join(import.meta.dirname, "../src"), join(directory, "src"), { recursive: true });
  await symlink(join(root, "node_modules"), join(directory, "node_modules"));
  await writeFile(join(directory, "package.json"), '{ "type": "module" }');
  if (planted !== undefined) await plant(planted, join(directory, "src"));
  const copy: { openStore: typeof openStore } = await import(
    pathToFileURL(join(directory, "src/open-store.ts")).href
  );
  return copy.openStore;
}

async function plant({ file, original, planted }: PlantedBug, folder: string): Promise<void> {
  const path = join(folder, file);
  const source = await readFile(path, "utf8");
  equal(source.split(original).length, 2, `${file} has this once: ${original}`);
  await writeFile(
    path,
    source.replace(original, () => planted),
  );
}

async function isFound(open: typeof openStore): Promise<boolean> {
  const kernels = await Kernels.load();
  for (let seed = 0; seed < SEEDS; seed++)
    try {
      await simulate(open, kernels, seed, zeroCounts());
    } catch {
      return true;
    }
  return false;
}
