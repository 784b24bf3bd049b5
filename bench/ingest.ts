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
    await send(server.url + contender.writePath, work.bodies(round), latenciesMs);
    if (round === 0) firstRoundCpu = server.cpuSeconds() - idleCpu;
    process.stderr.write(`\r${contender.name}: round ${round + 1} of ${work.rounds}   `);
  }
  await server.quiet();
  const cpu = server.cpuSeconds() - idleCpu;
  const residentMiB = server.residentMiB();
  process.stderr.write("\n");

  const found = await countBack(server.url, Math.ceil((work.rounds * 15) / 60) + 5);
  if (found !== work.sampleCount)
    throw new Error(`${contender.name}: sent ${work.sampleCount} samples, found ${found}`);

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
  bodies: Iterable<Uint8Array>,
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

/** Asks the server how many samples it has, metric by metric: `count_over_time` drops the name. */
async function countBack(url: string, minutes: number): Promise<number> {
  let count = 0;
  for (const metric of METRICS) {
    const query = `sum(count_over_time(${metric}{job="w1"}[${minutes}m]))`;
    const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
    const answer = (await response.json()) as {
      data?: { result?: { value?: [number, string] }[] };
      error?: string;
    };
    if (answer.error !== undefined) throw new Error(answer.error);
    count += Number(answer.data?.result?.[0]?.value?.[1] ?? 0);
  }
  return count;
}

const contenders = [pharos, victoriaMetrics, prometheus].filter(
  ({ name }) => options.only === undefined || options.only.split(",").includes(name),
);
const results = new Map<string, Figures[]>();
for (let run = 0; run < Number(options.runs); run++)
  for (const contender of contenders) {
    const figures = await measure(contender);
    if (figures === undefined)
      process.stdout.write(`${contender.name} is missing; see scripts/services.sh\n`);
    else results.set(contender.name, [...(results.get(contender.name) ?? []), figures]);
  }

const median = (list: readonly number[]): number =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
const ours = median((results.get("pharos") ?? []).map((each) => each.cpuPerMillion));
process.stdout.write(
  "\nserver             CPU-s/M samples   after round 1   RSS MiB   p50 ms   p99 ms   CPU against ours\n",
);
for (const { name } of contenders) {
  const runs = results.get(name);
  if (runs === undefined) continue;
  const column = (pick: (figures: Figures) => number, digits: number, width: number): string =>
    median(runs.map(pick)).toFixed(digits).padStart(width);
  process.stdout.write(
    `${name.padEnd(18)}${column((f) => f.cpuPerMillion, 3, 16)}${column((f) => f.steadyCpuPerMillion, 3, 16)}` +
      `${column((f) => f.residentMiB, 0, 10)}${column((f) => f.p50Ms, 1, 9)}${column((f) => f.p99Ms, 1, 9)}` +
      `${(median(runs.map((f) => f.cpuPerMillion)) / ours).toFixed(1).padStart(17)}×\n`,
  );
}
for (const contender of contenders) process.stdout.write(`${contender.version()}\n`);
