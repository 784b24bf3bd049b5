// Ingest by remote write, side by side: CPU seconds of the server process per million samples, background work
// included, and its resident memory. `npm run bench:ingest -- --hosts 1000 --rounds 40 --runs 1`.
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";
import {
  type Contender,
  pharos,
  prometheus,
  ServerProcess,
  victoriaMetrics,
} from "./server-process.ts";
import { METRICS, workloadW1 } from "./workload-w1.ts";

/** Keep-alive connections with one request in flight each. */
const CONNECTIONS = 4;
/** The servers' core; this process, which makes the load, is free to use the other. */
const SERVER_CORE = 0;

const { values: options } = parseArgs({
  options: {
    hosts: { type: "string", default: "1000" },
    rounds: { type: "string", default: "40" },
    runs: { type: "string", default: "1" },
    // A run of each that is not counted, before the others: file caches and the processor's clock settle.
    "warm-up": { type: "boolean", default: false },
    only: { type: "string" },
  },
});

interface Figures {
  readonly cpuPerMillion: number;
  readonly steadyCpuPerMillion: number;
  readonly residentMiB: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measure(contender: Contender): Promise<Figures | undefined> {
  await using server = await ServerProcess.start(contender, SERVER_CORE);
  if (server === undefined) return undefined;
  const work = workloadW1({
    hosts: Number(options.hosts),
    rounds: Number(options.rounds),
    endMs: Math.floor(Date.now() / 15_000) * 15_000,
  });
  const idleCpu = server.cpuSeconds();
  const latenciesMs: number[] = [];
  let firstRoundCpu = 0;
  for (let round = 0; round < work.rounds; round++) {
    // Made before they are sent: making them takes longer than taking them in, and would pace the servers.
    const bodies = [...work.bodies(round)];
    await send(server.url + contender.writePath, bodies, latenciesMs);
    if (round === 0) firstRoundCpu = server.cpuSeconds() - idleCpu;
    process.stderr.write(`\r${contender.name}: round ${round + 1} of ${work.rounds}   `);
  }
  await server.quiet();
  const cpu = server.cpuSeconds() - idleCpu;
  const residentMiB = server.residentMiB();
  process.stderr.write("\n");

  // Lost samples are missing here, doubled ones too many; and each series must be there.
  const found = await countBack(server.url, Math.ceil((work.rounds * 15) / 60) + 5);
  const counted = `${found.samples} samples of ${found.series} series`;
  const sent = `${work.sampleCount} samples of ${work.seriesCount} series`;
  if (counted !== sent) throw new Error(`${contender.name}: sent ${sent}, found ${counted}`);
  process.stdout.write(`${contender.name}: sent and found ${sent}\n`);

  latenciesMs.sort((a, b) => a - b);
  const millions = work.sampleCount / 1e6;
  const steadyMillions = (work.sampleCount - work.seriesCount) / 1e6;
  return {
    cpuPerMillion: cpu / millions,
    steadyCpuPerMillion: (cpu - firstRoundCpu) / steadyMillions,
    residentMiB,
    p50Ms: latenciesMs[Math.floor(latenciesMs.length * 0.5)] ?? 0,
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0,
  };
}

async function send(
  url: string,
  bodies: readonly Uint8Array[],
  latenciesMs: number[],
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const source = bodies[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = source.next(); next.done !== true; next = source.next()) {
      const started = performance.now();
      await post(url, next.value, agent);
      latenciesMs.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  agent.destroy();
}

function post(url: string, body: Uint8Array, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/x-protobuf",
      "content-encoding": "snappy",
      "x-prometheus-remote-write-version": "0.1.0",
      "content-length": body.length,
    };
    const outgoing = request(url, { method: "POST", agent, headers }, (response) => {
      response.resume();
      response.on("end", () =>
        response.statusCode !== undefined && response.statusCode < 300
          ? resolve()
          : reject(new Error(`${url} answered ${response.statusCode}`)),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** Asks the server how many samples and series it has, metric by metric: `count_over_time` drops the name. */
async function countBack(
  url: string,
  minutes: number,
): Promise<{ readonly samples: number; readonly series: number }> {
  let [samples, series] = [0, 0];
  for (const metric of METRICS) {
    const counts = `count_over_time(${metric}{job="w1"}[${minutes}m])`;
    samples += await queryNumber(url, `sum(${counts})`);
    series += await queryNumber(url, `count(${counts})`);
  }
  return { samples, series };
}

async function queryNumber(url: string, query: string): Promise<number> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
  const answer = (await response.json()) as {
    data?: { result?: { value?: [number, string] }[] };
    error?: string;
  };
  if (answer.error !== undefined) throw new Error(answer.error);
  return Number(answer.data?.result?.[0]?.value?.[1] ?? 0);
}

const contenders = [pharos, victoriaMetrics, prometheus].filter(
  ({ name }) => options.only === undefined || options.only.split(",").includes(name),
);
const results = new Map<string, Figures[]>();
const warmUps = options["warm-up"] ? 1 : 0;
for (let run = 0; run < warmUps + Number(options.runs); run++)
  for (const contender of contenders) {
    const figures = await measure(contender);
    if (figures === undefined)
      process.stdout.write(`${contender.name} is missing; see scripts/services.sh\n`);
    else if (run >= warmUps)
      results.set(contender.name, [...(results.get(contender.name) ?? []), figures]);
  }

const median = (list: readonly number[]): number | undefined =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const column = (value: number | undefined, digits: number, width: number): string =>
  (value?.toFixed(digits) ?? "n/a").padStart(width);
const ours = median((results.get("pharos") ?? []).map((each) => each.cpuPerMillion));
process.stdout.write(
  "\nserver             CPU-s/M samples   after round 1   RSS MiB   p50 ms   p99 ms   times our CPU\n",
);
for (const [name, runs] of results) {
  const of = (pick: (figures: Figures) => number): number | undefined => median(runs.map(pick));
  const cpu = of((f) => f.cpuPerMillion);
  const ratio = cpu === undefined || ours === undefined ? undefined : cpu / ours;
  const cells = [
    column(cpu, 3, 16),
    column(
      of((f) => f.steadyCpuPerMillion),
      3,
      16,
    ),
    column(
      of((f) => f.residentMiB),
      0,
      10,
    ),
    column(
      of((f) => f.p50Ms),
      1,
      9,
    ),
    column(
      of((f) => f.p99Ms),
      1,
      9,
    ),
    column(ratio, 1, 17),
  ];
  process.stdout.write(`${name.padEnd(18)}${cells.join("")}\n`);
}
for (const contender of contenders) process.stdout.write(`${contender.version()}\n`);
