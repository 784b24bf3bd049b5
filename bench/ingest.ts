// Ingest by remote write, side by side: CPU seconds of the server process, background work included, and its memory.
// `npm run bench:ingest` runs W1 (100,000 series × 40 rounds) and W2 (1,000,000 × 5); `-- --workload w1` only the one.
import { benchOptions, printVersions, SERVER_CORE } from "./bench-options.ts";
import { compare, endProgress, percentile, printTable, progress } from "./comparison.ts";
import type { Contender } from "./contenders.ts";
import { countBack } from "./query.ts";
import { Sender } from "./sender.ts";
import { ServerProcess } from "./server-process.ts";
import { METRICS, SERIES_PER_BODY, STEP_MS, type W1, workloadW1 } from "./workload-w1.ts";

/** Bodies are made so many at a time, before they are sent: making them would else pace the servers. */
const BODIES_AT_ONCE = 200_000 / SERIES_PER_BODY;
const MIB = 1024 ** 2;

interface Workload {
  readonly name: string;
  readonly hosts: number;
  readonly rounds: number;
  /** Whether all background work of the first round is counted to it, and not to the others. */
  readonly quietAfterFirst: boolean;
}

interface Figures {
  readonly cpuPerMillion: number;
  /** Of the first round, whose series are all new. */
  readonly cpuPerMillionNew: number;
  readonly cpuPerMillionAfter: number;
  readonly residentSize: number;
  readonly fileSize: number;
  readonly peakSize: number;
  readonly residentPerSeries: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const options = benchOptions({
  workload: ["w1,w2", "w1,w2"],
  hosts: ["0", "0"],
  rounds: ["0", "0"],
});
const scale = options.quick ? 0.1 : 1;
const workloads: Workload[] = [
  { name: "w1", hosts: 1000 * scale, rounds: 40 * scale, quietAfterFirst: false },
  { name: "w2", hosts: 10_000 * scale, rounds: 5, quietAfterFirst: true },
]
  .filter(({ name }) => options.own.workload.split(",").includes(name))
  .map((each) => ({
    ...each,
    hosts: Number(options.own.hosts) || each.hosts,
    rounds: Number(options.own.rounds) || each.rounds,
  }));

async function measure(
  contender: Contender,
  { name, hosts, rounds, quietAfterFirst }: Workload,
): Promise<Figures | undefined> {
  await using server = await ServerProcess.start(contender, { core: SERVER_CORE });
  if (server === undefined) return undefined;
  const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
  const work = workloadW1({ hosts, rounds, endMs });
  using sender = new Sender(server.url + contender.writePath);
  const idleCpu = server.cpuSeconds();
  let firstRoundCpu = 0;
  for (let round = 0; round < rounds; round++) {
    progress(`${name} ${contender.name}: round ${round + 1} of ${rounds}`);
    for (const bodies of chunked(work.bodies(round))) await sender.send(bodies);
    if (round > 0) continue;
    if (quietAfterFirst) await server.quiet();
    firstRoundCpu = server.cpuSeconds() - idleCpu;
  }
  progress(`${name} ${contender.name}: until it is quiet`);
  await server.quiet();
  const cpu = server.cpuSeconds() - idleCpu;
  // Before the samples are counted back, which takes memory.
  const memory = server.memory();
  await checkAllFound(server, work, endMs);
  endProgress();
  const { seriesCount, sampleCount } = work;
  return {
    cpuPerMillion: cpu / (sampleCount / 1e6),
    cpuPerMillionNew: firstRoundCpu / (seriesCount / 1e6),
    cpuPerMillionAfter: (cpu - firstRoundCpu) / ((sampleCount - seriesCount) / 1e6),
    ...memory,
    residentPerSeries: memory.residentSize / seriesCount,
    p50Ms: percentile(sender.latenciesMs, 50),
    p99Ms: percentile(sender.latenciesMs, 99),
  };
}

/** Lost samples would be missing, doubled ones too many; and each series must be there. */
async function checkAllFound(server: ServerProcess, work: W1, endMs: number): Promise<void> {
  const found = await countBack(server, METRICS, endMs, (work.rounds + 1) * STEP_MS);
  const counted = `${found.samples} samples of ${found.series} series`;
  const sent = `${work.sampleCount} samples of ${work.seriesCount} series`;
  if (counted !== sent) throw new Error(`${server.program.name}: sent ${sent}, found ${counted}`);
}

function* chunked(bodies: Iterable<Uint8Array>): Generator<readonly Uint8Array[]> {
  let chunk: Uint8Array[] = [];
  for (const body of bodies) {
    chunk.push(body);
    if (chunk.length < BODIES_AT_ONCE) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

for (const workload of workloads) {
  const { name, hosts, rounds } = workload;
  const results = await compare(options.contenders, options, (each) => measure(each, workload));
  const million = workload.quietAfterFirst ? "M new series" : "M, round 1";
  printTable<Figures>(`${name}: ${hosts * 100} series x ${rounds}`, results, [
    { title: "CPU-s/M samples", digits: 3, of: (f) => f.cpuPerMillion, ratio: true },
    { title: `CPU-s/${million}`, digits: 2, of: (f) => f.cpuPerMillionNew, ratio: true },
    { title: "CPU-s/M after", digits: 3, of: (f) => f.cpuPerMillionAfter, ratio: true },
    { title: "RSS MiB", digits: 0, of: (f) => f.residentSize / MIB, ratio: true },
    { title: "of it files", digits: 0, of: (f) => f.fileSize / MIB },
    { title: "peak", digits: 0, of: (f) => f.peakSize / MIB },
    { title: "RSS B/series", digits: 0, of: (f) => f.residentPerSeries },
    { title: "p50 ms", digits: 1, of: (f) => f.p50Ms },
    { title: "p99 ms", digits: 1, of: (f) => f.p99Ms },
  ]);
  process.stdout.write("Every sample sent was found again in each.\n");
}
printVersions(options.contenders);
