// A long run of ours under load: 200,000 samples a second by remote write, with queries beside it. Fails if memory grows
// after the warm-up, if the event loop of `main` stalls, if the load is not kept up with, or if a sample is missing at the
// end. `npm run soak -- --minutes 60`.
//
// However long it runs it writes the same 15 hours of data, 3,600 rounds at 15 s that end now, with as many series as make
// the rate. So the head fills and is moved to blocks several times, which in real time takes a day.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { scriptOptions } from "../scripts/script-options.ts";
import { formatRows } from "./comparison.ts";
import { pharos } from "./contenders.ts";
import { LoadBody } from "./load-body.ts";
import { queryNumber } from "./query.ts";
import { Sender } from "./sender.ts";
import { ServerProcess } from "./server-process.ts";
import { METRICS, STEP_MS, w1LabelSets, w1Values } from "./workload-w1.ts";

const ROUNDS = 3600;
const SERIES_PER_HOST = 100;
const SERIES_PER_BODY = 2000;
/** Requests under way at a time. */
const LANES_MAX = 4;
const MIB = 1024 ** 2;
/** The share of the run after which memory must be flat: five hours of data, when the head has been flushed twice. */
const WARM_UP_SHARE = 1 / 3;
/** How much more memory there may be at the end than after the warm-up, by the line through all measurements. */
const GROWTH_MAX = 0.1;
const STALL_SECONDS_MAX = 0.1;
/** A body refused for a full queue is sent again so often, as senders do. */
const ATTEMPTS_MAX = 100;
const RETRY_MS = 50;
/** From one query to the next. */
const QUERY_PAUSE_MS = 200;

const { values: options } = scriptOptions({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "200000" },
    "sample-seconds": { type: "string", default: "10" },
  },
});

interface Measurement {
  readonly seconds: number;
  readonly samplesPerSecond: number;
  readonly residentSize: number;
  readonly stallSeconds: number;
  readonly cpuShare: number;
  readonly queryMs: number;
  readonly diskSize: number;
}

const durationMs = Number(options.minutes) * 60_000;
const hosts = Math.max(
  1,
  Math.round((Number(options.rate) * (durationMs / 1000)) / ROUNDS / SERIES_PER_HOST),
);
const labelSets = w1LabelSets(hosts);
const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
const timeOf = (round: number): number => endMs - (ROUNDS - 1 - round) * STEP_MS;

await using server = await ServerProcess.start(pharos);
if (server === undefined) throw new Error("Pharos could not be started");
using sender = new Sender(server.url + pharos.writePath);
const state = { round: 0, sent: 0, retried: 0, queries: 0, queryMs: 0, done: false };

process.stdout.write(
  `${pharos.version()}: ${labelSets.length} series, ${options.minutes} minutes, ${options.rate} samples/s\n`,
);
const started = performance.now();
const measurements: Measurement[] = [];
const writing = write();
await Promise.all([writing, query(server), measure(server)]);
const seconds = await writing;
report(measurements, seconds, await missingSamples(server));

/** Sends round after round, each body when its time has come, so that the load is even. Answers how long it took. */
async function write(): Promise<number> {
  const values = w1Values(labelSets.length);
  const bodies: LoadBody[] = [];
  for (let first = 0; first < labelSets.length; first += SERIES_PER_BODY)
    bodies.push(new LoadBody(labelSets.slice(first, first + SERIES_PER_BODY), first));
  // A body belongs to one lane, which writes it anew only when the server has taken it.
  const laneCount = Math.min(LANES_MAX, bodies.length);
  const lane = async (first: number): Promise<void> => {
    for (let round = 0; round < ROUNDS; round++)
      for (let at = first; at < bodies.length; at += laneCount) {
        const dueMs = ((round + at / bodies.length) / ROUNDS) * durationMs;
        const earlyMs = dueMs - (performance.now() - started);
        if (earlyMs > 1) await sleep(earlyMs);
        const body = bodies[at] as LoadBody;
        await post(body.at(timeOf(round), values));
        state.round = round;
        state.sent += body.seriesCount;
      }
  };
  await Promise.all(Array.from({ length: laneCount }, (_, at) => lane(at)));
  state.done = true;
  return (performance.now() - started) / 1000;
}

async function post(body: Uint8Array): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      await sender.post(body);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !/ answered 503/.test(String(error))) throw error;
      state.retried++;
      await sleep(RETRY_MS);
    }
}

/** What dashboards ask, at the newest data, one after another. */
async function query(asked: ServerProcess): Promise<void> {
  const instants = [
    "sum by (code) (rate(http_requests_total[5m]))",
    "topk(10, rate(process_cpu_seconds_total[5m]))",
    "count(temperature_celsius)",
  ];
  const ranges = [
    'sum(rate(http_requests_total{service="service-1"}[5m]))',
    'max by (instance) (temperature_celsius{service="service-2"})',
  ];
  for (let at = 0; !state.done; at++) {
    const end = timeOf(state.round) / 1000;
    const begun = performance.now();
    const form =
      at % 2 === 0
        ? { query: instants[(at / 2) % instants.length] ?? "", time: String(end) }
        : {
            query: ranges[((at - 1) / 2) % ranges.length] ?? "",
            ...{ start: String(end - 3600), end: String(end), step: "30" },
          };
    const path = at % 2 === 0 ? "/api/v1/query" : "/api/v1/query_range";
    await asked.ask(path, { method: "POST", body: new URLSearchParams(form) });
    state.queries++;
    state.queryMs += performance.now() - begun;
    await sleep(QUERY_PAUSE_MS);
  }
}

async function measure(measured: ServerProcess): Promise<void> {
  const everySeconds = Number(options["sample-seconds"]);
  let before = { seconds: 0, sent: 0, cpu: measured.cpuSeconds(), queries: 0, queryMs: 0 };
  // Resets the greatest delay, which the start belongs to.
  await measured.ask("/metrics");
  printRow(["", "samples/s", "RSS MiB", "stall ms", "CPU", "query ms", "disk MiB", "retried"]);
  while (!state.done) {
    await Promise.race([sleep(everySeconds * 1000), writing]);
    const metrics = await measured.ask("/metrics");
    const seconds = (performance.now() - started) / 1000;
    const now = { ...state, seconds, cpu: measured.cpuSeconds() };
    const passed = seconds - before.seconds;
    const measurement: Measurement = {
      seconds,
      samplesPerSecond: (now.sent - before.sent) / passed,
      residentSize: measured.memory().residentSize,
      stallSeconds: longestDelay(metrics),
      cpuShare: (now.cpu - before.cpu) / passed,
      queryMs: (now.queryMs - before.queryMs) / (now.queries - before.queries),
      diskSize: sizeOf(measured.folder),
    };
    before = now;
    measurements.push(measurement);
    printRow([
      `${seconds.toFixed(0)} s`,
      measurement.samplesPerSecond.toFixed(0),
      (measurement.residentSize / MIB).toFixed(0),
      (measurement.stallSeconds * 1000).toFixed(0),
      measurement.cpuShare.toFixed(2),
      measurement.queryMs.toFixed(0),
      (measurement.diskSize / MIB).toFixed(0),
      String(state.retried),
    ]);
  }
}

function printRow(cells: readonly string[]): void {
  process.stdout.write(formatRows([cells.map((cell) => cell.padStart(9))]));
}

/** The longest that `main` was away since the last look. */
function longestDelay(metrics: string): number {
  const line =
    /^nodejs_eventloop_delay_seconds\{(?=[^}]*percentile="100")(?![^}]*thread="(?!main))[^}]*\} (.+)$/m;
  const text = line.exec(metrics)?.[1];
  if (text === undefined) throw new Error("/metrics does not say how late the event loop was");
  return Number(text);
}

/** Files may go while they are looked at. */
function sizeOf(folder: string): number {
  let size = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile())
      size += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  return size;
}

/** How many samples of each thousandth host or so cannot be found. */
async function missingSamples(asked: ServerProcess): Promise<number> {
  let missing = 0;
  for (let host = 0; host < hosts; host += Math.ceil(hosts / 10)) {
    const { instance = "" } = labelSets[host * SERIES_PER_HOST] ?? {};
    const matcher = `{instance="${instance}"}[${(ROUNDS + 1) * (STEP_MS / 1000)}s]`;
    for (const metric of METRICS) {
      const sum = `sum(count_over_time(${metric}${matcher}))`;
      const found = await queryNumber(asked, sum, endMs);
      missing += (SERIES_PER_HOST / METRICS.length) * ROUNDS - found;
    }
  }
  return missing;
}

function report(all: readonly Measurement[], seconds: number, missing: number): void {
  const warm = all.filter((each) => each.seconds * 1000 >= durationMs * WARM_UP_SHARE);
  const growth = growthOf(warm.map((each) => [each.seconds, each.residentSize]));
  const stall = Math.max(...all.map(({ stallSeconds }) => stallSeconds));
  const rate = state.sent / seconds;
  const wanted = labelSets.length * ROUNDS;
  const findings: readonly (readonly [what: string, good: boolean])[] = [
    [`memory after the warm-up changed by ${(growth * 100).toFixed(1)} %`, growth <= GROWTH_MAX],
    [`the longest stall of main was ${(stall * 1000).toFixed(0)} ms`, stall <= STALL_SECONDS_MAX],
    [
      `${state.sent} samples were taken, ${rate.toFixed(0)} a second`,
      state.sent === wanted && rate >= 0.95 * Number(options.rate),
    ],
    [`${missing} of the samples looked for were missing`, missing === 0],
    [`${state.queries} queries were answered`, state.queries > 0],
  ];
  process.stdout.write("\n");
  for (const [what, good] of findings) process.stdout.write(`${good ? "good" : "BAD "} ${what}\n`);
  if (!findings.every(([, good]) => good)) process.exitCode = 1;
}

/** How much the line through the points rises from the first to the last, as a share of their mean. */
function growthOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1): number => points.reduce((sum, p) => sum + p[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  let [covariance, variance] = [0, 0];
  for (const [x, y] of points) {
    covariance += (x - meanX) * (y - meanY);
    variance += (x - meanX) ** 2;
  }
  if (variance === 0) return 0;
  const spanX = (points.at(-1)?.[0] ?? 0) - (points[0]?.[0] ?? 0);
  return ((covariance / variance) * spanX) / meanY;
}
