// How long a start takes: side by side after `kill -9` with millions of samples that are acknowledged and not yet in
// blocks, and what was lost; and ours with few and with many blocks. `npm run bench:start`.
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import { type Labels, labelsFrom } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { BLOCK_RANGE_MS, type EmbeddedStore, openStore } from "@pharos/tsdb";
import { benchOptions, printVersions, SERVER_CORE } from "./bench-options.ts";
import { compare, endProgress, printTable, progress } from "./comparison.ts";
import { type Contender, pharos } from "./contenders.ts";
import { countBack } from "./query.ts";
import { Sender } from "./sender.ts";
import { ServerProcess, temporaryFolder } from "./server-process.ts";
import { METRICS, STEP_MS, workloadW1 } from "./workload-w1.ts";

const MIB = 1024 ** 2;
/** The store takes so many samples in one batch at most. */
const BATCH_SAMPLES = 50_000;

const options = benchOptions({ what: ["crash,blocks", "crash,blocks"] });
const what = options.own.what.split(",");

interface CrashFigures {
  readonly emptyReadyMs: number;
  readonly readyMs: number;
  readonly lost: number;
  readonly sent: number;
  readonly residentSize: number;
}

async function crash(contender: Contender): Promise<CrashFigures | undefined> {
  await using server = await ServerProcess.start(contender, { core: SERVER_CORE });
  if (server === undefined) return undefined;
  const emptyReadyMs = server.readyMs;
  const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
  const scale = options.quick ? 0.1 : 1;
  const work = workloadW1({ hosts: 1000 * scale, rounds: 40, endMs });
  using sender = new Sender(server.url + contender.writePath);
  for (let round = 0; round < work.rounds; round++) {
    progress(`${contender.name}: round ${round + 1} of ${work.rounds}`);
    await sender.send([...work.bodies(round)]);
  }
  await server.stop("SIGKILL");
  progress(`${contender.name}: starts again`);
  await server.restart();
  const { readyMs } = server;
  const { residentSize } = server.memory();
  const found = await countBack(server, METRICS, endMs, (work.rounds + 1) * STEP_MS);
  endProgress();
  const lost = work.sampleCount - found.samples;
  return { emptyReadyMs, readyMs, lost, sent: work.sampleCount, residentSize };
}

interface Blocks {
  readonly count: number;
  /** In each of them; all have the same ones. */
  readonly series: number;
}

interface BlockFigures {
  readonly readyMs: number;
  readonly residentSize: number;
}

/** A data folder with so many blocks, of two samples a series each, and nothing in memory. */
async function writeBlocks(folder: string, { count, series }: Blocks): Promise<void> {
  const kernels = await Kernels.load();
  const table = new SeriesTable(kernels, { seed: 1 });
  const store = await openStore({
    ...{ disk: nodeDisk(folder), clock: systemClock, kernels, table },
    retentionMs: Number.POSITIVE_INFINITY,
  });
  await using _ = store;
  const labelSets = Array.from({ length: series }, (_, at) =>
    labelsFrom({
      __name__: "small",
      job: "blocks",
      instance: `host-${at}`,
      path: `/api/${at % 97}`,
    }),
  );
  const lastMs = Math.floor(Date.now() / BLOCK_RANGE_MS) * BLOCK_RANGE_MS;
  for (let block = 0; block < count; block++) {
    const startMs = lastMs - (count - block + 2) * BLOCK_RANGE_MS;
    await append(store, labelSets, startMs + 60_000);
    await append(store, labelSets, startMs + 75_000);
    // Before memory is full of them.
    if (block % 20 === 19) await store.flush();
    progress(`block ${block + 1} of ${count}`);
  }
  // Series that have had no sample for hours end, so that the log is empty.
  await append(store, [labelsFrom({ __name__: "last", job: "blocks" })], lastMs);
  await store.flush();
  endProgress();
}

async function append(
  store: EmbeddedStore,
  labelSets: readonly Labels[],
  timestampMs: number,
): Promise<void> {
  for (let from = 0; from < labelSets.length; from += BATCH_SAMPLES) {
    const part = labelSets.slice(from, from + BATCH_SAMPLES);
    await store.append({
      labelSets: part,
      series: Uint32Array.from(part.keys()),
      timestampsMs: new Float64Array(part.length).fill(timestampMs),
      values: Float64Array.from(part, (_, at) => at),
      stale: null,
    });
  }
}

async function startWith(template: string): Promise<BlockFigures | undefined> {
  const folder = await temporaryFolder("blocks");
  try {
    // A copy, since a server that runs merges blocks.
    await cp(template, join(folder, "data"), { recursive: true });
    const flags = ["--retention", "10y"];
    await using server = await ServerProcess.start(pharos, { core: SERVER_CORE, folder, flags });
    return server && { readyMs: server.readyMs, residentSize: server.memory().residentSize };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (what.includes("crash")) {
  const results = await compare(options.contenders, options, crash);
  printTable<CrashFigures>("kill -9, start again", results, [
    { title: "ready ms, empty", digits: 0, of: (f) => f.emptyReadyMs },
    { title: "ready ms, after", digits: 0, of: (f) => f.readyMs, ratio: true },
    { title: "acknowledged", digits: 0, of: (f) => f.sent },
    { title: "lost", digits: 0, of: (f) => f.lost },
    { title: "lost %", digits: 1, of: (f) => (100 * f.lost) / f.sent },
    { title: "RSS MiB", digits: 0, of: (f) => f.residentSize / MIB },
  ]);
}
if (what.includes("blocks")) {
  const scale = options.quick ? 0.1 : 1;
  const cases: readonly Blocks[] = [
    { count: 10, series: 1000 },
    { count: 2000 * scale, series: 1000 },
    { count: 10, series: 200_000 * scale },
  ];
  await using stack = new AsyncDisposableStack();
  const templates: { name: string; folder: string }[] = [];
  for (const blocks of cases) {
    const folder = await temporaryFolder("template");
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    await writeBlocks(folder, blocks);
    templates.push({ name: `${blocks.count} blocks x ${blocks.series} series`, folder });
  }
  const runs = { ...options, runs: Math.max(3, options.runs) };
  const results = await compare(templates, runs, ({ folder }) => startWith(folder));
  printTable<BlockFigures>("pharos with", results, [
    { title: "ready ms", digits: 0, of: (f) => f.readyMs, ratio: true },
    { title: "RSS MiB", digits: 0, of: (f) => f.residentSize / MIB },
  ]);
}
printVersions(options.contenders);
