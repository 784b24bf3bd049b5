import { crc32 } from "node:zlib";
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import { formatDuration } from "@pharos/base";
import { Kernels } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import {
  BLOCKS_DIRECTORY,
  DEFAULT_RETENTION_PRESET,
  Import,
  type ImportUnit,
  listBlocks,
  type OnSamples,
  RETENTION_PRESETS,
} from "@pharos/tsdb";
import { lockDataFolder } from "./data-folder.ts";
import { Progress } from "./progress.ts";

/** As a shell reports a process that SIGINT ended. */
const INTERRUPTED = 130;

const DAY_MS = 86_400_000;

/** A part of an import that is done as a whole. */
export interface PlannedUnit {
  /** Of its folder, the same each time. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** How far it is, from 0 to 1, when so many samples were read; undefined where nobody knows. */
  part(samples: number): number | undefined;
  run(import_: Import, onSamples: OnSamples, signal: AbortSignal): Promise<void>;
}

export interface ImportPlan {
  readonly units: readonly PlannedUnit[];
  /** What else to tell at the end. */
  remarks(units: ReadonlyMap<string, ImportUnit>): readonly string[];
}

export interface ImportRun {
  readonly dataFolder: string;
  readonly kind: "prometheus" | "openmetrics" | "victoria-metrics";
  /** What is imported, in words: an import that was interrupted goes on where the words are the same. */
  readonly source: string;
  /** Says what is to be done, knowing what was. */
  plan(import_: Import, signal: AbortSignal): Promise<ImportPlan>;
}

/** Runs an import into a data folder, shows how far it is, and prints what it did. */
export async function runImport(run: ImportRun): Promise<void> {
  const interrupt = new AbortController();
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(INTERRUPTED);
    interrupt.abort(new Interrupted());
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const progress = new Progress(process.stderr, () => systemClock.monotonicMs());
  try {
    process.stdout.write(await importInto(run, progress, interrupt.signal));
  } catch (error) {
    progress.clear();
    if (!(error instanceof Interrupted)) throw error;
    process.stderr.write("pharos: interrupted; the same command goes on from here\n");
    process.exitCode = INTERRUPTED;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

class Interrupted extends Error {
  override readonly name = "Interrupted";
}

async function importInto(
  { dataFolder, kind, source, plan }: ImportRun,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const disk = nodeDisk(dataFolder);
  await using _lock = await lockDataFolder(
    dataFolder,
    "stop the server, import, and start it again",
  );
  const kernels = await Kernels.load();
  const name = `${kind}-${crc32(source).toString(16).padStart(8, "0")}`;
  const import_ = await Import.open({ disk, kernels, clock: systemClock, name, source, signal });
  progress.show({ title: `looking at ${source}`, part: undefined, detail: "" });
  const { units, remarks } = await plan(import_, signal);
  await import_.keepUnfinished(new Set(units.map((unit) => unit.name)));
  for (const [i, unit] of units.entries()) {
    const title = units.length === 1 ? unit.title : `${unit.title} (${i + 1} of ${units.length})`;
    const startMs = systemClock.monotonicMs();
    const before = import_.units.get(unit.name)?.read ?? 0;
    const onSamples = (samples: number): void => {
      const detail = (): string => {
        const elapsedMs = Math.max(1, systemClock.monotonicMs() - startMs);
        const rate = (samples - before) / elapsedMs / 1000;
        return `${counted(samples)} samples, ${rate.toFixed(1)} M/s`;
      };
      progress.show({ title, part: unit.part(samples), detail });
    };
    onSamples(before);
    await unit.run(import_, onSamples, signal);
  }
  progress.show({ title: "taking over", part: undefined, detail: "" });
  const published = await import_.publish();
  progress.clear();
  const shownRemarks = [...remarks(import_.units), ...retentionRemark(disk, systemClock.nowMs())];
  return reportText(units, import_.units, published, shownRemarks);
}

/** A server with its default retention would soon remove what is older: better said now than found out then. */
function retentionRemark(disk: Disk, nowMs: number): readonly string[] {
  const oldestMs = listBlocks(disk, BLOCKS_DIRECTORY, () => {})[0]?.minTimeMs ?? nowMs;
  const keptMs = RETENTION_PRESETS[DEFAULT_RETENTION_PRESET].raw;
  if (oldestMs >= nowMs - keptMs) return [];
  const days = Math.ceil((nowMs - oldestMs) / DAY_MS) + 1;
  return [
    `The oldest samples are of ${new Date(oldestMs).toISOString()}. A server keeps samples for ${formatDuration(keptMs)} ` +
      `and rollups for longer: start it with --retention ${days}d, or more, to keep these samples.`,
  ];
}

function reportText(
  planned: readonly PlannedUnit[],
  units: ReadonlyMap<string, ImportUnit>,
  published: number,
  remarks: readonly string[],
): string {
  const lines = planned.flatMap(({ name, title }) => unitLines(title, units.get(name)));
  const total =
    published === 0
      ? "Nothing new to import."
      : `Imported ${counted(published)} samples; each was read back from the blocks.`;
  return [...lines, ...remarks, total, ""].join("\n");
}

function unitLines(title: string, unit: ImportUnit | undefined): string[] {
  if (unit === undefined) return [];
  const { read, duplicates, series, blocks, skipped } = unit;
  if (read === 0 && Object.keys(skipped).length === 0) return [];
  const written = blocks.reduce((sum, block) => sum + block.samples, 0);
  const twice = duplicates === 0 ? "" : `, ${counted(duplicates)} of them twice`;
  return [
    `${title}: ${counted(series)} series; ${counted(read)} samples read${twice}, ${counted(written)} written and read back`,
    ...Object.entries(skipped).map(([what, samples]) => `  left out: ${counted(samples)} ${what}`),
  ];
}

/** 1234567 as "1,234,567". */
function counted(count: number): string {
  return count.toLocaleString("en-US");
}
