import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { buildRoute, type Rule, type RuleGroup } from "@pharos/alert";
import {
  formatLabels,
  labelsFrom,
  labelValue,
  OperatingError,
  Secret,
  seededRng,
} from "@pharos/base";
import { Dispatcher, type NotificationConfig } from "@pharos/notify";
import type { DocumentStore } from "@pharos/ports";
import { createEngine } from "@pharos/promql/engine";
import { MemoryDocumentStore, MemoryStore, SimClock } from "@pharos/testing";
import { slotBefore } from "../src/rules/rule-group-runner.ts";
import { RuleManager } from "../src/rules/rule-manager.ts";
import { RULE_STATE_COLLECTION } from "../src/rules/rule-surroundings.ts";
import { RULES_CONCURRENT_MAX } from "../src/rules/semaphore.ts";

const START_MS = 1_700_000_000_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

const NOTIFICATIONS: NotificationConfig = {
  resolveTimeoutMs: 5 * MINUTE,
  route: buildRoute({
    receiver: "team",
    groupBy: ["alertname"],
    groupWaitMs: 5 * SECOND,
    groupIntervalMs: 10 * SECOND,
    repeatIntervalMs: 60 * MINUTE,
  }),
  receivers: [
    {
      name: "team",
      labels: [],
      integrations: [
        {
          kind: "webhook",
          index: 0,
          url: new Secret("http://hook.test/"),
          sendResolved: true,
          alertsMax: 0,
          payload: undefined,
          timeoutMs: SECOND,
          http: { followRedirects: true },
        },
      ],
    },
  ],
  timeIntervals: new Map(),
  inhibitRules: [],
  templates: [],
};

const DOWN: Rule = {
  kind: "alert",
  name: "Down",
  expr: "up == 0",
  forMs: 10 * SECOND,
  keepFiringForMs: 0,
  labels: [["severity", "page"]],
  annotations: [["summary", "{{ instance }} is down"]],
};

const SUM: Rule = { kind: "record", name: "job:up:sum", expr: "sum by (job) (up)", labels: [] };

function group(rules: readonly Rule[], change: Partial<RuleGroup> = {}): RuleGroup {
  return {
    name: "hosts",
    file: "rules.yml",
    intervalMs: 5 * SECOND,
    limit: 0,
    queryOffsetMs: 0,
    labels: [],
    rules,
    ...change,
  };
}

/** A server in small: rules on real PromQL over samples in memory, and the dispatcher; it can be killed and started. */
class Server {
  readonly clock = new SimClock(START_MS);
  readonly samples = new MemoryStore();
  readonly engine = createEngine({ clock: this.clock });
  readonly problems: string[] = [];
  /** `12s +Down/a`: when what was told. */
  readonly sent: string[] = [];
  /** `rules.yml;hosts Down pending fired`: what the history is told. */
  readonly transitions: string[] = [];
  documents = new MemoryDocumentStore();
  /** What is evaluated. */
  groups: readonly RuleGroup[] = [];
  beforeEvaluate: () => Promise<void> = async () => {};
  /** What evaluations say that they read, in place of the truth. */
  seriesRead: number | undefined;
  rules!: RuleManager;
  dispatcher!: Dispatcher;

  async start(groups: readonly RuleGroup[]): Promise<void> {
    const { clock, documents } = this;
    const onProblem = (error: OperatingError, doing: string): void => {
      this.problems.push(`${doing}: ${error.message}`);
    };
    this.dispatcher = await Dispatcher.open({
      config: NOTIFICATIONS,
      store: documents,
      clock,
      rng: seededRng(1),
      onProblem,
      createReceiver: () => ({
        send: async ({ notification }) => {
          for (const alert of notification.alerts) {
            const name = `${labelValue(alert.labels, "alertname")}/${labelValue(alert.labels, "instance")}`;
            this.sent.push(`${this.second()}s ${alert.endsAtMs === null ? "+" : "-"}${name}`);
          }
          return {};
        },
      }),
    });
    this.rules = await RuleManager.open({
      clock,
      store: documents,
      evaluate: async (expr, timeMs, signal) => {
        await this.beforeEvaluate();
        const answer = await this.engine.instant(this.samples, expr, timeMs, { signal });
        const { seriesRead = answer.stats.seriesRead } = this;
        return { ...answer, stats: { ...answer.stats, seriesRead } };
      },
      append: (batch) => this.samples.append(batch),
      notify: (alerts) => this.dispatcher.update(alerts),
      recordTransitions: async (_tx, transitions) => {
        for (const { groupKey, ruleName, from, transition } of transitions)
          this.transitions.push(`${groupKey} ${ruleName} ${from} ${transition}`);
      },
      externalLabels: () => labelsFrom({ region: "eu" }),
      externalUrl: "http://pharos.test",
      onProblem,
    });
    await this.reload(groups);
  }

  async reload(groups: readonly RuleGroup[]): Promise<void> {
    this.groups = groups;
    await this.rules.apply(groups);
  }

  async stop(): Promise<void> {
    await this.rules[Symbol.asyncDispose]();
    await this.dispatcher[Symbol.asyncDispose]();
  }

  /** As `kill -9`. */
  async kill(): Promise<void> {
    const next = this.documents.kill();
    await this.stop();
    this.documents = next;
    this.problems.length = 0;
  }

  second(): number {
    return Math.round((this.clock.nowMs() - START_MS) / SECOND);
  }

  /** Lets time pass, with a sample of `up` every second; "a=0" for the instance a. */
  async pass(seconds: number, ...up: string[]): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      for (const one of up) {
        const [instance = "", value = ""] = one.split("=");
        await this.samples.append({
          labelSets: [labelsFrom({ __name__: "up", instance, job: "node" })],
          series: new Uint32Array(1),
          timestampsMs: Float64Array.of(this.clock.nowMs()),
          values: Float64Array.of(Number(value)),
          stale: null,
        });
      }
      await this.clock.advance(SECOND);
    }
  }

  /** The samples of series that match, a line a series: `{…} 1 1 stale`. */
  async stored(name: string): Promise<string[]> {
    const lines: string[] = [];
    const matchers = [{ type: "=", name: "__name__", value: name }] as const;
    const range = { minMs: 0, maxMs: Number.MAX_SAFE_INTEGER };
    const options = { samplesMax: 1e6, signal: new AbortController().signal };
    for await (const { labels, values, stale } of this.samples.select(range, matchers, options)) {
      const texts = Array.from(values, (value, i) => (stale?.[i] === 1 ? "stale" : String(value)));
      lines.push(`${formatLabels(labels)} ${texts.join(" ")}`);
    }
    return lines;
  }
}

test("a rule fires within for, interval and group_wait, and resolves", async () => {
  const server = new Server();
  await server.start([group([DOWN])]);
  await server.pass(20, "a=1");
  equal(server.sent.length, 0);
  await server.pass(25, "a=0");
  equal(server.sent.length, 1);
  const firedAt = Number.parseInt(server.sent[0] ?? "", 10);
  ok(firedAt <= 20 + 10 + 5 + 5 + 1, `fired at ${firedAt}`);
  await server.pass(30, "a=1");
  deepEqual(
    server.sent.map((line) => line.replace(/^\d+s /, "")),
    ["+Down/a", "-Down/a"],
  );
  deepEqual(server.problems, []);
  await server.stop();
});

test("a kill -9 at any second changes neither what is told nor, by more than the time down, when", async () => {
  const run = async (killAfter: number | undefined): Promise<Server> => {
    const server = new Server();
    await server.start([group([DOWN])]);
    for (let second = 0; second < 60; second++) {
      if (second === killAfter) {
        await server.kill();
        await server.start([group([DOWN])]);
      }
      await server.pass(1, second < 10 || second >= 40 ? "a=1" : "a=0");
    }
    await server.pass(15, "a=1");
    await server.stop();
    return server;
  };
  const undisturbed = await run(undefined);
  equal(undisturbed.sent.length, 2);
  for (let killAfter = 0; killAfter < 60; killAfter++) {
    const { sent } = await run(killAfter);
    const tell = (list: readonly string[]): string[] =>
      list.map((line) => line.replace(/^\d+s /, ""));
    deepEqual(tell(sent), tell(undisturbed.sent), `killed after ${killAfter} s`);
    for (const [at, line] of sent.entries()) {
      const late = Number.parseInt(line, 10) - Number.parseInt(undisturbed.sent[at] ?? "", 10);
      ok(late <= 5, `killed after ${killAfter} s: ${line} instead of ${undisturbed.sent[at]}`);
    }
  }
});

test("keep_firing_for goes on where it was after a kill -9, and does not begin anew", async () => {
  const held = group([{ ...DOWN, keepFiringForMs: 40 * SECOND }]);
  const endOf = async (killAfter: number | undefined, up: (second: number) => string) => {
    const server = new Server();
    await server.start([held]);
    for (let second = 0; second < 110; second++) {
      if (second === killAfter) {
        await server.kill();
        await server.start([held]);
      }
      await server.pass(1, up(second));
    }
    await server.stop();
    const [start, end, ...more] = server.sent;
    deepEqual([start?.endsWith("+Down/a"), end?.endsWith("-Down/a"), more], [true, true, []]);
    return Number.parseInt(end ?? "", 10);
  };
  const once = (second: number): string => (second < 30 ? "a=0" : "a=1");
  const again = (second: number): string => (second < 30 || second === 42 ? "a=0" : "a=1");
  for (const up of [once, again]) {
    const undisturbed = await endOf(undefined, up);
    for (let killAfter = 31; killAfter < 70; killAfter += 3) {
      const end = await endOf(killAfter, up);
      // The round in which it was killed comes an interval later.
      ok(Math.abs(end - undisturbed) <= 5, `killed after ${killAfter} s: ${end}, ${undisturbed}`);
    }
  }
});

test("ALERTS and recording rules are written at the group's times, and end when they must", async () => {
  const server = new Server();
  await server.start([group([SUM, DOWN])]);
  await server.pass(30, "a=0");
  await server.pass(10, "a=1");
  const alerts = await server.stored("ALERTS");
  deepEqual(alerts.length, 2);
  ok(alerts[0]?.startsWith('ALERTS{alertname="Down", alertstate="firing", instance="a"'));
  ok(alerts.every((line) => line.endsWith("1 stale")));
  const [sum] = await server.stored("job:up:sum");
  equal(sum, 'job:up:sum{job="node"} 0 0 0 0 0 0 1 1');
  equal((await server.stored("ALERTS_FOR_STATE")).length, 1);
  const range = { minMs: 0, maxMs: Number.MAX_SAFE_INTEGER };
  const options = { samplesMax: 1e6, signal: new AbortController().signal };
  const matchers = [{ type: "=", name: "__name__", value: "job:up:sum" }] as const;
  for await (const { timestampsMs } of server.samples.select(range, matchers, options))
    for (const timestampMs of timestampsMs)
      equal(slotBefore(group([]), timestampMs), timestampMs, "on the group's grid");
  await server.stop();
});

test("groups are spread over their interval, each always at the same place", () => {
  const offsets = new Set<number>();
  for (let i = 0; i < 50; i++) {
    const one = group([], { name: `g${i}`, intervalMs: MINUTE });
    const slot = slotBefore(one, START_MS);
    ok(slot <= START_MS && slot > START_MS - MINUTE);
    equal(slotBefore(one, slot), slot);
    equal(slotBefore(one, slot - 1), slot - MINUTE);
    offsets.add(slot);
  }
  ok(offsets.size > 40);
});

test("a slow evaluation misses rounds, which are counted and do not pile up", async () => {
  const server = new Server();
  await server.start([group([SUM])]);
  let running = 0;
  server.beforeEvaluate = async () => {
    running++;
    equal(running, 1);
    await server.clock.sleep(12 * SECOND, new AbortController().signal);
    running--;
  };
  await server.pass(60, "a=1");
  const counts = server.rules.counts().get("rules.yml;hosts");
  ok(counts !== undefined);
  ok(counts.missedIterations > 3, `${counts.missedIterations} missed`);
  ok(counts.evaluations <= 5, `${counts.evaluations} evaluations`);
  equal(counts.iterations, counts.evaluations + counts.missedIterations);
  await server.clock.run(server.stop());
});

test("groups are listed by file, then by name, wherever they stand", async () => {
  const server = new Server();
  const at = (file: string, name: string) => group([SUM], { file, name });
  await server.start([at("b.yml", "z"), at("b.yml", "a"), at("api:x", "m"), at("a.yml", "z")]);
  const listed = () => server.rules.groups().map(({ file, name }) => `${file} ${name}`);
  deepEqual(listed(), ["a.yml z", "api:x m", "b.yml a", "b.yml z"]);
  await server.reload([at("b.yml", "a"), at("a.yml", "z"), at("a.yml", "B")]);
  deepEqual(listed(), ["a.yml B", "a.yml z", "b.yml a"]);
  await server.stop();
});

test("a rule that fails is reported when that begins, and the others of its group go on", async () => {
  const server = new Server();
  const bad: Rule = { kind: "record", name: "bad", expr: "up * on (job) up", labels: [] };
  await server.start([group([bad, SUM])]);
  await server.pass(30, "a=1", "b=1");
  equal(server.problems.length, 1);
  await server.pass(330, "a=1");
  equal(server.rules.groups()[0]?.rules[0]?.health, "ok");
  await server.pass(30, "a=1", "b=1");
  const [status] = server.rules.groups();
  deepEqual(
    status?.rules.map(({ health }) => health),
    ["err", "ok"],
  );
  ok(status?.rules[0]?.lastError !== "");
  equal(server.problems.length, 2);
  ok(server.problems[1]?.startsWith("evaluating rule bad of group rules.yml;hosts: "));
  await server.stop();
});

test("the status shows rules and alerts as they are", async () => {
  const server = new Server();
  await server.start([group([DOWN])]);
  const rule = () => {
    const status = server.rules.groups()[0]?.rules[0];
    ok(status?.kind === "alert");
    return status;
  };
  equal(rule().state, "unknown");
  await server.pass(6, "a=1");
  equal(rule().state, "inactive");
  await server.pass(6, "a=0");
  equal(rule().state, "pending");
  await server.pass(12, "a=0");
  equal(rule().state, "firing");
  const [alert] = rule().alerts;
  deepEqual(alert?.annotations, [["summary", "a is down"]]);
  equal(
    formatLabels(alert?.labels ?? []),
    '{alertname="Down", instance="a", job="node", severity="page"}',
  );
  equal(rule().query, "up == 0");
  await server.stop();
});

test("a reload keeps the alerts of rules that stay, and does not tell of them again", async () => {
  const server = new Server();
  await server.start([group([DOWN])]);
  await server.pass(30, "a=0");
  equal(server.sent.length, 1);
  await server.rules.apply([
    group([SUM, { ...DOWN, annotations: [] }], { intervalMs: 4 * SECOND }),
  ]);
  await server.pass(60, "a=0");
  equal(server.sent.length, 1);
  await server.rules.apply([
    group([SUM, { ...DOWN, annotations: [] }], { intervalMs: 4 * SECOND }),
  ]);
  await server.pass(20, "a=1");
  equal(server.sent.length, 2);
  await server.stop();
});

test("a rule that is taken away resolves its alerts and ends its series", async () => {
  const server = new Server();
  await server.start([group([DOWN, SUM])]);
  await server.pass(30, "a=0");
  await server.rules.apply([group([SUM])]);
  await server.pass(20, "a=0");
  deepEqual(
    server.sent.map((line) => line.replace(/^\d+s /, "")),
    ["+Down/a", "-Down/a"],
  );
  ok((await server.stored("ALERTS")).every((line) => line.endsWith("stale")));
  ok((await server.stored("job:up:sum")).every((line) => !line.includes("stale")));
  await server.rules.apply([]);
  await server.pass(20, "a=0");
  ok((await server.stored("job:up:sum")).every((line) => line.endsWith("stale")));
  await server.stop();
});

test("a rule that moves to another group keeps its series alive", async () => {
  const server = new Server();
  await server.start([group([SUM])]);
  await server.pass(10, "a=1");
  await server.rules.apply([group([SUM], { name: "other" })]);
  await server.pass(30, "a=1");
  ok((await server.stored("job:up:sum")).every((line) => !line.includes("stale")));
  await server.stop();
});

test("an alert goes on where its rule is moved to another group or file, in a reload as in a restart", async () => {
  const elsewhere = [
    [group([SUM]), group([DOWN], { name: "new" })],
    [group([DOWN, SUM], { file: "other.yml" })],
    [group([SUM]), group([{ ...DOWN, annotations: [] }], { name: "new", file: "other.yml" })],
  ];
  const wanted = await toldOf(async () => {});
  deepEqual(wanted.sent, ["+Down/a", "-Down/a"]);
  deepEqual(wanted.phases, [
    "Down inactive activated",
    "Down pending fired",
    "Down firing resolved",
  ]);
  for (const groups of elsewhere)
    for (const seconds of [12, 30]) {
      const reloaded = await toldOf((server) => server.reload(groups), seconds);
      deepEqual(reloaded, wanted);
      const restarted = await toldOf(async (server) => {
        await server.kill();
        await server.start(groups);
      }, seconds);
      deepEqual(restarted, wanted);
    }
});

/** What is told, and what becomes of series and states, where something is done while `a` is down. */
async function toldOf(act: (server: Server) => Promise<void>, afterSeconds = 30) {
  const server = new Server();
  await server.start([group([SUM, DOWN])]);
  await server.pass(afterSeconds, "a=0", "b=1");
  await act(server);
  await server.pass(50 - afterSeconds, "a=0", "b=1");
  await server.kill();
  await server.start(server.groups);
  await server.pass(30, "a=1", "b=1");
  await server.stop();
  const phases = server.transitions.map((line) => line.slice(line.indexOf("Down")));
  const stored = [...(await server.stored("ALERTS")), ...(await server.stored("ALERTS_FOR_STATE"))];
  const documents = await server.documents.read((tx) =>
    tx.list(RULE_STATE_COLLECTION, { limit: 10 }),
  );
  return {
    sent: server.sent.map((line) => line.replace(/^\d+s /, "")),
    ...{ phases, documents: documents.length, problems: server.problems },
    stale: stored.map((line) => line.split("stale").length - 1),
  };
}

test("a rule that went while Pharos was down resolves its alerts", async () => {
  const server = new Server();
  await server.start([group([DOWN])]);
  await server.pass(30, "a=0");
  await server.kill();
  await server.start([group([SUM])]);
  await server.pass(20, "a=0");
  deepEqual(
    server.sent.map((line) => line.replace(/^\d+s /, "")),
    ["+Down/a", "-Down/a"],
  );
  equal(server.transitions.at(-1), "rules.yml;hosts Down firing resolved");
  await server.stop();
});

test("a configuration with a rule that cannot be read changes nothing", async () => {
  const server = new Server();
  await server.start([group([SUM])]);
  await rejects(server.rules.apply([group([{ ...SUM, expr: "sum(" }])]), OperatingError);
  await server.pass(11, "a=1");
  equal(server.rules.groups()[0]?.rules[0]?.health, "ok");
  await server.stop();
});

test("a store that cannot keep alerts is reported, and people are told all the same", async () => {
  const server = new Server();
  await server.start([group([DOWN])]);
  server.documents.beforeCommit = () => {
    throw new OperatingError("disk.full", "no space left");
  };
  await server.pass(30, "a=0");
  equal(server.sent.length, 1);
  ok(server.problems.some((problem) => problem.includes("keeping the alerts of group")));
  await server.stop();
});

test("when the wall clock is set back, rules go on within an interval or two", async () => {
  const server = new Server();
  await server.start([group([SUM])]);
  await server.pass(10, "a=1");
  server.clock.jumpWall(-60 * MINUTE);
  const before = server.rules.counts().get("rules.yml;hosts")?.evaluations ?? 0;
  await server.pass(20, "a=1");
  ok((server.rules.counts().get("rules.yml;hosts")?.evaluations ?? 0) >= before + 2);
  await server.stop();
});

test("no more rules than allowed are evaluated at once, and all get their turn", async () => {
  const server = new Server();
  const groups = Array.from({ length: 3 * RULES_CONCURRENT_MAX }, (_, i) =>
    group([SUM], { name: `g${i}` }),
  );
  let running = 0;
  let runningMax = 0;
  server.beforeEvaluate = async () => {
    running++;
    runningMax = Math.max(runningMax, running);
    await server.clock.sleep(2 * SECOND, new AbortController().signal);
    running--;
  };
  await server.start(groups);
  await server.pass(30, "a=1");
  equal(runningMax, RULES_CONCURRENT_MAX);
  for (const { evaluations } of server.rules.counts().values()) ok(evaluations >= 2);
  await server.clock.run(server.stop());
});

test("four rules that read little take one turn, and those that read much one each", async () => {
  const server = new Server();
  const rules = Array.from({ length: 6 * RULES_CONCURRENT_MAX }, (_, i): Rule => {
    return { kind: "record", name: `many${i}`, expr: "count(up)", labels: [] };
  });
  let running = 0;
  let runningMax = 0;
  server.beforeEvaluate = async () => {
    runningMax = Math.max(runningMax, ++running);
    await server.clock.sleep(SECOND, new AbortController().signal);
    running--;
  };
  const round = async (): Promise<number> => {
    runningMax = 0;
    await server.pass(60, "a=1");
    equal(running, 0);
    return runningMax;
  };
  await server.start([group(rules, { intervalMs: MINUTE, queryOffsetMs: 0 })]);
  const slotMs = slotBefore(group([], { intervalMs: MINUTE }), START_MS) + MINUTE;
  await server.pass(Math.max(0, (slotMs - START_MS) / SECOND - 5), "a=1");
  equal(await round(), RULES_CONCURRENT_MAX, "what they read is not known yet");
  server.seriesRead = 1_000_000;
  equal(await round(), 4 * RULES_CONCURRENT_MAX);
  equal(await round(), RULES_CONCURRENT_MAX);
  deepEqual(server.problems, []);
  await server.clock.run(server.stop());
});

test("a group of one rule does not wait for all the rules of a large one", async () => {
  const server = new Server();
  const rules = Array.from({ length: 10 * RULES_CONCURRENT_MAX }, (_, i): Rule => {
    return { kind: "record", name: `large${i}`, expr: "count(up)", labels: [] };
  });
  const intervalMs = 10 * MINUTE;
  const large = group(rules, { name: "large", intervalMs });
  // One that begins after the large one did, and long before that is through.
  const slotOf = (each: RuleGroup): number => slotBefore(each, START_MS) + intervalMs;
  const small = Array.from({ length: 10_000 }, (_, i) =>
    group([{ ...SUM, name: "small" }], { name: `small${i}`, intervalMs }),
  ).find((each) => slotOf(each) > slotOf(large) && slotOf(each) < slotOf(large) + 2 * SECOND);
  ok(small !== undefined);
  server.beforeEvaluate = async () => {
    await server.clock.sleep(5 * SECOND, new AbortController().signal);
  };
  await server.start([large, small]);
  await server.pass(Math.ceil((slotOf(large) - START_MS) / SECOND) + 20, "a=1");
  const evaluated = (name: string): number =>
    server.rules.counts().get(`rules.yml;${name}`)?.evaluations ?? 0;
  equal(evaluated(small.name), 1);
  ok(evaluated("large") < rules.length, "the large one goes on");
  await server.clock.run(server.stop());
});

test("a rule that takes long keeps the alerts of others in its group for no more than a second", async () => {
  const server = new Server();
  const slow: Rule = { kind: "record", name: "slow", expr: "count(up)", labels: [] };
  await server.start([group([slow, { ...DOWN, forMs: 0 }], { intervalMs: MINUTE })]);
  let first = true;
  server.beforeEvaluate = async () => {
    if (!first) return;
    first = false; // The first to be asked is the slow one.
    await server.clock.sleep(30 * SECOND, new AbortController().signal);
  };
  const slotMs = slotBefore(group([], { intervalMs: MINUTE }), START_MS) + MINUTE;
  const second = Math.ceil((slotMs - START_MS) / SECOND);
  await server.pass(second + 10, "a=0");
  deepEqual(
    server.sent.map((line) => line.replace(/^\d+s /, "")),
    ["+Down/a"],
    "after a second, and the five that its group waits",
  );
  equal((await server.stored("slow")).length, 0);
  await server.pass(30, "a=0");
  equal((await server.stored("slow")).length, 1, "its own result comes when it is done");
  deepEqual(server.problems, []);
  await server.stop();
});

test("servers that share a store keep their alerts apart, and forget those of one that is gone for a week", async () => {
  const clock = new SimClock(START_MS);
  const samples = new MemoryStore();
  const engine = createEngine({ clock });
  const documents = new MemoryDocumentStore();
  const store: DocumentStore = {
    shared: true,
    transaction: (work) => documents.transaction(work),
    read: (work) => documents.read(work),
    watch: (collection, onChange) => documents.watch(collection, onChange),
    [Symbol.asyncDispose]: async () => {},
  };
  const told: string[] = [];
  const open = (replicaName: string): Promise<RuleManager> =>
    RuleManager.open({
      ...{ clock, store, replicaName },
      evaluate: (expr, timeMs, signal) => engine.instant(samples, expr, timeMs, { signal }),
      append: (batch) => samples.append(batch),
      notify: async (alerts) => {
        for (const { endsAtMs } of alerts)
          told.push(`${replicaName} ${endsAtMs === null ? "fires" : "ends"}`);
      },
      externalLabels: () => labelsFrom({}),
      externalUrl: "",
      onProblem: (error) => {
        throw error;
      },
    });
  const ids = (): Promise<readonly string[]> =>
    store.read(async (tx) => {
      const documents = await tx.list("rule_states", { limit: 10 });
      return documents.map(({ id }) => id.replace(/;.*/, "")).sort();
    });
  const pass = async (seconds: number, up: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      await samples.append({
        labelSets: [labelsFrom({ __name__: "up", instance: "a" })],
        series: new Uint32Array(1),
        timestampsMs: Float64Array.of(clock.nowMs()),
        values: Float64Array.of(up),
        stale: null,
      });
      await clock.advance(SECOND);
    }
  };
  const rules = [group([DOWN])];
  const one = await open("one");
  const two = await open("two");
  for (const manager of [one, two]) await manager.apply(rules);
  await pass(20, 0);
  deepEqual(await ids(), ["one", "two"]);
  deepEqual(told.sort(), ["one fires", "two fires"]);
  told.length = 0;

  // One that starts again takes up its own alerts, and leaves those of the other alone.
  await one[Symbol.asyncDispose]();
  await using again = await open("one");
  await again.apply([]);
  deepEqual(told, ["one ends"]);
  deepEqual(await ids(), ["two"]);

  await two[Symbol.asyncDispose]();
  await clock.advance(6 * 24 * 60 * MINUTE);
  await using third = await open("three");
  deepEqual(await ids(), ["two"], "it may come back");
  await third.apply([]);
  await clock.advance(2 * 24 * 60 * MINUTE);
  await using fourth = await open("four");
  await fourth.apply([]);
  deepEqual(await ids(), []);
});
