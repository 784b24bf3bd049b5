// Alerting side by side with Alertmanager: how soon many alerts at once have become notifications, whether a slow receiver
// delays another one, and what taking alerts costs; ours alone: acknowledgements and transactions a second on SQLite and
// on PostgreSQL. `npm run bench:alerts`.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ALERT_CONTENDERS, type AlertContender } from "./alert-contenders.ts";
import {
  alertBodies,
  instanceName,
  jsonSender,
  NotedReceiver,
  routing,
  serviceName,
} from "./alert-load.ts";
import { benchOptions, printVersions, SERVER_CORE } from "./bench-options.ts";
import {
  type Column,
  compare,
  endProgress,
  percentile,
  printTable,
  progress,
} from "./comparison.ts";
import { DATABASES, measureAcknowledgements, measureTransactions } from "./document-costs.ts";
import { encodeLabelFields, WriteRequest } from "./remote-write-body.ts";
import { Sender } from "./sender.ts";
import { ServerProcess, temporaryFolder } from "./server-process.ts";

const MIB = 1024 ** 2;
/** Nothing is waited for longer: what has not come then does not come. */
const HEARD_WITHIN_MS = 60_000;
/** How often alerts are sent where they come steadily. */
const SENT_EVERY_MS = 100;

const options = benchOptions(
  {
    what: [
      "burst,rules,slow,intake,acknowledge,transactions",
      "burst,rules,slow,intake,acknowledge,transactions",
    ],
    /** Alerts that fire at once, and into how many groups: each number is a table. */
    alerts: ["1000", "200"],
    groups: ["50,1000", "10"],
    /** Notifications a second to the slow receiver, for how long, and how long each waits for its answer. */
    rate: ["100", "20"],
    seconds: ["60", "3"],
    "answer-ms": ["1000", "500"],
    /** Alerts that are there at once. */
    known: ["100000", "2000"],
    /** Incidents that are acknowledged. */
    incidents: ["1000", "100"],
    /** For how long each kind of transaction is run. */
    "transaction-seconds": ["3", "0.5"],
    core: [String(SERVER_CORE), String(SERVER_CORE)],
  },
  ALERT_CONTENDERS,
);
const what = options.own.what.split(",");
const alertCount = Number(options.own.alerts);
/** Where servers run; nothing for the whole machine. */
const core = options.own.core === "all" ? {} : { core: Number(options.own.core) };

interface BurstFigures {
  /** Until all alerts are taken, the first notification, and the last alert in one. */
  readonly acceptedMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly notificationCount: number;
  readonly cpuMs: number;
}

const BURST_COLUMNS: readonly Column<BurstFigures>[] = [
  { title: "accepted ms", digits: 0, of: (f) => f.acceptedMs },
  { title: "first ms", digits: 0, of: (f) => f.firstMs },
  { title: "last ms", digits: 0, of: (f) => f.lastMs, ratio: true },
  { title: "notifications", digits: 0, of: (f) => f.notificationCount },
  { title: "CPU ms", digits: 0, of: (f) => f.cpuMs, ratio: true },
];

function burstRouting(receiver: NotedReceiver): string {
  const groupBy = "alertname, service";
  // What misses its group's first notification comes later than anybody may wait.
  return routing({ receivers: [receiver], groupBy, groupWait: "1s", groupInterval: "10s" });
}

async function burst(
  contender: AlertContender,
  groupCount: number,
): Promise<BurstFigures | undefined> {
  await using receiver = await NotedReceiver.start();
  const config = burstRouting(receiver);
  await using server = await ServerProcess.start(contender, { ...core, config });
  if (server === undefined) return undefined;
  await server.quiet();
  // One connection, as each Prometheus has.
  using sender = jsonSender(server.url + contender.alertsPath, 1);
  const bodies = alertBodies({ from: 0, count: alertCount, services: groupCount });
  const [startMs, cpuBeforeMs] = [performance.now(), server.cpuMs()];
  await sender.send(bodies);
  const acceptedMs = performance.now() - startMs;
  return { acceptedMs, ...(await heardBy(receiver, startMs)), cpuMs: server.cpuMs() - cpuBeforeMs };
}

async function heardBy(
  receiver: NotedReceiver,
  startMs: number,
): Promise<Pick<BurstFigures, "firstMs" | "lastMs" | "notificationCount">> {
  await receiver.heardOf(alertCount, HEARD_WITHIN_MS);
  const times = [...receiver.heardMs.values()];
  return {
    firstMs: Math.min(...times) - startMs,
    lastMs: Math.max(...times) - startMs,
    notificationCount: receiver.notificationCount,
  };
}

const RULES = `groups:
  - name: temperature
    interval: 1s
    rules:
      - alert: HighTemperature
        expr: temperature_celsius > 30
        labels: { severity: page }
        annotations: { summary: "{{ $labels.instance }} is at {{ $value | humanize }} degrees" }
`;

/** From samples by remote write to notifications, through a rule that is evaluated once a second. */
async function ruled(
  contender: AlertContender,
  groupCount: number,
): Promise<BurstFigures | undefined> {
  await using receiver = await NotedReceiver.start();
  const folder = await temporaryFolder(contender.name);
  try {
    const ruleFile = join(folder, "rules.yml");
    await writeFile(ruleFile, RULES);
    const config = burstRouting(receiver);
    await using server = await contender.startWithRules({ folder, config, ruleFile, ...core });
    if (server === undefined) return undefined;
    using sender = new Sender(server.writeUrl);
    await sender.send([temperatures(groupCount, 20)]);
    await sleep(3000); // Rules have found nothing a few times.
    const body = temperatures(groupCount, 31.5);
    const [startMs, cpuBeforeMs] = [performance.now(), server.cpuMs()];
    await sender.send([body]);
    const acceptedMs = performance.now() - startMs;
    const heard = await heardBy(receiver, startMs);
    return { acceptedMs, ...heard, cpuMs: server.cpuMs() - cpuBeforeMs };
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A sample of each instance, of now. */
function temperatures(groupCount: number, celsius: number): Uint8Array {
  const request = new WriteRequest();
  const [timestampsMs, values] = [Float64Array.of(Date.now()), Float64Array.of(celsius)];
  for (let index = 0; index < alertCount; index++) {
    const labels = {
      __name__: "temperature_celsius",
      instance: instanceName(index),
      service: serviceName(index % groupCount),
    };
    request.add(encodeLabelFields(labels), timestampsMs, values);
  }
  return request.takeCompressed();
}

interface SlowFigures {
  /** From the request that brought an alert to the notification of it. */
  readonly quickP50Ms: number;
  readonly quickP99Ms: number;
  readonly quickMaxMs: number;
  readonly slowP50Ms: number;
  readonly slowP99Ms: number;
  /** Notifications that the slow receiver has not answered: the most there were, and when the last alert came. */
  readonly backlogMax: number;
  readonly backlogEnd: number;
  readonly cpuPart: number;
  readonly residentSize: number;
}

/** Alerts that come steadily, each in a group of its own, for a receiver that answers at once and a slow one. */
async function slow(contender: AlertContender): Promise<SlowFigures | undefined> {
  const [rate, seconds] = [Number(options.own.rate), Number(options.own.seconds)];
  await using quickReceiver = await NotedReceiver.start();
  await using slowReceiver = await NotedReceiver.start(Number(options.own["answer-ms"]));
  const config = routing({
    receivers: [quickReceiver, slowReceiver],
    ...{ groupBy: "alertname, instance", groupWait: "0s", groupInterval: "5m" },
  });
  await using server = await ServerProcess.start(contender, { ...core, config });
  if (server === undefined) return undefined;
  await server.quiet();
  using sender = jsonSender(server.url + contender.alertsPath);
  const each = Math.round((rate * SENT_EVERY_MS) / 1000);
  const sentMs: number[] = [];
  const sending: Promise<void>[] = [];
  let backlogMax = 0;
  const [startMs, cpuBeforeMs] = [performance.now(), server.cpuMs()];
  for (let tick = 0; tick < (seconds * 1000) / SENT_EVERY_MS; tick++) {
    await sleep(Math.max(0, startMs + tick * SENT_EVERY_MS - performance.now()));
    backlogMax = Math.max(backlogMax, sentMs.length - slowReceiver.answeredCount);
    const bodies = alertBodies({ from: sentMs.length, count: each, services: 50 });
    const nowMs = performance.now();
    for (let alert = 0; alert < each; alert++) sentMs.push(nowMs);
    // Whoever sends alerts does not wait for what is slow here.
    sending.push(sender.send(bodies));
    if (tick % 10 === 0)
      progress(`${contender.name}: ${tick / 10} of ${seconds} s, backlog ${backlogMax}`);
  }
  const backlogEnd = sentMs.length - slowReceiver.answeredCount;
  const cpuPart = (server.cpuMs() - cpuBeforeMs) / (performance.now() - startMs);
  await Promise.all(sending);
  await quickReceiver.heardOf(sentMs.length, HEARD_WITHIN_MS);
  await slowReceiver.heardOf(sentMs.length, HEARD_WITHIN_MS);
  endProgress();
  const delays = ({ heardMs }: NotedReceiver): number[] =>
    sentMs.map((at, index) => (heardMs.get(instanceName(index)) ?? Number.POSITIVE_INFINITY) - at);
  const [quickMs, slowMs] = [delays(quickReceiver), delays(slowReceiver)];
  return {
    quickP50Ms: percentile(quickMs, 50),
    quickP99Ms: percentile(quickMs, 99),
    quickMaxMs: Math.max(...quickMs),
    slowP50Ms: percentile(slowMs, 50),
    slowP99Ms: percentile(slowMs, 99),
    backlogMax,
    backlogEnd,
    cpuPart,
    residentSize: server.memory().residentSize,
  };
}

interface IntakeFigures {
  readonly newPerSecond: number;
  readonly newP99Ms: number;
  readonly newCpuUs: number;
  readonly againPerSecond: number;
  readonly againP99Ms: number;
  readonly againCpuUs: number;
  readonly emptySize: number;
  readonly residentSize: number;
}

/** Many alerts, none of which is told yet, and all of them once more. */
async function intake(contender: AlertContender): Promise<IntakeFigures | undefined> {
  const count = Number(options.own.known);
  await using receiver = await NotedReceiver.start();
  const config = routing({
    receivers: [receiver],
    ...{ groupBy: "alertname, service", groupWait: "1h", groupInterval: "1h" },
  });
  await using server = await ServerProcess.start(contender, { ...core, config });
  if (server === undefined) return undefined;
  await server.quiet();
  const emptySize = server.memory().residentSize;
  const send = async (doing: string) => {
    progress(`${contender.name}: ${doing}`);
    using sender = jsonSender(server.url + contender.alertsPath);
    const bodies = alertBodies({ from: 0, count, services: 1000 });
    const [startMs, cpuBeforeMs] = [performance.now(), server.cpuMs()];
    await sender.send(bodies);
    const durationMs = performance.now() - startMs;
    await server.quiet();
    return {
      perSecond: (1000 * count) / durationMs,
      p99Ms: percentile(sender.latenciesMs, 99),
      cpuUs: (1000 * (server.cpuMs() - cpuBeforeMs)) / count,
    };
  };
  const first = await send("new alerts");
  const again = await send("the same alerts again");
  endProgress();
  const listed = JSON.parse(
    await server.ask("/api/v2/alerts?filter=job%3D%22node%22"),
  ) as unknown[];
  if (listed.length !== count)
    throw new Error(`${contender.name} has ${listed.length} of ${count} alerts`);
  await server.quiet();
  return {
    newPerSecond: first.perSecond,
    newP99Ms: first.p99Ms,
    newCpuUs: first.cpuUs,
    againPerSecond: again.perSecond,
    againP99Ms: again.p99Ms,
    againCpuUs: again.cpuUs,
    emptySize,
    residentSize: server.memory().residentSize,
  };
}

const groupCounts = options.own.groups.split(",").map(Number);
const { contenders } = options;

if (what.includes("burst"))
  for (const groupCount of groupCounts)
    printTable<BurstFigures>(
      `${alertCount} alerts posted, ${groupCount} groups, group_wait 1 s`,
      await compare(contenders, options, (each) => burst(each, groupCount)),
      BURST_COLUMNS,
    );
if (what.includes("rules"))
  for (const groupCount of groupCounts)
    printTable<BurstFigures>(
      `${alertCount} alerts of a rule every 1 s, ${groupCount} groups, group_wait 1 s`,
      await compare(contenders, options, (each) => ruled(each, groupCount)),
      BURST_COLUMNS,
    );
if (what.includes("slow"))
  printTable<SlowFigures>(
    `${options.own.rate} notifications/s for ${options.own.seconds} s, answers after ${options.own["answer-ms"]} ms`,
    await compare(contenders, options, slow),
    [
      { title: "quick p50 ms", digits: 1, of: (f) => f.quickP50Ms },
      { title: "p99 ms", digits: 1, of: (f) => f.quickP99Ms, ratio: true },
      { title: "max ms", digits: 0, of: (f) => f.quickMaxMs },
      { title: "slow p50 ms", digits: 1, of: (f) => f.slowP50Ms },
      { title: "p99 ms", digits: 1, of: (f) => f.slowP99Ms },
      { title: "backlog max", digits: 0, of: (f) => f.backlogMax },
      { title: "at the end", digits: 0, of: (f) => f.backlogEnd },
      { title: "CPU %", digits: 1, of: (f) => 100 * f.cpuPart, ratio: true },
      { title: "RSS MiB", digits: 0, of: (f) => f.residentSize / MIB },
    ],
  );
if (what.includes("intake"))
  printTable<IntakeFigures>(
    `${options.own.known} alerts`,
    await compare(contenders, options, intake),
    [
      { title: "new alerts/s", digits: 0, of: (f) => f.newPerSecond, ratio: true },
      { title: "p99 ms", digits: 1, of: (f) => f.newP99Ms },
      { title: "CPU us each", digits: 1, of: (f) => f.newCpuUs, ratio: true },
      { title: "again alerts/s", digits: 0, of: (f) => f.againPerSecond, ratio: true },
      { title: "p99 ms", digits: 1, of: (f) => f.againP99Ms },
      { title: "CPU us each", digits: 1, of: (f) => f.againCpuUs, ratio: true },
      { title: "empty MiB", digits: 0, of: (f) => f.emptySize / MIB },
      { title: "RSS MiB", digits: 0, of: (f) => f.residentSize / MIB, ratio: true },
    ],
  );
if (what.includes("acknowledge")) {
  const count = Number(options.own.incidents);
  const results = await compare(DATABASES, options, (each) =>
    measureAcknowledgements(each, count, core),
  );
  printTable(`${count} incidents acknowledged`, results, [
    { title: "one at a time/s", digits: 0, of: (f) => f.single.perSecond },
    { title: "p50 ms", digits: 1, of: (f) => f.single.p50Ms },
    { title: "p99 ms", digits: 1, of: (f) => f.single.p99Ms },
    { title: "50 waiting/s", digits: 0, of: (f) => f.together.perSecond },
    { title: "p50 ms", digits: 1, of: (f) => f.together.p50Ms },
    { title: "p99 ms", digits: 1, of: (f) => f.together.p99Ms },
    { title: "CPU ms each", digits: 2, of: (f) => f.cpuMsEach },
  ]);
}
if (what.includes("transactions")) {
  const durationMs = 1000 * Number(options.own["transaction-seconds"]);
  const results = await compare(DATABASES, options, (each) =>
    measureTransactions(each, durationMs),
  );
  printTable("transactions of two documents", results, [
    { title: "one at a time/s", digits: 0, of: (f) => f.single.perSecond },
    { title: "p50 ms", digits: 2, of: (f) => f.single.p50Ms },
    { title: "p99 ms", digits: 2, of: (f) => f.single.p99Ms },
    { title: "50 waiting/s", digits: 0, of: (f) => f.together.perSecond },
    { title: "p50 ms", digits: 1, of: (f) => f.together.p50Ms },
    { title: "p99 ms", digits: 1, of: (f) => f.together.p99Ms },
  ]);
}
printVersions(contenders);
