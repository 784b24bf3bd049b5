import { systemClock } from "@pharos/adapters/node";
import { formatMatcher, type Labels, type Matcher, OperatingError, quote } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import type { Disk } from "@pharos/ports";
import {
  analyzeBlocks,
  BLOCKS_DIRECTORY,
  type BlockAnalysis,
  BlockCache,
  type BlockProblem,
  blockName,
  createPause,
  type DumpedSet,
  dumpedSets,
  listBlocks,
  openStore,
  sampleText,
  verifyBlocks,
  verifyWal,
} from "@pharos/tsdb";
import { blockDirectories, existingDataFolder, lockDataFolder } from "../data-folder.ts";
import { parseSelector } from "../http/match-parameter.ts";
import { parseTime, TIME_MS_MAX, TIME_MS_MIN } from "../http/parameters.ts";
import { Progress } from "../progress.ts";
import { snapshotStore } from "../store-snapshot.ts";
import { counted } from "./check.ts";

/** How many of its largest labels and names are listed of a block. */
const LISTED_COUNT = 10;
/** So much text is put together before it is written. */
const OUTPUT_SIZE = 64 * 1024;

const never = new AbortController().signal;

/** `pharos tsdb verify FOLDER`: looks at every byte, and ends with 1 where one is not as it was written. */
export async function verify(folder: string): Promise<void> {
  const disk = existingDataFolder(folder);
  const kernels = await Kernels.load();
  const progress = progressBar();
  const problems: string[] = [];
  const raw = { blocks: 0, samples: 0 };
  const rollups = { blocks: 0, samples: 0 };
  for (const directory of blockDirectories(disk)) {
    const found = await verifyBlocks(
      disk,
      kernels,
      directory,
      createPause(systemClock, never),
      ({ doneSize, totalSize, path }) =>
        progress.show({
          title: `verifying ${directory}`,
          part: totalSize === 0 ? undefined : doneSize / totalSize,
          detail: path.slice(directory.length + 1),
        }),
    );
    problems.push(...found.problems.flatMap(problemLines));
    const counts = directory === BLOCKS_DIRECTORY ? raw : rollups;
    counts.blocks += found.blocks;
    counts.samples += found.samples;
  }
  const log = verifyWal(disk, (doneSize, totalSize) =>
    progress.show({
      title: "verifying the log",
      part: totalSize === 0 ? undefined : doneSize / totalSize,
      detail: "",
    }),
  );
  problems.push(...log.problems);
  progress.clear();
  for (const problem of problems) print(problem);
  for (const remark of log.remarks) print(`unfinished, nothing to worry about: ${remark}`);
  const all = [
    `${counted(raw.blocks, "block")} with ${counted(raw.samples, "sample")}`,
    `${counted(rollups.blocks, "rollup block")} with ${counted(rollups.samples, "row")}`,
    `${counted(log.segments, "log segment")} with ${counted(log.samples, "sample")}`,
  ].join(", ");
  const damaged = problems.filter((line) => !line.startsWith(" ")).length;
  print(damaged === 0 ? `${all}: all well` : `${all}: ${counted(damaged, "problem")}`);
  if (damaged > 0) process.exitCode = 1;
}

function problemLines({ what, lost, lostChunks }: BlockProblem): readonly string[] {
  const lines = lost.map(
    ({ series, kind, minMs, maxMs }) =>
      `  lost: ${kind} of ${series} from ${timeText(minMs)} to ${timeText(maxMs)}`,
  );
  if (lostChunks > lost.length) lines.push(`  and ${lostChunks - lost.length} more chunks`);
  return [what, ...lines];
}

export interface DumpFlags {
  readonly match?: string;
  readonly minTime?: string;
  readonly maxTime?: string;
  readonly format: "promtool" | "openmetrics";
  /** A rollup tier instead of the samples. */
  readonly tier?: string;
}

/** `pharos tsdb dump FOLDER`: the samples in blocks as text. */
export async function dump(folder: string, flags: DumpFlags): Promise<void> {
  const disk = existingDataFolder(folder);
  const matchers = matchFlag(flags.match);
  const minMs = timeFlag("--min-time", flags.minTime, TIME_MS_MIN);
  const maxMs = timeFlag("--max-time", flags.maxTime, TIME_MS_MAX);
  const directory = flags.tier === undefined ? BLOCKS_DIRECTORY : `rollups/${flags.tier}`;
  const onDamage = (problem: string): void => {
    process.exitCode = 1;
    process.stderr.write(`left out: ${problem}\n`);
  };
  const options = { directory, matchers, minMs, maxMs, onDamage };
  const lines = flags.format === "openmetrics" ? openMetricsLines : promtoolLines;
  let text = "";
  for (const dumped of dumpedSets(disk, await Kernels.load(), new BlockCache(), options))
    for (const line of lines(dumped)) {
      text += `${line}\n`;
      if (text.length < OUTPUT_SIZE) continue;
      if (!(await written(text))) return;
      text = "";
    }
  if (flags.format === "openmetrics") text += "# EOF\n";
  await written(text);
  if (disk.list("wal").length > 0)
    process.stderr.write(
      "Samples that are in no block yet are not among them; POST /api/v1/admin/tsdb/flush moves them there.\n",
    );
}

/** As `promtool tsdb dump`: `{__name__="up", job="node"} 1 1767225600000`. */
function* promtoolLines({ labels, set }: DumpedSet): Generator<string> {
  const name = `{${labels.map(labelText).join(", ")}}`;
  for (let i = 0; i < set.timestampsMs.length; i++)
    yield `${name} ${sampleText(set, i).replace(/^stale$/, "NaN")} ${set.timestampsMs[i]}`;
}

/** As `pharos import openmetrics` reads it. The end of a series has no notation there, and is left out. */
function* openMetricsLines({ labels, set }: DumpedSet): Generator<string> {
  if (set.kind !== "samples") return;
  const name = labels.find(([label]) => label === "__name__")?.[1] ?? "";
  const others = labels.filter(([label]) => label !== "__name__");
  const head = `${name}{${others.map(labelText).join(",")}}`;
  for (let i = 0; i < set.timestampsMs.length; i++) {
    const value = sampleText(set, i);
    if (value !== "stale") yield `${head} ${value} ${(set.timestampsMs[i] as number) / 1000}`;
  }
}

function labelText([name, value]: Labels[number]): string {
  return formatMatcher({ type: "=", name, value });
}

/** `pharos tsdb analyze FOLDER`: where the bytes are. */
export async function analyze(folder: string, { json }: { readonly json?: true }): Promise<void> {
  const disk = existingDataFolder(folder);
  const problems: string[] = [];
  const blocks: (BlockAnalysis & { readonly directory: string })[] = [];
  for await (const analysis of analyses(disk, (problem) => problems.push(problem)))
    if (json === true) blocks.push(analysis);
    else print(analysisText(analysis));
  if (json === true) print(JSON.stringify({ blocks, problems }, undefined, 2));
  else for (const problem of problems) print(`left out: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}

async function* analyses(
  disk: Disk,
  onDamage: (problem: string) => void,
): AsyncGenerator<BlockAnalysis & { readonly directory: string }> {
  const progress = progressBar();
  for (const directory of blockDirectories(disk)) {
    const pause = createPause(systemClock, never);
    progress.show({ title: `analyzing ${directory}`, part: undefined, detail: "" });
    for await (const analysis of analyzeBlocks(disk, directory, LISTED_COUNT, pause, onDamage)) {
      progress.clear();
      yield { directory, ...analysis };
    }
  }
  progress.clear();
}

function analysisText(analysis: BlockAnalysis & { readonly directory: string }): string {
  const { directory, name, samples, series, chunks, size, bytesPerSample } = analysis;
  const rows = (title: string, list: readonly (readonly [string, string])[]): string[] =>
    list.length === 0
      ? []
      : [`  ${title}`, ...list.map(([what, count]) => `    ${count.padStart(14)}  ${what}`)];
  return [
    `${directory}/${name}`,
    `  ${series} series, ${counted(chunks, "chunk")}, ${counted(samples, "sample")}; ${counted(size, "byte")}, ${bytesPerSample.toFixed(3)} a sample`,
    ...rows(
      "bytes by part",
      analysis.parts.map((part) => [part.name, String(part.size)] as const),
    ),
    ...rows(
      "samples by encoding",
      analysis.encodings.map(
        ({ encoding, columns, samples, size }) =>
          [
            `${encoding}: ${counted(columns, "column")}, ${counted(size, "byte")}`,
            String(samples),
          ] as const,
      ),
    ),
    ...rows(
      "series by label",
      analysis.topLabels.map(({ label, series }) => [label, String(series)] as const),
    ),
    ...rows(
      "values by label name",
      analysis.topNames.map(({ name, values }) => [name, String(values)] as const),
    ),
  ].join("\n");
}

const LIST_COLUMNS = ["block", "from", "to", "series", "samples", "bytes"] as const;

/** `pharos tsdb list FOLDER`: a line for each block, as `promtool tsdb list` has. */
export function list(folder: string): void {
  const disk = existingDataFolder(folder);
  const rows: (readonly string[])[] = [LIST_COLUMNS];
  for (const directory of blockDirectories(disk)) {
    const metas = listBlocks(disk, directory, (problem) => {
      process.exitCode = 1;
      process.stderr.write(`left out: ${problem}\n`);
    });
    for (const meta of metas) {
      const { minTimeMs, maxTimeMs, series, samples, indexSize, columnsSize } = meta;
      const times = [timeText(minTimeMs), timeText(maxTimeMs)];
      const counts = [series, samples, indexSize + columnsSize].map(String);
      rows.push([`${directory}/${blockName(meta)}`, ...times, ...counts]);
    }
  }
  const widths = LIST_COLUMNS.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  for (const row of rows)
    print(
      row
        .map((cell, at) => (at < 3 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join("  "),
    );
}

/** `pharos tsdb snapshot FOLDER`: a copy from which a server can start, below the folder's `snapshots`. */
export async function snapshot(
  folder: string,
  { skipHead = false }: { readonly skipHead?: boolean },
): Promise<void> {
  const disk = existingDataFolder(folder);
  await using _lock = await lockDataFolder(
    folder,
    "ask the server for a snapshot, POST /api/v1/admin/tsdb/snapshot, or stop it first",
  );
  const progress = progressBar();
  progress.show({ title: "reading the log back", part: undefined, detail: "" });
  const kernels = await Kernels.load();
  const table = new SeriesTable(kernels, { seed: 0 });
  await using store = await openStore({ disk, clock: systemClock, kernels, table });
  progress.show({ title: "copying", part: undefined, detail: "" });
  const name = await snapshotStore(store, folder, skipHead);
  progress.clear();
  print(`${folder}/snapshots/${name}`);
}

function matchFlag(text: string | undefined): readonly Matcher[] {
  return text === undefined ? [] : parseSelector(text, "--match");
}

/** As promtool has it, ms; or a date. */
function timeFlag(flag: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent;
  const ms = /^-?\d+$/.test(text) ? Number(text) : parseTime(text);
  if (ms !== undefined && Math.abs(ms) <= TIME_MS_MAX) return ms;
  throw new OperatingError(
    "input.invalid",
    `${flag} ${quote(text)}: want ms since 1970 or a date such as 2026-01-31T12:00:00Z`,
  );
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function progressBar(): Progress {
  return new Progress(process.stderr, () => systemClock.monotonicMs());
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Resolves when there is room for more; false where nobody reads any more. */
function written(text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error === null || error === undefined) resolve(true);
      else if ((error as NodeJS.ErrnoException).code === "EPIPE") resolve(false);
      else reject(error);
    });
  });
}
