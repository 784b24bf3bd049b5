// Runs the simulation of the storage engine with as many seeds as wanted, and says for each that fails which steps it
// needs for that: `npm run sim -- --seeds 10000 [--from 0] [--jobs 2]`. `npm run sim -- --flips` changes every byte of
// a data folder instead, and `npm run sim -- --dispatch --seeds 5000` simulates notifications: crashes, receivers that
// fail, full disks, clocks that jump, two servers; `--oncall` in its place escalations, `--cluster` servers that share no
// database. Ends with status 1 where something failed.
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Kernels } from "@pharos/kernels";
import { openStore } from "@pharos/tsdb";
import { simulateCluster } from "../packages/notify/test/cluster-world.ts";
import { simulateDispatch } from "../packages/notify/test/dispatch-world.ts";
import { simulateOnCall } from "../packages/notify/test/oncall-world.ts";
import { flipEveryByte } from "../packages/tsdb/test/flip-world.ts";
import { shrink } from "../packages/tsdb/test/sim-shrink.ts";
import { type SimCounts, simulate, zeroCounts } from "../packages/tsdb/test/store-sim.ts";
import { scriptOptions } from "./script-options.ts";

/** After so many failures one knows enough. */
const FAILURES_MAX = 10;
/** How many seeds a thread does before it asks for more. */
const PORTION = 10;

/** What lives in one thread, by its option. */
const WORLDS = {
  dispatch: simulateDispatch,
  oncall: simulateOnCall,
  cluster: simulateCluster,
} as const;
const WORLD_NAMES = ["dispatch", "oncall", "cluster"] as const;

interface Portion {
  readonly from: number;
  readonly to: number;
}

interface Failure {
  readonly seed: number;
  readonly text: string;
}

interface Done {
  readonly counts: SimCounts;
  readonly failures: readonly Failure[];
}

if (!isMainThread && workerData === "simulation") await serve();
else await main();

/** What a thread does: portions, one after another. */
async function serve(): Promise<void> {
  const kernels = await Kernels.load();
  parentPort?.on("message", (portion: Portion) => {
    void runPortion(kernels, portion).then((done) => parentPort?.postMessage(done));
  });
}

async function runPortion(kernels: Kernels, { from, to }: Portion): Promise<Done> {
  const counts = zeroCounts();
  const failures: Failure[] = [];
  for (let seed = from; seed < to; seed++)
    try {
      await simulate(openStore, kernels, seed, counts);
    } catch (error) {
      failures.push({ seed, text: await explain(seed, error) });
    }
  return { counts, failures };
}

/** The fewest steps that fail, for people. The memory of stores that failed is given up with their kernels. */
async function explain(seed: number, error: unknown): Promise<string> {
  const shrunk = await shrink(openStore, await Kernels.load(), seed);
  if (shrunk === undefined) return `not again by itself; first it was ${String(error)}`;
  const steps = shrunk.steps.map(([number, what]) => `${number}:${what}`).join(" ");
  const { error: last } = shrunk;
  return `${last instanceof Error ? last.stack : String(last)}\n  needs the steps ${steps || "(none)"}`;
}

async function main(): Promise<void> {
  const { values } = scriptOptions({
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "0" },
      jobs: { type: "string", default: "1" },
      flips: { type: "boolean", default: false },
      dispatch: { type: "boolean", default: false },
      oncall: { type: "boolean", default: false },
      cluster: { type: "boolean", default: false },
    },
  });
  if (values.flips) {
    const { bytes, files, lossless } = await flipEveryByte(1, showProgress("bytes"));
    process.stdout.write(
      `\n${bytes} bytes of ${files} files changed, one at a time: each was found and named, ` +
        `${lossless} cost nothing, none gave a wrong answer\n`,
    );
    return;
  }
  const [seeds, from, jobs] = [values.seeds, values.from, values.jobs].map(Number) as [
    number,
    number,
    number,
  ];
  if (!(seeds > 0 && from >= 0 && jobs > 0)) throw new TypeError("numbers, above 0");
  const world = WORLD_NAMES.find((name) => values[name]);
  if (world !== undefined) {
    const failed = await runHere(WORLDS[world], from, from + seeds);
    process.stdout.write(`\n${seeds} seeds, ${failed} failed\n`);
    if (failed > 0) process.exitCode = 1;
    return;
  }
  const { counts, failures } = await runSeeds(from, from + seeds, jobs);
  const figures = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(`\n${seeds} seeds, ${failures.length} failed\n${figures.join(", ")}\n`);
  if (failures.length > 0) process.exitCode = 1;
}

/** In this thread: for more, start it several times with other seeds. Gives how many failed. */
async function runHere(
  simulate: (seed: number) => Promise<void>,
  from: number,
  to: number,
): Promise<number> {
  const progress = showProgress("seeds");
  let failed = 0;
  for (let seed = from; seed < to && failed < FAILURES_MAX; seed++) {
    try {
      await simulate(seed);
    } catch (error) {
      failed++;
      process.stdout.write(`\n✖ seed ${seed}: ${error instanceof Error ? error.stack : error}\n`);
    }
    progress(seed - from + 1, to - from, failed);
  }
  return failed;
}

async function runSeeds(from: number, to: number, jobs: number): Promise<Done> {
  const counts = zeroCounts();
  const failures: Failure[] = [];
  const progress = showProgress("seeds");
  let next = from;
  let done = 0;
  const work = async (): Promise<void> => {
    const worker = new Worker(import.meta.filename, { workerData: "simulation" });
    try {
      while (next < to && failures.length < FAILURES_MAX) {
        const portion = { from: next, to: Math.min(next + PORTION, to) };
        next = portion.to;
        const result = await new Promise<Done>((resolve, reject) => {
          worker.once("error", reject);
          worker.once("message", (message: Done) => {
            worker.removeListener("error", reject);
            resolve(message);
          });
          worker.postMessage(portion);
        });
        failures.push(...result.failures);
        for (const { seed, text } of result.failures)
          process.stdout.write(`\n✖ seed ${seed}: ${text}\n`);
        addCounts(counts, result.counts);
        done += portion.to - portion.from;
        progress(done, to - from, failures.length);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return { counts, failures };
}

function addCounts(sum: SimCounts, counts: SimCounts): void {
  for (const name of Object.keys(sum) as (keyof SimCounts)[])
    sum[name] = name === "blocksMax" ? Math.max(sum[name], counts[name]) : sum[name] + counts[name];
}

/** A line that is written over, or one every now and then where that is not possible. */
function showProgress(unit: string): (done: number, total: number, failed?: number) => void {
  const { isTTY } = process.stderr;
  let shownPercent = -1;
  return (done, total, failed = 0) => {
    const percent = Math.floor((done / total) * 100);
    if (percent === shownPercent || (!isTTY && percent % 5 > 0)) return;
    shownPercent = percent;
    const bar = "█".repeat(Math.floor(percent / 4)).padEnd(25, "░");
    const line = `${bar} ${percent} %, ${done} of ${total} ${unit}, ${failed} failed`;
    process.stderr.write(isTTY ? `\r${line}` : `${line}\n`);
  };
}
