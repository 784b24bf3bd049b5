// Rules side by side: 10,000 alerting rules over 100,000 series that go on growing, the same files for all: what a round
// of them takes, whether rounds are missed, and how many rules a second there could be. `npm run bench:rules`.
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { benchOptions, printVersions } from "./bench-options.ts";
import { compare, endProgress, printTable, progress } from "./comparison.ts";
import {
  type Contender,
  findProgram,
  pharos,
  prometheus,
  versionOf,
  victoriaMetrics,
} from "./contenders.ts";
import { Sender } from "./sender.ts";
import { type Program, ServerProcess, temporaryFolder } from "./server-process.ts";
import { STEP_MS, workloadW1 } from "./workload-w1.ts";

const MIB = 1024 ** 2;
/** Rounds of samples before the rules begin: `rate` over five minutes finds all of its samples. */
const HISTORY_ROUNDS = 21;
/** A group whose interval is so short is always behind: how many rules there could be. */
const FLAT_OUT_INTERVAL = "1s";

const options = benchOptions({
  hosts: ["1000", "100"],
  groups: ["100", "10"],
  rules: ["100", "100"],
  /** Rounds of rules that are measured. */
  rounds: ["4", "2"],
  "flat-out-seconds": ["15", "5"],
});
const hosts = Number(options.own.hosts);
const groupCount = Number(options.own.groups);
const rulesPerGroup = Number(options.own.rules);
const ruleCount = groupCount * rulesPerGroup;

/** What is measured of rules: counts since the start. */
interface RuleCounts {
  readonly evaluations: number;
  readonly missed: number;
}

interface RuleFigures {
  /** Of all cores, for one round of rules, beside taking the samples of an interval. */
  readonly cpuSecondsPerRound: number;
  readonly ingestCpuSeconds: number;
  /** Rules that were evaluated per interval, of those that there are. */
  readonly evaluatedPart: number;
  readonly missed: number;
  readonly rulesPerSecond: number;
  readonly firing: number;
  readonly residentSize: number;
}

/** One rule of a group: what people write, in the proportions in which they do. */
function ruleExpr(group: number, rule: number): string {
  const host = (group * rulesPerGroup + rule) % hosts;
  const instance = `instance="host-${String(host).padStart(4, "0")}.example.internal:9100"`;
  const service = `service="service-${host % 50}"`;
  const kind = rule % 10;
  if (kind < 4) return `temperature_celsius{${instance}} > 29.9`;
  if (kind < 6) return `rate(http_requests_total{${instance}}[5m]) > 2.2`;
  if (kind === 6) return `sum by (code) (rate(http_requests_total{${service}}[5m])) > 1000`;
  if (kind === 7) return `avg by (region) (queue_latency_seconds{${service}}) > 5.8`;
  if (kind === 8)
    return `process_resident_memory_bytes{${instance}} / 1024 / 1024 > 170 and on (instance) build_info{${instance}, method="GET"} == 1`;
  // A tenth of these always fire.
  return `count(config_reload_success{${instance}, code="200"} == 1) > ${rule === 99 ? 0 : 5}`;
}

/** The rule file: alerts only, with labels and annotations as people have them. */
function ruleFile(interval: string): string {
  const lines = ["groups:"];
  for (let group = 0; group < groupCount; group++) {
    lines.push(`  - name: group-${group}`, `    interval: ${interval}`, "    rules:");
    for (let rule = 0; rule < rulesPerGroup; rule++)
      lines.push(
        `      - alert: Rule${group}x${rule}`,
        `        expr: ${JSON.stringify(ruleExpr(group, rule))}`,
        "        for: 30s",
        "        labels: { severity: page }",
        `        annotations: { summary: "{{ $labels.instance }} is at {{ $value | humanize }}" }`,
      );
  }
  return `${lines.join("\n")}\n`;
}

/** A server and what evaluates rules on it: the same process, or one beside it. */
interface RuleContender {
  readonly name: string;
  readonly server: Contender;
  /** Evaluates the rules of a file; undefined where the server does so itself, by its configuration. */
  readonly evaluator?: (server: ServerProcess<Contender>, file: string) => Program;
  counts(text: string): RuleCounts;
}

const pharosRules: RuleContender = {
  name: "pharos",
  server: pharos,
  counts: (text) => ({
    evaluations: sumOf(text, "pharos_rule_evaluations_total"),
    missed: sumOf(text, "pharos_rule_group_iterations_missed_total"),
  }),
};

const prometheusRules: RuleContender = {
  name: "prometheus",
  server: prometheus,
  counts: (text) => ({
    evaluations: sumOf(text, "prometheus_rule_evaluations_total"),
    missed: sumOf(text, "prometheus_rule_group_iterations_missed_total"),
  }),
};

/** Takes the alerts that vmalert, which wants somewhere to send them, sends. */
const blackHole = await listenToNothing();

const vmalertRules: RuleContender = {
  name: "victoria-metrics",
  server: victoriaMetrics,
  evaluator: (server, file) => ({
    name: "vmalert",
    async command({ port }) {
      const program = findProgram("vmalert");
      return program === undefined
        ? undefined
        : [
            ...[program, `-rule=${file}`, `-httpListenAddr=127.0.0.1:${port}`],
            ...[`-datasource.url=${server.url}`, `-remoteWrite.url=${server.url}`],
            // Without -remoteRead.url: it would ask for the state of each rule before it is ready, which takes minutes.
            ...[`-notifier.url=${blackHole.url}`, "-loggerLevel=FATAL"],
          ];
    },
    readyPath: "/health",
    version: () => versionOf("vmalert", "-version"),
  }),
  counts: (text) => ({
    evaluations: sumOf(text, "vmalert_execution_total"),
    missed: sumOf(text, "vmalert_iteration_missed_total"),
  }),
};

/** Starts a server that has the rules, or does once its `rules` are there. */
async function withRules(
  { server: contender, evaluator, counts }: RuleContender,
  folder: string,
  interval: string,
): Promise<RunningRules | undefined> {
  const file = join(folder, "rules.yml");
  await writeFile(file, ruleFile(interval));
  const config =
    evaluator === undefined ? `rule_files: [${JSON.stringify(file)}]\n` : "global: {}\n";
  const server = await ServerProcess.start(contender, { folder, config });
  if (server === undefined) return undefined;
  const beside = evaluator && (await ServerProcess.start(evaluator(server, file)));
  if (evaluator !== undefined && beside === undefined) return undefined;
  // What evaluates ends before what it asks.
  const all = beside === undefined ? [server] : [beside, server];
  return {
    server,
    cpuSeconds: () => all.reduce((sum, each) => sum + each.cpuSeconds(), 0),
    residentSize: () => all.reduce((sum, each) => sum + each.memory().residentSize, 0),
    counts: async () => counts(await (beside ?? server).ask("/metrics")),
    async stop() {
      for (const each of all) await each.stop("SIGTERM");
    },
    async [Symbol.asyncDispose]() {
      for (const each of all) await each[Symbol.asyncDispose]();
    },
  };
}

interface RunningRules extends AsyncDisposable {
  readonly server: ServerProcess<Contender>;
  cpuSeconds(): number;
  residentSize(): number;
  counts(): Promise<RuleCounts>;
  /** Ends it as an operator would: what it has is on disk. */
  stop(): Promise<void>;
}

async function measure(contender: RuleContender): Promise<RuleFigures | undefined> {
  const folder = await temporaryFolder(contender.name);
  try {
    const quiet = await ServerProcess.start(contender.server, { folder });
    if (quiet === undefined) return undefined;
    const ingestCpuSeconds = await fill(contender, quiet);
    await quiet.stop("SIGTERM");

    const figures = await steadily(contender, folder);
    if (figures === undefined) return undefined;
    const fast = await withRules(contender, folder, FLAT_OUT_INTERVAL);
    await using _ = fast;
    if (fast === undefined) return undefined;
    progress(`${contender.name}: flat out`);
    // Until all groups are under way.
    await sleep(2000);
    const seconds = Number(options.own["flat-out-seconds"]);
    const [before, beganMs] = [await fast.counts(), performance.now()];
    await sleep(seconds * 1000);
    const done = (await fast.counts()).evaluations - before.evaluations;
    endProgress();
    return {
      ...figures,
      ingestCpuSeconds,
      cpuSecondsPerRound: Math.max(0, figures.cpuSecondsPerRound - ingestCpuSeconds),
      rulesPerSecond: done / ((performance.now() - beganMs) / 1000),
    };
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Sends the past, and answers what taking one round of samples costs. */
async function fill(
  { name, server }: RuleContender,
  to: ServerProcess<Contender>,
): Promise<number> {
  const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
  const work = workloadW1({ hosts, rounds: HISTORY_ROUNDS, endMs });
  using sender = new Sender(to.url + server.writePath);
  let before = 0;
  for (let round = 0; round < work.rounds; round++) {
    progress(`${name}: round ${round + 1} of ${work.rounds}`);
    // The first one makes the series, which is not what an interval costs.
    if (round === 1) before = to.cpuSeconds();
    await sender.send(work.bodies(round));
  }
  endProgress();
  return (to.cpuSeconds() - before) / (work.rounds - 1);
}

/** Some intervals in which samples come and every rule is evaluated. */
async function steadily(
  rules: RuleContender,
  folder: string,
): Promise<Omit<RuleFigures, "rulesPerSecond" | "ingestCpuSeconds"> | undefined> {
  await using running = await withRules(rules, folder, `${STEP_MS / 1000}s`);
  if (running === undefined) return undefined;
  const { name, server: contender } = rules;
  const { server } = running;
  const rounds = Number(options.own.rounds);
  const startMs = Math.ceil(Date.now() / STEP_MS) * STEP_MS;
  const endMs = startMs + (rounds + 1) * STEP_MS;
  const work = workloadW1({ hosts, rounds: rounds + 2, endMs });
  using sender = new Sender(server.url + contender.writePath);
  let before: { counts: RuleCounts; cpuSeconds: number } | undefined;
  for (let round = 0; round <= rounds + 1; round++) {
    progress(`${name}: interval ${round} of ${rounds + 1}`);
    await sleep(Math.max(0, startMs + round * STEP_MS - Date.now()));
    // The first interval is that of programs that warm up.
    if (round === 1) before = { counts: await running.counts(), cpuSeconds: running.cpuSeconds() };
    if (round <= rounds) await sender.send(work.bodies(round));
  }
  const after = { counts: await running.counts(), cpuSeconds: running.cpuSeconds() };
  if (before === undefined) throw new Error("no interval was measured");
  const firing = JSON.parse(
    await server.ask(
      `/api/v1/query?query=${encodeURIComponent('count(ALERTS{alertstate="firing"})')}`,
    ),
  ) as { data: { result: { value: [number, string] }[] } };
  endProgress();
  const residentSize = running.residentSize();
  await running.stop();
  return {
    cpuSecondsPerRound: (after.cpuSeconds - before.cpuSeconds) / rounds,
    evaluatedPart: (after.counts.evaluations - before.counts.evaluations) / rounds / ruleCount,
    missed: after.counts.missed - before.counts.missed,
    firing: Number(firing.data.result[0]?.value[1] ?? 0),
    residentSize,
  };
}

/** A server that takes everything. It does not keep the process alive. */
async function listenToNothing(): Promise<{ readonly url: string }> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.unref().address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}` };
}

/** The sum of a metric's samples in a page of metrics. */
function sumOf(text: string, metric: string): number {
  let sum = 0;
  for (const [, value] of text.matchAll(new RegExp(`^${metric}(?:\\{.*\\})? (\\S+)`, "gm")))
    sum += Number(value);
  return sum;
}

const asked = new Set(options.contenders.map(({ name }) => name));
const contenders = [pharosRules, prometheusRules, vmalertRules].filter(({ name }) =>
  asked.has(name),
);
const results = await compare(contenders, options, measure);
printTable<RuleFigures>(`${ruleCount} rules, ${hosts * 100} series`, results, [
  { title: "CPU s a round", digits: 2, of: (f) => f.cpuSecondsPerRound, ratio: true },
  { title: "CPU s of samples", digits: 2, of: (f) => f.ingestCpuSeconds },
  { title: "evaluated %", digits: 1, of: (f) => 100 * f.evaluatedPart },
  { title: "missed", digits: 0, of: (f) => f.missed },
  { title: "rules/s flat out", digits: 0, of: (f) => f.rulesPerSecond, ratio: true },
  { title: "s for all", digits: 2, of: (f) => ruleCount / f.rulesPerSecond },
  { title: "firing", digits: 0, of: (f) => f.firing },
  { title: "RSS MiB", digits: 0, of: (f) => f.residentSize / MIB },
]);
printVersions(options.contenders);
