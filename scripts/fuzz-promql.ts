// Makes as many PromQL texts as wanted, right ones and broken ones, and checks for each what the parser promises:
// `npm run fuzz:promql -- --runs 1000000 [--from 0] [--jobs 2]`. Every text comes from a number, which is named where
// something fails. Ends with status 1 where something did, or where the parser did not come back.
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { checkText, fuzzText } from "../packages/promql/test/syntax-fuzz.ts";
import { scriptOptions } from "./script-options.ts";

/** After so many failures one knows enough. */
const FAILURES_MAX = 10;
/** How many texts a thread does before it reports and asks for more. */
const PORTION = 2000;
/** How long a thread may be silent: a portion takes a second or two. */
const SILENCE_SECONDS_MAX = 60;

interface Portion {
  readonly from: number;
  readonly to: number;
}

interface Failure {
  readonly seed: number;
  readonly reason: string;
}

interface Done {
  readonly parsed: number;
  readonly refused: number;
  readonly slowestMs: number;
  readonly slowestSeed: number;
  readonly failures: readonly Failure[];
}

function runPortion({ from, to }: Portion): Done {
  const counts = { parsed: 0, refused: 0 };
  const failures: Failure[] = [];
  let slowestMs = 0;
  let slowestSeed = from;
  for (let seed = from; seed < to; seed++) {
    const text = fuzzText(seed);
    const startMs = performance.now();
    try {
      counts[checkText(text)]++;
    } catch (error) {
      failures.push({ seed, reason: error instanceof Error ? (error.stack ?? "") : String(error) });
    }
    const tookMs = performance.now() - startMs;
    if (tookMs <= slowestMs) continue;
    // Once more: the first time may have been somebody else's.
    const againMs = Math.min(tookMs, timeOf(text));
    if (againMs <= slowestMs) continue;
    slowestMs = againMs;
    slowestSeed = seed;
  }
  return { ...counts, slowestMs, slowestSeed, failures };
}

function timeOf(text: string): number {
  const startMs = performance.now();
  try {
    checkText(text);
  } catch {
    // It has been reported.
  }
  return performance.now() - startMs;
}

/** What has been done by all threads so far. */
class Tally {
  done = 0;
  parsed = 0;
  failed = 0;
  slowest = { ms: 0, seed: 0 };
  readonly #startMs = performance.now();
  #reportedMs = this.#startMs;

  add(portion: Portion, result: Done): void {
    this.done += portion.to - portion.from;
    this.parsed += result.parsed;
    if (result.slowestMs > this.slowest.ms)
      this.slowest = { ms: result.slowestMs, seed: result.slowestSeed };
    for (const { seed, reason } of result.failures)
      this.fail(`FAILS ${seed}: ${JSON.stringify(fuzzText(seed))}\n${reason}`);
    if (performance.now() - this.#reportedMs > 10_000) this.report();
  }

  fail(message: string): void {
    this.failed++;
    console.log(message);
  }

  report(): void {
    this.#reportedMs = performance.now();
    const seconds = Math.round((this.#reportedMs - this.#startMs) / 1000);
    const share = this.done === 0 ? 0 : Math.round((this.parsed / this.done) * 100);
    const { done, failed } = this;
    console.log(`${done} texts in ${seconds} s, ${share}% of them queries, ${failed} failures`);
  }
}

async function main(): Promise<void> {
  const { values } = scriptOptions({
    options: {
      runs: { type: "string", default: "100000" },
      from: { type: "string", default: "0" },
      jobs: { type: "string", default: "2" },
    },
  });
  const from = Number(values.from);
  const to = from + Number(values.runs);
  const jobs = Number(values.jobs);
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || !(jobs >= 1))
    throw new Error("--runs, --from and --jobs are whole numbers");

  const tally = new Tally();
  let next = from;
  const nextPortion = (): Portion | undefined => {
    if (next >= to || tally.failed >= FAILURES_MAX) return undefined;
    const portion = { from: next, to: Math.min(to, next + PORTION) };
    next = portion.to;
    return portion;
  };
  await Promise.all(Array.from({ length: jobs }, () => runThread(nextPortion, tally)));

  tally.report();
  const { ms, seed } = tally.slowest;
  const length = fuzzText(seed).length;
  console.log(`slowest: ${Math.round(ms)} ms for all checks of ${length} characters (${seed})`);
  if (tally.failed > 0) process.exitCode = 1;
}

/** One thread with one portion after another, until there are none or it is silent for too long. */
async function runThread(nextPortion: () => Portion | undefined, tally: Tally): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: "fuzzing" });
  let portion = nextPortion();
  try {
    for (; portion !== undefined; portion = nextPortion()) {
      worker.postMessage(portion);
      const [result] = (await once(worker, "message", {
        signal: AbortSignal.timeout(SILENCE_SECONDS_MAX * 1000),
      })) as [Done];
      tally.add(portion, result);
    }
  } catch (error) {
    const what = error instanceof Error && error.name === "AbortError" ? "HANGS" : String(error);
    tally.fail(`${what} somewhere from ${portion?.from} up to ${portion?.to}`);
  } finally {
    await worker.terminate();
  }
}

if (!isMainThread && workerData === "fuzzing")
  parentPort?.on("message", (portion: Portion) => parentPort?.postMessage(runPortion(portion)));
else await main();
